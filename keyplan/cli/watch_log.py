"""The log of a service on stderr: a line for each event, as JSON for a log collector or as text for users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from keyplan.app.progress import Follow, Silence
from keyplan.cli.events import EventFollower, EventLog
from keyplan.cli.screen import Screen
from keyplan.errors import KeyplanError
from keyplan.model.plan import FreshPlan
from keyplan.model.watch import WatchEvent
from keyplan.renderers.machine.events import describe_error, make_event
from keyplan.renderers.machine.watch import describe_watch
from keyplan.renderers.sanitize import sanitize

LOG_FORMATS = ("json", "text")


class _Talk:
    """Implements `Stream` on stderr."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def write(self, text: str, /) -> None:
        """Write a line."""
        self._screen.say(text)

    def flush(self) -> None:
        """Do nothing: each line is flushed at once."""


class WatchLog:
    """What a watch logs: its own events, those of its applies, and what adapters say. Safe for threads."""

    def __init__(self, screen: Screen, now: Callable[[], datetime], *, as_format: str) -> None:
        write = _write_line if as_format == "text" else None
        self._log = EventLog(_Talk(screen), now, format_event=write)

    def tell(self, event: WatchEvent) -> None:
        """Log what happened."""
        self._log.write(describe_watch(event))

    def say(self, text: str) -> None:
        """Log a line that an adapter or a use case says."""
        self._log.write(make_event("log", " ".join(text.split())))

    def report_error(self, error: KeyplanError) -> None:
        """Log an error that ends nothing."""
        self._log.write(describe_error(error))

    @contextmanager
    def follow(self) -> Iterator[Follow]:
        """Yield what logs the events of an apply."""

        def follow(plan: FreshPlan) -> EventFollower:
            return EventFollower(self._log, plan, Silence())

        yield follow


def _write_line(event: Mapping[str, Any]) -> str:
    """Return an event as a line of text."""
    level = "" if event["@level"] == "info" else f" {event['@level']}:"
    about = f" {sanitize(event['manifest'])}:" if event.get("manifest") else ""
    advice = event.get("watch", {}).get("advice") or event.get("diagnostic", {}).get("detail") or ""
    return f"{event['@timestamp']}{level}{about} {event['@message']}" + (f" ({sanitize(advice)})" if advice else "")
