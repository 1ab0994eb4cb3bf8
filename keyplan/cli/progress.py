"""Shows on a terminal's stderr how far a run is, and nothing elsewhere.

A failure of the terminal must not end an apply.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

from keyplan.app.progress import Follower, Silence
from keyplan.cli.screen import Screen
from keyplan.errors import KeyplanError
from keyplan.model.identity import Address
from keyplan.model.plan import Action
from keyplan.model.report import Outcome, Report
from keyplan.renderers.sanitize import sanitize

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID


class _Drawn:
    """Implements `Follower` with a bar that names what is under way."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._total = 0
        self._lock = threading.Lock()
        self._steps: dict[Address, str] = {}

    def begin(self, total: int) -> None:
        """Show an empty bar; where several manifests are applied at once, one bar for all."""
        with self._lock:
            self._total += total
            if self._task is not None:
                self._bar.update(self._task, total=self._total)
            elif total:
                self._task = self._bar.add_task("", total=total)

    def start(self, action: Action) -> None:
        """Show nothing yet: every action that takes long has steps."""

    def step(self, address: Address, what: str) -> None:
        """Show the step of that address."""
        with self._lock:
            self._steps[address] = what
            self._draw(address, what)

    def finish(self, address: Address, outcome: Outcome | None) -> None:  # noqa: ARG002 - a failure fills it too
        """Fill the bar a little more."""
        with self._lock:
            self._steps.pop(address, None)
            if self._task is not None:
                self._bar.advance(self._task)
            for other, what in list(self._steps.items())[-1:]:
                self._draw(other, what)

    def end(self, result: Report | KeyplanError) -> None:
        """Show nothing: the report follows."""

    def _draw(self, address: Address, what: str) -> None:
        if self._task is not None:
            self._bar.update(self._task, description=f"{sanitize(what, width=30)} {sanitize(address, width=50)}")


class _Tolerant:
    """A text stream that takes everything and never raises, even when its terminal has gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = stream.encoding

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._stream.flush()


@contextmanager
def show_waiting(screen: Screen, text: str) -> Iterator[None]:
    """Show inside the block that something is under way whose end is not known."""
    console = _open_console(screen)
    if console is None:
        yield
        return
    with screen.showing(console.status(text)):
        yield


@contextmanager
def show_progress(screen: Screen) -> Iterator[Follower]:
    """Yield something that shows inside the block how far an apply is."""
    console = _open_console(screen)
    if console is None:
        yield Silence()
        return
    # rich is slow to import, and only a terminal needs it.
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415 - see above
    from rich.progress import Progress as Bar  # noqa: PLC0415 - see above

    text = TextColumn("{task.description}", markup=False)
    bar = Bar(BarColumn(), MofNCompleteColumn(), text, console=console, transient=True)
    with screen.showing(bar):
        yield _Drawn(bar)


def _open_console(screen: Screen) -> Console | None:
    if not screen.shows_progress or screen.talk is None:
        return None
    from rich.console import Console  # noqa: PLC0415 - slow to import, and only a terminal needs it

    return Console(file=_Tolerant(screen.talk), force_terminal=True)  # type: ignore[arg-type]  # all that rich uses of a stream
