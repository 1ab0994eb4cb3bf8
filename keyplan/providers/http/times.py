"""The forms in which servers take and show instants: RFC 3339, unix seconds, seconds from now, text of a duration."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Final, assert_never

from keyplan.model.manifest import Json
from keyplan.model.times import write_duration

EPOCH: Final = datetime.fromtimestamp(0, UTC)
_SECOND: Final = timedelta(seconds=1)
_UNITS: Final[Mapping[str, timedelta]] = {
    "s": _SECOND,
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DURATION: Final = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[smhdw])")


class TimeForm(Enum):
    """How an instant is written."""

    RFC_3339 = "rfc3339"
    """A text such as ``2027-01-01T00:00:00Z``; without offset it is read as UTC."""
    UNIX = "unix"
    """Seconds since 1970."""
    SECONDS = "seconds"
    """Seconds from now, a whole number."""
    DURATION = "duration"
    """A text such as ``30d`` or ``24h``: from now where it is sent, from the creation of the key where it is read."""


class SpanForm(Enum):
    """How a span of time is written."""

    SECONDS = "seconds"
    MINUTES = "minutes"
    DURATION = "duration"


def write_instant(instant: datetime, form: TimeForm, now: datetime) -> Json:
    """Return an instant in a form; seconds are rounded up, so that no key ends earlier than it was asked for."""
    match form:
        case TimeForm.RFC_3339:
            return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case TimeForm.UNIX:
            return math.ceil(instant.timestamp())
        case TimeForm.SECONDS:
            return _count(instant - now, _SECOND)
        case TimeForm.DURATION:
            return write_duration(_count(instant - now, _SECOND) * _SECOND)
        case _:
            assert_never(form)


def write_span(span: timedelta, form: SpanForm) -> Json:
    """Return a span of time in a form, rounded up."""
    match form:
        case SpanForm.SECONDS:
            return _count(span, _SECOND)
        case SpanForm.MINUTES:
            return _count(span, _UNITS["m"])
        case SpanForm.DURATION:
            return write_duration(_count(span, _SECOND) * _SECOND)
        case _:
            assert_never(form)


def read_instant(value: object, form: TimeForm, *, now: datetime, created: datetime | None = None) -> datetime:
    """Return the instant that a server writes in a form, aware, UTC.

    `created` is when the key was created, from which a duration counts; None for now.

    Raises:
        ValueError: The value has another form.
    """
    try:
        match form:
            case TimeForm.RFC_3339:
                return _read_text(value)
            case TimeForm.UNIX:
                return datetime.fromtimestamp(_read_number(value), UTC)
            case TimeForm.SECONDS:
                return now + _read_number(value) * _SECOND
            case TimeForm.DURATION:
                return (created or now) + _read_duration(value)
            case _:
                assert_never(form)
    except (OverflowError, OSError) as error:
        raise ValueError("beyond the years 1 to 9999") from error


def _read_text(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - it is the server's value that is wrong, not a type of ours
    instant = datetime.fromisoformat(value.upper())
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _read_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")  # noqa: TRY004 - as above
    return value


def _read_duration(value: object) -> timedelta:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a duration")
    return int(found["number"]) * _UNITS[found["unit"]]


def _count(span: timedelta, unit: timedelta) -> int:
    return max(0, math.ceil(span / unit))
