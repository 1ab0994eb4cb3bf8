"""The next weeks of keys as a chart for a terminal: a line per address, a column per week.

A chart never breaks a word, and it is not wider than it is asked to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.identity import Address
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.words import HAPPENING_SIGNS, HAPPENINGS, format_count

NARROWEST = 40
_WEEK = timedelta(days=7)
_CELL = 3
"""Columns of a week: a letter, or two and a space."""
_MOST_ROWS = 30
_INDENT = "  "
_LABEL_SHARE = 2.5
"""The labels take at most this part of the width."""
_SHORTEST_LABEL = 12
_ELLIPSIS = "…"

# The most important first: a cell has room for two.
_RANKED = (Happening.EXPIRES, Happening.ROTATES, Happening.RETIRES, Happening.CREATES, Happening.EMPTIES)
_BLOCKED = ("!", Tone.ALARM)


def draw_weeks(calendar: Calendar, *, width: int, palette: Palette = PLAIN) -> Iterator[str]:
    """Yield the lines of a chart, its legend last; none for a calendar without events."""
    rows = _group(calendar.events)
    if not rows:
        return
    shown = dict(list(rows.items())[:_MOST_ROWS])
    labels = [sanitize(address) for address in shown]
    label_width = min(max(map(len, labels)), max(_SHORTEST_LABEL, int(max(width, NARROWEST) / _LABEL_SHARE)))
    chart = _Chart(calendar, columns=(max(width, NARROWEST) - label_width - 2 * len(_INDENT)) // _CELL)
    yield from chart.draw_head(_INDENT + " " * label_width + _INDENT)
    for label, events in zip(labels, shown.values(), strict=True):
        yield f"{_INDENT}{_shorten(label, label_width):<{label_width}}{_INDENT}{chart.draw(events, palette)}".rstrip()
    if left := len(rows) - len(shown):
        yield f"{_INDENT}and {format_count(left, 'more address', 'more addresses')}, listed below"
    yield ""
    yield from _list_legend(calendar.events, chart.unit, max(width, NARROWEST))


class _Chart:
    """Columns of one or more weeks each, as many as there is room for."""

    def __init__(self, calendar: Calendar, *, columns: int) -> None:
        self._since = calendar.since
        weeks = max(1, -(-(calendar.until - calendar.since) // _WEEK))
        self._weeks = max(1, -(-weeks // max(1, columns)))
        self._columns = -(-weeks // self._weeks)
        self.unit = "a column is a week" if self._weeks == 1 else f"a column is {self._weeks} weeks"

    def draw_head(self, indent: str) -> Iterator[str]:
        """Yield a line of months and a line of days, each at the column that begins with it."""
        begins = [self._since + number * self._weeks * _WEEK for number in range(self._columns)]
        months = ""
        for number, begin in enumerate(begins):
            is_new = number == 0 or begin.month != begins[number - 1].month
            # A month that has no room is left out: its days follow those of the month before.
            if is_new and len(months) <= number * _CELL:
                months = f"{months:<{number * _CELL}}{begin:%b} "
        yield f"{indent}{months}".rstrip()
        yield f"{indent}{''.join(f'{begin:%d} ' for begin in begins)}".rstrip()

    def draw(self, events: Sequence[Event], palette: Palette) -> str:
        """Return the cells of an address; a dot is a week in which nothing happens."""
        cells: dict[int, list[tuple[str, Tone]]] = {}
        for event in sorted(events, key=_rank):
            letter, tone = _BLOCKED if event.guard else HAPPENING_SIGNS[event.happening]
            marks = cells.setdefault(self._find_column(event.at), [])
            if (letter, tone) not in marks and len(marks) < _CELL - 1:
                marks.append((letter, tone))
        return "".join(self._draw_cell(cells.get(number, []), palette) for number in range(self._columns))

    def _find_column(self, at: datetime) -> int:
        column = (at - self._since) // (self._weeks * _WEEK)
        return min(max(column, 0), self._columns - 1)

    @staticmethod
    def _draw_cell(marks: Sequence[tuple[str, Tone]], palette: Palette) -> str:
        painted = "".join(palette.paint(tone, letter) for letter, tone in marks) or "."
        return painted + " " * (_CELL - max(1, len(marks)))


def _rank(event: Event) -> tuple[bool, int]:
    return event.guard is None, _RANKED.index(event.happening)


def _group(events: Sequence[Event]) -> Mapping[Address, list[Event]]:
    """Return the events by address, the address with the next event first."""
    grouped: dict[Address, list[Event]] = {}
    for event in events:
        grouped.setdefault(event.address, []).append(event)
    return grouped


def _list_legend(events: Sequence[Event], unit: str, width: int) -> Iterator[str]:
    """Yield what each letter of the chart means, in as few lines as there is room for."""
    met = {event.happening for event in events if event.guard is None}
    entries = [f"{HAPPENING_SIGNS[one][0]} {HAPPENINGS[one]}" for one in _RANKED if one in met]
    entries += [f"{_BLOCKED[0]} blocked"] if any(event.guard for event in events) else []
    line = ""
    for entry in (*entries, unit):
        if line and len(line) + len(entry) + len(_INDENT) > width:
            yield line
            line = ""
        line = f"{line}{_INDENT}{entry}"
    yield line


def _shorten(label: str, columns: int) -> str:
    """Return a label of at most so many characters. Its ends are kept, because addresses differ there."""
    if len(label) <= columns:
        return label
    tail = (columns - 1) // 2
    return f"{label[: columns - 1 - tail]}{_ELLIPSIS}{label[-tail:]}"
