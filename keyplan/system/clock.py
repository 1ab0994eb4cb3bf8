"""The operating system's clock. All other code gets a `Clock` as a parameter, so that tests can replace it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has both; elsewhere the monotonic clock is the best there is."""


class SystemClock:
    """Implements `Clock` with the machine's own time."""

    def now(self) -> datetime:
        """Return the current instant, aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, duration: timedelta) -> None:
        """Wait that long; return at once if the duration is zero or negative."""
        time.sleep(max(0.0, duration.total_seconds()))

    def elapsed(self) -> timedelta:
        """Return the time since the machine started, suspensions included (clock_gettime(2), CLOCK_BOOTTIME)."""
        # Not CLOCK_MONOTONIC: it stands still while a laptop sleeps, and a lease does not.
        return timedelta(seconds=time.clock_gettime(_STEADY))
