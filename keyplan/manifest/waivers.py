"""Read the waivers of a manifest: which findings of drift are accepted, by whom, and until when.

No clock is read, so a waiver that ended long ago is not a problem here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.tables import ItemList, Table
from keyplan.model.manifest import Waiver
from keyplan.model.times import parse_day_or_instant

_SUBJECTS = ("address", "key")
_FIELDS = frozenset({*_SUBJECTS, "causes", "owner", "reason", "until"})


def read_waivers(
    rows: ItemList, refused: Mapping[str | int, Collection[str | int]], problems: Problems
) -> Iterator[Waiver]:
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
    # An unsound waiver accepts nothing: it must not hide a finding.
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
    elif (
        not given and refused <= _FIELDS
    ):  # a field of another name is reported already, and may be meant for one of these
        problems.add(spot, "field 'address' or 'key' is missing", "missing")


def _read_end(item: Table, problems: Problems) -> datetime | None:
    try:
        return parse_day_or_instant(item["until"])
    except ValueError as error:
        problems.add(item.value_spot("until"), f"field 'until' {error}")
        return None
