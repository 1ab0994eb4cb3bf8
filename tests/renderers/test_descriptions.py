"""The lines under a headline: ids of the provider are opaque, whatever they look like."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plans import CREATE

from keyplan.model.manifest import KeyType
from keyplan.model.plan import KeyView
from keyplan.renderers.descriptions import describe_action


@pytest.mark.parametrize("role", ["member", "custom:Um9sZTox"])
@pytest.mark.parametrize(
    ("organization", "space"), [("T3JnOjE6", "U3BhY2U6"), ("T3JnOjE=", "U3Bh=="), ("T3I==", "U3B=")]
)
def test_an_id_that_ends_like_base64_leaves_no_sign_behind(organization: str, space: str, role: str) -> None:
    roles = f"account_role=member, organization {organization}={role}, space {space}={role}"
    view = KeyView(name="ingest", key_type=KeyType.SERVICE, spaces=(space,), roles=roles)
    shown = dict(describe_action(replace(CREATE, after=view), {}))
    assert shown["roles"] == f"account_role=member, org_role={role}, space_role={role}"
