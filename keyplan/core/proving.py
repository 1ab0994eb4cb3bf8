"""Whether a declaration's sinks hold its current key: the proof that row 8 of DESIGN section 6 asks for.

In: slots with what they hold, a key and its receipt. Out: yes or no, and which slots lag behind or can't tell.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from keyplan.model.observation import Content, Holding, Observation, Slot, Snapshot
from keyplan.model.receipt import UNKNOWN_TIME, Receipt

_NOTHING = Holding(present=False)
_SETTLES_WITHIN = timedelta(hours=1)
"""How much later than our delivery a sink may say that it changed: clocks differ, writes are tried again."""


def is_delivered(slots: tuple[Slot, ...], snapshot: Snapshot, key: Observation, receipt: Receipt) -> bool:
    """Whether every slot provably holds the raw key of that key."""
    return receipt.key_id == key.id and not lacking_slots(slots, snapshot, receipt)


def lacking_slots(slots: tuple[Slot, ...], snapshot: Snapshot, receipt: Receipt) -> tuple[Slot, ...]:
    """Return the slots that do not provably hold the raw key of a receipt, in their order."""
    return tuple(slot for slot in slots if not _holds(slot, snapshot, receipt))


def find_source(slots: tuple[Slot, ...], snapshot: Snapshot, receipt: Receipt) -> Slot | None:
    """Return the first slot that the raw key of a receipt may be copied from: it was read there and found to match."""
    for slot in slots:
        is_read = held_in(slot, snapshot).content is Content.MATCHES
        if snapshot.abilities[slot.sink].may_copy and is_read and _is_receipt_of(slot, snapshot, receipt):
            return slot
    return None


def outdated_slots(slots: tuple[Slot, ...], snapshot: Snapshot, receipt: Receipt) -> tuple[Slot, ...]:
    """Return the slots that hold receipts, but another than this one. Which sinks took it does not count."""
    return tuple(
        slot
        for slot in slots
        if snapshot.abilities[slot.sink].holds_receipts
        and (held := held_in(slot, snapshot).receipt) is not None
        and held is not receipt  # observing shares those that agree, so this is nearly always enough
        and not held.agrees_with(receipt)
    )


def find_unproven(slots: tuple[Slot, ...], snapshot: Snapshot, key: Observation) -> str:
    """Return a slot whose sink can neither prove nor disprove that it holds this key; empty where each can."""
    for slot in slots:
        abilities, held = snapshot.abilities[slot.sink], held_in(slot, snapshot)
        is_dated = held.changed_at is not None and key.created_at != UNKNOWN_TIME
        tells = abilities.holds_receipts or (abilities.weak_proof and (is_dated or not held.present))
        if not tells:
            return f"{slot.sink}:{slot.location}"
    return ""


def can_hide_a_key(slot: Slot, snapshot: Snapshot) -> bool:
    """Whether a slot may hold a raw key that its receipt does not name: half stored, or without any receipt."""
    held = held_in(slot, snapshot)
    if not snapshot.abilities[slot.sink].holds_receipts or held.content is Content.DIFFERS:
        return True
    return held.present and held.receipt is None


def held_in(slot: Slot, snapshot: Snapshot) -> Holding:
    """Return what a slot holds; nothing where the sink did not say."""
    return snapshot.holdings.get(slot, _NOTHING)


def _holds(slot: Slot, snapshot: Snapshot, receipt: Receipt) -> bool:
    holding = held_in(slot, snapshot)
    if receipt.fingerprint is None or not snapshot.abilities[slot.sink].holds_receipts:
        # Nothing to compare with: somebody else delivered it (an imported key), or the sink keeps no receipts.
        entry = receipt.entry_of(slot.delivered)
        return (
            holding.present
            and entry is not None
            and not _was_overwritten(slot, snapshot, entry.at or receipt.delivered_at)
        )
    return holding.content is not Content.DIFFERS and _is_receipt_of(slot, snapshot, receipt)


def _is_receipt_of(slot: Slot, snapshot: Snapshot, receipt: Receipt) -> bool:
    """Whether a value is there, beside a receipt of the same raw key."""
    holding = held_in(slot, snapshot)
    return (
        receipt.fingerprint is not None
        and holding.present
        and holding.receipt is not None
        and holding.receipt.key_id == receipt.key_id
        and holding.receipt.fingerprint == receipt.fingerprint
    )


def _was_overwritten(slot: Slot, snapshot: Snapshot, taken_at: datetime) -> bool:
    """Whether a slot changed so long after our delivery that somebody else must have written it."""
    changed_at = held_in(slot, snapshot).changed_at
    if changed_at is None or not snapshot.abilities[slot.sink].weak_proof:
        return False
    return changed_at > taken_at + _SETTLES_WITHIN
