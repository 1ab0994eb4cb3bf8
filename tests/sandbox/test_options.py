"""Options that make no sense are refused by name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from keyplan.sandbox.options import SandboxError, SandboxOptions


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", 65_536),
        ("port", -1),
        ("credential", ""),
        ("page_default", 0),
        ("page_default", 101),
        ("max_lifetime", timedelta(0)),
        ("rate_limit", 0.0),
        ("latency", timedelta(seconds=-1)),
        ("list_delay", timedelta(seconds=-1)),
        ("usage_lag", timedelta(seconds=-1)),
        ("spaces", -1),
        ("keys", -1),
    ],
)
def test_an_invalid_option_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(SandboxError, match=option):
        SandboxOptions(**{option: value})


def test_the_credential_stays_out_of_the_repr() -> None:
    assert "ak-chosen" not in repr(SandboxOptions(credential="ak-chosen"))
