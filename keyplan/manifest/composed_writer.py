"""Writes a composed manifest out: plain YAML that is read as the same manifest, with the place of each value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from keyplan.manifest.interpolation import FILLED
from keyplan.manifest.problems import Problems, Spot
from keyplan.manifest.scalars import write_scalar
from keyplan.manifest.sources import iter_texts
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.variables import find_variable

_WORDS = {"True": "true", "False": "false", "None": "null", "nan": ".nan", "inf": ".inf", "-inf": "-.inf"}
_HEAD = "# Composed of what the comments name; written by keyplan show --manifest."


def render_composed(root: Table, problems: Problems) -> str:
    """Return the manifest as YAML, each value in a line of its own, behind it a comment with its place."""
    literal = any(find_variable(text) for text, _ in iter_texts(root))
    # A literal `${` can be written only where it could mean a variable.
    head = [_HEAD, "vars: {}"] if literal else [_HEAD]
    written = _escape_root(root) if literal else root
    return "\n".join([*head, *_Writer(problems).write_table(written, "")]) + "\n"


def _escape_root(root: Table) -> Table:
    escaped = Table(root.spot)
    for name, value, *spots in root.rows():
        escaped.put(name, _escape(value) if name in (*FILLED, "defaults", "keys") else value, *spots)
    return escaped


def _escape(value: Any) -> Any:
    """Return a value in whose texts `${` is written as a literal one; what sinks get is left as it is."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Table):
        table = Table(value.spot)
        for name, inner, *spots in value.rows():
            table.put(name, inner if name == "sink" else _escape(inner), *spots)
        return table
    if isinstance(value, ItemList):
        items = ItemList(value.spot)
        items.extend(map(_escape, value))
        items.value_spots = value.value_spots
        return items
    return value


class _Writer:
    """Writes values in block style."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def write_table(self, table: Table, indent: str) -> Iterator[str]:
        """Yield the lines of a mapping that has fields."""
        for name, value, _, spot in table.rows():
            yield from self._write(f"{indent}{write_scalar(name)}:", value, spot, f"{indent}  ")

    def _write_list(self, items: ItemList, indent: str) -> Iterator[str]:
        for item, spot in zip(items, items.value_spots, strict=True):
            if isinstance(item, Table) and item:
                first, *others = self.write_table(item, f"{indent}  ")
                yield f"{indent}- {first.lstrip(' ')}"
                yield from others
            else:
                yield from self._write(f"{indent}-", item, spot, f"{indent}  ")

    def _write(self, head: str, value: Any, spot: Spot, indent: str) -> Iterator[str]:
        if isinstance(value, Table) and value:
            yield head
            yield from self.write_table(value, indent)
        elif isinstance(value, ItemList) and value:
            yield head
            yield from self._write_list(value, indent)
        else:
            yield f"{head} {_write_leaf(value)}  # {self._describe(spot)}"

    def _describe(self, spot: Spot) -> str:
        place = self._problems.place_of(spot)
        element = f", for_each element {_inert(place.element)}" if place.element else ""
        return f"{_inert(str(place))}{element}"


def _write_leaf(value: Any) -> str:
    """Return a text, number or the like, or an empty mapping or list, as it is read again."""
    if isinstance(value, str):
        return write_scalar(value)
    if isinstance(value, Table | ItemList):
        return "{}" if isinstance(value, Table) else "[]"
    return _WORDS.get(repr(value), repr(value))


def _inert(text: str) -> str:
    """Return a text on one line of visible ASCII, which cannot end a comment."""
    return text.encode("unicode_escape").decode()
