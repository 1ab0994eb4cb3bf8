"""Live keys as `keyplan list` shows them: a table for a terminal, CSV for a spreadsheet.

A cell must never be one that a spreadsheet runs as a formula.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Sequence
from io import StringIO

from keyplan.model.observation import Observation, SpaceSurvey
from keyplan.model.times import show_time
from keyplan.renderers.sanitize import sanitize, sanitize_cell
from keyplan.renderers.style import PLAIN, Palette, Tone
from keyplan.renderers.words import format_count

_HEADINGS = ("NAME", "TYPE", "STATUS", "ID", "KEY", "CREATED", "EXPIRES", "LAST USED", "OWNER", "SPACES")
_CELL_WIDTH = 40
_GAP = "  "

_COLUMNS = (
    "id",
    "name",
    "key_type",
    "status",
    "description",
    "owner",
    "redacted_key",
    "created_at",
    "created_by_user_id",
    "expires_at",
    "last_used_at",
    "space_ids",
)


def render_table(keys: Sequence[Observation], palette: Palette = PLAIN) -> str:
    """Return a table with one line per key, its headings first and a count last."""
    rows = [_HEADINGS, *(_list_cells(key) for key in keys)]
    widths = [max(map(_measure_columns, column)) for column in zip(*rows, strict=True)]
    lines = [_GAP.join(map(_pad, row, widths)).rstrip() for row in rows]
    lines[0] = palette.paint(Tone.STRONG, lines[0])
    return "".join(f"{line}\n" for line in (*lines, "", f"{format_count(len(keys), 'key')}."))


def describe_refused(survey: SpaceSurvey | None) -> str:
    """Return one line that names the spaces whose keys may not be listed; empty if there is none."""
    refused = survey.refused if survey else ()
    names = ", ".join(sanitize(f"{space.name} ({space.id})") for space in refused)
    return f"The keys of these spaces may not be listed: {names}" if names else ""


def render_csv(keys: Iterable[Observation]) -> str:
    """Return CSV (RFC 4180) with a heading line; several spaces stand in one cell, apart by blanks."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for key in keys:
        values = key.to_dict()
        writer.writerow([_format_cell(values[column]) for column in _COLUMNS])
    return text.getvalue()


def _list_cells(key: Observation) -> tuple[str, ...]:
    cells = (
        key.name,
        key.key_type.value if key.key_type else "unknown",
        "active" if key.active else "revoked",
        key.id,
        key.redacted,
        show_time(key.created_at),
        show_time(key.expires_at) if key.expires_at else "never",
        show_time(key.last_used_at) if key.last_used_at else "",
        key.marker.owner if key.marker else "",
        " ".join(sorted(key.space_ids or ())),
    )
    return tuple(sanitize(cell, width=_CELL_WIDTH) for cell in cells)


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - _measure_columns(cell))


def _measure_columns(text: str) -> int:
    """Return how many columns a terminal gives the text: wide characters take two (UAX 11), combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def _format_cell(value: str | list[str] | None) -> str:
    return sanitize_cell(" ".join(value) if isinstance(value, list) else value or "")
