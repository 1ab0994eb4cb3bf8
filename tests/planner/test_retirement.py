"""When a superseded key ends: rows 7 and 14 of docs/planning.md."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from planner.situations import (
    CI,
    DAY,
    HOUR,
    LATER,
    contents,
    holding,
    old,
    ours,
    plan,
    recorded,
    situate,
    slot_of,
    words,
)
from samples import LOCAL, NOW, make_desired
from simulator import BLIND

from keyplan.model.basis import DeleteBasis
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Retire, Rotation
from keyplan.model.observation import Observation
from keyplan.model.plan import Verb
from keyplan.model.receipt import Superseded

SECOND = timedelta(seconds=1)
WAITING = {"rotation": Rotation(retire=Retire.WHEN_UNUSED)}
OLDER = ours("key-0", created_at=NOW - DAY)


def two(*, ends: datetime, older: Observation = OLDER, **changes: Any) -> dict[str, Any]:
    """Return a current key and one that it superseded at NOW."""
    return {"keys": [ours(), older], "receipts": [recorded(superseded=(old("key-0", ends=ends),))], **changes}


@pytest.mark.parametrize(
    ("ends", "planned"),
    [
        pytest.param(LATER + SECOND, "keep overlapping key-0", id="overlap not over"),
        pytest.param(LATER, "delete superseded key-0", id="overlap over exactly now"),
        pytest.param(NOW, "delete superseded key-0", id="overlap long over"),
    ],
)
@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_a_superseded_key_ends_with_its_overlap(ends: datetime, planned: str, dialect: str) -> None:
    desired = make_desired()
    assert planned in words(plan(situate(desired, **two(ends=ends), dialect=dialect), desired))


@pytest.mark.parametrize(
    ("last_used_at", "planned"),
    [
        pytest.param(None, "delete superseded key-0", id="never used"),
        pytest.param(
            NOW - HOUR, "delete superseded key-0", id="last used just as long before the switch as settle says"
        ),
        pytest.param(NOW - HOUR + SECOND, "keep still_used key-0", id="a second later: the time is only approximate"),
        pytest.param(LATER, "keep still_used key-0", id="used since the switch"),
    ],
)
def test_when_unused_waits_for_the_last_consumer(last_used_at: datetime | None, planned: str) -> None:
    desired = make_desired(**WAITING)
    older = ours("key-0", created_at=NOW - DAY, last_used_at=last_used_at)
    assert planned in words(plan(situate(desired, **two(ends=LATER, older=older)), desired))


def test_without_when_unused_the_last_use_does_not_matter() -> None:
    desired = make_desired()
    older = ours("key-0", created_at=NOW - DAY, last_used_at=LATER)
    assert "delete superseded key-0" in words(plan(situate(desired, **two(ends=LATER, older=older)), desired))


def test_a_laggard_is_named_with_both_times() -> None:
    desired = make_desired(**WAITING)
    older = ours("key-0", created_at=NOW - DAY, last_used_at=LATER)
    kept = plan(situate(desired, **two(ends=NOW, older=older)), desired).actions[0]
    assert kept.explanation == (
        "last used 2026-11-23T08:31:00+00:00, switched 2026-11-23T07:31:00+00:00: a consumer lags behind"
    )


def test_an_overlap_tells_its_end() -> None:
    desired = make_desired()
    kept = plan(situate(desired, **two(ends=LATER + HOUR)), desired).actions[0]
    assert kept.explanation == "valid until 2026-11-23T09:31:00+00:00, when its overlap is over"
    assert kept.before
    assert kept.before.id == "key-0"
    assert kept.place == desired.declaration.place


def test_an_end_tells_its_reason_and_what_applying_needs() -> None:
    desired = make_desired()
    ended = plan(situate(desired, **two(ends=NOW)), desired).actions[0]
    assert (ended.verb, ended.explanation) == (Verb.DELETE, "its overlap is over")
    assert contents(ended.basis) == contents(DeleteBasis(desired=desired, key=OLDER, slots=(slot_of(CI),)))


def test_an_old_key_that_nobody_remembers_ends_an_overlap_after_the_delivery() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    snapshot = situate(desired, keys=[ours(), OLDER], receipts=[recorded(delivered_at=NOW + SECOND)])
    assert words(plan(snapshot, desired))[0] == "keep overlapping key-0"
    snapshot = situate(desired, keys=[ours(), OLDER], receipts=[recorded(delivered_at=NOW)])
    assert words(plan(snapshot, desired))[0] == "delete superseded key-0"


@pytest.mark.parametrize(
    ("world", "planned"),
    [
        pytest.param(
            {"held": {}}, ["refresh undelivered key-1", "keep overlapping key-0"], id="a sink lacks the current"
        ),
        pytest.param({}, ["delete superseded key-0", "keep up_to_date key-1"], id="every sink has the current"),
    ],
)
def test_the_overlap_starts_anew_while_a_sink_lacks_the_current_key(world: dict[str, Any], planned: list[str]) -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    assert words(plan(situate(desired, **{**two(ends=NOW), **world}), desired)) == planned


def test_what_starts_anew_tells_no_instant_so_that_a_saved_plan_stays_the_same() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    kept = plan(situate(desired, **{**two(ends=NOW), "held": {}}), desired)
    assert kept.actions[1].explanation == (
        "valid until its overlap is over, which starts when the new key is in every sink"
    )


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        pytest.param(NOW, old("key-0", ends=LATER + HOUR, switched=LATER), id="the overlap from now"),
        pytest.param(LATER + DAY, old("key-0", ends=LATER + DAY, switched=LATER), id="never sooner than promised"),
    ],
)
def test_the_new_receipt_remembers_the_overlap_that_starts_anew(ends: datetime, expected: Superseded) -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    main = plan(situate(desired, **{**two(ends=ends), "held": {}}), desired).actions[0]
    assert main.basis.superseded == (expected,)


def test_a_delivered_renewal_leaves_the_deadlines_of_others_alone() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR, generation=2))
    main = plan(situate(desired, **two(ends=LATER + DAY)), desired).actions[0]
    assert (main.reason.value, main.basis.superseded) == (
        "requested",
        (old("key-0", ends=LATER + DAY),),
    )


def test_the_current_key_overlaps_from_now_where_a_lost_newcomer_takes_its_place() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    keys = [ours(), ours("key-2", created_at=LATER - HOUR / 2)]
    snapshot = situate(desired, keys=keys, receipts=[recorded()], abilities={LOCAL: BLIND})
    main = plan(snapshot, desired).actions[0]
    assert (main.key_id, main.basis.superseded) == (
        "key-2",
        (old("key-1", ends=LATER + HOUR, switched=LATER),),
    )


def test_a_lost_newcomer_is_not_remembered_as_superseded() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours(), ours("key-2", created_at=LATER)], receipts=[recorded()])
    ended, kept = plan(snapshot, desired).actions
    assert (ended.key_id, ended.explanation) == ("key-2", "its raw key was lost, so no consumer holds it")
    assert kept.basis.superseded == ()
    assert kept.basis.receipt
    assert kept.basis.receipt.superseded == ()


def test_beside_a_blocked_action_nothing_is_retired() -> None:
    desired = make_desired(expires_at=LATER)
    assert words(plan(situate(desired, **two(ends=NOW)), desired)) == ["declared_in_past: create declared_in_past"]


def test_a_key_that_retires_is_told_from_the_credential_in_use() -> None:
    desired = make_desired()
    snapshot = situate(desired, **two(ends=NOW), own_keys=frozenset({KeyId("key-0")}))
    assert words(plan(snapshot, desired))[0] == "self: delete superseded key-0"


def test_an_old_key_in_a_sink_of_the_address_is_not_ended_by_keeping() -> None:
    desired = make_desired()
    world = two(ends=NOW)
    world["held"] = {slot_of(CI): holding(recorded("key-0"))}
    assert "keep up_to_date key-1" not in words(plan(situate(desired, **world), desired))


@pytest.mark.parametrize(
    ("abilities", "planned"),
    [
        pytest.param({}, ["delete unfinished key-2", "delete unfinished key-3", "keep up_to_date key-1"], id="full"),
        pytest.param(
            {"abilities": {LOCAL: BLIND}},
            ["refresh unfinished key-3", "keep overlapping key-1", "keep overlapping key-2"],
            id="blind: it may hold any of them",
        ),
    ],
)
def test_several_newcomers_are_ended_only_where_no_sink_can_hide_them(
    abilities: dict[str, Any], planned: list[str]
) -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    keys = [ours(), ours("key-2", created_at=NOW + SECOND), ours("key-3", created_at=NOW + 2 * SECOND)]
    assert words(plan(situate(desired, keys=keys, receipts=[recorded()], **abilities), desired)) == planned
