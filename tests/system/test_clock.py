"""The machine's clock."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from keyplan.system.clock import SystemClock


def test_now_is_aware_and_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_time_does_not_go_back_over_a_sleep() -> None:
    clock = SystemClock()
    before = clock.now()
    clock.sleep(timedelta(milliseconds=1))
    assert clock.now() >= before


@pytest.mark.parametrize("duration", [timedelta(0), timedelta(seconds=-5)], ids=["zero", "negative"])
def test_nothing_to_wait_is_no_error(duration: timedelta) -> None:
    SystemClock().sleep(duration)


def test_elapsed_time_counts_on() -> None:
    clock = SystemClock()
    before = clock.elapsed()
    clock.sleep(timedelta(milliseconds=1))
    assert clock.elapsed() - before >= timedelta(milliseconds=1)
