"""What a provider's log says of keys as a Markdown table, for an issue or a wiki.

All texts of a log come from outside: none may bring a link, a mention or a column with it.
"""

from __future__ import annotations

from collections.abc import Iterator

from keyplan.model.audit import Audit, AuditEntry
from keyplan.model.times import show_time
from keyplan.renderers.audit_summary import LONGEST_NAME, summarize_audit
from keyplan.renderers.ci.markdown_escape import escape_cell, format_code

_HEADINGS = ("When", "User", "From", "Operation", "Address", "Key id")


def render_audit(audit: Audit) -> str:
    """Return a table with a row for each entry and key, newest first, and below it what was read."""
    headings = (*_HEADINGS, *(["Provider"] if audit.providers else []))
    rows = [headings, ("---",) * len(headings), *_list_rows(audit)]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "".join(f"{line}\n" for line in (*lines, "", " ".join(summarize_audit(audit))))


def _list_rows(audit: Audit) -> Iterator[tuple[str, ...]]:
    for entry in audit.log.entries:
        for key in map(audit.find_key, entry.key_ids):
            provider = [_format_cell(entry.provider)] if audit.providers else []
            yield (*_list_cells(entry), _format_cell(key.address or ""), _format_cell(key.id), *provider)


def _list_cells(entry: AuditEntry) -> tuple[str, ...]:
    return (
        # In code, too: a forge could read ":04:" as an emoji.
        format_code(show_time(entry.at)) if entry.at else "unknown",
        _format_cell(entry.user_id),
        _format_cell(entry.ip),
        _format_cell(entry.operation[:LONGEST_NAME]),
    )


def _format_cell(text: str) -> str:
    return escape_cell(format_code(text)) if text else ""
