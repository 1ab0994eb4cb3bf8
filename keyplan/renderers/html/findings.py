"""The rows of sheets as a list on a page: what it is about, why, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy

from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, format_location, list_details

_LONG = 1000
_TONES: Mapping[Level, tuple[str, str]] = {
    Level.ERROR: ("error", "badge alarm"),
    Level.WARNING: ("warning", "badge wait"),
    Level.NOTICE: ("notice", "badge calm"),
}
"""The classes of a finding, and of the badge in it; the badge says in words what its colour says."""


def list_findings(rows: Sequence[Row]) -> htpy.Element:
    """Return the rows as a list, the most dangerous first as a sheet has them."""
    return htpy.ul(".findings")[map(_show, rows)]


def _show(row: Row) -> htpy.Element:
    advice = sanitize(row.advice or row.effect, width=_LONG)
    details = [(label, text) for label, text in list_details(row) if text != advice]
    if location := format_location(row):
        details.append(("declared in", location))
    whole, badge = _TONES[row.level]
    return htpy.li(class_=whole)[
        htpy.span(class_=badge)[f"{row.mark} {sanitize(row.word, width=60)}"],
        " ",
        htpy.code[sanitize(row.subject)],
        " ",
        sanitize(row.reason, width=_LONG),
        htpy.p[advice] if advice else None,
        _fold(details) if details else None,
    ]


def _fold(pairs: Sequence[tuple[str, str]]) -> htpy.Element:
    return htpy.details[
        htpy.summary["details"],
        htpy.dl[((htpy.dt[label], htpy.dd[text]) for label, text in pairs)],
    ]
