"""Puts the fields of a laid out manifest into canonical order by moving whole lines, comments above a field included.

Lines are moved and never rewritten, so that quotes, block scalars and comments come out as they went in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from keyplan.manifest.comments import BLANKS, Outline
from keyplan.manifest.field_order import FieldOrder, Form
from keyplan.manifest.problems import COLUMN_BITS, Spot
from keyplan.manifest.tables import ItemList, Table


def arrange(root: Table, outline: Outline, order: FieldOrder) -> list[str]:
    """Return the lines of a manifest in canonical order; `outline` is that of the text in which `root` was read."""
    arranger = _Arranger(outline, order)
    lines = list(outline.lines)
    first = _line(root.spot)
    return lines[:first] + arranger.table(root, order.root(), first, len(lines))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    """The lines of one field."""

    lead: list[str]
    """Blank lines and comments above it."""
    own: list[str]


class _Arranger:
    """Orders the lines of one text."""

    def __init__(self, outline: Outline, order: FieldOrder) -> None:
        self._lines = outline.lines
        self._free = outline.free_lines
        self._order = order
        self._entries = {(entry.line, entry.column) for entry in outline.entries}

    def table(self, table: Table, form: Form, begin: int, end: int) -> list[str]:
        """Return the lines from `begin` to `end`, in which a mapping stands, in order."""
        keys = [(_line(spot), _column(spot)) for spot in table.key_spots]
        if not self._is_block(keys):
            return list(self._lines[begin:end])
        column = keys[0][1]
        tail = self._lead(end, column)
        starts = [keys[0][0], *(self._lead(line, column) for line, _ in keys[1:]), tail]
        chunks = {
            name: _Chunk(
                lead=list(self._lines[starts[number] : keys[number][0]]),
                own=self._value(table[name], self._order.field(form, table, name), keys[number][0], starts[number + 1]),
            )
            for number, name in enumerate(table)
        }
        names = self._order.order(form, table)
        head = list(self._lines[begin : starts[0]])
        if names == list(table):
            body = [line for chunk in chunks.values() for line in (*chunk.lead, *chunk.own)]
        else:
            body = list(_join([chunks[name] for name in names], next(iter(chunks.values())), column))
        return [*head, *body, *self._lines[tail:end]]

    def _value(self, value: Any, form: Form, begin: int, end: int) -> list[str]:
        if isinstance(value, Table) and value and self._is_inside(value.key_spots[0], begin, end):
            return self.table(value, form, begin, end)
        if isinstance(value, ItemList) and value and self._is_inside(value.spot, begin, end):
            return self._list(value, form, begin, end)
        return list(self._lines[begin:end])

    def _list(self, items: ItemList, form: Form, begin: int, end: int) -> list[str]:
        starts = [_line(spot) for spot in items.value_spots]
        written = list(self._lines[begin : starts[0]])
        inner = self._order.item(form, items)
        for number, item in enumerate(items):
            stop = end if number + 1 == len(items) else self._end_of_item(starts[number], starts[number + 1])
            until = end if number + 1 == len(items) else starts[number + 1]
            written += self._value(item, inner, starts[number], stop)
            written += self._lines[stop:until]
        return written

    def _end_of_item(self, start: int, following: int) -> int:
        """Return where an item ends: above the comments of the next one."""
        if following <= start:
            return start
        # Laid out, an item begins in the line of its dash.
        return self._lead(following, len(self._lines[following]) - len(self._lines[following].lstrip(BLANKS)))

    def _lead(self, line: int, column: int) -> int:
        """Return where the comments and blank lines above a line begin that belong to an entry of this column."""
        while line - 1 in self._free and self._indentation(line - 1) <= column:
            line -= 1
        return line

    def _indentation(self, line: int) -> int:
        text = self._lines[line]
        return len(text) - len(text.lstrip(BLANKS)) if text.strip(BLANKS) else 0

    def _is_block(self, keys: Sequence[tuple[int, int]]) -> bool:
        """Whether the fields of a mapping stand on lines of their own, in one column."""
        lines = [line for line, _ in keys]
        return (
            all(key in self._entries for key in keys)
            and len({column for _, column in keys}) == 1
            and len(set(lines)) == len(lines)
            and not self._lines[lines[0]][: keys[0][1]].strip(" -")
        )

    def _is_inside(self, spot: Spot, begin: int, end: int) -> bool:
        """Whether the text of something is here; what an alias repeats is elsewhere."""
        return begin <= _line(spot) < end


def _join(chunks: Sequence[_Chunk], former_first: _Chunk, column: int) -> Iterator[str]:
    """Yield the lines of fields in their new order; the first of a list's item takes the dash of the former one."""
    prefix = former_first.own[0][:column]
    for number, chunk in enumerate(chunks):
        own = chunk.own[0]
        if number == 0:
            indent = len(prefix) - len(prefix.lstrip(BLANKS))
            yield from (
                " " * (indent if prefix.strip(BLANKS) else column) + line.lstrip(BLANKS)
                for line in chunk.lead
                if line.strip(BLANKS)
            )
            yield prefix + own[column:]
        else:
            yield from chunk.lead
            yield " " * column + own[column:]
        yield from chunk.own[1:]


def _line(spot: Spot) -> int:
    return spot >> COLUMN_BITS


def _column(spot: Spot) -> int:
    return spot & ((1 << COLUMN_BITS) - 1)
