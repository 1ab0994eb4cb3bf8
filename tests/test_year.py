"""A year of daily runs: no consumer is ever without a working key where the manifest asked for an overlap.

A consumer reads its sink every hour and uses what it read until the next time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, islice, product
from typing import Any

import pytest
from crash_flows import DAYS, HOURS
from samples import make_declaration
from scenario import Scenario, assert_promise, make_service
from simulator import World

from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Declaration, Rotation, Strategy
from keyplan.model.plan import Verb
from keyplan.model.report import Report

ENOUGH = 2 * HOURS
"""From this overlap on, a consumer that reads every hour is never without a working key."""
OVERLAPS = (timedelta(0), 2 * HOURS, 24 * HOURS, 48 * HOURS)
GROUNDS: tuple[dict[str, timedelta | None], ...] = (
    {"every": 7 * DAYS, "expires_in": None, "before_expiry": None},
    {"every": 30 * DAYS, "expires_in": 90 * DAYS, "before_expiry": None},
    {"every": None, "expires_in": 30 * DAYS, "before_expiry": 10 * DAYS},
    {"every": None, "expires_in": 45 * DAYS, "before_expiry": None},
)


def _declare(count: int, dialect: str) -> Iterator[Declaration]:
    """Yield declarations of every mix of ground, overlap, strategy and type, over and over."""
    mixes = cycle(product(GROUNDS, OVERLAPS, (Strategy.AUTO, Strategy.REPLACE), (make_declaration, make_service)))
    for number, (ground, overlap, strategy, make) in enumerate(islice(mixes, count)):
        rotation = Rotation(
            every=ground["every"], before_expiry=ground["before_expiry"], overlap=overlap, strategy=strategy
        )
        yield make(f"key-{number:03}", rotation=rotation, expires_in=ground["expires_in"])


@dataclass
class Year:
    """A scenario that is run every day, and what its consumers hold meanwhile."""

    scenario: Scenario
    issued: int = 0
    """How many raw keys were brought into the world after the first day."""
    instants: int = 0
    """How often a consumer's key was tried."""
    deadlines: dict[KeyId, datetime] = field(default_factory=dict)
    """When the overlap of each superseded key is over."""

    def live_through(self, days: int) -> None:
        """Run keyplan once a day; consumers read every full hour and try their key right before the next."""
        for day in range(days):
            held = self._read()
            report = self.scenario.run()
            self._count(report, is_first=day == 0)
            self._check_deadlines()
            self._use(held)
            for _ in range(23):
                held = self._read()
                self.scenario.world.clock.advance(HOURS)
                self._use(held)
            held = self._read()
            self.scenario.world.clock.advance(HOURS - timedelta(minutes=1))
            self._use(held)
            self.scenario.world.clock.advance(timedelta(minutes=1))
            self.scenario.world.restart()

    def _read(self) -> dict[Address, str]:
        values = self.scenario.world.sinks["local"].values()
        return {
            declared.address: values[declared.address]
            for declared in self.scenario.manifest.keys
            if declared.rotation.overlap >= ENOUGH and declared.address in values
        }

    def _use(self, held: dict[Address, str]) -> None:
        working = self.scenario.world.provider.working()
        self.instants += len(held)
        dead = {address for address, raw in held.items() if raw not in working}
        assert not dead, f"at {self.scenario.world.clock.now()} consumers hold a dead key: {sorted(dead)[:5]}"

    def _count(self, report: Report, *, is_first: bool) -> None:
        assert not report.failures, report.failures
        if not is_first:
            self.issued += sum(outcome.action.issues_raw_key for outcome in report.outcomes)

    def _check_deadlines(self) -> None:
        """No superseded key may live a day longer than its overlap: the run of that day ends it."""
        now, live = self.scenario.world.clock.now(), {record.id for record in self.scenario.world.provider.live()}
        for receipt in self.scenario.world.ledger.receipts.values():
            self.deadlines |= {old.key_id: old.delete_after for old in receipt.superseded}
        late = [key_id for key_id, deadline in self.deadlines.items() if key_id in live and deadline + DAYS < now]
        assert not late, f"superseded keys live on: {late[:5]}"
        self.deadlines = {key_id: deadline for key_id, deadline in self.deadlines.items() if key_id in live}


def _live(dialect: Any, count: int, days: int) -> Year:
    scenario = Scenario(World(dialect=dialect, pace=timedelta(milliseconds=20)))
    scenario.watch_bystanders()
    scenario.declare(*_declare(count, dialect))
    year = Year(scenario)
    year.live_through(days)
    scenario.run()
    assert all(action.verb is Verb.KEEP for action in scenario.plan().actions)
    assert_promise(scenario)
    return year


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_consumers_hold_working_keys_through_four_months(dialect: str) -> None:
    year = _live(dialect, count=40, days=120)
    assert year.issued > 200


@pytest.mark.soak
@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_consumers_hold_working_keys_through_a_year(dialect: str) -> None:
    year = _live(dialect, count=200, days=365)
    print(f"a year in {dialect}: {year.issued} rotations, {year.instants} instants")  # noqa: T201 - for the docs
