"""The clock that can be moved, and the end of the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keyplan.sandbox.clock import SandboxClock, later

NOON = datetime(2027, 1, 2, 12, 0, 0, tzinfo=UTC)


def test_the_end_of_the_calendar_is_the_latest_instant() -> None:
    assert later(NOON, timedelta(days=1)) == NOON + timedelta(days=1)
    assert later(NOON, timedelta.max) == datetime.max.replace(tzinfo=UTC)


def test_the_clock_moves_both_ways() -> None:
    clock = SandboxClock(lambda: NOON)
    clock.advance(timedelta(hours=2))
    clock.advance(timedelta(hours=-1))
    assert (clock.now(), clock.offset) == (NOON + timedelta(hours=1), timedelta(hours=1))


def test_a_clock_that_would_leave_the_calendar_stays() -> None:
    clock = SandboxClock(lambda: NOON)
    with pytest.raises(OverflowError):
        clock.advance(timedelta(days=-999_999))
    assert clock.now() == NOON
