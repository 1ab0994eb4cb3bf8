"""Whether a declaration's sinks hold its current key: the proof that row 8 of DESIGN section 6 asks for.

In: slots with what they hold, a key and its receipt. Out: yes or no, and which slots lag behind or can't tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keyplan.model.manifest import Declaration
from keyplan.model.observation import Content, Holding, Observation, Slot, Snapshot
from keyplan.model.quick import quick
from keyplan.model.receipt import CLOCK_SKEW, UNKNOWN_TIME, Receipt
from keyplan.planner.ownership import Estate

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


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that the decision about one declaration depends on."""

    estate: Estate
    snapshot: Snapshot
    slots: tuple[Slot, ...]
    """Where its raw key belongs."""
    is_requested: bool = False
    """Whether a person asked to renew it now."""
    namesakes: tuple[Observation, ...] = ()
    """Live unmanaged keys of its name."""
    ledger_receipt: Receipt | None = None
    """What the ledger alone remembers of its address, or of the one that it moved from."""

    @property
    def declaration(self) -> Declaration:
        """The declaration itself."""
        return self.estate.desired.declaration

    @property
    def now(self) -> datetime:
        """The one `now` of the run."""
        return self.snapshot.now

    @property
    def is_settled(self) -> bool:
        """Whether a current key is in every sink. Until then the overlap of older keys has not begun to run."""
        current, receipt = self.estate.current, self.estate.receipt
        return current is not None and receipt is not None and is_delivered(self.slots, self.snapshot, current, receipt)

    @property
    def can_hide_a_key(self) -> bool:
        """Whether some sink may hold a key that no receipt names, so that nothing proves a newcomer lost."""
        return any(can_hide_a_key(slot, self.snapshot) for slot in self.slots)
