"""The crash matrix under the laws of Phoenix (replace only) and ZenML (refresh, with one earlier raw key).

The flows are those of Arize that the laws allow. Real servers are in `make providers`; here every effect is broken.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any, Literal
from zlib import crc32

import pytest
from crash_flows import BEGUN_ELSEWHERE, FLOWS, OVERLAPPING, act_in
from samples import AT_ONCE, make_declaration
from scenario import Scenario, assert_promise
from simulator import FULL, WRITE_ONLY, Fault, Killed, World

from keyplan.errors import KeyplanError
from keyplan.model.manifest import DEFAULT_LEASE, Rotation
from keyplan.model.plan import Guard, Verb
from keyplan.simulated.records import LAWS

Dialect = Literal["phoenix", "zenml"]
SINKS = {"full": {"local": FULL}, "full and write only": {"local": FULL, "remote": WRITE_ONLY}}
SHARE = 9
"""One crash point in so many is tried by `make test`; `make soak` tries them all."""
UNLAWFUL: dict[Dialect, frozenset[str]] = {
    "phoenix": frozenset({"adopt_by_refresh"}),
    # No key expires, and none can stand beside another of its name.
    "zenml": frozenset(
        {
            "adopt_by_replace",
            "create",
            "recover_a_create",
            "recover_another_wish",
            "refresh_of_a_key_that_expires",
            "replace_a_service_key",
            "unlock",
        }
    ),
}
"""Flows whose declarations `keyplan validate` refuses under these laws."""
LAWFUL = [(dialect, flow) for dialect in UNLAWFUL for flow in FLOWS if flow not in UNLAWFUL[dialect]]
OVERLAP = Rotation(overlap=timedelta(hours=2))


def make_world(dialect: Dialect, sinks: str = "full") -> World:
    return World(dialect=dialect, sinks=SINKS[sinks])


def break_at(flow: str, world: World, ordinal: int, fault: Fault, *, keeps_ledger: bool) -> None:
    scenario = FLOWS[flow](world)
    held_before = world.delivered() if flow in OVERLAPPING else {}
    world.effects.inject_at(ordinal, fault)
    with suppress(Killed, KeyplanError):
        act_in(flow, scenario)
    assert_consumers_work(world, held_before)
    world.restart()
    if not keeps_ledger:
        world.ledger.lose()
        if fault in (Fault.KILL_BEFORE, Fault.KILL_AFTER) or flow in BEGUN_ELSEWHERE:
            world.clock.advance(DEFAULT_LEASE)
    held = world.ledger.held
    if held and held.host == "laptop":
        world.ledger.unlock(held.id)
    report = scenario.run()
    if report.blocked and wait_for_earlier_key(scenario, held_before):
        report = scenario.run()
    assert not report.failures, report.failures
    assert_promise(scenario)


def wait_for_earlier_key(scenario: Scenario, held_before: dict[str, str]) -> bool:
    """Wait until shortly before the raw key that consumers hold ends; no if no rotation waits for that."""
    blocked = [action.blocked for action in scenario.plan().actions if action.blocked]
    if any(found.guard is not Guard.PREVIOUS_KEY for found in blocked):
        return False
    world = scenario.world
    until = max(graced for record in world.provider.live() for _, graced in record.graced)
    # An hour before the end, or a quarter of a shorter overlap.
    world.clock.advance(until - world.clock.now() - timedelta(minutes=30))
    assert_consumers_work(world, held_before)
    world.restart()
    return True


def assert_consumers_work(world: World, held_before: dict[str, str]) -> None:
    if held_before:
        for place, raw in (*held_before.items(), *world.delivered().items()):
            assert world.provider.accepts(raw), f"who reads {place} holds a dead key"


def try_points(dialect: Dialect, flow: str, *, share: int) -> int:
    tried = 0
    for sinks, keeps_ledger in product(SINKS, (True, False)):
        world = make_world(dialect, sinks)
        act_in(flow, FLOWS[flow](world))
        for ordinal, fault in product(range(1, world.effects.count + 1), Fault):
            name = f"{dialect}, {flow}, {sinks}, ledger kept {keeps_ledger}: {fault.value} at effect {ordinal}"
            if crc32(name.encode()) % share:
                continue
            tried += 1
            try:
                break_at(flow, make_world(dialect, sinks), ordinal, fault, keeps_ledger=keeps_ledger)
            except (AssertionError, KeyplanError) as error:
                raise AssertionError(f"{name}: {error}") from error
    return tried


@pytest.mark.parametrize(("dialect", "flow"), LAWFUL)
def test_one_more_apply_heals_a_fault_at_some_effects(dialect: Dialect, flow: str) -> None:
    assert try_points(dialect, flow, share=SHARE) > 0


@pytest.mark.soak
@pytest.mark.parametrize(("dialect", "flow"), LAWFUL)
def test_one_more_apply_heals_a_fault_at_any_effect(dialect: Dialect, flow: str) -> None:
    tried = try_points(dialect, flow, share=1)
    print(f"crash points of {flow} under the laws of {dialect}: {tried}")  # noqa: T201 - the figure for the docs


# Updates in place.


def applied(dialect: Dialect, **fields: Any) -> Scenario:
    scenario = Scenario(make_world(dialect))
    scenario.declare(make_declaration(**fields))
    assert not scenario.run().failures
    scenario.world.restart()
    return scenario


def test_a_changed_description_is_updated_and_the_raw_key_stays() -> None:
    scenario = applied("zenml")
    held = scenario.world.delivered()
    scenario.declare(make_declaration(description="another"))
    (action,) = scenario.actions()
    assert (action.verb, action.reason.value, action.changes[0].field) == (Verb.UPDATE, "changed", "description")
    assert not scenario.run().failures
    (record,) = scenario.world.provider.live()
    assert record.description.startswith("another [keyplan ")
    assert scenario.world.delivered() == held
    assert_promise(scenario)


def test_a_changed_name_with_moved_from_is_changed_on_the_same_key() -> None:
    scenario = applied("zenml")
    (before,) = scenario.world.provider.live()
    scenario.declare(make_declaration("renamed", moved_from=("user/ci",)))
    assert not scenario.run().failures
    (after,) = scenario.world.provider.live()
    assert (after.id, after.name) == (before.id, "renamed")
    assert_promise(scenario)


def test_a_rotation_takes_a_changed_description_with_it() -> None:
    scenario = applied("zenml", rotation=OVERLAP)
    scenario.declare(make_declaration(description="another", rotation=replace(OVERLAP, generation=2)))
    assert [action.verb for action in scenario.actions()] == [Verb.REFRESH]
    assert not scenario.run().failures
    (record,) = scenario.world.provider.live()
    assert record.description.startswith("another [keyplan ")
    assert_promise(scenario)


@pytest.mark.parametrize("fault", list(Fault))
def test_an_update_that_breaks_is_made_by_the_next_apply(fault: Fault) -> None:
    for ordinal in range(1, 4):
        scenario = applied("zenml")
        scenario.declare(make_declaration(description="another"))
        scenario.world.effects.inject_at(ordinal, fault)
        with suppress(Killed, KeyplanError):
            scenario.run()
        scenario.world.restart()
        assert not scenario.run().failures
        assert scenario.world.provider.live()[0].description.startswith("another [keyplan ")
        assert_promise(scenario)


# One earlier raw key.


def rotated(rotation: Rotation) -> Scenario:
    """Return a scenario in which a key was rotated ten minutes ago, with two hours of overlap."""
    scenario = applied("zenml", rotation=OVERLAP)
    scenario.declare(make_declaration(rotation=replace(OVERLAP, generation=2)))
    assert not scenario.run().failures
    scenario.world.clock.advance(timedelta(minutes=10))
    scenario.declare(make_declaration(rotation=rotation))
    scenario.world.restart()
    return scenario


def test_a_second_rotation_waits_while_the_earlier_raw_key_works() -> None:
    scenario = rotated(replace(OVERLAP, generation=3))
    (action,) = scenario.actions()
    assert action.blocked is not None
    assert action.blocked.guard is Guard.PREVIOUS_KEY
    assert "keyplan rotate --now 'user/ci'" in action.blocked.advice
    scenario.world.clock.advance(timedelta(minutes=90))
    assert [found.blocked for found in scenario.actions()] == [None]


def test_a_second_rotation_without_overlap_is_made_at_once() -> None:
    scenario = rotated(replace(AT_ONCE, generation=3))
    (action,) = scenario.actions()
    assert (action.verb, action.blocked, action.cuts_off) == (Verb.REFRESH, None, True)


def test_a_lost_rotation_leaves_the_raw_key_that_consumers_hold() -> None:
    scenario = applied("zenml", rotation=OVERLAP)
    held = scenario.world.delivered()
    scenario.declare(make_declaration(rotation=replace(OVERLAP, generation=2)))
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.refresh")
    report = scenario.run()
    assert [failure.exit_status for failure in report.failures] == [5]
    assert_consumers_work(scenario.world, held)


# Rotations that the laws rule out.


@pytest.mark.parametrize(
    ("dialect", "fields", "message"),
    [
        pytest.param("zenml", {"expires_in": timedelta(days=9)}, "keys of the ZenML API have no expiry", id="expiry"),
        pytest.param(
            "zenml", {"rotation": Rotation(overlap=timedelta(days=31))}, "overlap is longer than the 30d", id="overlap"
        ),
    ],
)
def test_what_the_laws_rule_out_is_blocked(dialect: Dialect, fields: dict[str, Any], message: str) -> None:
    scenario = Scenario(make_world(dialect))
    scenario.declare(make_declaration(**fields))
    (action,) = scenario.actions()
    assert action.blocked is not None
    assert message in action.blocked.advice


def test_a_description_that_another_user_changed_is_corrected() -> None:
    scenario = applied("zenml", description="Nightly")
    provider = scenario.world.provider
    (record,) = provider.live()
    provider.records[record.id] = replace(record, description=record.description.replace("Nightly", "Mine"))
    (action,) = scenario.actions()
    assert (action.verb, action.blocked) == (Verb.UPDATE, None)
    assert not scenario.run().failures
    assert provider.live()[0].description.startswith("Nightly [keyplan ")
    assert_promise(scenario)


def test_a_provider_without_a_text_for_markers_is_managed_by_the_ledger() -> None:
    world = make_world("phoenix")
    world.provider.laws = lambda: replace(LAWS["phoenix"], takes_marker=False)  # type: ignore[method-assign]  # laws of this test alone
    scenario = Scenario(world)
    scenario.declare(make_declaration(rotation=AT_ONCE, description="Used by CI"))
    world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    scenario.run()
    world.restart()
    assert not scenario.run().failures
    assert [record.description for record in world.provider.live()] == ["Used by CI"]
    assert scenario.actions() == []
