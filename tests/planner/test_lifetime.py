"""A key that the provider would refuse for its life is not planned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from planner.situations import DAY, LATER, ours, plan, recorded, situate, words
from samples import make_desired
from scenario import make_manifest

from keyplan.model.manifest import ProviderSettings
from keyplan.model.plan import Blocked, FreshPlan, Plan
from keyplan.planner.lifetime import hold_overlong

MOST = 30 * DAY
FAR = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def judge(most: timedelta | None = MOST, *, request: Any = None, situation: Any = None, **declared: Any) -> Plan:
    """Return the plan of `user/ci`, in an account with that limit."""
    desired = make_desired(**declared)
    made = plan(situate(desired, **(situation or {})), desired, **(request or {}))
    assert isinstance(made, FreshPlan)
    return hold_overlong(made, make_manifest(provider=ProviderSettings(max_lifetime=most)), LATER)


def blocked_by(made: Plan) -> Blocked:
    (action,) = made.actions
    assert action.blocked is not None
    return action.blocked


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param({}, id="no expiry: it gets the longest life"),
        pytest.param({"expires_in": MOST}, id="as long as it may be"),
        pytest.param({"expires_at": LATER + MOST}, id="to the last second"),
    ],
)
def test_a_life_that_the_account_allows_is_planned(declared: Any) -> None:
    assert words(judge(**declared)) == ["create absent"]


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        pytest.param({"expires_at": LATER + MOST + timedelta(seconds=1)}, "expires_at is 2026-12-23", id="too late"),
        pytest.param({"expires_at": FAR}, "expires_at is 9999-12-31", id="beyond all instants"),
        pytest.param({"expires_in": 31 * DAY}, "expires_in is 31d", id="too long"),
    ],
)
def test_a_longer_life_is_blocked_with_what_to_declare(declared: Any, why: str) -> None:
    made = judge(**declared)
    assert words(made) == ["max_lifetime: create absent"]
    assert blocked_by(made).advice.startswith(why)
    assert blocked_by(made).advice.endswith("declare an earlier end, or expires_in: 30d")


def test_a_renewal_is_blocked_and_a_kept_key_is_not() -> None:
    situation = {"keys": [ours(expires_at=FAR)], "receipts": [recorded(expires_at=FAR, declared_expires_at=FAR)]}
    assert words(judge(situation=situation, expires_at=FAR)) == ["keep up_to_date key-1"]
    made = judge(situation=situation, request={"rotate": ("user/ci",)}, expires_at=FAR)
    assert words(made)[0].startswith("max_lifetime: ")


def test_without_a_limit_nothing_is_judged() -> None:
    assert words(judge(None, expires_at=FAR)) == ["create absent"]


def test_what_is_blocked_already_keeps_its_first_reason() -> None:
    made = judge(situation={"keys": [ours(marker=None)]}, expires_at=FAR)
    assert words(made)[0].startswith("foreign: ")
