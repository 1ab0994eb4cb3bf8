"""Times in every form that clients send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from keyplan.sandbox.formats import format_instant, parse_instant

NOON = datetime(2027, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("2027-01-02T12:00:00Z", id="zulu"),
        pytest.param("2027-01-02t12:00:00z", id="lower case, RFC 3339 5.6"),
        pytest.param("2027-01-02T12:00:00+00:00", id="what the SDK sends"),
        pytest.param("2027-01-02T13:30:00+01:30", id="offset"),
        pytest.param("2027-01-02T12:00:00", id="what the SDK sends for a naive time: UTC"),
        pytest.param("2027-01-02T12:00:00.000Z", id="milliseconds, the JavaScript client"),
        pytest.param("2027-01-02T12:00:00.000000000Z", id="nanoseconds"),
        pytest.param("2027-01-02 12:00:00Z", id="a space for the T"),
    ],
)
def test_every_form_of_an_instant_is_read(text: str) -> None:
    assert parse_instant(text) == NOON


@pytest.mark.parametrize("text", ["", "now", "2027-01-02", "20270102T120000Z", "2027-13-02T12:00:00Z", "1798891200"])
def test_other_texts_are_refused_as_instants(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_instant(text)


def test_an_instant_is_shown_in_whole_seconds() -> None:
    assert format_instant(NOON + timedelta(microseconds=999_999)) == "2027-01-02T12:00:00Z"
    assert format_instant(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00Z"
