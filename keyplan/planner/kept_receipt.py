"""What the receipt of a key that stays should say for the declaration as it is now. The raw key is the same."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import Any

from keyplan.model.observation import Observation, Slot
from keyplan.model.receipt import Delivered, Receipt
from keyplan.planner.case import Case
from keyplan.planner.retirement import list_superseded

_MUTABLE = (
    "owner",
    "manifest_id",
    "address",
    "name",
    "key_type",
    "scope_ids",
    "protect",
    "on_remove",
    "superseded",
    "forgotten",
    "placed_as",
)
"""Fields of a receipt that follow the declaration even while the raw key stays the same."""
_read_mutable = attrgetter(*_MUTABLE)
_PLACE = attrgetter("sink", "location")


def update_receipt(case: Case, key: Observation, receipt: Receipt) -> Receipt:
    """Return the receipt as it should read for the declaration as it is now; the raw key is the same."""
    declared = case.declaration
    desired = case.owned.desired
    current = (
        desired.owner,
        desired.identity.id,
        declared.address,
        declared.name,
        declared.key_type,
        desired.scope_ids,
        declared.protect,
        declared.on_remove,
        list_superseded(case, key),
        False,
        case.placed_as,
    )
    # Nearly every receipt is up to date, and comparing takes a fraction of the time of making another one.
    if _read_mutable(receipt) == current and _lists_places(receipt, case.slots):
        return receipt
    fields: dict[str, Any] = dict(zip(_MUTABLE, current, strict=True))
    return replace(receipt, **fields, delivered=tuple(sorted(_list_place(slot, receipt) for slot in case.slots)))


def _lists_places(receipt: Receipt, slots: tuple[Slot, ...]) -> bool:
    """Whether a receipt lists exactly these slots, sorted, with their current options."""
    if len(slots) != len(receipt.delivered):
        return False
    wanted = sorted(slots, key=_PLACE) if len(slots) > 1 else slots
    for entry, slot in zip(receipt.delivered, wanted, strict=True):
        if entry.sink != slot.sink or entry.location != slot.location or entry.options != slot.options:
            return False
    return True


def _list_place(slot: Slot, receipt: Receipt) -> Delivered:
    """Return a slot as the receipt lists it, with its current options and the time of a copy."""
    entry = receipt.entry_of(slot.delivered)
    return Delivered(slot.sink, slot.location, slot.options, entry.at if entry else None)
