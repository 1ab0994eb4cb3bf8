"""What a provider's log says of keys, as text for a terminal and as CSV.

All texts of a log come from outside. An operation's name is what its caller called it, and is shown as a quotation.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO

from keyplan.model.audit import Audit
from keyplan.model.times import show_time, write_time
from keyplan.renderers.audit_summary import describe_entry, name_audited, name_logs, summarize_audit
from keyplan.renderers.sanitize import sanitize, sanitize_cell
from keyplan.renderers.words import format_count

_INDENT = " " * 6
_LONG = 1000
_MOST_UNNAMED = 20
_COLUMNS = ("at", "user_id", "ip", "operation", "address", "key_id")


def render_audit(audit: Audit) -> str:
    """Return each entry with the keys that it names, newest first; then the keys that none names."""
    blocks = [[_head(audit)], list(_list_entries(audit)), list(_list_remarks(audit))]
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks if block)


def render_csv(audit: Audit) -> str:
    """Return CSV (RFC 4180) with a line for each entry and key."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow((*_COLUMNS, *(["provider"] if audit.providers else [])))
    for entry in audit.log.entries:
        for key in map(audit.find_key, entry.key_ids):
            at = write_time(entry.at) if entry.at else ""
            cells: tuple[str, ...] = (at, entry.user_id, entry.ip, entry.operation, key.address or "", key.id)
            cells = (*cells, *([entry.provider] if audit.providers else []))
            writer.writerow([sanitize_cell(cell) for cell in cells])
    return text.getvalue()


def _head(audit: Audit) -> str:
    window = f"{show_time(audit.since)} to {show_time(audit.until)}"
    return f"Audit log of {sanitize(name_logs(audit), width=_LONG)}, {window}: keys of {sanitize(audit.manifest)}"


def _list_entries(audit: Audit) -> Iterator[str]:
    for entry in audit.log.entries:
        yield sanitize(describe_entry(entry), width=_LONG)
        yield from (
            f"{_INDENT}{sanitize(name_audited(audit.find_key(key_id)), width=_LONG)}" for key_id in entry.key_ids
        )


def _list_remarks(audit: Audit) -> Iterator[str]:
    unnamed = audit.unnamed
    if unnamed:
        yield f"No entry names {format_count(len(unnamed), 'key')}:"
        yield from (f"{_INDENT}{sanitize(name_audited(key), width=_LONG)}" for key in unnamed[:_MOST_UNNAMED])
        if len(unnamed) > _MOST_UNNAMED:
            yield f"{_INDENT}and {len(unnamed) - _MOST_UNNAMED} more; --format json has all"
    yield from (sanitize(line, width=_LONG) for line in summarize_audit(audit))
