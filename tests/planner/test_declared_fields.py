"""The fields of a declaration, with their values and places."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from samples import make_declaration, make_delivery
from scenario import make_manifest

from keyplan.model.explanation import ValueSource
from keyplan.model.identity import Address, Identity, OrganizationId, Origin, ScopeId
from keyplan.model.manifest import KeyType, Manifest, OrganizationGrant, Role, ScopeByName, SpaceGrant, Strategy
from keyplan.planner.declared_fields import list_fields, write_value

TEXT = """\
version: 1
owner: ml
id: k7f3a9c2
sinks: {local: {type: file, path: "{name}.key"}}
defaults: {sink: local, rotation: {every: 30d}, space_id: S1, roles: {space_role: admin}}
keys:
  - {name: ci, key_type: user, self: true}
  - name: ingest
    key_type: service
    rotation: {overlap: 2h}
    moved_from: [service/S1/old, {owner: other, id: k1, address: user/old}]
"""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        ("", "none"),
        ((), "none"),
        (True, "true"),
        (3, "3"),
        (Strategy.AUTO, "auto"),
        (timedelta(hours=36), "36h"),
        (datetime(2027, 1, 1, tzinfo=UTC), "2027-01-01T00:00:00Z"),
        (Role("admin"), "admin"),
        (ScopeByName("production"), "production"),
        ((Address("user/a"), Origin(identity=Identity("o"), address=Address("user/b"))), "user/a, user/b of o"),
        (make_delivery(sink="local"), "local"),
        (make_delivery({"path": "x"}, sink="local"), "local (path: x)"),
        (
            OrganizationGrant(org_id=OrganizationId("O1"), spaces=(SpaceGrant(space_id=ScopeId("S1")),)),
            "O1 as read-only: S1 as member",
        ),
        (OrganizationGrant(org_id=None), "organization as read-only: "),
    ],
)
def test_values_read_like_this(value: Any, text: str) -> None:
    assert write_value(value) == text


def test_each_field_says_where_it_stands(read_text: Callable[[str], Manifest]) -> None:
    manifest = read_text(TEXT)
    ci, ingest = ({one.name: one for one in list_fields(manifest, key)} for key in manifest.keys)
    assert (ci["self"].value, ci["self"].source, str(ci["self"].place)) == (
        "true",
        ValueSource.DECLARATION,
        "keys.yaml:7:38",
    )
    assert (ci["sink"].source, ci["protect"].source) == (ValueSource.DEFAULTS, ValueSource.BUILT_IN)
    assert ci["protect"].place is None
    assert {"space", "space_id", "roles.space_role", "organizations"}.isdisjoint(ci)
    assert (ingest["space_id"].value, ingest["space_id"].source) == ("S1", ValueSource.DEFAULTS)
    assert (ingest["roles.space_role"].source, ingest["roles.org_role"].source) == (
        ValueSource.DEFAULTS,
        ValueSource.BUILT_IN,
    )
    assert (ingest["rotation.every"].source, ingest["rotation.overlap"].source) == (
        ValueSource.DEFAULTS,
        ValueSource.DECLARATION,
    )
    assert ingest["rotation.overlap"].value == "2h"
    assert ingest["moved_from"].value == "service/S1/old, user/old of other:k1"
    assert "organizations" not in ingest
    assert make_declaration().address


def test_a_key_of_a_service_account_has_that_field_and_none_of_arize() -> None:
    declared = make_declaration("k", key_type=KeyType.SERVICE, scope=ScopeByName("ci"), scope_field="service_account")
    named = {field.name: field.value for field in list_fields(make_manifest(declared), declared)}
    assert named["service_account"] == "ci"
    assert not {"space", "scope_field", "organizations"} & named.keys()
    assert not any(name.startswith("roles") for name in named)
