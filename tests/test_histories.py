"""Long histories, found by hypothesis: two machines run keyplan and die, people interfere, and time passes.

Whatever happened, one clean apply leaves each declaration one delivered, working key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from crash_flows import DAYS, HOURS
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from samples import make_declaration
from scenario import GENEROUS, Scenario, assert_promise, assert_untouched, make_service
from simulator import FULL, WRITE_ONLY, Fault, Killed, SimulatedLedger, World

from keyplan.errors import KeyplanError, LedgerLockedError
from keyplan.model.identity import Address
from keyplan.model.manifest import Adopt, Declaration, OnDescriptionChange, Rotation
from keyplan.model.observation import Slot
from keyplan.model.plan import Guard, Plan

HOSTS = ("build-7", "laptop")
NAMES = ("a", "b", "c", "s")
OVERLAPS = (timedelta(0), 2 * HOURS, 48 * HOURS)
FAULTS = st.dictionaries(st.integers(1, 25), st.sampled_from(Fault), max_size=2)
SHORT = settings(
    max_examples=250, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
LONG = settings(SHORT, max_examples=int(os.environ.get("KEYPLAN_HISTORIES", "1000")), stateful_step_count=50)
SEED = int(os.environ.get("KEYPLAN_SEED", "4"))
STEPS = {"steps": 0, "applies": 0, "histories": 0}
"""How much was tried, for docs/reliability.md."""


class Histories(RuleBasedStateMachine):
    """One world, its manifest, and everybody who does something to it."""

    is_sound = False
    """Whether nothing was found yet; what is found should not be hidden by what follows from it."""

    @initialize(
        dialect=st.sampled_from(["alpha", "beta"]),
        refresh_id=st.sampled_from(["new", "same"]),
        sinks=st.sampled_from([{"local": FULL}, {"local": FULL, "remote": WRITE_ONLY}]),
        pace=st.sampled_from([timedelta(0), timedelta(milliseconds=300)]),
        ledgers=st.sampled_from([1, 2]),
    )
    def begin(self, dialect: Any, refresh_id: Any, sinks: Any, pace: timedelta, ledgers: int) -> None:
        """Let there be a world with two machines, that share a ledger or have one each."""
        STEPS["histories"] += 1
        self.world = World(dialect=dialect, refresh_id=refresh_id, sinks=sinks, pace=pace)
        # Who takes away all declarations but one means it here.
        self.scenario = Scenario(self.world, allow_deletes=1000)
        self.scenario.watch_bystanders()
        self.keys: dict[str, Declaration] = {}
        another = SimulatedLedger(self.world.clock, self.world.effects)
        self.ledgers = dict(
            zip(HOSTS, (self.world.ledger, another if ledgers == 2 else self.world.ledger), strict=True)
        )
        for name, overlap in zip(NAMES[1:], OVERLAPS, strict=True):
            self.add(name, overlap, every=None, expires_in=None)
        self.run_cleanly(HOSTS[0])
        self.is_sound = True

    def write_manifest(self) -> None:
        """Write what is declared now."""
        self.scenario.declare(*self.keys.values(), limits=GENEROUS)

    # who edits the manifest

    @rule(
        name=st.sampled_from(NAMES),
        overlap=st.sampled_from(OVERLAPS),
        every=st.sampled_from([None, 30 * DAYS]),
        expires_in=st.sampled_from([None, 90 * DAYS]),
    )
    def add(self, name: str, overlap: timedelta, every: timedelta | None, expires_in: timedelta | None) -> None:
        """Declare a key, or declare it otherwise."""
        make = make_service if name == "s" else make_declaration
        rotation = Rotation(overlap=overlap, every=every)
        made = make(name, rotation=rotation, expires_in=expires_in, adopt=Adopt.REPLACE)
        former = self.keys.get(name)
        # A refresh keeps the marker of a former address: once the ledger is lost, only `moved_from` says whose it is.
        known = {*former.moved_from, former.address} - {made.address} if former else ()
        self.keys[name] = replace(made, moved_from=tuple(sorted(known)))
        self.write_manifest()

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        """Take a declaration away."""
        del self.keys[self.pick(data)]
        self.write_manifest()

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), text=st.sampled_from(["", "one", "two"]), then=st.sampled_from(OnDescriptionChange))
    def describe(self, data: st.DataObject, text: str, then: OnDescriptionChange) -> None:
        """Change a description, which ends the key at once or waits for its next rotation."""
        self.change(self.pick(data), description=text, on_description_change=then)

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def raise_generation(self, data: st.DataObject) -> None:
        """Ask for a renewal."""
        name = self.pick(data)
        rotation = self.keys[name].rotation
        self.change(name, rotation=replace(rotation, generation=rotation.generation + 1))

    @precondition(lambda self: "s" in self.keys)
    @rule()
    def move(self) -> None:
        """Name the space of the service key in the other way."""
        old = self.keys["s"].address
        new = "service/space-production/s" if "/production/" in old else "service/production/s"
        self.change("s", address=Address(new), moved_from=(old,))

    # who does things by hand

    @precondition(lambda self: self.ours())
    @rule(data=st.data())
    def person_deletes(self, data: st.DataObject) -> None:
        """End a key of ours by hand."""
        self.world.provider.person_deletes(data.draw(st.sampled_from(self.ours())))

    @precondition(lambda self: self.ours())
    @rule(data=st.data())
    def person_rotates(self, data: st.DataObject) -> None:
        """Refresh a key of ours by hand."""
        self.world.provider.person_rotates(data.draw(st.sampled_from(self.ours())))

    @rule(name=st.sampled_from(NAMES[:3]))
    def person_creates(self, name: str) -> None:
        """Make a key of the same name by hand."""
        self.scenario.bystanders += (self.world.provider.person_creates(name),)

    @precondition(lambda self: self.world.sinks["local"].values())
    @rule(data=st.data(), is_deleted=st.booleans())
    def person_edits(self, data: st.DataObject, is_deleted: bool) -> None:
        """Change or delete a secret by hand, where keyplan can see that."""
        sink = self.world.sinks["local"]
        location = data.draw(st.sampled_from(sorted(sink.values())))
        if is_deleted:
            sink.person_deletes(location)
        else:
            sink.person_writes(location, "ak-by-hand")

    @rule(data=st.data())
    def lose_a_sink(self, data: st.DataObject) -> None:
        """Empty a sink."""
        self.world.sinks[data.draw(st.sampled_from(sorted(self.world.sinks)))].lose()

    @rule(host=st.sampled_from(HOSTS))
    def lose_a_ledger(self, host: str) -> None:
        """Delete a ledger's file."""
        self.ledgers[host].lose()

    @rule(
        duration=st.sampled_from([timedelta(seconds=5), 10 * timedelta(minutes=1), HOURS, 3 * HOURS, DAYS, 40 * DAYS])
    )
    def wait(self, duration: timedelta) -> None:
        """Let time pass."""
        self.world.clock.advance(duration)

    @rule(is_denied=st.booleans(), lag=st.sampled_from([0, 5, 60]))
    def change_the_provider(self, is_denied: bool, lag: int) -> None:
        """Take keyplan's rights or give them back; let new keys show late."""
        self.world.provider.is_denied = is_denied
        self.world.provider.listing_lag = timedelta(seconds=lag)

    # keyplan itself

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), host=st.sampled_from(HOSTS), faults=FAULTS)
    def renew_and_run(self, data: st.DataObject, host: str, faults: dict[int, Fault]) -> None:
        """Ask for a renewal and run keyplan, things going wrong."""
        self.raise_generation(data)
        self.run(host, faults, visit=0)

    @precondition(lambda self: self.keys)
    @rule(data=st.data(), text=st.sampled_from(["", "one", "two"]), host=st.sampled_from(HOSTS), faults=FAULTS)
    def describe_and_run(self, data: st.DataObject, text: str, host: str, faults: dict[int, Fault]) -> None:
        """Change a description at once and run keyplan, things going wrong."""
        self.change(self.pick(data), description=text, on_description_change=OnDescriptionChange.REPLACE)
        self.run(host, faults, visit=0)

    @rule(
        host=st.sampled_from(HOSTS),
        faults=FAULTS,
        visit=st.integers(3, 25),  # the lock and the spent mark are taken while everybody else has to wait
    )
    def run(self, host: str, faults: dict[int, Fault], visit: int) -> None:
        """Run keyplan on a machine, things going wrong, while the other machine tries it too."""
        self.take(host)
        for ordinal, fault in faults.items():
            self.world.effects.inject_at(ordinal, fault)
        self.world.effects.visits[visit] = self.try_beside
        with self.consumers_unharmed(), suppress(Killed, KeyplanError):
            # With threads, which effect a fault hits would be up to chance, and hypothesis could not repeat a history.
            self.scenario.run(host=host, parallelism=1)
        self.world.restart()

    @rule(host=st.sampled_from(HOSTS))
    def run_cleanly(self, host: str) -> None:
        """Mend everything, and run keyplan once: then the promise holds."""
        self.world.provider.is_denied, self.world.provider.listing_lag = False, timedelta(0)
        self.take(host)
        if self.world.ledger.held and self.world.ledger.held.host != host:
            self.world.ledger.unlock(self.world.ledger.held.id)
        self.world.clock.advance(timedelta(minutes=1))
        given_up = tuple(sorted(_find_exhausted(self.scenario.plan())))
        was_sound, self.is_sound = self.is_sound, False
        with self.consumers_unharmed():
            report = self.scenario.run(host=host, rotate=given_up, allow_missing=1000)
        assert not report.failures, report.failures
        assert_promise(self.scenario)
        self.is_sound = was_sound
        self.world.restart()

    def teardown(self) -> None:
        """Let every history end well."""
        if self.is_sound:
            self.world.restart()
            self.run_cleanly("laptop")

    # what the rules are made of

    def pick(self, data: st.DataObject) -> str:
        """Return the name of something declared."""
        return data.draw(st.sampled_from(sorted(self.keys)))

    def change(self, name: str, **changes: Any) -> None:
        """Declare a key otherwise."""
        self.keys[name] = replace(self.keys[name], **changes)
        self.write_manifest()

    def ours(self) -> list[Any]:
        """Return the ids of live keys that carry our mark."""
        return [record.id for record in self.world.provider.live() if "[keyplan ml-platform/" in record.description]

    def take(self, host: str) -> None:
        """Work with the ledger of that machine."""
        self.world.ledger = self.ledgers[host]
        STEPS["applies"] += 1

    def try_beside(self) -> None:
        """Plan beside a run, which must work, and apply beside it, which the lock must refuse."""
        with suppress(KeyplanError):
            self.scenario.plan()
        if self.world.ledger.held:
            before = self.world.effects.count
            with suppress(LedgerLockedError):
                self.scenario.run(host="elsewhere")
            assert self.world.effects.count == before, "two applies ran at once"

    def consumers_unharmed(self) -> Any:
        """Return a context in which whoever reads a sink of a key with overlap keeps a working key."""
        return _Consumers(self)

    @invariant()
    def check_steps(self) -> None:
        """Count a step."""
        STEPS["steps"] += 1


