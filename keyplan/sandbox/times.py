"""Instants on the wire, and the sandbox's own clock, which can be moved.

In: RFC 3339 text, and a source of real time. Out: aware UTC datetimes. Never: a judgement about keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def real_now() -> datetime:
    """Return the machine's current instant, aware, UTC."""
    return datetime.now(UTC)


def parse_instant(text: str) -> datetime:
    """Return the instant an RFC 3339 date-time names, in UTC; one without offset is read as UTC.

    The official SDK sends naive datetimes without an offset (docs/arize-api.md, A6), so they are accepted.
    Raises ValueError where the text is nothing of the kind or leads outside the calendar.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 date-time")
    parsed = datetime.fromisoformat(text.upper())
    try:
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the calendar") from None


def format_instant(instant: datetime) -> str:
    """Return RFC 3339 text in whole seconds with `Z`, the form of the vendor's examples; fractions are cut off."""
    return instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def later(instant: datetime, duration: timedelta) -> datetime:
    """Return the instant that much later, or the end of the calendar where that is nearer."""
    try:
        return instant + duration
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


class SandboxClock:
    """Real time plus an offset that `advance` changes; everything about keys is judged by it."""

    def __init__(self, source: Callable[[], datetime] = real_now, *, offset: timedelta = timedelta(0)) -> None:
        self._source = source
        self._offset = offset

    @property
    def offset(self) -> timedelta:
        """How far the clock is ahead of real time."""
        return self._offset

    def now(self) -> datetime:
        """Return the sandbox's current instant, aware, UTC."""
        return self._source() + self._offset

    def advance(self, duration: timedelta) -> None:
        """Move the clock forward, or back by a negative duration.

        Raises OverflowError where that leads outside the calendar; the clock then stays where it is.
        """
        moved = self._offset + duration
        _ = self._source() + moved
        self._offset = moved
