"""What weak proof stands for where the ledger is silent: that a sink changed after a key was made (row 5b).

In: an estate and a snapshot. Out: the estate, perhaps with a receipt that says no more than the sinks do. Without
it, a machine that never saw the ledger would rotate such a key at every run. Never: used beside a ledger that
remembers the key, or an intent that is open.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from keyplan.core.estates import Estate
from keyplan.core.proving import held_in
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.receipt import CLOCK_SKEW, UNKNOWN_TIME, Receipt


def presume(estate: Estate, snapshot: Snapshot) -> Estate:
    """Return the estate with what its sinks' weak proof adds to, or puts in place of, its receipt."""
    slots = snapshot.slots.get(estate.desired.address, ())
    if estate.intents:
        return estate
    if estate.current and estate.receipt:
        return replace(estate, receipt=_stretch(estate.receipt, slots, snapshot))
    if estate.receipt or not estate.older:
        return estate
    times = _weak_times(estate.older, slots, snapshot)
    if not times:
        return estate
    told = _stand_in(estate, estate.older[0], slots, max(times))
    return replace(estate, receipt=told).with_keys(estate.older)


def _stretch(receipt: Receipt, slots: tuple[Slot, ...], snapshot: Snapshot) -> Receipt:
    """Return a sink's receipt, saying of its weak neighbours too that they took the key, then or later."""
    since = receipt.delivered_at - CLOCK_SKEW
    weak = {
        replace(slot.delivered, at=changed_at)
        for slot in slots
        if (changed_at := _changed_at(slot, snapshot)) is not None and changed_at >= since
    }
    return replace(receipt, delivered=tuple(sorted({*receipt.delivered, *weak})))


def _weak_times(older: tuple[Observation, ...], slots: tuple[Slot, ...], snapshot: Snapshot) -> list[datetime]:
    """Return when each slot changed, if that proves that all hold the newest key; else nothing.

    Where other keys are alive too, a tie could stand for one of them, and does not count.
    """
    newest, *others = older
    since = newest.created_at + (timedelta.resolution if others else timedelta(0))
    changed = [_changed_at(slot, snapshot) for slot in slots]
    times = [instant for instant in changed if instant is not None and instant >= since]
    return times if len(times) == len(slots) and newest.created_at != UNKNOWN_TIME else []


def _changed_at(slot: Slot, snapshot: Snapshot) -> datetime | None:
    """Return when a slot without receipts was last written; None where that is unknown, or it holds nothing."""
    abilities, held = snapshot.abilities[slot.sink], held_in(slot, snapshot)
    is_weak = abilities.weak_proof and not abilities.holds_receipts
    return held.changed_at if is_weak and held.present else None


def _stand_in(estate: Estate, key: Observation, slots: tuple[Slot, ...], delivered_at: datetime) -> Receipt:
    """Return the receipt of a key that was seen only from outside: like an imported one's, with our sinks in it."""
    desired, declared = estate.desired, estate.desired.declaration
    return Receipt(
        owner=desired.owner,
        address=desired.address,
        key_id=key.id,
        key_type=declared.key_type,
        name=declared.name,
        space_ids=desired.space_ids,
        # A refresh may keep the date of birth; the sink knows better since when this raw key is in use.
        created_at=delivered_at,
        expires_at=key.expires_at,
        redacted=key.redacted,
        delivered=tuple(sorted(slot.delivered for slot in slots)),
        delivered_at=delivered_at,
        generation=declared.rotation.generation,
    )
