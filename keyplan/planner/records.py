"""What ledger and sinks remember, by the address that it belongs to today.

Only what the ledger says of a key is evidence of whose the key is; a record beside a secret is a claim, and
`claims` decides whether it is believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import itemgetter

from keyplan.model.desired import Desired
from keyplan.model.identity import Address, Identity, KeyId, Lineage, Origin, read_provider
from keyplan.model.intent import Intent
from keyplan.model.manifest import Adopt, Declaration
from keyplan.model.observation import Marker, Observation, Snapshot, digest_address
from keyplan.model.receipt import Receipt, Superseded
from keyplan.model.texts import compose, decompose


def leaves_import(declaration: Declaration) -> bool:
    """Whether the key of `import` stays what it is, beside a new one: then the declaration is never that key."""
    return declaration.adopt is Adopt.REPLACE and not declaration.retire_adopted


def is_unreachable(address: Address, snapshot: Snapshot) -> bool:
    """Whether an address is of a further provider that the manifest does not name any longer: nothing shows its key."""
    provider = read_provider(address)
    return bool(provider) and provider not in snapshot.further_laws


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressIndex:
    """The addresses of a manifest's declarations: their own, and those that they moved from."""

    present: Identity
    """Who the manifest is now."""
    identities: frozenset[Identity]
    """Whose records and marks count at every address; `present` is one of them."""
    declared: frozenset[Address]
    by_address: Mapping[Address, Address]
    by_origin: Mapping[Origin, Address]
    imports: Mapping[KeyId, Address]
    """Keys that declarations name with `import`."""

    @classmethod
    def of(cls, desired: Iterable[Desired], lineage: Lineage) -> AddressIndex:
        """Return the index. A declared address always belongs to its own declaration."""
        by_address: dict[Address, Address] = {}
        by_origin: dict[Origin, Address] = {}
        imports: dict[KeyId, Address] = {}
        declared = []
        for one in desired:
            declaration = one.declaration
            declared.append(declaration.address)
            # moved_from first, then the declared addresses, so that a declared one always wins.
            by_address |= dict.fromkeys(declaration.moved_from, declaration.address)
            by_origin |= dict.fromkeys(declaration.taken_from, declaration.address)
            if declaration.import_id and not leaves_import(declaration):
                imports[declaration.import_id] = declaration.address
        by_address |= {address: address for address in declared}
        return cls(
            present=lineage.identity,
            identities=frozenset(lineage.identities),
            declared=frozenset(declared),
            by_address=by_address,
            by_origin=by_origin,
            imports=imports,
        )

    def find(self, identity: Identity, address: Address) -> Address | None:
        """Return where something of this identity and address belongs today; None if it is another manifest's."""
        if identity in self.identities:
            return self._find_own(address)
        return self.by_origin.get(Origin(identity=identity, address=Address(compose(address))))

    def find_record(self, record: Receipt | Intent) -> Address | None:
        """Return the address that a record belongs to today; None if it is another manifest's."""
        # True of nearly every record: no identity has to be made, hashed and looked up for it.
        if record.owner == self.present.owner and record.manifest_id == self.present.id:
            return self._find_own(record.address)
        return self.find(record.identity, record.address)

    def _find_own(self, address: Address) -> Address:
        # An earlier keyplan noted an address in the normal form in which the manifest wrote it.
        return self.by_address.get(Address(compose(address)), address)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRecords:
    """What the ledger knows, by the address that it belongs to today: evidence, because only keyplan writes it."""

    receipts: Mapping[Address, tuple[Receipt, ...]]
    intents: Mapping[Address, tuple[Intent, ...]]
    """Oldest first."""
    by_key: Mapping[KeyId, Address]
    """Whose key each id is, current or superseded."""
    unreachable: frozenset[Address]
    """Addresses of open intents at providers that are not asked."""

    @classmethod
    def of(cls, snapshot: Snapshot, index: AddressIndex) -> LedgerRecords:
        """Return the ledger's records of this manifest."""
        receipts: defaultdict[Address, list[Receipt]] = defaultdict(list)
        for receipt in snapshot.receipts:
            if (address := index.find_record(receipt)) is not None:
                receipts[address].append(receipt)
        intents: defaultdict[Address, list[Intent]] = defaultdict(list)
        for intent in snapshot.intents:
            if (address := index.find_record(intent)) is not None:
                intents[address].append(intent)
        return cls(
            receipts={address: tuple(found) for address, found in receipts.items()},
            intents={address: tuple(found) for address, found in intents.items()},
            by_key=_index_keys(receipts, index.declared),
            unreachable=frozenset(address for address in intents if is_unreachable(address, snapshot)),
        )


