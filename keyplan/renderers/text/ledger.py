"""A ledger as text for a terminal: who holds the lock, what is open, what was delivered, what was applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyplan.model.history import HistoryEntry
from keyplan.model.intent import Intent
from keyplan.model.ledger import Holder, Memory
from keyplan.model.receipt import Receipt
from keyplan.model.times import show_time
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.summary import summarize_entry
from keyplan.renderers.words import format_count

_INDENT = " " * 6


def render_ledger(memory: Memory, holder: Holder | None) -> str:
    """Return lock, open intents and receipts."""
    lines = [
        _describe_lock(holder),
        *(line for intent in memory.intents for line in _describe_intent(intent)),
        *(line for receipt in memory.receipts for line in _describe_receipt(receipt)),
        f"{format_count(len(memory.receipts), 'receipt')}, {format_count(len(memory.intents), 'open intent')}.",
    ]
    return "".join(f"{line}\n" for line in lines)


def render_history(entries: Sequence[HistoryEntry]) -> str:
    """Return a line per apply, newest first."""
    lines = [_describe_entry(entry) for entry in entries]
    return "".join(f"{line}\n" for line in lines or ["Nothing was applied yet."])


def render_locks(lock: Holder | None, leader: Holder | None) -> str:
    """Return who holds the lock, and who leads several `keyplan watch` if there is one."""
    lines = [_describe_hold(lock) if lock else "not locked"]
    if leader:
        lines.append(f"leader of keyplan watch: {_describe_hold(leader)}")
    return "".join(f"{line}\n" for line in lines)


def describe_holder(holder: Holder) -> str:
    """Return who holds a lock, where, since when and by which command."""
    who = f"{sanitize(holder.owner)} on {sanitize(holder.host)}, process {holder.pid}"
    return f"{who}, since {show_time(holder.since)} ({sanitize(holder.command)})"


def _describe_hold(holder: Holder) -> str:
    until = f", until {show_time(holder.until)}" if holder.until else ""
    return f"{sanitize(holder.id)} is held by {describe_holder(holder)}{until}, number {holder.number}"


def _describe_lock(holder: Holder | None) -> str:
    if holder is None:
        return "Lock: free."
    return f"Lock: {sanitize(holder.id)} is held by {describe_holder(holder)}."


def _describe_intent(intent: Intent) -> Iterator[str]:
    yield f"  !  {sanitize(intent.verb)} {sanitize(intent.address)} was begun and not finished"
    attempts = format_count(intent.attempts, "attempt")
    yield f"{_INDENT}since {show_time(intent.at)}, {attempts}; intent {sanitize(intent.id)}"


def _describe_receipt(receipt: Receipt) -> Iterator[str]:
    delivered_at = show_time(receipt.delivered_at)
    yield f"  =  {sanitize(receipt.address)}  key {sanitize(receipt.key_id)}, delivered {delivered_at}"
    for delivered in receipt.delivered:
        yield f"{_INDENT}in {sanitize(f'{delivered.sink}:{delivered.location}', width=1000)}"
    for left in receipt.left:
        place = sanitize(f"{left.place.sink}:{left.place.location}", width=1000)
        yield f"{_INDENT}left {place}, emptied after {show_time(left.empty_after)}"
    for old in receipt.superseded:
        yield f"{_INDENT}old key {sanitize(old.key_id)} until {show_time(old.delete_after)}"


def _describe_entry(entry: HistoryEntry) -> str:
    digest = f"{sanitize(entry.digest)[:12]}  " if entry.digest else ""
    return f"{show_time(entry.started_at)}  {digest}{summarize_entry(entry)}"
