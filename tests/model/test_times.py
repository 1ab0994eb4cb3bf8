"""Durations and instants are read as a manifest writes them, nothing is guessed, and what is written reads back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.times import (
    parse_day_or_instant,
    parse_duration,
    parse_instant,
    read_time,
    show_time,
    spell_distance,
    spell_duration,
    write_duration,
    write_second,
    write_time,
)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        pytest.param("0s", timedelta(0), id="nothing"),
        pytest.param("45s", timedelta(seconds=45), id="seconds"),
        pytest.param("30m", timedelta(minutes=30), id="minutes"),
        pytest.param("12h", timedelta(hours=12), id="hours"),
        pytest.param("90d", timedelta(days=90), id="days"),
        pytest.param("2w", timedelta(days=14), id="weeks"),
        pytest.param("36525d", timedelta(days=36525), id="a hundred years"),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    ["", "30", "d", "1.5h", "-1h", "+1h", "1h30m", "1 h", "1H", "1y", "01h", "1h\n", "٣h", "9999999s", "999999w"],
)
def test_nothing_else_is_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        parse_duration(text)


@given(st.integers(0, 99_999).map(lambda hours: timedelta(hours=hours)))
def test_a_duration_that_was_written_is_read_again(duration: timedelta) -> None:
    assert parse_duration(write_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2027-01-01T00:00:00Z", datetime(2027, 1, 1, tzinfo=UTC), id="Z"),
        pytest.param("2027-01-01t00:00:00z", datetime(2027, 1, 1, tzinfo=UTC), id="lower case, as RFC 3339 allows"),
        pytest.param("2027-01-01 00:00:00Z", datetime(2027, 1, 1, tzinfo=UTC), id="blank, as RFC 3339 allows"),
        pytest.param("2027-01-01T00:00:00+05:30", datetime(2026, 12, 31, 18, 30, tzinfo=UTC), id="odd offset"),
        pytest.param("2027-01-01T00:00:00-00:00", datetime(2027, 1, 1, tzinfo=UTC), id="unknown offset"),
        pytest.param("2027-01-01T00:00:00.123Z", datetime(2027, 1, 1, microsecond=123000, tzinfo=UTC), id="fraction"),
        pytest.param("2027-01-01T00:00:00.1234567Z", datetime(2027, 1, 1, microsecond=123456, tzinfo=UTC), id="long"),
    ],
)
def test_an_instant_is_turned_into_utc(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("tomorrow", "must be a time", id="word"),
        pytest.param("2027-01-01", "must be a time", id="date"),
        pytest.param("2027-01-01T00:00Z", "must be a time", id="no seconds"),
        pytest.param("20270101T000000Z", "must be a time", id="basic format"),
        pytest.param("2027-W01-1T00:00:00Z", "must be a time", id="week date"),
        pytest.param("2027-01-01T00:00:00Z\n", "must be a time", id="line break"),
        pytest.param("2027-01-01T00:00:00", "has no offset; add Z", id="naive"),
        pytest.param("2027-02-29T00:00:00Z", "is not a real time", id="no leap year"),
        pytest.param("2027-01-01T24:00:01Z", "is not a real time", id="hour 24"),
        pytest.param("2027-01-01T00:00:60Z", "is not a real time", id="leap second"),
        pytest.param("2027-01-01T00:00:00+99:00", "is not a real time", id="offset of four days"),
        pytest.param("0001-01-01T00:00:00+01:00", "is not a real time", id="before the calendar"),
        pytest.param("9999-12-31T23:59:59-01:00", "is not a real time", id="behind the calendar"),
    ],
)
def test_nothing_else_is_an_instant(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_instant(text)


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


@given(st.datetimes(timezones=st.just(UTC)))
def test_an_instant_that_was_written_is_read_again(instant: datetime) -> None:
    assert read_time(write_time(instant)) == instant


def test_people_read_instants_to_the_second() -> None:
    instant = datetime(2027, 1, 1, 2, 30, 7, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert show_time(instant) == "2027-01-01T00:30:07Z"
    assert write_second(instant) == "2027-01-01T02:30:07+02:00"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        pytest.param("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC), id="a day begins in UTC"),
        pytest.param("2027-01-31T12:00:00+02:00", datetime(2027, 1, 31, 10, tzinfo=UTC), id="an instant"),
    ],
)
def test_an_end_is_a_day_or_an_instant(text: str, instant: datetime) -> None:
    assert parse_day_or_instant(text) == instant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("tomorrow", "must be a day such as 2027-01-31", id="word"),
        pytest.param("2027-02-29", "is not a real day", id="no leap year"),
        pytest.param("2027-01-31T12:00:00", "has no offset", id="naive"),
    ],
)
def test_nothing_else_is_an_end(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_day_or_instant(text)


@pytest.mark.parametrize(
    ("duration", "spelled"),
    [
        (timedelta(days=90), "90 days"),
        (timedelta(hours=25), "25 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=45), "45 seconds"),
        (timedelta(0), "0 seconds"),
    ],
)
def test_a_duration_is_spelled_in_its_largest_unit(duration: timedelta, spelled: str) -> None:
    assert spell_duration(duration) == spelled


@pytest.mark.parametrize(
    ("distance", "spelled"),
    [
        (timedelta(days=3, hours=5), "in 3 days"),
        (timedelta(hours=47), "in 47 hours"),
        (timedelta(minutes=61), "in 61 minutes"),
        (timedelta(minutes=1), "in 1 minute"),
        (timedelta(seconds=59), "now"),
        (timedelta(0), "now"),
        (timedelta(hours=-5, minutes=-59), "5 hours ago"),
        (timedelta(days=-400), "400 days ago"),
    ],
)
def test_a_distance_says_no_more_than_it_is(distance: timedelta, spelled: str) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    assert spell_distance(now + distance, now) == spelled
