"""What the parts of a watch share: the ports that each is given, its tasks, and the threads that run them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from keyplan.app.context import RunContext
from keyplan.app.leak_receiver import LeakReceiver
from keyplan.app.pace import Jitter
from keyplan.app.watch_board import WatchBoard
from keyplan.app.watch_notices import WatchNotices
from keyplan.model.watch import WatchEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPorts:
    """What all watchers of a process share."""

    context: RunContext
    board: WatchBoard
    tell: Callable[[WatchEvent], None]
    """Takes what happens; never raises."""
    jitter: Jitter
    notices: WatchNotices
    leaks: LeakReceiver | None = None
    """Takes reports of leaked keys; None if they are not taken."""


class TaskKind(Enum):
    """What a task is about. Each kind has threads of its own."""

    ROUND = "round"
    LEADERSHIP = "leadership"
    LEAK_SEARCH = "leak search"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Something that a thread is to do for a manifest now."""

    name: str
    """What is under way is not begun a second time under the same name."""
    kind: TaskKind
    run: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pools:
    """Where tasks run: rounds that take long keep no process from a leadership, and no report from being looked for."""

    rounds: Executor
    leaderships: Executor
    searches: Executor

    def choose(self, kind: TaskKind) -> Executor:
        """Return the pool for tasks of that kind."""
        match kind:
            case TaskKind.ROUND:
                return self.rounds
            case TaskKind.LEADERSHIP:
                return self.leaderships
            case TaskKind.LEAK_SEARCH:
                return self.searches
            case _:
                assert_never(kind)