class _Consumers:
    def __init__(self, history: Histories) -> None:
        self._history = history

    def __enter__(self) -> None:
        self._held = dict(self._read())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not issubclass(kind, Exception):
            return
        accepts, self._history.is_sound = self._history.world.provider.accepts, False
        assert all(map(accepts, self._held.values())), "a run ended a key that a consumer held during its overlap"
        now = dict(self._read(working=False))
        assert all(accepts(now[slot]) for slot in self._held), "a sink holds a dead key"
        assert_untouched(self._history.scenario)
        self._history.is_sound = True

    def _read(self, *, working: bool = True) -> Iterator[tuple[Slot, str]]:
        """Yield every secret of a key with overlap; of those that work, and will for an hour, where asked."""
        world, scenario = self._history.world, self._history.scenario
        later = world.clock.now() + HOURS
        for declared in scenario.manifest.keys:
            for delivery in declared.deliveries:
                slot = world.sinks[delivery.sink].locate(scenario.manifest.owner, declared, delivery)
                raw = world.sinks[slot.sink].values().get(slot.location)
                if raw is None or declared.rotation.overlap < 2 * HOURS:
                    continue
                if not working or (world.provider.accepts(raw) and world.provider.accepts(raw, later)):
                    yield slot, raw


def _find_exhausted(plan: Plan) -> set[str]:
    return {action.address for action in plan.blocked if action.blocked and action.blocked.guard is Guard.EXHAUSTED}


def test_short_histories_end_well() -> None:
    run_state_machine_as_test(seed(4)(Histories), settings=SHORT)


@pytest.mark.soak
def test_long_histories_end_well() -> None:
    STEPS.update(dict.fromkeys(STEPS, 0))
    run_state_machine_as_test(seed(SEED)(Histories), settings=LONG)
    print(f"histories: {STEPS}, seed {SEED}")  # noqa: T201 - the figure for docs/reliability.md
