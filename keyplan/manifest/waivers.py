"""Read which findings of a drift somebody accepts, and until when.

In: the items of `waivers` that fit the schema. Out: `Waiver`s. Never: a clock, so one that ended long ago is no problem
here; a look at which keys there are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime

from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.tables import Row, Table
from keyplan.model.manifest import Waiver
from keyplan.model.times import parse_instant

_SUBJECTS = ("address", "key")
_FIELDS = frozenset({*_SUBJECTS, "causes", "owner", "reason", "until"})
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")


def read_waivers(rows: Row, refused: Mapping[str | int, Collection[str | int]], problems: Problems) -> Iterator[Waiver]:
    """Yield the sound waivers in file order; problems are added.

    `refused` names, by index, the fields that the schema refused or missed.
    """
    for index, (item, spot) in enumerate(zip(rows, rows.value_spots, strict=True)):
        if isinstance(item, Table):
            waiver = _read_waiver(item, spot, frozenset(map(str, refused.get(index, ()))), problems)
            if waiver:
                yield waiver


def _read_waiver(item: Table, spot: Spot, refused: frozenset[str], problems: Problems) -> Waiver | None:
    before = problems.additions
    _check_subject(item, spot, refused, problems)
    until = _read_end(item, problems) if "until" in item and "until" not in refused else None
    if refused or until is None or problems.additions != before:
        return None
    return Waiver(
        address=item.get("address"),
        key_id=item.get("key"),
        causes=tuple(dict.fromkeys(item.get("causes", ()))),
        owner=item["owner"],
        reason=item["reason"],
        until=until,
        place=problems.place_of(spot),
    )


def _check_subject(item: Table, spot: Spot, refused: frozenset[str], problems: Problems) -> None:
    given = [name for name in _SUBJECTS if name in item]
    if len(given) == len(_SUBJECTS):
        problems.add(item.key_spot("key"), "fields 'address' and 'key' exclude each other; keep one")
    elif not given and refused <= _FIELDS:  # a field of another name is told already, and may be meant for one of these
        problems.add(spot, "field 'address' or 'key' is missing", "missing")


def _read_end(item: Table, problems: Problems) -> datetime | None:
    try:
        return _parse_end(item["until"])
    except ValueError as error:
        problems.add(item.value_spot("until"), f"field 'until' {error}")
        return None


def _parse_end(text: str) -> datetime:
    """Return an instant, or the beginning of a day in UTC. Raises ValueError, whose text follows a field's name."""
    if ":" in text:
        return parse_instant(text)
    if not _DAY.match(text):
        raise ValueError("must be a day such as 2027-01-31, or a time with an offset")
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("is not a real day") from None
