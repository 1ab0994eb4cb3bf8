"""Live keys as `keyplan list` shows them: a table for a terminal, CSV for a spreadsheet.

A cell must never be one that a spreadsheet runs as a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import StringIO

from keyplan.model.identity import ProviderName
from keyplan.model.observation import Observation, ScopeSurvey
from keyplan.model.times import show_time
from keyplan.renderers.sanitize import sanitize, sanitize_cell
from keyplan.renderers.style import Style, Tone
from keyplan.renderers.text.layout import Line, fit_lines, measure_columns, shorten_middle
from keyplan.renderers.words import format_count

_HEADINGS = ("NAME", "TYPE", "STATUS", "ID", "KEY", "CREATED", "EXPIRES", "LAST USED", "OWNER", "SPACES")
_PROVIDER_HEADING = "PROVIDER"
"""The last one, of a manifest with several providers."""
_CELL_WIDTH = 40
_SHORT_WIDTH = 16
_GAP = "  "
_PLAIN_STYLE = Style()
_NO_PROVIDERS: Mapping[ProviderName, str] = {}
_NAME, _TYPE, _STATUS, _ID, _KEY = range(5)
_SPACES = len(_HEADINGS) - 1

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


def render_table(keys: Sequence[Observation], style: Style = _PLAIN_STYLE) -> str:
    """Return a table with one line per key, its headings first and a count last.

    On a terminal that is too narrow for it, ids are shortened in the middle; if that is not enough, each key has lines
    of its own, with all that is known of it.
    """
    headings = (*_HEADINGS, *([_PROVIDER_HEADING] if style.providers else []))
    rows = [_list_cells(key, style.providers) for key in keys]
    for table in (rows, [_shorten(row) for row in rows]):
        widths = [max(map(measure_columns, column)) for column in zip(headings, *table, strict=True)]
        if style.width is None or sum(widths) + len(_GAP) * (len(widths) - 1) <= style.width:
            lines = [_GAP.join(map(_pad, row, widths)).rstrip() for row in (headings, *table)]
            lines[0] = style.palette.paint(Tone.STRONG, lines[0])
            break
    else:
        lines = list(fit_lines((line for row in rows for line in _stack(row, headings)), style))
    return "".join(f"{line}\n" for line in (*lines, "", f"{format_count(len(keys), 'key')}."))


def _shorten(row: Sequence[str]) -> tuple[str, ...]:
    """Return the cells of a key, ids no longer than the eye compares."""
    return tuple(
        shorten_middle(cell, _SHORT_WIDTH) if column in (_ID, _KEY, _SPACES) else cell
        for column, cell in enumerate(row)
    )


def _stack(row: Sequence[str], headings: Sequence[str]) -> Iterator[Line]:
    """Yield the lines of a key on a narrow terminal: its name, and below it each cell with its heading."""
    yield Line(text=row[_NAME], tone=Tone.STRONG, is_dated=False)
    labelled = [f"{heading.lower()} {cell}" for heading, cell in zip(headings[_ID:], row[_ID:], strict=True) if cell]
    yield Line(prefix="  ", text="; ".join((f"{row[_TYPE]}, {row[_STATUS]}", *labelled)), hang=2)


def describe_refused(survey: ScopeSurvey | None) -> str:
    """Return one line that names the spaces whose keys may not be listed; empty if there is none."""
    refused = survey.refused if survey else ()
    names = ", ".join(sanitize(f"{space.name} ({space.id})") for space in refused)
    return f"The keys of these spaces may not be listed: {names}" if names else ""


def render_csv(keys: Iterable[Observation], providers: Mapping[ProviderName, str] = _NO_PROVIDERS) -> str:
    """Return CSV (RFC 4180) with a heading line; several spaces stand in one cell, apart by blanks."""
    text = StringIO()
    writer = csv.writer(text)
    columns = (*_COLUMNS, *(["provider"] if providers else []))
    writer.writerow(columns)
    for key in keys:
        values = {**key.to_dict(), "provider": providers.get(key.provider)}
        writer.writerow([_format_cell(values[column]) for column in columns])
    return text.getvalue()


def _list_cells(key: Observation, providers: Mapping[ProviderName, str]) -> tuple[str, ...]:
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
        " ".join(sorted(key.scope_ids or ())),
        *([providers[key.provider]] if providers else []),
    )
    # Ids are whole: a shortened one names no key in any command.
    return tuple(
        sanitize(cell) if column in (_ID, _KEY) else sanitize(cell, width=_CELL_WIDTH)
        for column, cell in enumerate(cells)
    )


def _pad(cell: str, width: int) -> str:
    return cell + " " * (width - measure_columns(cell))


def _format_cell(value: str | list[str] | None) -> str:
    return sanitize_cell(" ".join(value) if isinstance(value, list) else value or "")
