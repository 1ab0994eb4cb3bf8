"""The operating system's clock. All other code gets a `Clock` as a parameter, so that tests can replace it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """Implements `Clock` with the machine's own time."""

    def now(self) -> datetime:
        """Return the current instant, aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, duration: timedelta) -> None:
        """Wait that long; return at once if the duration is zero or negative."""
        time.sleep(max(0.0, duration.total_seconds()))
