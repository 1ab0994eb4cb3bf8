"""The sandbox's own clock, which can be moved, so that a year of rotations can be rehearsed in a minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def real_now() -> datetime:
    """Return the machine's current instant, aware, UTC."""
    return datetime.now(UTC)


def later(instant: datetime, duration: timedelta) -> datetime:
    """Return the instant that much later, or the end of the calendar if that is nearer."""
    try:
        return instant + duration
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


class SandboxClock:
    """Real time plus an offset that `advance` changes; all expiries are compared with it."""

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

        Raises:
            OverflowError: The result is outside the calendar; the clock is then not moved.
        """
        # Computed first, so that a clock that cannot be read is never stored.
        moved = self._offset + duration
        _ = self._source() + moved
        self._offset = moved
