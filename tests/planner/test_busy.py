"""An address at which another run is at work waits for it; nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import LATER, holding, ours, plan, recorded, situate, slot_of, words
from samples import LOCAL, make_desired, make_intent
from simulator import BLIND, FULL

from keyplan.model.identity import Address
from keyplan.model.intent import Intent, Runner
from keyplan.model.observation import Abilities, Exclusion, Holding, Observation, Slot

LEASE = timedelta(seconds=60)
THERE = Runner(run="there", user="ada", host="laptop", command="keyplan rotate user/ci", lease=LEASE, number=3)
CI = slot_of(Address("user/ci"))


def make_live_intent(run: Runner | None = THERE, *, left: timedelta = LEASE) -> Intent:
    """Return an intent that another run wrote, with that much of its lease left."""
    return make_intent(at=LATER - timedelta(seconds=1), runner=run, until=LATER + left)


def hold(intent: Intent, **changes: object) -> dict[Slot, Holding]:
    """Return a place whose key is delivered, and at which an intent is noted."""
    return {CI: holding(recorded(), intent=intent, **changes)}


def test_a_live_intent_beside_a_secret_holds_its_address_up_and_says_who_it_is() -> None:
    desired = make_desired()
    made = plan(situate(desired, keys=[ours()], receipts=[recorded()], held=hold(make_live_intent())), desired)
    assert words(made) == ["busy: create unfinished key-1"]
    advice = made.blocked[0].blocked.advice if made.blocked[0].blocked else ""
    assert "ada on laptop: keyplan rotate user/ci, since 2026-11-23T08:30:59Z" in advice


def test_other_addresses_go_on() -> None:
    desired = make_desired(), make_desired("cd")
    snapshot = situate(*desired, keys=[ours()], receipts=[recorded()], held=hold(make_live_intent()))
    assert words(plan(snapshot, *desired)) == ["create absent", "busy: create unfinished key-1"]


@pytest.mark.parametrize(
    "intent",
    [
        pytest.param(make_live_intent(left=timedelta(0)), id="lease over"),
        pytest.param(make_live_intent(None), id="of an older keyplan"),
        pytest.param(make_live_intent(left=timedelta(days=1)), id="of a clock a day ahead"),
    ],
)
def test_an_intent_that_is_not_live_is_recovered(intent: Intent) -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], held=hold(intent))
    assert "busy" not in words(plan(snapshot, desired))[0]


def test_the_store_s_own_clock_comes_first() -> None:
    desired = make_desired()
    for age, is_busy in ((timedelta(seconds=1), True), (timedelta(minutes=2), False)):
        held = hold(make_live_intent(left=timedelta(days=1)), intent_age=age)
        made = words(plan(situate(desired, keys=[ours()], receipts=[recorded()], held=held), desired))
        assert made[0].startswith("busy") is is_busy


def test_what_the_ledger_noted_counts_for_a_plan_and_not_for_the_run_that_holds_its_lock() -> None:
    desired, intent = make_desired(), make_live_intent()
    for exclusion in Exclusion:
        snapshot = situate(
            desired, keys=[ours()], receipts=[recorded()], intents=[intent], held=hold(intent), exclusion=exclusion
        )
        assert words(plan(snapshot, desired))[0].startswith("busy") is (exclusion is Exclusion.NONE)


def test_a_sink_that_kept_what_the_ledger_marked_as_ended_holds_nothing_up() -> None:
    desired = make_desired()
    ended = make_intent(at=LATER - timedelta(seconds=1), runner=THERE, until=None)
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], intents=[ended], held=hold(make_live_intent()))
    assert "busy" not in words(plan(snapshot, desired))[0]


def test_an_earlier_intent_in_the_ledger_says_nothing_of_another_run_s() -> None:
    desired = make_desired()
    earlier = make_intent("earlier", at=LATER - timedelta(hours=1))
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], intents=[earlier], held=hold(make_live_intent()))
    assert words(plan(snapshot, desired))[0].startswith("busy")


def test_another_manifest_s_intent_is_not_ours_to_wait_for() -> None:
    desired = make_desired()
    other = make_intent(owner="theirs", runner=THERE, until=LATER + LEASE)
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], held={CI: holding(recorded(), intent=other)})
    assert words(plan(snapshot, desired))[0].startswith("receipt_not_believed")


# A key that another run made, where no place can say so.


def plan_beside(key: Observation, abilities: Abilities, **changes: Any) -> list[str]:
    desired = make_desired()
    known = ours()
    snapshot = situate(
        desired,
        keys=[known, key],
        receipts=[recorded(delivered=(slot_of(Address("user/ci")).delivered,))],
        abilities={LOCAL: abilities},
        **changes,
    )
    return words(plan(snapshot, desired))


YOUNG = ours("key-2", created_at=LATER - timedelta(seconds=59))


@pytest.mark.parametrize(
    ("key", "abilities", "changes", "is_busy"),
    [
        pytest.param(YOUNG, BLIND, {}, True, id="younger than a lease"),
        pytest.param(ours("key-2", created_at=LATER - LEASE), BLIND, {}, False, id="older than a lease"),
        pytest.param(YOUNG, FULL, {}, False, id="an intent would show"),
        pytest.param(YOUNG, replace(FULL, is_local=True), {}, False, id="an intent would show at the same place"),
        pytest.param(YOUNG, replace(FULL, compares=False), {}, True, id="an intent may be lost"),
        pytest.param(YOUNG, BLIND, {"exclusion": Exclusion.ALL}, False, id="all runs share this ledger"),
        pytest.param(YOUNG, BLIND, {"exclusion": Exclusion.SAME_LEDGER}, True, id="a lock of our own"),
        pytest.param(
            YOUNG, BLIND, {"intents": [make_intent(at=LATER - LEASE)]}, False, id="an earlier run of ours made it"
        ),
    ],
)
def test_a_young_key_that_nothing_explains_may_be_another_run_s(
    key: Observation, abilities: Abilities, changes: dict[str, Any], is_busy: bool
) -> None:
    made = plan_beside(key, abilities, **changes)
    assert ("busy: create unfinished" in made[0]) is is_busy
