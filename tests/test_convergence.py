"""After a crash anywhere, in the simulated world, one more apply leaves each declaration one delivered, working key.

The rows are generated: every flow of `crash_flows.py`, broken at every effect that it has, in every way.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any
from zlib import crc32

import pytest
from crash_flows import BEGUN_ELSEWHERE, FLOWS, OVERLAPPING, act_in
from scenario import Scenario, assert_promise
from simulator import BLIND, FULL, WEAK, WRITE_ONLY, Fault, Killed, World

from keyplan.errors import KeyplanError
from keyplan.model.manifest import DEFAULT_LEASE
from keyplan.model.observation import Abilities
from keyplan.ports import KeyWriter, Ledger, LedgerReader, Sink

SINKS: dict[str, dict[str, Abilities]] = {
    "full": {"local": FULL},
    "write only": {"local": WRITE_ONLY},
    "weak": {"local": WEAK},
    "blind": {"local": BLIND},
    "full and blind": {"local": FULL, "remote": BLIND},
    "full and write only": {"local": FULL, "remote": WRITE_ONLY},
}
SHARE = 9
"""One crash point in so many is tried by `make test`; `make soak` tries them all."""


@dataclass(frozen=True)
class Setting:
    """The world that a flow is broken in."""

    sinks: str
    dialect: str
    refresh_id: str
    keeps_ledger: bool

    def make_world(self) -> World:
        return World(dialect=self.dialect, refresh_id=self.refresh_id, sinks=SINKS[self.sinks])  # type: ignore[arg-type]  # a row of the table

    def __str__(self) -> str:
        ledger = "kept" if self.keeps_ledger else "lost"
        return f"{self.sinks}, {self.dialect}, refresh gives {self.refresh_id} id, ledger {ledger}"


def _settings() -> Iterator[Setting]:
    for sinks, dialect, refresh_id, keeps_ledger in product(SINKS, ("alpha", "beta"), ("new", "same"), (True, False)):
        # Where a sink can prove nothing, the ledger is the only memory; without both keyplan asks a person.
        if keeps_ledger or all(abilities.holds_receipts for abilities in SINKS[sinks].values()):
            yield Setting(sinks, dialect, refresh_id, keeps_ledger)


SETTINGS = tuple(_settings())


def _count_effects(flow: str, setting: Setting) -> int:
    scenario = FLOWS[flow](setting.make_world())
    act_in(flow, scenario)
    return scenario.world.effects.count


def _break(flow: str, setting: Setting, ordinal: int, fault: Fault) -> None:
    scenario = FLOWS[flow](setting.make_world())
    world = scenario.world
    held_before = world.delivered() if flow in OVERLAPPING else {}
    world.effects.inject_at(ordinal, fault)
    with suppress(Killed, KeyplanError):
        act_in(flow, scenario)
    _assert_consumers_work(scenario, held_before)
    world.restart()
    if not setting.keeps_ledger:
        world.ledger.lose()
        if fault in (Fault.KILL_BEFORE, Fault.KILL_AFTER) or flow in BEGUN_ELSEWHERE:
            # Nothing but its lease tells now that a killed run is over. Every other fault leaves a run that says so.
            world.clock.advance(DEFAULT_LEASE)
    held = world.ledger.held
    if held and held.host == "laptop":
        world.ledger.unlock(held.id)
    report = scenario.run()
    assert not report.failures, report.failures
    assert_promise(scenario)
    _assert_consumers_work(scenario, held_before)
    if setting.keeps_ledger:
        _assert_nothing_is_forgotten(scenario)


def _assert_nothing_is_forgotten(scenario: Scenario) -> None:
    """Assert that every place which holds a raw key is one of a declaration, or one that the ledger remembers."""
    slots = {str(slot) for found in scenario.observe().slots.values() for slot in found}
    receipts = scenario.world.ledger.recall().receipts
    places = [place for one in receipts for place in (*one.delivered, *(entry.place for entry in one.left))]
    known = slots | {f"{place.sink}:{place.location}" for place in places}
    assert set(scenario.world.delivered()) <= known, "a place is left behind"


def _assert_consumers_work(scenario: Scenario, held_before: dict[str, str]) -> None:
    """Assert that both who read a sink long ago and who reads it now hold a working key."""
    if not held_before:
        return
    for place, raw in (*held_before.items(), *scenario.world.delivered().items()):
        assert scenario.world.provider.accepts(raw), f"who reads {place} holds a dead key"


def _points(flow: str, setting: Setting) -> Iterator[tuple[int, Fault]]:
    yield from product(range(1, _count_effects(flow, setting) + 1), Fault)


def _try_points(flow: str, *, share: int) -> int:
    tried = 0
    for setting in SETTINGS:
        for ordinal, fault in _points(flow, setting):
            name = f"{flow}: {setting}: {fault.value} at effect {ordinal}"
            if crc32(name.encode()) % share:
                continue
            tried += 1
            try:
                _break(flow, setting, ordinal, fault)
            except (AssertionError, KeyplanError) as error:
                raise AssertionError(f"{name}: {error}") from error
    return tried


@pytest.mark.parametrize("flow", FLOWS)
def test_one_more_apply_heals_a_fault_at_some_effects(flow: str) -> None:
    assert _try_points(flow, share=SHARE) > 0


@pytest.mark.soak
@pytest.mark.parametrize("flow", FLOWS)
def test_one_more_apply_heals_a_fault_at_any_effect(flow: str) -> None:
    tried = _try_points(flow, share=1)
    print(f"crash points of {flow}: {tried}")  # noqa: T201 - the figure for docs/reliability.md


@pytest.mark.parametrize("flow", FLOWS)
def test_each_flow_has_effects_to_break_and_ends_well_untouched(flow: str) -> None:
    scenario = FLOWS[flow](SETTINGS[0].make_world())
    act_in(flow, scenario)
    assert scenario.world.effects.count > 3
    assert_promise(scenario)


def _methods(port: Any) -> set[str]:
    return {name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")}


def _list_effects() -> set[str]:
    """Return the name of every effect that a port offers, read from the ports themselves."""
    reads = {"locate", "inspect", "read"}
    return {
        *(f"provider.{name}" for name in _methods(KeyWriter)),
        *(f"sink.{name}" for name in _methods(Sink) - reads),
        *(f"ledger.{name}" for name in _methods(Ledger) - _methods(LedgerReader)),
    }


def test_the_matrix_breaks_every_effect_that_the_ports_offer() -> None:
    exercised = set()
    for flow, setting in product(FLOWS, SETTINGS[:2]):
        scenario = FLOWS[flow](setting.make_world())
        act_in(flow, scenario)
        exercised |= {name.partition(":")[0] for name in scenario.world.effects.names()}
    # An intent is retracted and closed only where a run is undone; that happens when an effect fails.
    exercised |= {"sink.retract", "ledger.close_intent"} & _names_after_a_failure()
    assert exercised == _list_effects()


def _names_after_a_failure() -> set[str]:
    scenario = FLOWS["create"](SETTINGS[0].make_world())
    scenario.world.effects.inject(Fault.ERROR, "provider.create")
    scenario.run()
    return {name.partition(":")[0] for name in scenario.world.effects.names()}
