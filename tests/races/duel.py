"""Two applies of one manifest in one simulated world, in a schedule; what they did, and what is left of it.

In: a setting, a flow, a chooser. Out: a `Duel` that has been fought, with figures, and `judge`, which says what of the
promise it broke. Never: a finding without the schedule that shows it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import crash_flows
from races.command import apply_manifest
from races.gates import GatedWiring, NamedLedger
from races.schedule import Arena, Chooser, Step
from samples import make_declaration, make_holder
from scenario import Scenario
from simulator import BLIND, FULL, WRITE_ONLY, SimulatedLedger, World

from keyplan.app.exit_codes import ExitStatus
from keyplan.model.observation import Abilities
from keyplan.model.plan import Action, Guard, Verb

AT_ONCE = timedelta(0)
BEYOND_LEASE = timedelta(minutes=10)
BEYOND_OVERLAP = timedelta(days=3)
FIRST, SECOND = "A", "B"
NOTHING = Step(name="clock.sleep", is_wait=True)


def _create(world: World) -> Scenario:
    return crash_flows._begin(world, make_declaration())


FLOWS: dict[str, crash_flows.Flow] = {
    "create": _create,
    "refresh": crash_flows.refresh,
    "refresh with grace": crash_flows.refresh_with_grace,
    "replace": crash_flows.replace,
    "replace with overlap": crash_flows.replace_with_overlap,
    "remove": crash_flows.delete,
}
OVERLAPPING = frozenset({"create", "refresh with grace", "replace with overlap"})
"""Flows in which no place may hold a dead key at any instant."""
KEYS_MADE = dict.fromkeys(FLOWS, 1) | {"remove": 0}
"""How many keys one run alone makes."""
SINKS: dict[str, Abilities] = {
    "comparing": FULL,
    "comparing, write only": WRITE_ONLY,
    "with receipts": replace(FULL, compares=False),
    "with receipts, write only": replace(WRITE_ONLY, compares=False),
    "without proof": BLIND,
}
LEDGERS = ("common", "each its own", "one is new")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The world of a duel."""

    sink: str = "comparing"
    ledgers: str = "each its own"
    """`common`; `each its own`, with the same memory; `one is new`, with no memory."""
    dialect: str = "beta"
    refresh_id: str = "new"
    patience: timedelta = AT_ONCE
    """`--lock-timeout` of both runs."""
    pace: timedelta = AT_ONCE
    """How much time each step takes."""

    @property
    def is_guarded(self) -> bool:
        """Whether a common ledger or a sink that compares has to prevent a second key."""
        return self.ledgers == "common" or self.compares

    @property
    def compares(self) -> bool:
        """Whether the sink compares."""
        return self.sink.startswith("comparing")

    def __str__(self) -> str:
        parts = [f"sink {self.sink}", f"ledger {self.ledgers}", self.dialect, f"refresh gives {self.refresh_id} id"]
        parts += [f"waits {self.patience}"] if self.patience else []
        return ", ".join([*parts, *([f"{self.pace} a step"] if self.pace else [])])

    def make_world(self) -> World:
        """Return an empty world."""
        sinks = {"local": SINKS[self.sink]}
        return World(dialect=self.dialect, refresh_id=self.refresh_id, sinks=sinks)  # type: ignore[arg-type]  # a row of the table


class InlineExecutor(Executor):
    """Runs what is submitted at once, in the caller's thread, so that a run has one thread."""

    def __init__(self, max_workers: int | None = None) -> None:
        self.max_workers = max_workers

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done. A killed process raises here."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is the future's
            future.set_exception(error)
        return future


