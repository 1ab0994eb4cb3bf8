"""Time and waiting as the operating system has them: the only clock that is not a test's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta


class SystemClock:
    """The `Clock` port on the machine's own clock."""

    def now(self) -> datetime:
        """Return the current instant, aware, UTC."""
        return datetime.now(UTC)

    def sleep(self, duration: timedelta) -> None:
        """Wait that long; a duration of zero or less is over at once."""
        time.sleep(max(0.0, duration.total_seconds()))
