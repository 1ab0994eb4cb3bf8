"""When a raw key is copied from one sink into another (docs/planning.md, row 8), and when it is renewed instead."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
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
from samples import AT_ONCE, LOCAL, NOW, make_desired, make_intent
from simulator import BLIND, FULL, SOURCE, WRITE_ONLY, Abilities

from keyplan.model.basis import CopyBasis
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import OnDescriptionChange, Rotation
from keyplan.model.observation import Content, Holding
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import Delivered
from keyplan.planner.forecast import forecast

HERE, THERE = slot_of(CI), slot_of(CI, "remote")
LACKS = Holding(present=False)
COPY = ["deliver undelivered key-1"]
RENEWAL = ["refresh undelivered key-1"]


def add_a_sink(source: Abilities = SOURCE, new: Abilities = WRITE_ONLY, **world: Any) -> dict[str, Any]:
    """Return a world in which a delivered key is in its first sink, and not in the second one."""
    held = {HERE: holding(recorded()), THERE: LACKS} | world.pop("held", {})
    sinks = {LOCAL: source, "remote": new}
    return {"keys": [ours()], "receipts": [recorded()], "abilities": sinks, "held": held, **world}


@pytest.mark.parametrize(
    ("declared", "world", "planned"),
    [
        pytest.param({}, add_a_sink(), COPY, id="an added sink"),
        pytest.param({}, add_a_sink(new=BLIND), COPY, id="an added sink that can prove nothing"),
        pytest.param(
            {},
            add_a_sink(held={THERE: holding(recorded(), Content.DIFFERS)}),
            COPY,
            id="another value, written by hand",
        ),
        pytest.param({"protect": True}, add_a_sink(), COPY, id="protected: nothing is ended"),
        pytest.param({}, add_a_sink(intents=[make_intent()]), COPY, id="an earlier run reached the first sink only"),
        pytest.param({}, add_a_sink(receipts=[]), COPY, id="the ledger is lost: the source has the receipt"),
        pytest.param({}, add_a_sink(source=FULL), RENEWAL, id="no sink says copy_from"),
        pytest.param({}, add_a_sink(source=WRITE_ONLY), RENEWAL, id="no sink can be read"),
        pytest.param(
            {}, add_a_sink(held={HERE: holding(recorded(), Content.UNREAD)}), RENEWAL, id="the source was not read"
        ),
        pytest.param({}, add_a_sink(held={HERE: LACKS}), RENEWAL, id="the source lost it"),
        pytest.param(
            {},
            add_a_sink(held={HERE: holding(recorded("key-0"))}, revoked=(ours("key-0", active=False),)),
            RENEWAL,
            id="the source holds an earlier raw key",
        ),
        pytest.param(
            {}, add_a_sink(receipts=[recorded(raw_text=None)]), RENEWAL, id="imported: no fingerprint to know it by"
        ),
        pytest.param(
            {"description": "x", "on_description_change": OnDescriptionChange.REPLACE},
            add_a_sink(),
            ["replace undelivered key-1"],
            id="a new key is due anyway: changed",
        ),
        pytest.param({"rotation": Rotation(every=HOUR)}, add_a_sink(), RENEWAL, id="a new key is due anyway: too old"),
        pytest.param(
            {}, add_a_sink(keys=[ours(redacted="ak-oth...er1")]), ["refresh rotated_elsewhere key-1"], id="it is dead"
        ),
    ],
)
def test_a_copy_is_planned_where_it_is_enough(
    declared: dict[str, Any], world: dict[str, Any], planned: list[str]
) -> None:
    desired = make_desired(**declared)
    assert words(plan(situate(desired, **world), desired)) == planned


def test_a_request_to_rotate_is_not_served_by_a_copy() -> None:
    desired = make_desired()
    assert words(plan(situate(desired, **add_a_sink()), desired, rotate=("user/ci",))) == RENEWAL


def copying(**world: Any) -> PlannedAction:
    desired = make_desired()
    return plan(situate(desired, **add_a_sink(**world)), desired).actions[0]


def test_a_copy_says_whence_and_where_to() -> None:
    action = copying()
    assert action.explanation == "deliver: no new key is needed, it is copied from local:secrets/user/ci"
    assert action.locations == ("remote:secrets/user/ci",)
    assert (action.basis.source, action.basis.lacking, action.basis.outdated) == (HERE, (THERE,), ())


@pytest.mark.parametrize("own", [frozenset[KeyId](), frozenset({KeyId("key-1")})], ids=["a key", "our own key"])
def test_a_copy_knows_all_that_applying_needs(own: frozenset[KeyId]) -> None:
    receipt = recorded(superseded=(old("key-0", ends=LATER + DAY),))
    keys = [ours(), ours("key-0", created_at=NOW - HOUR)]
    action = copying(keys=keys, receipts=[receipt], own_keys=own)
    assert isinstance(action.basis, CopyBasis)
    assert contents(action.basis) == contents(
        CopyBasis(
            desired=make_desired(),
            key=ours(),
            receipt=action.basis.receipt,
            superseded=action.basis.receipt.superseded,
            alive=(KeyId("key-0"), KeyId("key-1")),
            slots=(HERE, THERE),
            left=action.basis.receipt.left,
            is_own_credential=bool(own),
            source=HERE,
            lacking=(THERE,),
            outdated=action.basis.outdated,
        )
    )
    assert [entry.key_id for entry in action.basis.superseded] == ["key-0"]


def test_the_first_source_of_several_is_taken() -> None:
    third = slot_of(CI, "third")
    sinks = {"third": SOURCE, LOCAL: SOURCE, "remote": WRITE_ONLY}
    action = copying(abilities=sinks, held={third: holding(recorded())})
    assert action.basis.source == third


def test_a_slot_that_lacks_the_key_is_not_annotated() -> None:
    stale = holding(recorded("key-0"))
    action = copying(held={HERE: holding(recorded(protect=True)), THERE: stale})
    assert action.basis.outdated == (HERE,)


def test_what_took_the_key_so_far_stays_known_until_the_copy_is_done() -> None:
    receipt = recorded(delivered=(Delivered(LOCAL, HERE.location),))
    action = copying(receipts=[receipt])
    assert action.basis.receipt
    assert action.basis.receipt.delivered == receipt.delivered


def test_an_old_key_keeps_its_overlap_from_the_copy_on() -> None:
    desired = make_desired(rotation=Rotation(overlap=DAY))
    receipt = recorded(superseded=(old("key-0", ends=NOW + DAY),))
    keys = [ours(), ours("key-0", created_at=NOW - HOUR)]
    first, second = plan(situate(desired, **add_a_sink(keys=keys, receipts=[receipt])), desired).actions
    assert [(first.verb.value, first.key_id), (second.verb.value, second.key_id)] == [
        ("deliver", "key-1"),
        ("keep", "key-0"),
    ]
    assert first.basis.receipt
    assert [entry.delete_after for entry in first.basis.receipt.superseded] == [LATER + DAY]


def test_a_copy_is_due_before_the_old_key_ends() -> None:
    desired = make_desired(rotation=AT_ONCE)
    keys = [ours(), ours("key-0", created_at=NOW - HOUR)]
    receipt = recorded(superseded=(old("key-0", ends=NOW),))
    made = plan(situate(desired, **add_a_sink(keys=keys, receipts=[receipt])), desired)
    assert words(made) == [*COPY, "delete superseded key-0"]


def test_the_time_of_a_copy_outlives_a_change_of_the_receipt() -> None:
    desired = make_desired(protect=True)
    copied = Delivered(LOCAL, HERE.location, {}, NOW + timedelta(minutes=7))
    (action,) = plan(situate(desired, keys=[ours()], receipts=[recorded(delivered=(copied,))]), desired).actions
    assert action.basis.receipt
    assert [entry.at for entry in action.basis.receipt.delivered] == [copied.at]


def test_a_calendar_goes_on_from_a_key_that_is_copied_now() -> None:
    desired = make_desired(rotation=replace(AT_ONCE, every=30 * DAY))
    snapshot = situate(desired, **add_a_sink())
    foreseen = forecast(plan(snapshot, desired), snapshot, until=LATER + 40 * DAY)
    assert [(event.address, event.happening.value) for event in foreseen.events] == [(Address("user/ci"), "rotates")]
