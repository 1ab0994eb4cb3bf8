"""What proves that a declaration's sinks hold its current key: row 8 of docs/planning.md, and its section "Evidence".

In doubt nothing is proven: a slot counts as lacking the key if its sink cannot determine what it holds.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from keyplan.model.observation import Content, Holding, Observation, Slot, Snapshot
from keyplan.model.receipt import CLOCK_SKEW, UNKNOWN_TIME, Receipt
from keyplan.planner.ownership import OwnedKeys

_NOTHING = Holding(present=False)


_SETTLES_WITHIN = timedelta(hours=1)
"""How much later than our delivery a sink may report its change: clocks differ, and writes are tried again."""


def is_delivered(slots: tuple[Slot, ...], snapshot: Snapshot, key: Observation, receipt: Receipt) -> bool:
    """Whether every slot provably holds the raw key of that key."""
    return receipt.key_id == key.id and not lacking_slots(slots, snapshot, receipt)


def lacking_slots(slots: tuple[Slot, ...], snapshot: Snapshot, receipt: Receipt) -> tuple[Slot, ...]:
    """Return the slots that do not provably hold the raw key of a receipt, in their order (docs/planning.md, row 8)."""
    return tuple([slot for slot in slots if not _holds(slot, snapshot, receipt)])


def _holds(slot: Slot, snapshot: Snapshot, receipt: Receipt) -> bool:
    abilities = snapshot.abilities[slot.sink]
    if not abilities.is_asked:
        return receipt.entry_of(slot.delivered) is not None
    holding = holding_of(slot, snapshot)
    if receipt.fingerprint is None or not abilities.holds_receipts:
        # Nothing to compare with: an imported key has no fingerprint, and this sink may keep no receipts. The ledger's
        # word counts then, unless the sink shows that the value changed since.
        entry = receipt.entry_of(slot.delivered)
        return (
            holding.present
            and entry is not None
            and not was_overwritten(slot, snapshot, entry.at or receipt.delivered_at)
        )
    return holding.content is not Content.DIFFERS and _is_receipt_of(holding, receipt)


def _is_receipt_of(holding: Holding, receipt: Receipt) -> bool:
    """Whether a value is there, beside a receipt of the same raw key."""
    held = holding.receipt
    if receipt.fingerprint is None or not holding.present or held is None:
        return False
    # Observing shares those that agree: nearly always the two are one.
    return held is receipt or (held.key_id == receipt.key_id and held.fingerprint == receipt.fingerprint)


def was_overwritten(slot: Slot, snapshot: Snapshot, taken_at: datetime) -> bool:
    """Whether a slot changed so long after our delivery that another writer must have done it."""
    changed_at = holding_of(slot, snapshot).changed_at
    if changed_at is None or not snapshot.abilities[slot.sink].weak_proof:
        return False
    # docs/decisions/0010-overwritten-behind-weak-proof.md says why an hour.
    return changed_at > taken_at + _SETTLES_WITHIN


def find_source(slots: tuple[Slot, ...], snapshot: Snapshot, receipt: Receipt) -> Slot | None:
    """Return the first slot that the raw key of a receipt may be copied from: it was read there and found to match."""
    # Only a value that was read and compared: a write-only sink may have been overwritten since.
    for slot in slots:
        holding = holding_of(slot, snapshot)
        is_read = holding.content is Content.MATCHES
        if snapshot.abilities[slot.sink].may_copy and is_read and _is_receipt_of(holding, receipt):
            return slot
    return None


def outdated_slots(slots: tuple[Slot, ...], snapshot: Snapshot, receipt: Receipt) -> tuple[Slot, ...]:
    """Return the slots whose receipt says something else than this one. Which sinks took the key does not count."""
    return tuple(
        [
            slot
            for slot in slots
            if snapshot.abilities[slot.sink].holds_receipts
            and (held := holding_of(slot, snapshot).receipt) is not None
            and held is not receipt  # observing shares those that agree, so this is nearly always enough
            and not held.agrees_with(receipt)
        ]
    )


def find_unproven(slots: tuple[Slot, ...], snapshot: Snapshot, key: Observation) -> str:
    """Return a slot whose sink can neither prove nor disprove that it holds this key; empty if each can."""
    for slot in slots:
        abilities, held = snapshot.abilities[slot.sink], holding_of(slot, snapshot)
        # Without both times there is nothing to compare, and weak proof proves nothing.
        is_dated = held.changed_at is not None and key.created_at != UNKNOWN_TIME
        tells = abilities.holds_receipts or (abilities.weak_proof and (is_dated or not held.present))
        if not tells:
            return str(slot)
    return ""


def may_hold_unrecorded_key(slot: Slot, snapshot: Snapshot) -> bool:
    """Whether a slot may hold a raw key that its receipt does not name: half stored, or without any receipt."""
    held = holding_of(slot, snapshot)
    # No receipt can be there, or a run was killed between value and receipt.
    if not snapshot.abilities[slot.sink].holds_receipts or held.content is Content.DIFFERS:
        return True
    return held.present and held.receipt is None


def may_hold_other_value(slot: Slot, snapshot: Snapshot) -> bool:
    """Whether the note beside a value says nothing of it while a run's end is unknown: two runs may have mixed them."""
    ability = snapshot.abilities[slot.sink]
    return ability.holds_receipts and not ability.compares and not ability.readable


