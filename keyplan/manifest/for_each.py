"""Make the declarations that one with `for_each` stands for: one for each element of a list or a map."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keyplan.manifest.interpolation import Filler
from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.schema import Checker, report_findings
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.variables import Element
from keyplan.model.quotes import quote

FIELD = "for_each"


def repeats(item: Any) -> bool:
    """Whether a declaration stands for several."""
    return isinstance(item, Table) and FIELD in item


def expand(rows: ItemList, filler: Filler, checker: Checker) -> ItemList:
    """Return all declarations, each with the values of variables and of its element."""
    made = ItemList(rows.spot)
    for item, spot in zip(rows, rows.value_spots, strict=True):
        for declared, declared_spot in _make(item, spot, filler, checker):
            made.append(declared)
            made.value_spots.append(declared_spot)
    return made


def _make(item: Any, spot: Spot, filler: Filler, checker: Checker) -> Iterator[tuple[Any, Spot]]:
    if not isinstance(item, Table):
        yield filler.keep(item, spot), spot
        return
    if FIELD not in item:
        yield filler.fill_declaration(item), spot
        return
    for element in _list_elements(filler.fill(item[FIELD], item.value_spot(FIELD)), item, checker, filler.problems):
        one = filler.for_element(element, filler.problems.add_element(spot, element.name))
        yield one.fill_declaration(item), one.move(spot)


def _list_elements(value: Any, item: Table, checker: Checker, problems: Problems) -> Iterator[Element]:
    """Yield the elements; none, and problems, if they have not the form of elements."""
    field = Table(item.spot)
    field.put(FIELD, value, item.key_spot(FIELD), item.value_spot(FIELD))
    if report_findings(checker, field, subject="a declaration", spot=item.spot, problems=problems):
        return
    if isinstance(value, Table):
        yield from map(_read_entry, value, value.values())
        return
    seen: set[str] = set()
    for text, text_spot in zip(value, value.value_spots, strict=True):
        if text in seen:
            problems.add(text_spot, f"element {quote(text)} is given twice", "duplicate")
        else:
            seen.add(text)
            yield Element(text, {"each": text})


def _read_entry(key: str, value: Any) -> Element:
    if isinstance(value, str):
        return Element(key, {"each.key": key, "each.value": value})
    return Element(key, {"each.key": key, **{f"each.value.{name}": text for name, text in value.items()}})
