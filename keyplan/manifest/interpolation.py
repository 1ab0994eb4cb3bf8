"""Put the values of variables into the texts of a manifest.

Where it says what keyplan contacts, presents or runs, or where a secret stands, nothing is put in: a variable there is
a problem.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from keyplan.errors import InputError
from keyplan.manifest.problems import Problems, Spot, move_spot
from keyplan.manifest.sources import iter_texts
from keyplan.manifest.tables import ItemList, Table
from keyplan.manifest.variables import Element, Unknown, Variables, find_variable
from keyplan.model.policy import OptionAccess
from keyplan.model.quotes import quote
from keyplan.model.secret_shapes import looks_secret

FILLED = ("owner", "removed", "waivers")
"""Fields of a manifest whose texts may hold variables, beside `defaults`, `keys` and some options of sinks."""
MOST_VALUES = 1_000_000
MOST_CHARACTERS = 64 * 1024 * 1024
"""What variables and elements may make, all together: as many values as aliases, as many characters as a file."""

_EXPRESSION = re.compile(r"\$\$\{|\$\{(?P<expression>[^{}]*)(?P<end>\}?)")
_OPEN = frozenset({OptionAccess.PLACE.value, OptionAccess.NONE.value})
"""Options that say which secret or repository is meant, or nothing of the world outside."""
_SECRET = "what this makes looks like a secret, and a manifest never holds one"  # noqa: S105 - a message

SinkSchema = Callable[[str], Mapping[str, Any]]


@dataclass(slots=True)
class Budget:
    """What may still be made."""

    problems: Problems
    values: int = field(default_factory=lambda: MOST_VALUES)
    characters: int = field(default_factory=lambda: MOST_CHARACTERS)

    def take(self, spot: Spot, *, values: int = 0, characters: int = 0) -> None:
        """Count what is made. Raises ManifestError if it is too much."""
        self.values -= values
        self.characters -= characters
        if self.values < 0:
            self.problems.fail(spot, f"'for_each' and variables make more than {MOST_VALUES:,} values")
        if self.characters < 0:
            self.problems.fail(spot, f"'for_each' and variables make more than {MOST_CHARACTERS:,} characters")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """Makes copies of values in which the expressions are replaced by what they stand for."""

    variables: Variables
    sink_types: Mapping[str, str]
    """The type of each sink by its name."""
    find_schema: SinkSchema
    """Returns the schema of a sink type's options; raises InputError if the type is unknown."""
    problems: Problems
    budget: Budget
    element: Element | None = None
    source: Spot | None = None
    """The source of the element, which all spots are moved to."""

    def for_element(self, element: Element, source: Spot) -> Filler:
        """Return what fills in an element's values too."""
        return replace(self, element=element, source=source)

    def fill_declaration(self, table: Table) -> Table:
        """Return a declaration, or the defaults, without `for_each`."""
        filled = Table(self.move(table.spot))
        for name, value, key_spot, value_spot in self._rows(table):
            if name == "sink":
                filled.put(name, self._fill_deliveries(value, value_spot), key_spot, value_spot)
            elif name != "for_each":
                filled.put(name, self.fill(value, value_spot), key_spot, value_spot)
        return filled

    def fill_sinks(self, sinks: Table) -> Table:
        """Return the sinks; their names and types hold no variable."""
        filled = Table(sinks.spot)
        for name, sink, key_spot, value_spot in self._rows(sinks):
            is_table = isinstance(sink, Table) and isinstance(sink.get("type"), str)
            made = self._fill_options(sink, sink["type"], "type") if is_table else self.keep(sink, value_spot)
            filled.put(name, made, key_spot, value_spot)
        return filled

    def fill(self, value: Any, spot: Spot) -> Any:
        """Return a value with every expression in its texts replaced."""
        return self._copy(value, spot, self._fill_text)

    def keep(self, value: Any, spot: Spot, *, what: str = "this field") -> Any:
        """Return a value as it is; each expression in it is a problem."""

        def refuse(text: str, text_spot: Spot) -> str:
            if find_variable(text):
                self.problems.add(
                    self.move(text_spot),
                    f"{what} cannot hold a variable; write it as it is, or in an overlay",
                    "variable",
                )
            return text

        return self._copy(value, spot, refuse)

    def _copy(self, value: Any, spot: Spot, take: Callable[[str, Spot], str]) -> Any:
        if isinstance(value, str):
            return take(value, spot) if "${" in value else value
        if isinstance(value, Table):
            table = Table(self.move(value.spot))
            for name, inner, key_spot, value_spot in self._rows(value):
                table.put(name, self._copy(inner, value_spot, take), key_spot, value_spot)
            return table
        if isinstance(value, ItemList):
            items = ItemList(self.move(value.spot))
            for item, item_spot in zip(value, value.value_spots, strict=True):
                self._count(item_spot, 1)
                items.append(self._copy(item, item_spot, take))
                items.value_spots.append(self.move(item_spot))
            return items
        return value

    def _rows(self, table: Table) -> Iterator[tuple[str, Any, Spot, Spot]]:
        self._count(table.spot, len(table))
        for (name, value), key_spot, value_spot in zip(table.items(), table.key_spots, table.value_spots, strict=True):
            if "${" in name and find_variable(name):
                self.problems.add(self.move(key_spot), "the name of a field cannot hold a variable", "variable")
            yield name, value, self.move(key_spot), self.move(value_spot)

    def _count(self, spot: Spot, values: int) -> None:
        # What is filled in once is as large as the text, whose aliases are counted already.
        if self.element is not None:
            self.budget.take(spot, values=values)

    def _fill_deliveries(self, value: Any, spot: Spot) -> Any:
        if isinstance(value, Table):
            field_name = "sink" if "sink" in value else "name"
            sink = self.fill(value.get(field_name), spot)
            kind = self.sink_types.get(sink) if isinstance(sink, str) else None
            # Of an unknown sink nothing is opened: it is a problem of its own.
            return self._fill_options(value, kind, field_name, is_named=True) if kind else self.fill(value, spot)
        if isinstance(value, ItemList):
            items = ItemList(self.move(value.spot))
            for item, item_spot in zip(value, value.value_spots, strict=True):
                self._count(item_spot, 1)
                items.append(self._fill_deliveries(item, item_spot))
                items.value_spots.append(self.move(item_spot))
            return items
        return self.fill(value, spot)

    def _fill_options(self, table: Table, kind: str, own_field: str, *, is_named: bool = False) -> Table:
        """Return options of a sink type, with the field beside them that names sink or type."""
        schema = self._load_schema(kind)
        filled = Table(self.move(table.spot))
        for name, value, key_spot, value_spot in self._rows(table):
            if (is_named and name == own_field) or (name != own_field and _is_open(name, schema)):
                made = self.fill(value, value_spot)
            else:
                what = f"option {quote(name)} of a sink of type {quote(kind)}" if name != own_field else "a sink's type"
                made = self.keep(value, value_spot, what=what)
            filled.put(name, made, key_spot, value_spot)
        return filled

    def _load_schema(self, kind: str) -> Mapping[str, Any]:
        try:
            return self.find_schema(kind)
        except InputError:  # reported where its options are read
            return {}

    def _fill_text(self, text: str, spot: Spot) -> str:
        moved = self.move(spot)

        def evaluate(found: re.Match[str]) -> str:
            if found["expression"] is None:
                return "${"
            if not found["end"]:
                self.problems.add(
                    moved, f"{quote(found[0])} is not closed; a literal '${{' is written '$${{'", "variable"
                )
                return found[0]
            value = self.variables.find(found["expression"], self.element)
            if isinstance(value, Unknown):
                self.problems.add(moved, value.message, "variable")
                return found[0]
            self.budget.take(spot, characters=len(value))
            return value

        filled = _EXPRESSION.sub(evaluate, text)
        self.budget.take(spot, characters=len(text))
        # Halves of a secret may come together here that no search of the text found.
        if looks_secret(filled):
            self.problems.add_secret(moved, _SECRET)
        return filled

    def move(self, spot: Spot) -> Spot:
        """Return a spot in the source of the element."""
        return spot if self.source is None else move_spot(spot, self.source)


def _is_open(name: str, schema: Mapping[str, Any]) -> bool:
    """Whether an option may hold a variable: only one that says what it names, and that this is a place."""
    option = schema.get("properties", {}).get(name, {})
    if "enum" in option:
        return True
    said = option.get("x-access", ())
    words = {said} if isinstance(said, str) else set(said)
    # Of files only where a key goes: others are certificates, and configuration that names hosts and programs.
    opened = _OPEN | {OptionAccess.FILE.value} if name == "path" else _OPEN
    return bool(words) and words <= opened


def report_stray(root: Table, rows: Iterable[Any], problems: Problems) -> None:
    """Add a problem for each text that means a variable, in a manifest without any; `rows` are its declarations."""
    values = [root[name] for name in (*FILLED, "defaults") if name in root]
    for text, spot in chain.from_iterable(map(iter_texts, (*values, *rows))):
        if found := find_variable(text):
            field_name = "'for_each'" if "each" in found else "'vars' or 'environment'"
            problems.add(spot, f"{quote(text)} holds a variable, and the manifest has no {field_name}", "variable")
