"""A ledger as a person reads it: who holds the lock, what is open, what was delivered, what was applied.

In: what the ledger remembers. Out: text without a secret, which no ledger holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from keyplan.model.receipt import Intent, Receipt
from keyplan.ports import HistoryEntry, Holder, Memory
from keyplan.renderers.sanitize import inert
from keyplan.renderers.words import say_count, say_time

_INDENT = " " * 6


def render_ledger(memory: Memory, holder: Holder | None) -> str:
    """Return lock, open intents and receipts."""
    lines = [
        _describe_lock(holder),
        *(line for intent in memory.intents for line in _describe_intent(intent)),
        *(line for receipt in memory.receipts for line in _describe_receipt(receipt)),
        f"{say_count(len(memory.receipts), 'receipt')}, {say_count(len(memory.intents), 'open intent')}.",
    ]
    return "".join(f"{line}\n" for line in lines)


def render_history(entries: Sequence[HistoryEntry]) -> str:
    """Return a line per apply, newest first."""
    lines = [_describe_entry(entry) for entry in entries]
    return "".join(f"{line}\n" for line in lines or ["Nothing was applied yet."])


def describe_holder(holder: Holder) -> str:
    """Return who holds a lock, where, since when and by which command."""
    who = f"{inert(holder.owner)} on {inert(holder.host)}, process {holder.pid}"
    return f"{who}, since {say_time(holder.since)} ({inert(holder.command)})"


def _describe_lock(holder: Holder | None) -> str:
    if holder is None:
        return "Lock: free."
    return f"Lock: {inert(holder.id)} is held by {describe_holder(holder)}."


def _describe_intent(intent: Intent) -> Iterator[str]:
    yield f"  !  {inert(intent.verb)} {inert(intent.address)} was begun and not finished"
    yield f"{_INDENT}since {say_time(intent.at)}, {say_count(intent.attempts, 'attempt')}; intent {inert(intent.id)}"


def _describe_receipt(receipt: Receipt) -> Iterator[str]:
    yield f"  =  {inert(receipt.address)}  key {inert(receipt.key_id)}, delivered {say_time(receipt.delivered_at)}"
    for delivered in receipt.delivered:
        yield f"{_INDENT}in {inert(f'{delivered.sink}:{delivered.location}', width=1000)}"
    for old in receipt.superseded:
        yield f"{_INDENT}old key {inert(old.key_id)} until {say_time(old.delete_after)}"


def _describe_entry(entry: HistoryEntry) -> str:
    counts = f"{entry.added} added, {entry.changed} changed, {entry.destroyed} destroyed, {entry.failed} failed"
    return f"{say_time(entry.started_at)}  {inert(entry.digest)[:12]}  {counts}"
