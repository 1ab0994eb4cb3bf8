"""The forms in which servers take and show instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.manifest import Json
from keyplan.providers.http.times import SpanForm, TimeForm, read_instant, write_instant, write_span

NOW = datetime(2026, 11, 29, 8, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=30)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        (TimeForm.RFC_3339, "2026-12-29T08:00:00Z"),
        (TimeForm.UNIX, 1798531200),
        (TimeForm.SECONDS, 2_592_000),
        (TimeForm.DURATION, "30d"),
    ],
)
def test_an_instant_in_each_form(form: TimeForm, written: Json) -> None:
    assert write_instant(LATER, form, NOW) == written
    assert read_instant(written, form, now=NOW) == LATER


@given(st.sampled_from(TimeForm), st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=10_000)))
def test_an_instant_is_read_back_at_most_a_second_later(form: TimeForm, life: timedelta) -> None:
    read = read_instant(write_instant(NOW + life, form, NOW), form, now=NOW)
    assert timedelta(0) <= read - (NOW + life) < timedelta(seconds=1)


def test_a_duration_is_read_from_the_creation_of_the_key() -> None:
    created = NOW - timedelta(days=10)
    assert read_instant("30d", TimeForm.DURATION, now=NOW, created=created) == created + timedelta(days=30)


def test_an_instant_without_offset_is_utc_and_one_with_offset_becomes_utc() -> None:
    assert read_instant("2026-11-29T08:00:00.0", TimeForm.RFC_3339, now=NOW) == NOW
    assert read_instant("2026-11-29T09:00:00+01:00", TimeForm.RFC_3339, now=NOW) == NOW
    assert read_instant("2026-11-29t08:00:00z", TimeForm.RFC_3339, now=NOW) == NOW


def test_no_expiry_lies_in_the_past_of_a_server_that_counts_from_now() -> None:
    assert write_instant(NOW - timedelta(days=1), TimeForm.SECONDS, NOW) == 0


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (TimeForm.RFC_3339, 1798531200),
        (TimeForm.RFC_3339, "soon"),
        (TimeForm.UNIX, "2026-11-29T08:00:00Z"),
        (TimeForm.UNIX, True),
        (TimeForm.UNIX, 10**30),
        (TimeForm.SECONDS, "60"),
        (TimeForm.DURATION, "1y"),
        (TimeForm.DURATION, 60),
        (TimeForm.DURATION, "999999999w"),
    ],
)
def test_another_form_is_refused(form: TimeForm, value: object) -> None:
    with pytest.raises(ValueError, match=r"not|beyond|Invalid"):
        read_instant(value, form, now=NOW)


@pytest.mark.parametrize(
    ("form", "span", "written"),
    [
        (SpanForm.SECONDS, timedelta(minutes=1.5), 90),
        (SpanForm.MINUTES, timedelta(minutes=1.5), 2),
        (SpanForm.DURATION, timedelta(hours=24), "1d"),
        (SpanForm.DURATION, timedelta(0), "0s"),
    ],
)
def test_a_span_in_each_form_is_rounded_up(form: SpanForm, span: timedelta, written: Json) -> None:
    assert write_span(span, form) == written
