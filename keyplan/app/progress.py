"""What follows an apply while it runs: the command line shows it, a library's caller does not.

It imports nothing that applies, so that a command that only looks does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from keyplan.errors import KeyplanError
from keyplan.model.identity import Address
from keyplan.model.plan import Action, FreshPlan
from keyplan.model.report import Outcome, Report
from keyplan.ports import Progress


class Follower(Progress, Protocol):
    """Follows the apply of one plan: its progress, and how it ended."""

    def end(self, result: Report | KeyplanError) -> None:
        """Take the report, or the error that ended the apply. Never raises."""
        ...


class Silence:
    """Implements `Follower` for a run that is not watched."""

    def begin(self, total: int) -> None:
        """Do nothing."""

    def start(self, action: Action) -> None:
        """Do nothing."""

    def step(self, address: Address, what: str) -> None:
        """Do nothing."""

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """Do nothing."""

    def end(self, result: Report | KeyplanError) -> None:
        """Do nothing."""


Follow: TypeAlias = Callable[[FreshPlan], Follower]
"""Returns what follows the apply of a plan; called right before it starts."""


@contextmanager
def follow_nothing() -> Iterator[Follow]:
    """Yield a `Follow` that shows nothing."""
    yield lambda _plan: Silence()
