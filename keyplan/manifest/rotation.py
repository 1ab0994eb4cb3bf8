"""Read when a key expires and when it is renewed.

No clock is read: an expiry in the past is not a problem of the manifest; planning blocks it (docs/planning.md, row 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from keyplan.manifest.defaults import MergedFields
from keyplan.manifest.problems import Problems
from keyplan.model.manifest import Retire, Rotation, Strategy
from keyplan.model.times import parse_duration, parse_instant, write_duration

SHORTEST_CYCLE = timedelta(hours=1)
"""Least `rotation.every`: consumers do not read their sink more often than that."""

_DEFAULT = Rotation()
_ZERO = timedelta(0)
_MAY_BE_ZERO = ("overlap", "settle")


@dataclass(frozen=True, slots=True)
class Expiry:
    """When a key ends: at an instant, a while after it was issued, or never."""

    at: datetime | None = None
    after: timedelta | None = None


_NEVER = Expiry()

# Many declarations write the same few: 2 us each, and a datetime less to keep.
_parse_instant = lru_cache(maxsize=256)(parse_instant)
_parse_duration = lru_cache(maxsize=256)(parse_duration)


def read_expiry(fields: MergedFields, problems: Problems, *, most: timedelta | None = None) -> Expiry:
    """Return when a key ends; problems are added, one for a life that is longer than the account allows (`most`)."""
    values = fields.values
    has_end, has_life = "expires_at" in values, "expires_in" in values
    if not has_end and not has_life:
        return _NEVER
    if has_end and has_life:
        problems.add(fields.spot("expires_in"), "fields 'expires_at' and 'expires_in' exclude each other; keep one")
        return _NEVER
    at: datetime | None = None
    if has_end:
        try:
            at = _parse_instant(values["expires_at"])
        except ValueError as error:
            problems.add(fields.spot("expires_at"), f"field 'expires_at' {error}")
    life = _read_duration(fields, ("expires_in",), values, problems)
    if most is not None and life is not None and life > most:
        # docs/arize-api.md, A21: the provider would refuse the key at every apply.
        allowed = write_duration(most)
        problems.add(
            fields.spot("expires_in"),
            f"field 'expires_in' is longer than the account allows: {allowed} (provider: max_lifetime)",
            "max_lifetime",
        )
    return Expiry(at, life)


def read_rotation(fields: MergedFields, expiry: Expiry, problems: Problems) -> Rotation:
    """Return a key's rotation; problems are added."""
    given: Mapping[str, Any] | None = fields.values.get("rotation")
    if given is None:
        return _DEFAULT
    durations = {
        name: _read_duration(fields, ("rotation", name), given, problems)
        for name in ("every", "before_expiry", "overlap", "settle")
    }
    rotation = Rotation(
        every=durations["every"],
        before_expiry=durations["before_expiry"],
        overlap=durations["overlap"],
        strategy=Strategy(given.get("strategy", _DEFAULT.strategy.value)),
        # JSON Schema calls 2.0 an integer.
        generation=int(given.get("generation", _DEFAULT.generation)),
        retire=Retire(given.get("retire", _DEFAULT.retire.value)),
        settle=_DEFAULT.settle if durations["settle"] is None else durations["settle"],
    )
    _check_order(rotation, expiry, fields, problems)
    return rotation


def _check_order(rotation: Rotation, expiry: Expiry, fields: MergedFields, problems: Problems) -> None:
    every, before_expiry = rotation.every, rotation.before_expiry
    if every is not None and every < SHORTEST_CYCLE:
        problems.add(fields.spot("rotation", "every"), "field 'every' must be at least 1h")
    # Otherwise a third key would be made while two are alive, and more with every cycle.
    elif every is not None and rotation.overlap is not None and rotation.overlap >= every:
        problems.add(fields.spot("rotation", "overlap"), "field 'overlap' must be shorter than 'every'")
    # Otherwise each new key would fall due the moment it is made.
    if before_expiry is not None and expiry.after is not None and before_expiry >= expiry.after:
        problems.add(
            fields.spot("rotation", "before_expiry"), "field 'before_expiry' must be shorter than 'expires_in'"
        )


def _read_duration(
    fields: MergedFields, path: tuple[str, ...], given: Mapping[str, Any], problems: Problems
) -> timedelta | None:
    """Return the duration at a path of a declaration; None if it is not given or wrong."""
    name = path[-1]
    if name not in given:
        return None
    try:
        duration = _parse_duration(given[name])
    except ValueError as error:
        problems.add(fields.spot(*path), f"field '{name}' {error}")
        return None
    if duration == _ZERO and name not in _MAY_BE_ZERO:
        problems.add(fields.spot(*path), f"field '{name}' must be longer than nothing")
        return None
    return duration
