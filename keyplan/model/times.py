"""Instants and durations as text: how manifests, receipts, documents and messages write and read them.

Every instant is RFC 3339. Nothing here reads a clock or a local time zone, or guesses an offset that is missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

LONGEST_DURATION = timedelta(days=36_525)
"""A hundred years: a longer one would take an expiry beyond the last year that `datetime` knows."""

# One table for both directions. Weeks are read and never written: "90d" and "84d" compare at a glance.
_UNITS = MappingProxyType(
    {
        "w": timedelta(weeks=1),
        "d": timedelta(days=1),
        "h": timedelta(hours=1),
        "m": timedelta(minutes=1),
        "s": timedelta(seconds=1),
    }
)
_WRITTEN_UNITS = ("d", "h", "m")
_UNIT_WORDS = MappingProxyType({"d": "day", "h": "hour", "m": "minute", "s": "second"})
_DURATION = re.compile(r"(0|[1-9][0-9]{0,5})([smhdw])\Z")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?\Z"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


# What programs write and read again: receipts, intents, ledgers, published documents.


def write_time(instant: datetime) -> str:
    """Return an aware UTC instant in full, ``2026-11-23T07:31:00.123456+00:00``: reading it gives the same instant."""
    return instant.isoformat()


read_time: Callable[[str], datetime] = datetime.fromisoformat
"""Return the aware instant that `write_time` wrote. Raises ValueError on other text."""
# Not a function of ours: a ledger reads several instants for each key, and the C function is called directly.


# What people read, in plans and messages.


def write_second(instant: datetime) -> str:
    """Return an instant to the second with its offset: ``2027-01-01T00:00:00+00:00``."""
    return instant.isoformat(timespec="seconds")


def show_time(instant: datetime) -> str:
    """Return an instant in UTC to the second, in the shortest form of RFC 3339: ``2027-01-01T00:00:00Z``."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def write_duration(duration: timedelta) -> str:
    """Return ``90d``, ``24h``, ``30m`` or ``45s``: the largest unit that divides it, from days down."""
    for unit in _WRITTEN_UNITS:
        length = _UNITS[unit]
        if duration >= length and not duration % length:
            return f"{duration // length}{unit}"
    return f"{int(duration.total_seconds())}s"


def spell_duration(duration: timedelta) -> str:
    """Return ``90 days``, ``24 hours``, ``1 minute`` or ``45 seconds``: the unit that `write_duration` chooses."""
    short = write_duration(duration)
    number, unit = int(short[:-1]), _UNIT_WORDS[short[-1]]
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def spell_distance(instant: datetime, now: datetime) -> str:
    """Return how far an instant is from now: ``in 3 days``, ``5 hours ago``, ``now``; never more than it is."""
    distance = abs(instant - now)
    for unit in (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)):
        # Two of a unit at least: "in 47 hours" says more than "in 1 day".
        if distance >= (2 * unit if unit > timedelta(minutes=1) else unit):
            spelled = spell_duration(distance // unit * unit)
            return f"in {spelled}" if instant > now else f"{spelled} ago"
    return "now"


# What users write in manifests and policies.


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
        # An instant without offset would expire hours apart on two machines.
        raise ValueError("has no offset; add Z for UTC, or one such as +02:00")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a real time; check day and hour") from None


def parse_day_or_instant(text: str) -> datetime:
    """Return an instant, or the beginning of a day in UTC. Raises ValueError, whose text follows a field's name."""
    if ":" in text:
        return parse_instant(text)
    if not _DAY.match(text):
        raise ValueError("must be a day such as 2027-01-31, or a time with an offset")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("is not a real day") from None
