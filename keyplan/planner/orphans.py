"""What is ours and declared nowhere, and which declaration takes it over because only the spelling changed.

Nothing is decided here about what happens to an undeclared key.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from keyplan.model.desired import Desired
from keyplan.model.identity import Address, ProviderName, ScopeId, read_provider
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation
from keyplan.model.receipt import Receipt
from keyplan.planner.records import AddressIndex, LedgerRecords, choose_receipt

_Identity: TypeAlias = tuple[ProviderName, KeyType | None, str, tuple[ScopeId, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A live key, or what the ledger has of a key that is gone or can't be seen, which is ours and declared nowhere."""

    address: Address
    key: Observation | None
    receipt: Receipt | None
    is_recorded: bool = True
    """Whether the receipt is the ledger's: nothing else may name places to empty."""

    @property
    def is_forgotten(self) -> bool:
        """Whether the user gave it up: its declaration was removed with `on_remove: forget`."""
        return self.key is not None and self.receipt is not None and self.receipt.forgotten


def find_orphans(
    owned: Mapping[Address, Sequence[Observation]],
    ledger: LedgerRecords,
    claims: Mapping[Address, Sequence[Receipt]],
    index: AddressIndex,
) -> tuple[Orphan, ...]:
    """Return what is ours and undeclared: live keys, and the ledger's receipts whose keys are all gone.

    At a provider that the manifest does not name any longer, an open intent counts as well.

    `claims` are believed receipts beside secrets, by address.
    """
    orphans = []
    # A receipt without a key counts only in the ledger: one in a sink cannot be dropped, only overwritten.
    for address in sorted({*owned, *ledger.receipts, *ledger.unreachable} - index.declared):
        keys = sorted(owned.get(address, ()), key=lambda key: key.id)
        live = {key.id: key for key in keys}
        recorded = ledger.receipts.get(address, ())
        receipt = choose_receipt(recorded, claims.get(address, ()), live)
        orphans += [
            Orphan(address=address, key=key, receipt=receipt, is_recorded=receipt in recorded)
            for key in keys or (None,)
        ]
    return tuple(orphans)


def find_moves(
    desired: Iterable[Desired], occupied: Container[Address], orphans: Sequence[Orphan]
) -> Mapping[Address, Address]:
    """Return, by declared address, the former address whose live keys it takes over; each former address once.

    A declaration that owns nothing takes over keys of the same type, name and spaces: a changed spelling of the space
    changes the address, and must not make a new key.
    """
    if not orphans:  # nearly always
        return {}
    vacant: dict[_Identity | None, Address] = {
        (one.declaration.provider, one.declaration.key_type, one.declaration.name, one.scope_ids): one.address
        for one in desired
        if one.address not in occupied
    }
    fitting = [orphan for orphan in orphans if orphan.key and _identity(orphan) in vacant]
    # The last one wins in a dict, so the best proven comes last; the second dict drops a former address claimed
    # twice.
    best = {vacant[_identity(orphan)]: orphan.address for orphan in sorted(fitting, key=_rank_of_proof)}
    once = {former: declared for declared, former in best.items()}
    return {declared: former for former, declared in once.items()}


def _rank_of_proof(orphan: Orphan) -> tuple[bool, float, float, Address]:
    """Return the sort key that puts the best proven orphan last: with a receipt, delivered last, the youngest key."""
    receipt, key = orphan.receipt, orphan.key
    proven = receipt is not None and not receipt.forgotten
    delivered = receipt.delivered_at.timestamp() if receipt else 0.0
    return proven, delivered, key.created_at.timestamp() if key else 0.0, orphan.address


def _identity(orphan: Orphan) -> _Identity | None:
    """Return provider, type, name and spaces, which a declaration must share; None if the spaces are unknown."""
    if orphan.receipt:
        provider = read_provider(orphan.receipt.address)
        return provider, orphan.receipt.key_type, orphan.receipt.name, orphan.receipt.scope_ids
    key = orphan.key
    # alpha shows no spaces (docs/arize-api.md, A14): the same name in another space would be taken for a move.
    if key is None or (key.key_type is KeyType.SERVICE and not key.scope_ids):
        return None
    return key.provider, key.key_type, key.name, tuple(sorted(key.scope_ids or ()))
