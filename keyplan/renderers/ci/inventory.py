"""Live keys as a Markdown table, for an issue or a wiki.

Names come from the provider: none may bring a link, a mention or a column with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from keyplan.model.identity import ProviderName
from keyplan.model.observation import Observation
from keyplan.model.times import show_time
from keyplan.renderers.ci.markdown_escape import escape_cell, format_code
from keyplan.renderers.words import format_count

_HEADINGS = ("Name", "Type", "Status", "Id", "Key", "Created", "Expires", "Last used", "Owner", "Spaces")


_NO_PROVIDERS: Mapping[ProviderName, str] = {}


def render_inventory(keys: Sequence[Observation], providers: Mapping[ProviderName, str] = _NO_PROVIDERS) -> str:
    """Return a table with a row for each key, and their number below it."""
    headings = (*_HEADINGS, *(["Provider"] if providers else []))
    rows = [headings, ("---",) * len(headings), *(_list_cells(key, providers) for key in keys)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "".join(f"{line}\n" for line in (*lines, "", f"{format_count(len(keys), 'key')}."))


def _list_cells(key: Observation, providers: Mapping[ProviderName, str]) -> tuple[str, ...]:
    return (
        _format_cell(key.name),
        key.key_type.value if key.key_type else "unknown",
        "active" if key.active else "revoked",
        _format_cell(key.id),
        _format_cell(key.redacted),
        # In code, too: a forge could read ":04:" as an emoji.
        format_code(show_time(key.created_at)),
        format_code(show_time(key.expires_at)) if key.expires_at else "never",
        format_code(show_time(key.last_used_at)) if key.last_used_at else "",
        _format_cell(key.marker.owner if key.marker else ""),
        _format_cell(" ".join(sorted(key.scope_ids or ()))),
        *([_format_cell(providers[key.provider])] if providers else []),
    )


def _format_cell(text: str) -> str:
    return escape_cell(format_code(text)) if text else ""
