"""A clock that stands still until a test, or a sleeper, moves it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

START = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)


class SimulatedClock:
    """Implements Clock; sleeping takes no time and moves the clock."""

    def __init__(self, now: datetime = START) -> None:
        self.on_sleep: Callable[[], None] = lambda: None
        """What somebody else does while keyplan waits."""
        self._now = now
        self._lock = Lock()

    def now(self) -> datetime:
        """Return the simulated instant."""
        return self._now

    def sleep(self, duration: timedelta) -> None:
        """Move on at once."""
        self.on_sleep()
        self.advance(duration)

    def advance(self, duration: timedelta) -> None:
        """Let that much time pass."""
        with self._lock:
            self._now += max(duration, timedelta(0))
