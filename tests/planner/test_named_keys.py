"""Keys that the user names: each ends now or is renewed, and nothing else is planned."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from planner.situations import DAY, HOUR, LATER, old, ours, plan, recorded, situate, words
from samples import CREATOR, NOW, OWNER, make_desired, make_intent, make_observation

from keyplan.errors import InputError
from keyplan.model.identity import Address, KeyId, UserId
from keyplan.model.manifest import Rotation
from keyplan.model.observation import Marker
from keyplan.model.plan import Plan

OLDER = ours("key-0", created_at=NOW - DAY)
OTHER = Address("user/other")
BY_HAND = make_observation("key-9", name="by-hand")
FOREIGN = make_observation("key-8", name="theirs", marker=Marker("other-team", "0123456789"))
STRAY = make_observation("key-7", name="stray", marker=Marker(OWNER, "0123456789"))


def world(*, dialect: str = "beta", **changes: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return a declaration with a current and a superseded key, another one, and keys of others."""
    desired = (make_desired(**changes), make_desired(name="other"))
    receipts = [
        recorded(superseded=(old("key-0", ends=LATER + HOUR),)),
        recorded("key-2", OTHER, name="other"),
    ]
    keys = [ours(), OLDER, ours("key-2", OTHER, name="other"), BY_HAND, FOREIGN, STRAY]
    return situate(*desired, keys=keys, receipts=receipts, dialect=dialect), desired


def ask(*, dialect: str = "beta", declared: dict[str, Any] | None = None, **request: Any) -> Plan:
    snapshot, desired = world(dialect=dialect, **(declared or {}))
    return plan(snapshot, *desired, **request)


@pytest.mark.parametrize("name", ["key-1", "user/ci"])
def test_a_revoked_key_ends_and_nothing_else_is_planned(name: str) -> None:
    made = ask(revoke=(name,))
    assert words(made) == ["delete requested key-1"]
    assert made.actions[0].cuts_off
    assert made.unmanaged == ()


def test_a_revoked_current_key_says_that_its_places_hold_a_dead_key() -> None:
    assert "its places hold a dead key" in ask(revoke=("key-1",)).actions[0].consequences[0]
    assert ask(revoke=("key-0",)).actions[0].consequences == ()


def test_an_unmanaged_key_is_revoked_under_an_address_of_its_own() -> None:
    (action,) = ask(revoke=("key-9",)).actions
    assert (action.address, action.blocked) == ("user/by-hand (key-9)", None)


@pytest.mark.parametrize(
    ("key_id", "owner", "blocked"),
    [
        pytest.param("key-8", "", "other_owner", id="another owner's"),
        pytest.param("key-8", OWNER, "other_owner", id="the wrong owner named"),
        pytest.param("key-8", "other-team", None, id="that owner named"),
        pytest.param("key-7", "", "other_owner", id="a stray one may be another manifest's"),
        pytest.param("key-7", OWNER, None, id="a stray one with its owner"),
    ],
)
def test_a_key_marked_for_another_owner_needs_that_owner(key_id: str, owner: str, blocked: str | None) -> None:
    (action,) = ask(revoke=(key_id,), revoke_owner=owner).actions
    assert (action.blocked.guard.value if action.blocked else None) == blocked


def test_a_key_that_claims_to_be_ours_is_ended_by_its_name() -> None:
    claimed = ours("key-6", name="ci", created_by=UserId("stranger"))
    desired = make_desired()
    snapshot = situate(desired, keys=[ours(), claimed], receipts=[recorded()])
    made = plan(snapshot, desired, revoke=("key-6",))
    assert words(made) == ["delete requested key-6"]
    assert CREATOR != "stranger"


def test_a_protected_key_is_not_revoked() -> None:
    (action,) = ask(declared={"protect": True}, revoke=("key-1",)).actions
    assert action.blocked
    assert action.blocked.guard.value == "protect"


