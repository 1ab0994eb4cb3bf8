"""The history of applies as a Markdown table, for an issue or a wiki.

Names come from manifests and environments: none may bring a link, a mention or a column with it.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.model.history import HistoryEntry
from keyplan.model.times import show_time
from keyplan.renderers.ci.markdown_escape import escape_cell, format_code
from keyplan.renderers.words import format_count

_HEADINGS = ("Entry", "When", "By", "What", "Plan")


def render_history(entries: Sequence[HistoryEntry]) -> str:
    """Return a table with a row for each apply, newest first, and below it their number and the head."""
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *(_list_cells(entry) for entry in entries)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    newest = entries[0].link if entries else None
    head = f" Newest hash: {format_code(newest.hash)}." if newest else ""
    return "".join(f"{line}\n" for line in (*lines, "", f"{format_count(len(entries), 'apply', 'applies')}.{head}"))


def _list_cells(entry: HistoryEntry) -> tuple[str, ...]:
    author = entry.author
    what = "<br>".join(
        _format_cell(f"{action.verb} {action.address}" + ("" if action.status == "done" else f" {action.status}"))
        for action in entry.actions
    ) or ("" if entry.digest else _format_cell(entry.command))
    return (
        str(entry.link.number) if entry.link else "",
        format_code(show_time(entry.started_at)),
        _format_cell(f"{author.name} ({author.source})") if author and author.name else "unknown",
        what,
        _format_cell(entry.digest[:12]),
    )


def _format_cell(text: str) -> str:
    return escape_cell(format_code(text)) if text else ""
