"""Two runs in one process that hand over control at each effect, and every order of their effects.

In: what each run does, as a function whose effects pass `Arena.gate`. Out: schedules, each tried once. Never: two
threads that run at the same time, so every schedule can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Semaphore, Thread, current_thread
from typing import Protocol

from simulator import Killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A call that is about to reach the outside, and what of the outside it reads and changes."""

    name: str
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    is_wait: bool = False
    """Whether it only lets time pass: it never comes before a step of the other run."""

    def conflicts_with(self, other: Step) -> bool:
        """Whether the order of the two can matter: one changes what the other reads or changes."""
        return bool(self.writes & (other.reads | other.writes) or other.writes & self.reads)


@dataclass(slots=True, kw_only=True)
class Actor:
    """One run."""

    name: str
    act: Callable[[], None]
    turn: Semaphore = field(default_factory=lambda: Semaphore(0))
    pending: Step | None = None
    """The step that it waits to take; None if it has ended."""
    is_doomed: bool = False
    """Whether every further call of it is a call of a killed process."""
    bug: BaseException | None = None
    done: list[Step] = field(default_factory=list)
    """The steps that it has taken."""


LOOK_AGAIN = ""


class Chooser(Protocol):
    """Decides who goes on."""

    def choose(self, ready: Mapping[str, Step]) -> str | None:
        """Return whose step comes next; LOOK_AGAIN if the choice changed who is ready.

        None gives this schedule up, because another one covers it.
        """
        ...


def _ignore(_number: int) -> None:
    pass


class Arena:
    """Runs actors, one at a time, in the order that a chooser gives."""

    def __init__(self, acts: Mapping[str, Callable[[], None]]) -> None:
        self.actors = {name: Actor(name=name, act=act) for name, act in acts.items()}
        self.trace: list[str] = []
        """`actor: step` of everything that was done, kills included."""
        self._control = Semaphore(0)
        self._threads: dict[Thread, Actor] = {}

    def gate(self, step: Step) -> None:
        """Wait for the turn to take this step; returns at once for a caller that is no actor. Raises Killed."""
        actor = self.current()
        if actor is None:
            return
        if not actor.is_doomed:
            actor.pending = step
            self._control.release()
            actor.turn.acquire()
        if actor.is_doomed:
            raise Killed(step.name)
        self.trace.append(f"{actor.name}: {step.name}")
        actor.done.append(step)

    def current(self) -> Actor | None:
        """Return the actor that calls; None for everybody else."""
        return self._threads.get(current_thread())

    def play(self, chooser: Chooser) -> bool:
        """Run until all actors have ended; False if the chooser gave up. Raises what an actor raised unforeseen."""
        for actor in self.actors.values():
            thread = Thread(target=self._live, args=(actor,), daemon=True)
            self._threads[thread] = actor
            thread.start()
            self._control.acquire()
        try:
            while ready := self.ready():
                name = chooser.choose(ready)
                if name is None:
                    return False
                if name != LOOK_AGAIN:
                    self._resume(self.actors[name])
        finally:
            for actor in self.actors.values():
                self.kill(actor.name)
        for actor in self.actors.values():
            if actor.bug:
                raise actor.bug
        return True

    def ready(self) -> dict[str, Step]:
        """Return the next step of each actor that has not ended; one that waits only if all others wait, too."""
        pending = {name: actor.pending for name, actor in self.actors.items() if actor.pending}
        return {name: step for name, step in pending.items() if not step.is_wait} or pending

    def kill(self, name: str) -> None:
        """End an actor before its next step; nothing if it has ended."""
        actor = self.actors[name]
        if actor.pending:
            actor.is_doomed = True
            self.trace.append(f"{name}: killed before {actor.pending.name}")
            self._resume(actor)

    def _resume(self, actor: Actor) -> None:
        actor.pending = None
        actor.turn.release()
        self._control.acquire()

    def _live(self, actor: Actor) -> None:
        try:
            actor.act()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again by `play`, in the thread of the test
            actor.bug = error
        finally:
            actor.pending = None
            self._control.release()


@dataclass(slots=True, kw_only=True)
class _Node:
    """A choice between both actors, in the schedule that is being tried."""

    ready: Mapping[str, Step]
    asleep: frozenset[str]
    """Actors whose step was tried here before: to go on with them would only repeat a schedule."""
    chosen: str
    tried: frozenset[str] = frozenset()


class AllOrders:
    """A chooser that, over repeated plays, tries every order of steps that conflict with each other.

    Two schedules that differ only in the order of steps that do not conflict lead to the same state (Mazurkiewicz
    traces). Sleep sets (Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems", 1996, chapter 5)
    try one schedule of each such class and miss none.
    """

    def __init__(self) -> None:
        self._nodes: list[_Node] = []
        self._depth = 0
        self._last = ""
        self._asleep: frozenset[str] = frozenset()

    def plays(self) -> Iterator[AllOrders]:
        """Yield itself before each play, until every order was tried."""
        while True:
            self._depth, self._last, self._asleep = 0, "", frozenset()
            yield self
            if not self._backtrack():
                return

    def choose(self, ready: Mapping[str, Step]) -> str | None:
        """Repeat what was chosen before; after that go on with the same actor, as long as that is no repetition."""
        if self._depth == len(self._nodes):
            free = [name for name in ready if name not in self._asleep]
            if not free:
                return None
            chosen = self._last if self._last in free else free[0]
            self._nodes.append(_Node(ready=dict(ready), asleep=self._asleep & set(ready), chosen=chosen))
        node = self._nodes[self._depth]
        assert node.ready == ready, "a schedule does not repeat itself"
        self._depth += 1
        self._last = node.chosen
        step = ready[node.chosen]
        others = (node.asleep | node.tried) - {node.chosen}
        self._asleep = frozenset(name for name in others if not ready[name].conflicts_with(step))
        return node.chosen

    def _backtrack(self) -> bool:
        """Turn to the last choice that has another way to go; False if there is none."""
        while self._nodes:
            node = self._nodes[-1]
            node.tried |= {node.chosen}
            left = [name for name in node.ready if name not in node.asleep | node.tried]
            if left:
                node.chosen = left[0]
                return True
            self._nodes.pop()
        return False


@dataclass(slots=True)
class Script:
    """A chooser that follows segments: so many steps of one actor, then of the next; then each to its end, in turn."""

    segments: Sequence[tuple[str, int]]
    on_end: Callable[[int], None] = _ignore
    """Called with the number of each segment that has ended; it may kill."""
    _number: int = 0
    _taken: int = 0

    def choose(self, ready: Mapping[str, Step]) -> str | None:
        """Return the actor of the segment; one that has ended, or waits, gives way to the other."""
        if self._number == len(self.segments):
            last = self.segments[-1][0] if self.segments else ""
            return last if last in ready else next(iter(ready))
        name, steps = self.segments[self._number]
        if self._taken < steps and name in ready:
            self._taken += 1
            return name
        self._number, self._taken = self._number + 1, 0
        self.on_end(self._number - 1)
        return LOOK_AGAIN