def holding_of(slot: Slot, snapshot: Snapshot) -> Holding:
    """Return what a slot holds; an empty holding if the sink did not say."""
    return snapshot.holdings.get(slot, _NOTHING)


# When the ledger knows nothing: the time at which a sink last changed stands in for a receipt.


def apply_weak_proof(owned: OwnedKeys, snapshot: Snapshot) -> OwnedKeys:
    """Return a copy whose receipt counts what sinks without receipts prove by the time of their last change.

    If no sink is asked, the newest key counts as delivered to all of them. Only for an address that the ledger does not
    know: what it remembers is better than any time of change.
    """
    slots = snapshot.slots.get(owned.desired.address, ())
    # An interrupted run may have written a value that nothing records: its time proves nothing about this key.
    if owned.intents:
        return owned
    if owned.current and owned.receipt:
        return replace(owned, receipt=_extend_receipt(owned.receipt, slots, snapshot))
    if owned.receipt or not owned.older:
        return owned
    if slots and not any(snapshot.abilities[slot.sink].is_asked for slot in slots):
        # Nothing can be proven, and to call the key undelivered would be a guess, too: it is what a run left behind.
        newest = owned.older[0]
        return replace(owned, receipt=_infer_receipt(owned, newest, slots, newest.created_at)).with_keys(owned.older)
    times = _find_weak_proof(owned.older, slots, snapshot)
    if not times:
        return owned
    receipt = _infer_receipt(owned, owned.older[0], slots, max(times))
    return replace(owned, receipt=receipt).with_keys(owned.older)


def _extend_receipt(receipt: Receipt, slots: tuple[Slot, ...], snapshot: Snapshot) -> Receipt:
    """Return a sink's receipt that also lists the slots without receipts that changed at its delivery or later."""
    since = receipt.delivered_at - CLOCK_SKEW
    weak = {
        replace(slot.delivered, at=changed_at)
        for slot in slots
        if (changed_at := _changed_at(slot, snapshot)) is not None and changed_at >= since
    }
    return replace(receipt, delivered=tuple(sorted({*receipt.delivered, *weak})))


def _find_weak_proof(older: tuple[Observation, ...], slots: tuple[Slot, ...], snapshot: Snapshot) -> list[datetime]:
    """Return when each slot changed, if that proves that all hold the newest key; else nothing.

    If other keys are alive too, a tie could stand for one of them, and does not count.
    """
    # Seconds tie: with other keys alive, a change at the very second may have been the delivery of one of them.
    newest, *others = older
    since = newest.created_at + (timedelta.resolution if others else timedelta(0))
    changed = [_changed_at(slot, snapshot) for slot in slots]
    times = [instant for instant in changed if instant is not None and instant >= since]
    return times if len(times) == len(slots) and newest.created_at != UNKNOWN_TIME else []


def _changed_at(slot: Slot, snapshot: Snapshot) -> datetime | None:
    """Return when a slot without receipts was last written; None if that is unknown, or it holds nothing."""
    abilities, held = snapshot.abilities[slot.sink], holding_of(slot, snapshot)
    is_weak = abilities.weak_proof and not abilities.holds_receipts
    return held.changed_at if is_weak and held.present else None


def _infer_receipt(owned: OwnedKeys, key: Observation, slots: tuple[Slot, ...], delivered_at: datetime) -> Receipt:
    """Return a receipt for a key that only its sinks vouch for: like that of an imported key, with our slots in it."""
    desired, declared = owned.desired, owned.desired.declaration
    return Receipt(
        owner=desired.owner,
        manifest_id=desired.identity.id,
        address=desired.address,
        key_id=key.id,
        key_type=declared.key_type,
        name=declared.name,
        scope_ids=desired.scope_ids,
        # A refresh may keep created_at (docs/arize-api.md, A26); the sink knows better since when this raw key is used.
        created_at=delivered_at,
        expires_at=key.expires_at,
        redacted=key.edition,
        delivered=tuple(sorted(slot.delivered for slot in slots)),
        delivered_at=delivered_at,
        generation=declared.rotation.generation,
    )
