"""The rows of sheets as a list on a page: what it is about, why, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import htpy

from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import Level, Row, format_location, list_details

_CLASSES: Mapping[Level, str] = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTICE: "notice"}
_LONG = 1000


def list_findings(rows: Sequence[Row]) -> htpy.Element:
    """Return the rows as a list, the most dangerous first as a sheet has them."""
    return htpy.ul(".findings")[map(_show, rows)]


def _show(row: Row) -> htpy.Element:
    advice = row.advice or row.effect
    details = [(label, text) for label, text in list_details(row) if text != sanitize(advice, width=_LONG)]
    location = format_location(row)
    return htpy.li(class_=_CLASSES[row.level])[
        htpy.span(".badge", class_=_tone(row.level))[f"{row.mark} {sanitize(row.word, width=60)}"],
        " ",
        htpy.code[sanitize(row.subject)],
        " ",
        sanitize(row.reason, width=_LONG),
        htpy.p[sanitize(advice, width=_LONG)] if advice else None,
        list_pairs(details, location) if details or location else None,
    ]


def list_pairs(pairs: Sequence[tuple[str, str]], location: str = "", *, title: str = "details") -> htpy.Element:
    """Return labelled lines, folded; their texts are sanitized already."""
    told = [*pairs, ("declared in", location)] if location else list(pairs)
    return htpy.details[
        htpy.summary[title],
        htpy.dl[((htpy.dt[label], htpy.dd[text]) for label, text in told)],
    ]


def _tone(level: Level) -> str:
    return {Level.ERROR: "badge alarm", Level.WARNING: "badge wait", Level.NOTICE: "badge calm"}[level]
