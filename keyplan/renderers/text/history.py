"""The history of applies as text for a terminal and as CSV, and what its chain proves.

What a check did not prove must never read as proven.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from io import StringIO

from keyplan.model.history import AppliedAction, Author, ChainCheck, ChainFault, ChainFaultKind, HistoryEntry
from keyplan.model.times import show_time, write_time
from keyplan.renderers.sanitize import sanitize, sanitize_cell
from keyplan.renderers.summary import summarize_entry
from keyplan.renderers.words import format_count

_INDENT = " " * 6
_COLUMNS = (
    *("number", "started_at", "finished_at", "author", "author_source", "host", "command", "digest", "hash"),
    *("address", "verb", "reason", "status", "key_id"),
)
_FAULTS = {
    ChainFaultKind.CONTENT: "its hash does not fit what it says: it was edited",
    ChainFaultKind.ORDER: "the entry before it is not the one that it was chained to: one was edited, removed, added "
    "or moved",
}


def render_history(entries: Sequence[HistoryEntry]) -> str:
    """Return each apply with what it did, newest first."""
    lines = [line for entry in entries for line in _describe(entry)]
    return "".join(f"{line}\n" for line in lines or ["No apply is remembered."])


def render_csv(entries: Sequence[HistoryEntry]) -> str:
    """Return CSV (RFC 4180) with a line for each action; an apply that did nothing has one line without an action."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for entry in entries:
        author, link = entry.author or Author(), entry.link
        shared = (
            *(str(link.number) if link else "", write_time(entry.started_at), write_time(entry.finished_at)),
            *(author.name, author.source, entry.host, entry.command, entry.digest, link.hash if link else ""),
        )
        for action in entry.actions or (None,):
            own = _list_values(action) if action else ("",) * 5
            writer.writerow([sanitize_cell(value) for value in (*shared, *own)])
    return text.getvalue()


def describe_author(author: Author | None) -> str:
    """Return who started an apply; that it is unknown if nothing said it. Sanitized."""
    if author is None or not author.name:
        return "unknown"
    return f"{sanitize(author.name, width=200)} ({sanitize(author.source)})"


def render_check(check: ChainCheck) -> str:
    """Return what the chain proves, and what it does not."""
    return "".join(f"{line}\n" for line in _explain(check))


def _describe(entry: HistoryEntry) -> Iterator[str]:
    number = f"{entry.link.number}  " if entry.link else ""
    where = f" on {sanitize(entry.host)}" if entry.host else ""
    yield f"{number}{show_time(entry.started_at)}  {describe_author(entry.author)}{where}  {summarize_entry(entry)}"
    for action in entry.actions:
        status = "" if action.status == "done" else f"  {sanitize(action.status.replace('_', ' '))}"
        key = f"  key {sanitize(action.key_id)}" if action.key_id else ""
        yield f"{_INDENT}{sanitize(action.verb)} {sanitize(action.address)} ({sanitize(action.reason)}){key}{status}"
    if entry.digest:
        yield f"{_INDENT}plan {sanitize(entry.digest)}"
    if entry.link:
        yield f"{_INDENT}head {sanitize(entry.link.hash)}"


def _list_values(action: AppliedAction) -> tuple[str, ...]:
    return action.address, action.verb, action.reason, action.status, action.key_id or ""


def _explain(check: ChainCheck) -> Iterator[str]:
    yield from map(_describe_fault, check.faults)
    count = format_count(check.entries, "entry", "entries")
    if check.expected is not None:
        yield from _explain_expected(check, check.expected)
    elif check.is_whole:
        yield f"The chain of {count} is whole. " + (
            f"Its head is {check.head}" if check.head else "It has no head yet."
        )
        yield (
            "Not proven without --head: that no entry was cut off at the end, and that the history as a whole was not "
            "rewritten."
        )
    if check.unprotected:
        older = format_count(check.unprotected, "entry", "entries")
        yield f"{older} of an older keyplan: what was changed in them before the next entry was written does not show."


def _explain_expected(check: ChainCheck, expected: str) -> Iterator[str]:
    if check.newer is None:
        yield f"No entry has the head {sanitize(expected)}: entries up to it were edited, removed or cut off."
        return
    covered = format_count(check.entries - check.newer, "entry", "entries")
    yield f"{covered} up to the head {sanitize(expected)}: none was edited, removed or cut off."
    if check.newer:
        yield (
            f"{format_count(check.newer, 'entry', 'entries')} after it: that none was cut off there, a newer head "
            f"proves. The present one is {check.head}"
        )


def _describe_fault(fault: ChainFault) -> str:
    return f"  !  entry {fault.number}: {_FAULTS[fault.kind]}"
