"""A ledger as JSON values, in the formats that `schemas/ledger.v1.json`, `history.v1.json` and `lock.v1.json` publish.

No fingerprint is shown: with it, a raw key could be recognised.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.model.history import ChainCheck, HistoryEntry
from keyplan.model.intent import Intent
from keyplan.model.ledger import Holder, Memory
from keyplan.model.manifest import Json
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(memory: Memory, lock: Holder | None) -> dict[str, Json]:
    """Return the lock, what was begun and not finished, and what was delivered where."""
    return {
        "format_version": FORMAT_VERSION,
        "lock": _write_holder(lock),
        "applies": memory.serial,
        "intents": [_write_intent(intent) for intent in memory.intents],
        "receipts": [_write_receipt(receipt) for receipt in memory.receipts],
    }


def to_history_document(entries: Sequence[HistoryEntry]) -> dict[str, Json]:
    """Return past applies, in their order."""
    return {"format_version": FORMAT_VERSION, "applies": [_write_entry(entry) for entry in entries]}


def to_check_document(check: ChainCheck) -> dict[str, Json]:
    """Return what the chain of a history proves."""
    return {
        "format_version": FORMAT_VERSION,
        "whole": check.is_whole,
        "entries": check.entries,
        "unprotected": check.unprotected,
        "head": check.head or None,
        "expected_head": check.expected,
        "newer": check.newer,
        "faults": [{"entry": fault.number, "kind": fault.kind.value} for fault in check.faults],
    }


def to_lock_document(lock: Holder | None, leader: Holder | None) -> dict[str, Json]:
    """Return who holds the lock, and who leads several `keyplan watch`."""
    return {"format_version": FORMAT_VERSION, "lock": _write_holder(lock), "leader": _write_holder(leader)}


def _write_holder(holder: Holder | None) -> dict[str, Json] | None:
    if holder is None:
        return None
    return {
        "id": holder.id,
        "owner": holder.owner,
        "host": holder.host,
        "pid": holder.pid,
        "command": holder.command,
        "since": write_time(holder.since),
        "until": write_time(holder.until) if holder.until else None,
        "number": holder.number,
    }


def _write_intent(intent: Intent) -> dict[str, Json]:
    return {
        "id": intent.id,
        "address": intent.address,
        "verb": intent.verb,
        "key_id": intent.key_id,
        "at": write_time(intent.at),
        "attempts": intent.attempts,
        "until": write_time(intent.until) if intent.until else None,
    }


def _write_receipt(receipt: Receipt) -> dict[str, Json]:
    return {
        "address": receipt.address,
        "key_id": receipt.key_id,
        "key_type": receipt.key_type.value,
        "name": receipt.name,
        "created_at": write_time(receipt.created_at),
        "expires_at": write_time(receipt.expires_at) if receipt.expires_at else None,
        "delivered_at": write_time(receipt.delivered_at),
        "delivered": [{"sink": place.sink, "location": place.location} for place in receipt.delivered],
        "left": [
            {"sink": one.place.sink, "location": one.place.location, "empty_after": write_time(one.empty_after)}
            for one in receipt.left
        ],
        "superseded": [
            {"key_id": old.key_id, "delete_after": write_time(old.delete_after)} for old in receipt.superseded
        ],
        "protect": receipt.protect,
        "generation": receipt.generation,
        "forgotten": receipt.forgotten,
    }


def _write_entry(entry: HistoryEntry) -> dict[str, Json]:
    return {
        "digest": entry.digest,
        "started_at": write_time(entry.started_at),
        "finished_at": write_time(entry.finished_at),
        "added": entry.added,
        "changed": entry.changed,
        "destroyed": entry.destroyed,
        "failed": entry.failed,
        "author": {"name": author.name, "source": author.source} if (author := entry.author) else None,
        "host": entry.host,
        "command": entry.command,
        "actions": [action.to_dict() for action in entry.actions],
        "number": entry.link.number if entry.link else None,
        "previous": entry.link.previous if entry.link else None,
        "hash": entry.link.hash if entry.link else None,
    }
