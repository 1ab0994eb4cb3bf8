"""What a lost ledger knew, as far as keys and sinks still show it (`keyplan ledger rebuild`).

Only a key that its sinks provably hold gets a receipt again. The next apply decides about all others.
"""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.model.basis import KeepBasis
from keyplan.model.identity import Lineage
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.plan import FreshPlan
from keyplan.model.receipt import Receipt
from keyplan.planner.records import iter_sink_records


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuiltLedger:
    """What a new ledger can be filled with, and what it lacks."""

    receipts: tuple[Receipt, ...]
    """Of keys that are as declared and in every sink, sorted by address."""
    unnamed: tuple[Observation, ...]
    """Live keys with this owner's marker that no receipt names, sorted by name, then id."""


def rebuild_receipts(plan: FreshPlan, snapshot: Snapshot, lineage: Lineage) -> RebuiltLedger:
    """Return what a new ledger can be filled with, and what it lacks."""
    # Only keys that the plan keeps: a receipt for one that is about to be renewed would be out of date at once.
    kept = (action.basis for action in plan.actions if isinstance(action.basis, KeepBasis))
    receipts = {basis.receipt.address: basis.receipt for basis in kept if basis.ledger_outdated}
    named = {
        key_id
        for receipt in (*snapshot.receipts, *iter_sink_records(snapshot))
        if isinstance(receipt, Receipt) and receipt.identity in lineage.identities
        for key_id in (receipt.key_id, *(old.key_id for old in receipt.superseded))
    }
    marked = (key for key in snapshot.keys if key.marker and key.marker.identity in lineage.identities)
    unnamed = (key for key in marked if key.is_live(snapshot.now) and key.id not in named)
    return RebuiltLedger(
        receipts=tuple(receipts[address] for address in sorted(receipts)),
        unnamed=tuple(sorted(unnamed, key=lambda key: (key.name, key.id))),
    )
