"""Durations as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keyplan.model.times import write_duration


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=45), "45s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=1), "1m"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=1), "1h"),
        (timedelta(hours=36), "36h"),
        (timedelta(days=1), "1d"),
        (timedelta(days=90), "90d"),
        (timedelta(days=1, seconds=1), "86401s"),
        (timedelta(seconds=1, microseconds=5), "1s"),
    ],
)
def test_a_duration_has_the_largest_unit_that_divides_it(duration: timedelta, text: str) -> None:
    assert write_duration(duration) == text
