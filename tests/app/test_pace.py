"""When a watch does what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from samples import NOW

from keyplan.app.pace import delay_after_failure, delay_round, poll_lease
from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.identity import Address
from keyplan.model.plan import Guard

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def calendar(*events: Event) -> Calendar:
    return Calendar(
        owner="", manifest="", provider="", dialect="", since=NOW, until=NOW + timedelta(days=31), events=events
    )


def event(seconds: int, guard: Guard | None = None) -> Event:
    return Event(at=NOW + seconds * SECOND, happening=Happening.ROTATES, address=Address("user/ci"), guard=guard)


@pytest.mark.parametrize(
    ("events", "chance", "seconds"),
    [
        pytest.param([], 0.0, 270, id="a tenth earlier"),
        pytest.param([], 1.0, 330, id="a tenth later"),
        pytest.param([event(90)], 0.5, 90.05, id="right after a deadline"),
        pytest.param([event(1)], 0.5, 5, id="a deadline in a moment"),
        pytest.param([event(900)], 0.5, 300, id="a deadline that is far away"),
        pytest.param([event(0), event(-5)], 0.5, 300, id="what is due already was dealt with"),
        pytest.param([event(90, Guard.PROTECT)], 0.5, 300, id="what a guard holds back is not worth a look"),
    ],
)
def test_the_next_round(events: list[Event], chance: float, seconds: float) -> None:
    delay = delay_round(5 * MINUTE, calendar(*events), now=NOW, jitter=lambda limit: limit * chance)
    assert delay == seconds * SECOND


@pytest.mark.parametrize(
    ("failures", "every", "is_apply", "seconds"),
    [
        pytest.param(1, MINUTE, False, 5, id="soon at first"),
        pytest.param(3, MINUTE, False, 20, id="then doubled"),
        pytest.param(10, MINUTE, False, 60, id="never less often than it plans"),
        pytest.param(10**6, 24 * 60 * MINUTE, False, 900, id="never later than in a quarter of an hour"),
        pytest.param(1, 5 * MINUTE, True, 60, id="an apply has five attempts for each key"),
        pytest.param(5, 5 * SECOND, True, 60, id="so it is never tried again at once"),
    ],
)
def test_after_a_failure(*, failures: int, every: timedelta, is_apply: bool, seconds: int) -> None:
    def delay(chance: float) -> timedelta:
        return delay_after_failure(failures, every, is_apply=is_apply, jitter=lambda limit: limit * chance)

    assert (delay(0), delay(1)) == (seconds / 2 * SECOND, seconds * SECOND)


@pytest.mark.parametrize("lease", [5, 60, 600])
def test_a_lease_that_is_over_is_noticed_within_another(lease: int) -> None:
    assert poll_lease(lease * SECOND) <= lease * SECOND / 4
