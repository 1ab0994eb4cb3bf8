"""The words for what a provider's log says of keys, the same in every format.

Nothing here is sanitized: all texts of a log come from outside, and each format escapes them in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from keyplan.model.times import show_time
from keyplan.renderers.words import format_count

if TYPE_CHECKING:
    # For the text of a drift, which seldom has an entry.
    from keyplan.model.audit import Audit, AuditedKey, AuditEntry

_UNKNOWN = "unknown"
LONGEST_NAME = 80
"""Of an operation: the sender of the request chose it, and may have chosen a sentence."""


def name_logs(audit: Audit) -> str:
    """Return whose logs were read: the address of the provider, or names and addresses of several."""
    return ", ".join(f"{name} ({url})" for name, url in audit.providers.items()) or audit.provider


def describe_entry(entry: AuditEntry) -> str:
    """Return when, who, from where, and what the log calls it."""
    at = show_time(entry.at) if entry.at else "at an unknown time"
    # As a quotation, so that nothing in it reads as if keyplan said it.
    operation = f'"{entry.operation[:LONGEST_NAME]}"' if entry.operation else "an operation without a name"
    there = f", provider {entry.provider}" if entry.provider else ""
    return f"{at}{there}, user {entry.user_id or _UNKNOWN}, from {entry.ip or _UNKNOWN}: {operation}"


def name_audited(key: AuditedKey) -> str:
    """Return what a key is called: its address if it has or had one, and its id."""
    return f"{key.address}  key {key.id}" if key.address else f"key {key.id}"


def summarize_audit(audit: Audit) -> Iterator[str]:
    """Yield what was read and found, a sentence each."""
    log = audit.log
    read = format_count(log.read, "entry", "entries")
    yield f"{read} read, {len(log.entries) or 'none'} of them about these keys."
    if log.reached:
        yield f"Entries older than {show_time(log.reached)} were not read. Ask for less with --since."
    for name in audit.without_log:
        yield f"Provider {name} has no audit log for keyplan: its keys were not looked for."
