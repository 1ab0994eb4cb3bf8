"""The rows of sheets as a list on a page: what it is about, why, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import htpy

from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, format_location, list_details
from keyplan.renderers.words import format_count

_LONG = 1000
_MOST_ALIKE = 10
"""Beyond so many rows of one word and reason, they are folded into one line with their count."""
_TONES: Mapping[Level, tuple[str, str]] = {
    Level.ERROR: ("error", "badge alarm"),
    Level.WARNING: ("warning", "badge wait"),
    Level.NOTICE: ("notice", "badge calm"),
}
"""The classes of a finding, and of the badge in it; the badge says in words what its colour says."""


def list_findings(rows: Sequence[Row]) -> htpy.Element:
    """Return the rows as a list, the most dangerous first as a sheet has them; many that are alike as one fold."""
    return htpy.ul(".findings")[_list_items(rows)]


def _list_items(rows: Sequence[Row]) -> Iterator[htpy.Element]:
    for _, equally_dangerous in groupby(rows, key=lambda row: row.danger):
        alike: dict[tuple[str, str, str, Level], list[Row]] = {}
        for row in equally_dangerous:
            alike.setdefault(_summarize(row), []).append(row)
        for found in alike.values():
            yield from [_fold_rows(found)] if len(found) > _MOST_ALIKE else map(_show, found)


def _fold_rows(rows: Sequence[Row]) -> htpy.Element:
    first = rows[0]
    whole, badge = _TONES[first.level]
    return htpy.li(class_=whole)[
        htpy.details[
            htpy.summary[
                _draw_badge(badge, first.mark, first.word),
                f" {format_count(len(rows), 'key')}: {sanitize(first.reason, width=_LONG)}",
            ],
            htpy.ul(".findings")[map(_show, rows)],
        ]
    ]


def _summarize(row: Row) -> tuple[str, str, str, Level]:
    return row.mark, row.word, row.reason, row.level


def _show(row: Row) -> htpy.Element:
    advice = sanitize(row.advice or row.effect, width=_LONG)
    details = [(label, text) for label, text in list_details(row) if text != advice]
    if location := format_location(row):
        details.append(("declared in", location))
    whole, badge = _TONES[row.level]
    return htpy.li(class_=whole)[
        _draw_badge(badge, row.mark, row.word),
        " ",
        htpy.code[sanitize(row.subject)],
        " ",
        sanitize(row.reason, width=_LONG),
        htpy.p[advice] if advice else None,
        _fold(details) if details else None,
    ]


def _draw_badge(tone: str, mark: str, word: str) -> htpy.Element:
    return htpy.span(class_=tone)[f"{sanitize(mark, width=8)} {sanitize(word, width=60)}"]


def _fold(pairs: Sequence[tuple[str, str]]) -> htpy.Element:
    return htpy.details[
        htpy.summary["details"],
        htpy.dl[((htpy.dt[label], htpy.dd[text]) for label, text in pairs)],
    ]
