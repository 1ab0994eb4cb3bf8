"""A ledger and its history as text, word for word."""

from __future__ import annotations

from datetime import timedelta

from plans import (
    NOW,
)
from syrupy.assertion import SnapshotAssertion

from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address, KeyId, SinkName
from keyplan.model.intent import Intent, IntentId
from keyplan.model.ledger import Holder, Memory
from keyplan.model.manifest import KeyType
from keyplan.model.receipt import Delivered, Receipt, Superseded
from keyplan.renderers.text.ledger import render_history, render_ledger

INTENT = Intent(
    id=IntentId("i-1"),
    owner="ml-platform",
    address=Address("user/ci"),
    verb="create",
    key_id=None,
    alive_before=(),
    at=NOW,
    attempts=2,
)
RECEIPT = Receipt(
    owner="ml-platform",
    address=Address("user/ci"),
    key_id=KeyId("key-1"),
    key_type=KeyType.USER,
    name="ci",
    created_at=NOW,
    delivered=(Delivered(SinkName("local"), "secrets/ci.env"),),
    delivered_at=NOW,
    superseded=(Superseded(key_id=KeyId("key-0"), switched_at=NOW, delete_after=NOW + timedelta(days=1)),),
)
HOLDER = Holder(id="5f3a9c1e", owner="ada", host="ci-1", pid=42, since=NOW, command="apply")
ENTRY = HistoryEntry(digest="ab" * 32, started_at=NOW, finished_at=NOW, added=2, changed=1, destroyed=0, failed=1)


def test_a_ledger_reads_like_this(snapshot: SnapshotAssertion) -> None:
    memory = Memory(receipts=(RECEIPT,), intents=(INTENT,))
    assert [render_ledger(memory, HOLDER), render_ledger(Memory(), None)] == snapshot


def test_a_history_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert [render_history([ENTRY]), render_history([])] == snapshot