def test_a_key_that_is_declared_nowhere_is_revoked_as_it_is_protected() -> None:
    snapshot = situate(keys=[ours()], receipts=[recorded(protect=True)])
    (action,) = plan(snapshot, revoke=("user/ci",)).actions
    assert action.blocked
    assert action.blocked.guard.value == "protect"


@pytest.mark.parametrize("name", ["key-99", "user/nothing"])
def test_a_name_of_nothing_is_wrong_input(name: str) -> None:
    with pytest.raises(InputError, match=name):
        ask(revoke=(name,))


def test_an_address_with_several_keys_and_no_current_one_needs_an_id() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours("key-3"), ours("key-4")])
    with pytest.raises(InputError) as error:
        plan(snapshot, desired, revoke=("user/ci",))
    assert "key-3, key-4" in error.value.advice


@pytest.mark.parametrize(
    ("dialect", "overlap"),
    [("alpha", None), ("alpha", timedelta(hours=24)), ("beta", None), ("beta", 5 * HOUR)],
)
def test_a_leaked_current_key_is_renewed_without_overlap_and_older_ones_keep_theirs(
    dialect: str, overlap: timedelta | None
) -> None:
    made = ask(dialect=dialect, declared={"rotation": Rotation(overlap=overlap)}, leaked=(KeyId("key-1"),))
    assert words(made) == ["refresh requested key-1"]
    (action,) = made.actions
    assert (action.cuts_off, action.overlap) == (True, timedelta(0))
    assert [one.key_id for one in action.basis.superseded] == ["key-0"]  # type: ignore[attr-defined]  # a fresh plan


def test_a_leaked_old_key_ends_and_the_current_one_stays() -> None:
    assert words(ask(leaked=(KeyId("key-0"),))) == ["delete requested key-0"]


def test_both_may_have_leaked() -> None:
    made = ask(leaked=(KeyId("key-0"), KeyId("key-1")))
    assert words(made) == ["refresh requested key-1", "delete requested key-0"]


def test_a_renewal_that_is_held_back_ends_no_key() -> None:
    made = ask(declared={"protect": True}, leaked=(KeyId("key-1"),))
    assert words(made) == ["protect: refresh requested key-1"]


def test_a_row_that_comes_first_ends_no_key_either() -> None:
    desired = make_desired(expires_at=NOW - DAY)
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()])
    (action,) = plan(snapshot, desired, leaked=(KeyId("key-1"),)).actions
    assert (action.verb.value, bool(action.blocked)) == ("create", True)


def test_a_leaked_key_that_was_never_recorded_is_renewed() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], intents=[make_intent()])
    (action,) = plan(snapshot, desired, leaked=(KeyId("key-1"),)).actions
    assert (action.verb.value, action.key_id, action.overlap) == ("refresh", "key-1", timedelta(0))


def test_a_leaked_key_that_is_declared_nowhere_ends() -> None:
    made = plan(situate(keys=[ours()], receipts=[recorded()]), leaked=(KeyId("key-1"),))
    assert words(made) == ["delete requested key-1"]


def test_a_key_that_is_not_ours_is_not_ended_because_it_leaked() -> None:
    assert ask(leaked=(KeyId("key-7"), KeyId("key-8"), KeyId("key-9"))).actions == ()


def test_a_leaked_key_that_is_gone_asks_for_nothing() -> None:
    assert ask(leaked=(KeyId("key-99"),)).actions == ()


def test_a_key_that_is_renewed_is_not_ended_a_second_time() -> None:
    made = ask(leaked=(KeyId("key-1"),), revoke=("key-1", "key-9"))
    assert words(made) == ["refresh requested key-1", "delete requested key-9"]


def test_a_mere_receipt_of_a_key_that_is_gone_is_no_key_to_revoke() -> None:
    gone = recorded("key-5", Address("user/gone"), name="gone")
    snapshot = situate(keys=[ours("key-6", Address("user/old"), name="old")], receipts=[gone])
    assert words(plan(snapshot, revoke=("key-6",))) == ["delete requested key-6"]
    with pytest.raises(InputError, match="user/gone"):
        plan(snapshot, revoke=("user/gone",))
