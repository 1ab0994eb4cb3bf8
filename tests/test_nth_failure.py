"""One apply with a bit of everything, its 1st, 2nd, ... Nth effect failing, and then every two of them.

After each, one clean apply must leave each declaration one delivered, working key.
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import combinations, product

import pytest
from crash_flows import DAYS, GRACE, HOURS, LONG
from samples import make_declaration
from scenario import Scenario, assert_promise, make_service
from simulator import Fault, Killed, World

from keyplan.errors import KeyplanError
from keyplan.model.manifest import OnDescriptionChange, Rotation
from keyplan.model.report import Done

ERRORS = (Fault.ERROR, Fault.ANSWER_LOST)
PAIRS_IN_SHORT = 150


def _prepare(dialect: str) -> Scenario:
    """Return a scenario whose next run creates, refreshes, replaces, retires, deletes and keeps."""
    scenario = Scenario(World(dialect=dialect))  # type: ignore[arg-type]  # a row of the table
    scenario.watch_bystanders()
    refreshed = make_declaration("refreshed", rotation=GRACE if dialect == "beta" else Rotation())
    replaced, retired = make_declaration("replaced"), make_declaration("retired", rotation=LONG)
    kept, removed = make_service("kept", expires_in=90 * DAYS), make_declaration("removed")
    scenario.declare(refreshed, replaced, retired, kept, removed)
    scenario.run()
    retired = replace(retired, description="another", on_description_change=OnDescriptionChange.REPLACE)
    scenario.declare(refreshed, replaced, retired, kept, removed)
    scenario.run()
    scenario.world.clock.advance(50 * HOURS)
    refreshed = replace(refreshed, rotation=replace(refreshed.rotation, generation=2))
    replaced = replace(replaced, description="another", on_description_change=OnDescriptionChange.REPLACE)
    kept = replace(kept, protect=True)
    created = make_service("created", rotation=LONG)
    scenario.declare(created, refreshed, replaced, retired, kept, make_declaration("made", expires_in=90 * DAYS))
    scenario.world.restart()
    return scenario


def _count(dialect: str) -> int:
    scenario = _prepare(dialect)
    report = scenario.run()
    assert all(isinstance(outcome, Done) for outcome in report.outcomes)
    return scenario.world.effects.count


def _survives(dialect: str, faults: dict[int, Fault], parallelism: int = 1) -> bool:
    """Assert the promise after a run with these faults and a clean one; return whether all faults were met."""
    scenario = _prepare(dialect)
    world = scenario.world
    for ordinal, fault in faults.items():
        world.effects.inject_at(ordinal, fault)
    with suppress(Killed, KeyplanError):
        scenario.run(parallelism=parallelism)
    met = world.effects.count >= max(faults)
    world.restart()
    world.clock.advance(timedelta(minutes=1))
    report = scenario.run()
    assert not report.failures, (dialect, faults, report.failures)
    try:
        assert_promise(scenario)
    except AssertionError as error:
        raise AssertionError(f"{dialect}, {faults}: {error}") from error
    return met


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
@pytest.mark.parametrize("fault", Fault, ids=lambda fault: fault.value)
@pytest.mark.parametrize("parallelism", [1, 8])
def test_an_apply_survives_the_failure_of_each_of_its_effects(dialect: str, fault: Fault, parallelism: int) -> None:
    ordinal = 1
    while _survives(dialect, {ordinal: fault}, parallelism):
        ordinal += 1
    assert ordinal > 30


def _pairs(dialect: str) -> list[tuple[str, dict[int, Fault]]]:
    return [
        (dialect, dict(zip(ordinals, faults, strict=True)))
        for ordinals in combinations(range(1, _count(dialect) + 8), 2)
        for faults in product(ERRORS, Fault)
    ]


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_an_apply_survives_two_failures_at_some_pairs_of_its_effects(dialect: str) -> None:
    for _, faults in random.Random(4).sample(_pairs(dialect), PAIRS_IN_SHORT):  # noqa: S311 - a fixed sample
        _survives(dialect, faults)


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_an_apply_survives_two_failures_at_any_pair_of_its_effects(dialect: str) -> None:
    pairs = _pairs(dialect)
    for _, faults in pairs:
        _survives(dialect, faults)
    print(f"pairs of failures in {dialect}: {len(pairs)}")  # noqa: T201 - the figure for docs/reliability.md
