"""What a lost ledger knew, as far as keys and sinks still tell it.

In: a plan that was made without the ledger, and the snapshot behind it. Out: receipts to keep again, and the keys that
no receipt names. Never: a receipt of a key that its sinks do not provably hold; the next apply decides about those.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import FreshPlan, KeepBasis
from keyplan.model.receipt import Receipt
from keyplan.planner.ownership import all_receipts


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What can be kept again, and what cannot."""

    receipts: tuple[Receipt, ...]
    """Of keys that are as declared and in every sink, sorted by address."""
    unnamed: tuple[Observation, ...]
    """Live keys with this owner's marker that no receipt names, sorted by id."""


def salvage(plan: FreshPlan, snapshot: Snapshot) -> Salvage:
    """Return what a new ledger can be filled with, and what it lacks."""
    kept = (action.basis for action in plan.actions if isinstance(action.basis, KeepBasis))
    receipts = {basis.receipt.address: basis.receipt for basis in kept if basis.ledger_outdated}
    named = {
        key_id
        for receipt in all_receipts(snapshot, plan.owner)
        for key_id in (receipt.key_id, *(old.key_id for old in receipt.superseded))
    }
    marked = (key for key in snapshot.keys if key.marker and key.marker.owner == plan.owner)
    return Salvage(
        receipts=tuple(receipts[address] for address in sorted(receipts)),
        unnamed=tuple(key for key in marked if key.is_live(snapshot.now) and key.id not in named),
    )
