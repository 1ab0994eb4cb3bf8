"""Durations and instants as a manifest writes them.

In: text. Out: timedelta, or an aware datetime in UTC. Never: a clock, a local time zone, a guess at a missing offset.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

LONGEST_DURATION = timedelta(days=36_525)
"""A hundred years: with more, an expiry would leave the calendar."""

_DURATION = re.compile(r"(0|[1-9][0-9]{0,5})([smhdw])\Z")
_UNITS = MappingProxyType(
    {
        "s": timedelta(seconds=1),
        "m": timedelta(minutes=1),
        "h": timedelta(hours=1),
        "d": timedelta(days=1),
        "w": timedelta(weeks=1),
    }
)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)


def parse_duration(text: str) -> timedelta:
    """Return ``45s``, ``30m``, ``12h``, ``90d`` or ``2w`` as a duration.

    Raises ValueError, whose text follows the name of a field.
    """
    found = _DURATION.match(text)
    if found is None:
        raise ValueError("must be a duration such as 45s, 30m, 12h, 90d or 2w")
    duration = int(found[1]) * _UNITS[found[2]]
    if duration > LONGEST_DURATION:
        raise ValueError("must be at most 100 years (36525d)")
    return duration


def parse_instant(text: str) -> datetime:
    """Return an RFC 3339 time with an offset as an instant in UTC.

    Raises ValueError, whose text follows the name of a field.
    """
    found = _INSTANT.match(text)
    if found is None:
        raise ValueError("must be a time with an offset, such as 2027-01-01T00:00:00Z")
    if found["offset"] is None:
        raise ValueError("has no offset; add Z for UTC, or one such as +02:00")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a real time; check day and hour") from None


_UNITS_durations = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def write_duration(duration: timedelta) -> str:
    """Return ``90d``, ``24h``, ``30m`` or ``45s``: the largest unit that divides it, from days down."""
    for unit, length in _UNITS_durations:
        if duration >= length and not duration % length:
            return f"{duration // length}{unit}"
    return f"{int(duration.total_seconds())}s"
