"""A watch on the simulated world, whose clock a test moves: no thread, no waiting, no terminal."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from cli.shell import Shell, SimulatedWiring
from simulator import World

from keyplan.app.context import RunContext
from keyplan.app.notifications import NoticeSender
from keyplan.app.progress import follow_nothing
from keyplan.app.watch import NAP, Watch, WatchSettings
from keyplan.app.watch_board import WatchBoard
from keyplan.app.watch_files import WatchedNames
from keyplan.app.watch_notices import WatchNotices
from keyplan.app.watch_ports import Pools, WatchPorts
from keyplan.app.watch_round import RoundSettings
from keyplan.model.drift import Drift
from keyplan.model.identity import Lineage
from keyplan.model.ledger import Holder
from keyplan.model.manifest import LedgerSettings
from keyplan.model.watch import WatchEvent
from keyplan.planner.due import Selected
from keyplan.ports import Ledger, LedgerReader, Notifier
from keyplan.renderers.machine.notice import FailedManifest, LeakedKeys

LEASE = timedelta(seconds=20)
MINUTE = timedelta(minutes=1)


class InlineExecutor(Executor):
    """Runs each task at once, in the thread that submits it; while `is_held`, keeps them for later."""

    def __init__(self) -> None:
        self.is_held = False
        self._kept: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it, and return what came of it."""
        future: Future[Any] = Future()
        self._kept.append((future, lambda: fn(*args, **kwargs)))
        if not self.is_held:
            self.release()
        return future

    def release(self) -> None:
        """Run what was kept."""
        kept, self._kept = self._kept, []
        for future, run in kept:
            try:
                future.set_result(run())
            except Exception as error:  # noqa: BLE001 - as the executors of the standard library do
                future.set_exception(error)


class Letters(NoticeSender):
    """Keeps what it would send: the causes that were found, or what failed."""

    def __init__(self, context: RunContext, notifiers: Sequence[Notifier], *, is_heartbeat: bool) -> None:
        super().__init__(context, notifiers, is_heartbeat=is_heartbeat)
        self.sent: list[str] = []

    def tell(self, drifts: Sequence[Drift], troubles: Sequence[FailedManifest], *, command: str) -> bool:
        causes = [finding.cause.value for drift in drifts for finding in drift.alarms]
        self.sent.append(" ".join([command, *causes, *(type(one.error).__name__ for one in troubles)]))
        return True

    def tell_leaks(self, leaked: LeakedKeys, *, command: str) -> bool:
        self.sent.append(" ".join([command, "leaked", *(one.leaked.key.id for one in leaked.keys)]))
        return True


@dataclass
class OwnWiring(SimulatedWiring):
    """The wiring of one process: its own holder, and a ledger object of its own for each use."""

    host: str = "node-1"
    pid: int = 1
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 100_000)))

    def ledger(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> Ledger:
        super().ledger(settings, lineage=lineage, folder=folder, account=account)
        return self._world_of(lineage.identity.owner).ledger.as_another_process()

    def ledger_reader(self, settings: LedgerSettings, *, lineage: Lineage, folder: Path, account: str) -> LedgerReader:
        return self.ledger(settings, lineage=lineage, folder=folder, account=account)

    def holder(self, command: str) -> Holder:
        holder = super().holder(command)
        return replace(holder, id=f"{self.host}-{next(self.numbers)}", host=self.host, pid=self.pid)


@dataclass
class Process:
    """One `keyplan watch` in a folder and a world that others may share."""

    folder: Path
    world: World
    host: str = "node-1"
    every: timedelta = 5 * MINUTE
    selected: Selected = Selected.DUE
    sources: tuple[str, ...] = ()
    others: dict[str, World] = field(default_factory=dict)
    events: list[WatchEvent] = field(default_factory=list)
    stop_signal: int | None = None
    is_reload_wanted: bool = False
    is_paused: bool = False
    chance: float = 0.5

    def __post_init__(self) -> None:
        shell = Shell(self.folder, self.world)
        session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO())
        self.wiring = OwnWiring(self.world, others=self.others, host=self.host)
        self.rounds, self.leaderships, self.searches = InlineExecutor(), InlineExecutor(), InlineExecutor()
        context = replace(session.context, wiring=self.wiring, stop=self)
        self.board = WatchBoard(self.world.clock)
        self.sender = Letters(context, [], is_heartbeat=False)
        ports = WatchPorts(
            context=context,
            board=self.board,
            tell=self.events.append,
            jitter=lambda limit: limit * self.chance,
            notices=WatchNotices(self.sender),
        )
        settings = WatchSettings(
            names=WatchedNames(sources=self.sources, lease=LEASE),
            every=self.every,
            round_settings=RoundSettings(selected=self.selected, follow=follow_nothing),
        )
        pools = Pools(rounds=self.rounds, leaderships=self.leaderships, searches=self.searches)
        self.watch = Watch(settings, ports, pools, wants_reload=self._takes_reload)

    def requested(self) -> int | None:
        """Return the signal that a test sent."""
        return self.stop_signal

    def _takes_reload(self) -> bool:
        wanted, self.is_reload_wanted = self.is_reload_wanted, False
        return wanted

    def news(self, manifest: str = "keys.yaml") -> list[str]:
        """Return what it told about a manifest."""
        return [event.news.value for event in self.events if event.manifest == manifest]

    def count(self, *names: str, manifest: str = "keys.yaml") -> int:
        """Return how often it told any of these."""
        return sum(told in names for told in self.news(manifest))

    def status(self, manifest: str = "keys.yaml") -> Any:
        """Return how a manifest stands."""
        return next(one for one in self.board.statuses() if one.manifest == manifest)


def pass_time(world: World, duration: timedelta, *processes: Process) -> None:
    """Let time pass for these processes, which share a world; one that is paused does nothing meanwhile."""
    end = world.clock.now() + duration
    while world.clock.now() < end:
        awake = [process for process in processes if not process.is_paused]
        for process in awake:
            process.watch.turn()
        # As the loop does, but that a sleep may be as long as nothing is due.
        naps = [max(process.watch.until_next(), NAP / 50) for process in awake]
        world.clock.advance(min([end - world.clock.now(), *naps]))


@contextmanager
def held_rounds(process: Process) -> Iterator[None]:
    """Let no round of a process end inside the block."""
    process.rounds.is_held = True
    try:
        yield
    finally:
        process.rounds.is_held = False
        process.rounds.release()
