"""Many manifests and many runners over weeks of simulated time: runs that meet, die and stand still, at random.

In: a number of manifests, a seed. Out: figures. Each manifest lives in a world of its own with one shared ledger, and
every so often some of the runners apply it, in a schedule that chance decides. Never: a failure without its seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from races.command import apply_manifest
from races.duel import AT_ONCE, BEYOND_LEASE, SINKS
from races.gates import GatedWiring, NamedLedger
from races.schedule import Arena, Step
from samples import make_declaration, make_holder
from scenario import Scenario
from simulator import World

from keyplan.model.manifest import Rotation
from keyplan.model.plan import Verb

DAY = timedelta(days=1)
ROTATION = Rotation(every=7 * DAY, overlap=DAY)
_ROUND = timedelta(hours=6)
_HELD_FOR = timedelta(hours=12)
"""So long a consumer goes on with the key that it has read."""


@dataclass
class FleetFigures:
    """What was tried, and what came of it."""

    manifests: int = 0
    runs: int = 0
    killed: int = 0
    paused: int = 0
    meetings: int = 0
    """Rounds in which several runs were under way."""
    schedules: set[str] = field(default_factory=set)
    """Different orders of effects among those."""
    rotations: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


class Chance:
    """A chooser that lets chance decide who goes on, dies or stands still."""

    def __init__(self, random: Random, arena: Arena, world: World, figures: FleetFigures) -> None:
        self._random = random
        self._arena = arena
        self._world = world
        self._figures = figures
        self._last = ""
        self._left_alone = ""

    def choose(self, ready: Mapping[str, Step]) -> str | None:
        """Return who goes on: mostly the one who did last."""
        if len(self._arena.actors) > 1 and self._random.random() < 0.004:
            self._figures.killed += 1
            self._arena.kill(self._random.choice(list(ready)))
            return ""
        if len(ready) > 1 and self._random.random() < 0.003:
            self._figures.paused += 1
            self._world.clock.advance(BEYOND_LEASE)
        if self._last not in ready or self._random.random() < 0.3:
            self._last = self._random.choice(list(ready))
        return self._last


class Fleet:
    """One manifest and its runners, over weeks."""

    def __init__(self, seed: int, figures: FleetFigures, *, runners: int) -> None:
        self.random = Random(seed)  # noqa: S311 - repeatable, not secret
        self.figures = figures
        self.runners = [f"runner-{number:03d}" for number in range(runners)]
        self.world = World(
            dialect=self.random.choice(("alpha", "beta")),  # type: ignore[arg-type]  # one of the two
            refresh_id=self.random.choice(("new", "same")),  # type: ignore[arg-type]  # one of the two
            sinks={"local": self.random.choice(list(SINKS.values()))},
        )
        self.scenario = Scenario(self.world)
        self.scenario.declare(make_declaration(rotation=ROTATION))
        self.ledger = NamedLedger(name="ledger", port=self.world.ledger)
        self.held: tuple[datetime, str] | None = None
        """When the consumer read its place, and what it read."""

    def live(self, duration: timedelta) -> None:
        """Let that much time pass, with rounds in it. Raises AssertionError if the promise is broken."""
        end = self.world.clock.now() + duration
        while self.world.clock.now() < end:
            self.world.clock.advance(_ROUND * self.random.uniform(0.5, 1.5))
            self._consume()
            self._meet(self.random.choices((1, 2, 3), (8, 3, 1))[0])
            self._consume()
        self.world.clock.advance(BEYOND_LEASE)
        self._meet(1)
        self._check()

    def _meet(self, number: int) -> None:
        names = self.random.sample(self.runners, number)
        arena = Arena({name: self._make_act(name) for name in names})
        self._arena = arena
        made = self.world.provider._issued
        arena.play(Chance(self.random, arena, self.world, self.figures))
        self.figures.rotations += self.world.provider._issued - made
        self.figures.runs += number
        if number > 1:
            self.figures.meetings += 1
            renamed = {name: f"run {place}" for place, name in enumerate(names)}
            trace = [renamed[who] + what for who, _, what in (line.partition(":") for line in arena.trace)]
            self.figures.schedules.add("\n".join(trace))

    def _make_act(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a function without arguments
        def act() -> None:
            number = self.runners.index(name)
            # Each is another machine: only the end of its lease tells that one of them is dead.
            holder = make_holder(f"{name}-{self.figures.runs}", host=name, pid=number, since=self.world.clock.now())
            wiring = GatedWiring(self.world, self.ledger, holder, self._arena, lambda: None)
            status = apply_manifest(self.scenario.manifest, wiring, patience=AT_ONCE)
            self.figures.statuses[status] += 1

        return act

    def _consume(self) -> None:
        """Try the key that the consumer holds, and read a new one every half day."""
        now, delivered = self.world.clock.now(), list(self.world.delivered().values())
        for raw in delivered:
            assert self.world.provider.accepts(raw), f"at {now} the place holds a dead key"
        if self.held:
            assert self.world.provider.accepts(self.held[1]), f"at {now} a consumer's key is dead, read {self.held[0]}"
        if delivered and (not self.held or now - self.held[0] > _HELD_FOR):
            self.held = (now, delivered[0])

    def _check(self) -> None:
        left = [action for action in self.scenario.actions() if action.verb is not Verb.DELETE]
        assert left == [], "the next plan is not empty"
        now, receipts = self.world.clock.now(), self.world.ledger.receipts
        live = {record.id for record in self.world.provider.live()}
        for declared in self.scenario.manifest.keys:
            receipt = receipts[declared.address]
            overlapping = {old.key_id for old in receipt.superseded if old.delete_after > now - _ROUND * 2}
            assert receipt.key_id in live
            assert live <= {receipt.key_id} | overlapping, "a key lives that no declaration needs"


def live_through(manifests: int, *, runners: int, duration: timedelta, seed: int) -> Iterator[FleetFigures]:
    """Yield the figures so far after each manifest. Raises AssertionError with the seed that shows the failure."""
    figures = FleetFigures()
    for number in range(manifests):
        fleet = Fleet(seed + number, figures, runners=runners)
        try:
            fleet.live(duration)
        except AssertionError as error:
            raise AssertionError(f"seed {seed + number}: {error}\n" + "\n".join(fleet._arena.trace)) from error
        figures.manifests += 1
        yield figures