@dataclass
class Duel:
    """One race, to be fought once."""

    setting: Setting
    flow: str
    closer: str = FIRST
    """Whose ledger the applies after the race have."""
    scenario: Scenario = field(init=False)
    ledgers: dict[str, NamedLedger] = field(init=False)
    statuses: dict[str, int] = field(default_factory=dict)
    """Of the runs that were not killed."""
    dead_puts: list[str] = field(default_factory=list)
    """Who put a raw key that did not work at that instant."""
    dead_at_end: list[str] = field(default_factory=list)
    """Who exited with 0 and left a place with a key that did not work."""
    dead_instants: int = 0
    """Steps after which a place held a key that did not work."""
    made: int = 0
    """Keys that both runs made."""
    was_paused: bool = False
    """Whether a run stood still for longer than its lease."""

    def __post_init__(self) -> None:
        world = self.setting.make_world()
        self.scenario = FLOWS[self.flow](world)
        world.effects.restart()
        self.world = world
        self.ledgers = self._make_ledgers(world)
        self.arena = Arena({FIRST: lambda: self._run(FIRST), SECOND: lambda: self._run(SECOND)})
        self._puts = self._count_puts()
        self._last_put_was_dead = dict.fromkeys(self.arena.actors, False)

    def fight(self, chooser: Chooser) -> bool:
        """Let both runs go in the order of the chooser; False if it gave up, and then nothing is known."""
        issued = self.world.provider._issued
        if self.setting.patience:
            self.world.clock.on_sleep = lambda: self.arena.gate(NOTHING)
        is_whole = self.arena.play(chooser)
        self.world.clock.on_sleep = lambda: None
        self.made = self.world.provider._issued - issued
        if self._dead_places() and self.statuses and not any(self.statuses.values()) and self._all_ended():
            self.dead_at_end.append("each of both")
        return is_whole

    def close(self) -> list[str]:
        """Let the leases end, apply twice and once more when all overlaps are over; return what broke the promise."""
        self.world.clock.advance(BEYOND_LEASE)
        self.world.restart()
        self.world.ledger = self.ledgers[self.closer].port
        broken = self._judge_runs()
        status = self._apply("closer")
        if status == ExitStatus.REFUSED and self._is_unproven():
            # Its ledger does not know what is in a place that proves nothing, and keyplan does not rotate blindly: the
            # apply of the run that delivered has to follow.
            self.closer = SECOND if self.closer == FIRST else FIRST
            self.world.ledger = self.ledgers[self.closer].port
            status = self._apply("closer")
        if status:
            broken.append(f"the apply after the race exited with {int(status)}")
        broken += [f"the second apply had to {action.verb.value} ({action.reason.value})" for action in self._left()]
        broken += self._judge_keys()
        if not broken:
            self.world.clock.advance(BEYOND_OVERLAP)
            self._apply("reaper")
            broken += [f"after all overlaps: {problem}" for problem in self._judge_keys(alone=True)]
        return broken

    def _judge_runs(self) -> list[str]:
        broken = [f"{name} exited with 0 and left a dead key in a place" for name in self.dead_at_end]
        # Between its last check and its put a run can be suspended for longer than its lease. Only a sink that compares
        # can refuse that put; anywhere else the next apply finds it.
        if self.setting.compares or (self.setting.ledgers == "common" and not self.was_paused):
            broken += [f"{name} put a dead key into a place" for name in self.dead_puts]
        # What a killed or suspended run left is finished forward: by another key, and without overlap for one that
        # no consumer is known to hold.
        if self.was_paused or not self._all_ended() or not self.setting.is_guarded:
            return broken
        if self.made > KEYS_MADE[self.flow]:
            broken.append(f"{self.made} keys were made for one reason")
        if self.flow in OVERLAPPING and self.dead_instants:
            broken.append(f"a place held a dead key after {self.dead_instants} steps")
        return broken

    def _judge_keys(self, *, alone: bool = False) -> list[str]:
        """Return what is wrong with keys and places now; `alone` if no superseded key may live any longer."""
        world, now = self.world, self.world.clock.now()
        receipts = world.ledger.receipts
        broken = [] if not world.ledger.intents else ["an intent is still open"]
        live = {record.id: record for record in world.provider.live()}
        kept = set()
        for declared in self.scenario.manifest.keys:
            receipt = receipts.get(declared.address)
            if receipt is None or receipt.key_id not in live:
                broken.append(f"{declared.address} has no current key")
                continue
            kept |= {receipt.key_id, *(old.key_id for old in receipt.superseded if old.delete_after > now)}
            for name, sink in world.sinks.items():
                raw = sink.values().get(declared.address)
                if raw is None or not live[receipt.key_id].accepts(raw, now):
                    broken.append(f"{name}:{declared.address} does not hold the current key")
        strays = {record.id for record in live.values() if "[keyplan ml-platform" in record.description} - kept
        broken += [f"{key_id} lives on, and nothing knows it" for key_id in sorted(strays)]
        if alone and len(kept & set(live)) > len(self.scenario.manifest.keys):
            broken.append("a superseded key lives after its overlap")
        records = world.provider.records
        if tuple(records[key.id] for key in self.scenario.bystanders) != self.scenario.bystanders:
            broken.append("a foreign key was touched")
        return broken

    def _is_unproven(self) -> bool:
        blocked = [action.blocked for action in self.scenario.actions() if action.blocked]
        return bool(blocked) and all(one.guard is Guard.UNPROVEN for one in blocked)

    def _left(self) -> list[Action]:
        """Return what the next apply would do, apart from keeping and retiring."""
        return [action for action in self.scenario.actions() if action.verb is not Verb.DELETE or action.blocked]

    def _make_ledgers(self, world: World) -> dict[str, NamedLedger]:
        first = NamedLedger(name="ledger", port=world.ledger)
        if self.setting.ledgers == "common":
            return {FIRST: first, SECOND: first}
        second = SimulatedLedger(world.clock, world.effects)
        if self.setting.ledgers == "each its own":
            second.receipts, second.intents = copy.copy(first.port.receipts), copy.copy(first.port.intents)
        return {FIRST: first, SECOND: NamedLedger(name="ledger of B", port=second)}

    def _run(self, name: str) -> None:
        status = self._apply(name)
        self.statuses[name] = status
        # Between its refresh and its put, a run that is under way, or was killed there, leaves a dead key in the place,
        # if no overlap was asked for. A run that ends meanwhile is to blame for a dead key only if it put that there.
        is_last = not any(actor.pending or actor.is_doomed for actor in self.arena.actors.values())
        if status == 0 and self._dead_places() and (is_last or self._last_put_was_dead[name]):
            self.dead_at_end.append(name)

    def _all_ended(self) -> bool:
        return len(self.statuses) == len(self.arena.actors)

    def _apply(self, name: str) -> int:
        """Do what the command does, and return its exit status."""
        ledger = self.ledgers.get(name, self.ledgers[self.closer])
        holder = make_holder(f"run-{name}", pid=ord(name[0]), since=self.world.clock.now())
        wiring = GatedWiring(self.world, ledger, holder, self.arena, lambda: self._look(name))
        return apply_manifest(self.scenario.manifest, wiring, patience=self.setting.patience)

    def _look(self, name: str) -> None:
        """Note what places hold after a step of this run."""
        if self.arena.current() is None:
            return
        self.world.clock.advance(self.setting.pace)
        puts = self._count_puts()
        is_dead = bool(self._dead_places())
        if puts != self._puts:
            self._puts = puts
            self._last_put_was_dead[name] = is_dead
            if is_dead:
                self.dead_puts.append(name)
        self.dead_instants += is_dead

    def _count_puts(self) -> int:
        return sum(len(sink.history) for sink in self.world.sinks.values())

    def _dead_places(self) -> list[str]:
        """Return the places of declared keys that hold a key that does not work."""
        # A run that does not know where a removed key was delivered leaves its place as it is, alone or not.
        declared = {declaration.address for declaration in self.scenario.manifest.keys}
        held = [cell for sink in self.world.sinks.values() for cell in sink.values().items()]
        return [place for place, raw in held if place in declared and not self.world.provider.accepts(raw)]