def _index_keys(receipts: Mapping[Address, Iterable[Receipt]], declared: Container[Address]) -> dict[KeyId, Address]:
    """Return the address of each key: a declared one first, so that a key that moved is not taken for undeclared."""
    best: dict[KeyId, tuple[bool, datetime, bool, Address]] = {}
    for address, found in receipts.items():
        is_declared = address in declared
        for receipt in found:
            for key_id in _list_ids(receipt):
                rank = is_declared, receipt.delivered_at, key_id == receipt.key_id, address
                former = best.setdefault(key_id, rank)
                if former < rank:
                    best[key_id] = rank
    return {key_id: rank[-1] for key_id, rank in best.items()}


def _list_ids(receipt: Receipt) -> tuple[KeyId, ...]:
    """Return the ids of all keys that a receipt names as the address's."""
    if not receipt.superseded:  # nearly always
        return (receipt.key_id,)
    return (receipt.key_id, *(old.key_id for old in receipt.superseded))


class MarkerIndex:
    """Finds the address behind a marker. A marker holds a digest alone, so each known address is tried."""

    def __init__(self, snapshot: Snapshot, index: AddressIndex) -> None:
        self._snapshot, self._index = snapshot, index
        self._by_origin = {
            Marker.of(one.identity, spelt): at
            for one, at in index.by_origin.items()
            for spelt in (one.address, _decompose(one.address))
        }

    def covers(self, marker: Marker) -> bool:
        """Whether the marker is written for this manifest."""
        return marker.identity in self._index.identities or marker in self._by_origin

    def find(self, marker: Marker) -> Address | None:
        """Return the address, or today's, of a marker that is written for this manifest; None if nothing knows it."""
        return self._by_origin.get(marker) or self._by_ref.get(marker.ref)

    # Made when it is first needed: if the ledger knows every key, no marker is looked up, and no address digested.
    @cached_property
    def _by_ref(self) -> Mapping[str, Address]:
        """Addresses by their digests."""
        snapshot, index = self._snapshot, self._index
        known = {receipt.address for receipt in snapshot.receipts if receipt.identity in index.identities}
        # A record beside a secret may name an address here: a wrong one has another digest, so it can't mislead.
        known |= {record.address for record in iter_sink_records(snapshot) if record.identity in index.identities}
        addresses = {address: index.by_address.get(Address(compose(address)), address) for address in known}
        addresses |= {_decompose(former): address for former, address in index.by_address.items()}
        return {digest_address(former): at for former, at in (addresses | dict(index.by_address)).items()}


def _decompose(address: Address) -> Address:
    return Address(decompose(address))


def iter_sink_records(snapshot: Snapshot) -> Iterator[Receipt | Intent]:
    """Yield what sinks hold beside the ledger's own receipts, by sink and location; other users may have written it."""
    in_ledger = {receipt.address: receipt for receipt in snapshot.receipts}
    # Observing shares what is equal, so nearly nothing is left to sort here.
    others = [
        (slot.sink, slot.location, number, record)
        for slot, held in snapshot.holdings.items()
        if held.owner is None
        for number, record in enumerate((held.receipt, held.intent))
        if record is not None and record is not in_ledger.get(record.address)
    ]
    yield from (record for *_, record in sorted(others, key=itemgetter(0, 1, 2)))


def choose_receipt(
    recorded: Iterable[Receipt], claimed: Iterable[Receipt], live: Mapping[KeyId, Observation]
) -> Receipt | None:
    """Return the receipt that counts: the ledger's, unless the provider confirms that a later one is true.

    Without a live key of the ledger's: one that names a live key, then the latest delivery; of equals the first one.
    """
    known, others = list(recorded), list(claimed)
    if len(known) == 1 and not others:  # nearly always: nothing to choose from
        return known[0]
    own = _newest([one for one in known if one.key_id in live], live)
    if own is None:
        return _newest([*known, *others], live)
    return _newest([own, *(one for one in others if _outdoes(one, own, live))], live)


def _outdoes(claim: Receipt, own: Receipt, live: Mapping[KeyId, Observation]) -> bool:
    """Whether a believed claim shows that another machine renewed the key after the ledger's receipt was written."""
    if claim.key_id not in live or claim.delivered_at <= own.delivered_at:
        return False
    key, former = live[claim.key_id], live[own.key_id]
    if claim.key_id == own.key_id:
        # A refresh may keep the id: then only the provider's redacted form shows which of the two is up to date.
        return bool(key.edition) and claim.redacted == key.edition != own.redacted
    # A place that was set back to an older key of ours lacks the current one; it doesn't make the old one current.
    is_known_old = any(old.key_id == claim.key_id for old in own.superseded)
    return key.created_at >= former.created_at and not is_known_old


def _newest(receipts: Iterable[Receipt], live: Container[KeyId]) -> Receipt | None:
    return max(
        receipts,
        key=lambda receipt: (receipt.key_id in live, receipt.delivered_at, len(receipt.delivered)),
        default=None,
    )


def list_superseded_entries(receipts: Iterable[Receipt]) -> dict[KeyId, Superseded]:
    """Return what receipts say of superseded keys, the latest switch of each."""
    entries = [old for receipt in receipts if receipt.superseded for old in receipt.superseded]
    return {old.key_id: old for old in sorted(entries)} if entries else {}
