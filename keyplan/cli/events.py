"""Writes the events of an apply as they happen, a JSON object per line: ``--json-lines``.

A failure of the stream must not end an apply, and no line is mixed with another.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from keyplan import __version__
from keyplan.app.files import open_to_append
from keyplan.app.progress import Follower
from keyplan.cli.screen import Screen
from keyplan.cli.session import Session
from keyplan.errors import KeyplanError
from keyplan.model.identity import Address
from keyplan.model.mask import hide
from keyplan.model.plan import Action, Plan
from keyplan.model.report import Outcome, Report
from keyplan.renderers.machine.events import (
    describe_end,
    describe_error,
    describe_outcome,
    describe_plan,
    describe_start,
    describe_step,
    describe_version,
)
from keyplan.renderers.sanitize import sanitize

STDOUT = "-"


class Stream(Protocol):
    """What events are written to."""

    def write(self, text: str, /) -> object:
        """Write text, buffered or not."""
        ...

    def flush(self) -> None:
        """See that nothing stays in a buffer."""
        ...


class EventLog:
    """A stream of events that several manifests may share; safe for threads. It begins with a version."""

    def __init__(
        self,
        stream: Stream,
        now: Callable[[], datetime],
        *,
        format_event: Callable[[Mapping[str, Any]], str] | None = None,
    ) -> None:
        """`format_event` makes the line of an event, without its end; None stands for JSON."""
        self.failure: str | None = None
        """Why events could not be written any longer; None while they could."""
        self._stream: Stream | None = stream
        self._now = now
        self._format = format_event or _format_json
        self._lock = threading.Lock()
        self.write(describe_version(__version__))

    def now(self) -> datetime:
        """Return the current instant."""
        return self._now()

    def write(self, event: Mapping[str, Any]) -> None:
        """Write an event. Never raises: see `failure`."""
        with self._lock:
            if self._stream is None:
                return
            line = self._format({**event, "@timestamp": self._now().isoformat()})
            try:
                self._stream.write(f"{line}\n")
                self._stream.flush()
            except (OSError, ValueError) as error:
                self.failure = getattr(error, "strerror", None) or "it is closed"
                self._stream = None

    def close(self) -> None:
        """Write nothing any longer, whatever threads of an interrupted apply still say."""
        with self._lock:
            self._stream = None


def _format_json(event: Mapping[str, Any]) -> str:
    return json.dumps(event, sort_keys=True)


class Events:
    """The events of one manifest's apply."""

    def __init__(self, log: EventLog, *, manifest: str) -> None:
        self._log = log
        self._is_over = False
        self._manifest = manifest
        self._started: dict[Address, tuple[Action, datetime]] = {}
        self._told: list[Outcome] = []

    def plan(self, plan: Plan) -> None:
        """Write what is planned. Call it before the apply."""
        for event in describe_plan(plan):
            self._write(event)

    def start(self, action: Action) -> None:
        """Write that an action begins."""
        self._started[action.address] = action, self._log.now()
        self._write(describe_start(action))

    def step(self, address: Address, what: str) -> None:
        """Write which step an action reached; a kept key, which never started, has none that matter."""
        if address in self._started:
            action, since = self._started[address]
            self._write(describe_step(action, what, self._elapsed(since)))

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """Write how an action ended. The end of one that broke is written with the report."""
        _, since = self._started.pop(address)
        if outcome:
            self._tell(outcome, since)

    def conclude(self, report: Report) -> None:
        """Write what became of actions whose end is not written yet, and of all together. Call it after the apply."""
        told = {id(outcome) for outcome in self._told}
        for outcome in report.outcomes:
            if id(outcome) not in told:
                self._tell(outcome, self._log.now())
        for event in describe_end(report):
            self._write(event)
        # After a second interrupt some threads go on; what they say comes too late for this report.
        self._is_over = True

    def fail(self, error: KeyplanError) -> None:
        """Write the error that ended the run. Call it instead of `conclude`."""
        self._write(describe_error(error))

    def _tell(self, outcome: Outcome, since: datetime) -> None:
        # Kept, so that no other outcome can have its id.
        self._told.append(outcome)
        for event in describe_outcome(outcome, self._elapsed(since)):
            self._write(event)

    def _elapsed(self, since: datetime) -> float:
        return max(0.0, round((self._log.now() - since).total_seconds(), 3))

    def _write(self, event: Mapping[str, Any]) -> None:
        if not self._is_over:
            self._log.write({**event, "manifest": self._manifest})


class EventFollower:
    """Implements `Follower` with the events of one manifest's apply, and passes progress on to another."""

    def __init__(self, log: EventLog, plan: Plan, other: Follower) -> None:
        self._events = Events(log, manifest=plan.manifest)
        self._other = other
        self._events.plan(plan)

    def begin(self, total: int) -> None:
        """Pass it on; the plan's events say how much there is to do."""
        self._other.begin(total)

    def start(self, action: Action) -> None:
        """Pass it on, and write the event."""
        self._other.start(action)
        self._events.start(action)

    def step(self, address: Address, what: str) -> None:
        """Pass it on, and write the event."""
        self._other.step(address, what)
        self._events.step(address, what)

    def finish(self, address: Address, outcome: Outcome | None) -> None:
        """Pass it on, and write the event."""
        self._other.finish(address, outcome)
        self._events.finish(address, outcome)

    def end(self, result: Report | KeyplanError) -> None:
        """Write the events that end an apply."""
        if isinstance(result, Report):
            self._events.conclude(result)
        else:
            self._events.fail(result)


class _Appended:
    """Implements `Stream` on a descriptor, without a buffer that could fail once more when it is closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str, /) -> None:
        """Write all of it. Raises OSError."""
        rest = hide(text).encode("ascii")
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def flush(self) -> None:
        """Do nothing: there is no buffer."""


class _Answers:
    """Implements `Stream` on stdout."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def write(self, text: str, /) -> None:
        """Write it as a piece of the answer; what goes wrong is kept in the screen's `failure`."""
        self._screen.answer(text)

    def flush(self) -> None:
        """Do nothing: an answer is flushed at once."""


@contextmanager
def open_events(session: Session, now: Callable[[], datetime], name: str) -> Iterator[EventLog]:
    """Yield a log that writes to the end of a file, or with ``-`` to stdout. Problems are reported on stderr.

    Raises InputError if the file cannot be opened.
    """
    with ExitStack() as stack:
        stream = _Answers(session.screen) if name == STDOUT else stack.enter_context(_appending(session.folder / name))
        log = EventLog(stream, now)
        stack.callback(log.close)
        yield log
        if log.failure:
            session.screen.say(f"warning: the events in {sanitize(name)} are not complete: {log.failure}")


@contextmanager
def _appending(path: Path) -> Iterator[_Appended]:
    descriptor = open_to_append(path)
    try:
        yield _Appended(descriptor)
    finally:
        os.close(descriptor)
