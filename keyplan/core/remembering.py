"""What receipts and intents, of the ledger and of the sinks, say about addresses and keys.

In: the claims of the declarations and a snapshot. Out: per address its records, per key its address.
Where records disagree the declared address wins, then the latest delivery. Never: another owner's record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from keyplan.model.desired import Desired
from keyplan.model.manifest import Address, KeyId
from keyplan.model.observation import Marker, Observation, Snapshot
from keyplan.model.receipt import Intent, Receipt, Superseded


@dataclass(frozen=True, slots=True)
class Claims:
    """What the declarations claim: their own addresses and those that they moved from."""

    owner: str
    declared: frozenset[Address]
    by_address: Mapping[Address, Address]

    @classmethod
    def of(cls, wanted: Iterable[Desired], owner: str) -> Claims:
        """Return the claims of these declarations; an address that is declared is claimed by nobody else."""
        by_address: dict[Address, Address] = {}
        declared = []
        for one in wanted:
            declared.append(one.address)
            by_address |= dict.fromkeys(one.declaration.moved_from, one.address)
        by_address |= {address: address for address in declared}
        return cls(owner, frozenset(declared), by_address)

    def now_at(self, record: Receipt | Intent) -> Address:
        """Return the address that a record belongs to today; its own where nobody claims it."""
        return self.by_address.get(record.address, record.address)


@dataclass(frozen=True, slots=True)
class Remembered:
    """Our receipts and intents by the address that they belong to today."""

    receipts: Mapping[Address, tuple[Receipt, ...]]
    intents: Mapping[Address, tuple[Intent, ...]]
    """Oldest first."""
    by_key: Mapping[KeyId, Address]
    by_marker: Mapping[Marker, Address]
    """Empty where receipts know every marked key."""
    in_ledger: frozenset[Address]
    """Where the ledger itself has a receipt; only that can be forgotten."""

    @classmethod
    def of(cls, snapshot: Snapshot, claims: Claims) -> Remembered:
        """Return what the snapshot remembers of this owner."""
        receipts: defaultdict[Address, list[Receipt]] = defaultdict(list)
        for receipt in all_receipts(snapshot, claims.owner):
            receipts[claims.now_at(receipt)].append(receipt)
        intents: defaultdict[Address, list[Intent]] = defaultdict(list)
        for intent in snapshot.intents:
            if intent.owner == claims.owner:
                intents[claims.now_at(intent)].append(intent)
        known = {address: address for address in receipts} | dict(claims.by_address)
        by_key = _index_keys(receipts, claims)
        # Markers are asked for by keys without a record alone, and a digest for each of 10,000 addresses takes 50 ms.
        is_asked = any(key.marker and key.id not in by_key for key in snapshot.keys)
        return cls(
            receipts={address: tuple(told) for address, told in receipts.items()},
            intents={address: tuple(told) for address, told in intents.items()},
            by_key=by_key,
            by_marker={Marker.of(claims.owner, former): at for former, at in known.items()} if is_asked else {},
            in_ledger=frozenset(receipt.address for receipt in snapshot.receipts if receipt.owner == claims.owner),
        )

    def address_of(self, key: Observation) -> Address | None:
        """Return whose a key is, by receipt before marker; None where neither tells."""
        known = self.by_key.get(key.id)
        return known or (self.by_marker.get(key.marker) if key.marker else None)

    def superseded_at(self, addresses: Iterable[Address]) -> dict[KeyId, Superseded]:
        """Return what the addresses' receipts say of superseded keys, the latest switch of each."""
        entries = [
            old for address in addresses for receipt in self.receipts.get(address, ()) for old in receipt.superseded
        ]
        return {old.key_id: old for old in sorted(entries)} if entries else {}


def all_receipts(snapshot: Snapshot, owner: str) -> Iterator[Receipt]:
    """Yield an owner's receipts: the ledger's, then what sinks hold besides, by sink and location."""
    yield from (receipt for receipt in snapshot.receipts if receipt.owner == owner)
    in_ledger = {receipt.address: receipt for receipt in snapshot.receipts}
    # Observing shares what is equal, so nearly nothing is left to sort here.
    others = [
        (slot.sink, slot.location, held.receipt)
        for slot, held in snapshot.holdings.items()
        if held.receipt and held.receipt.owner == owner and held.receipt is not in_ledger.get(held.receipt.address)
    ]
    yield from (receipt for _, _, receipt in sorted(others, key=itemgetter(0, 1)))


def newest_receipt(receipts: Iterable[Receipt], live: Container[KeyId]) -> Receipt | None:
    """Return the receipt that counts: one that names a live key, then the latest; of equals the first given."""
    return max(
        receipts,
        key=lambda receipt: (receipt.key_id in live, receipt.delivered_at, len(receipt.delivered)),
        default=None,
    )


def _index_keys(receipts: Mapping[Address, Iterable[Receipt]], claims: Claims) -> dict[KeyId, Address]:
    """Return each key's address: a declared one first, so that what moved in is not taken for undeclared."""
    best: dict[KeyId, tuple[bool, datetime, bool, Address]] = {}
    for address, told in receipts.items():
        is_declared = address in claims.declared
        for receipt in told:
            for key_id in (receipt.key_id, *(old.key_id for old in receipt.superseded)):
                rank = is_declared, receipt.delivered_at, key_id == receipt.key_id, address
                former = best.get(key_id)
                best[key_id] = max(rank, former) if former else rank
    return {key_id: rank[-1] for key_id, rank in best.items()}
