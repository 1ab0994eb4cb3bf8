"""Which live key belongs to which declaration (docs/planning.md, "Ownership"): by receipt first, then by marker.

Nothing is decided here about what happens to a key, and a key with another owner's marker is never anybody's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import itemgetter
from typing import TypeAlias, TypeVar

from keyplan.model.desired import Desired, address_of
from keyplan.model.identity import Address, Identity, KeyId, Lineage, SpaceId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Marker, Observation, Snapshot
from keyplan.model.quick import quick
from keyplan.model.receipt import Intent, Receipt, Superseded

_RecordT = TypeVar("_RecordT")


_Identity: TypeAlias = tuple[KeyType | None, str, tuple[SpaceId, ...]]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedKeys:
    """What belongs to one declaration: its live keys, its receipt, its open intents."""

    desired: Desired
    receipt: Receipt | None = None
    """The one that counts, of the ledger's and the sinks': see `newest_receipt`."""
    current: Observation | None = None
    """The live key that the receipt names."""
    newer: tuple[Observation, ...] = ()
    """Younger than the current one, and no receipt names them: never delivered, as far as sinks that hold receipts
    can tell. Newest first."""
    older: tuple[Observation, ...] = ()
    """All others: superseded or, if none is current, perhaps undelivered. Newest first."""
    superseded: Mapping[KeyId, Superseded] = field(default_factory=dict)
    """What receipts remember of superseded keys."""
    delivered_once: frozenset[KeyId] = frozenset()
    """Ids that any receipt names as its key: a consumer may hold them."""
    intents: tuple[Intent, ...] = ()
    """Open ones, oldest first."""
    previous_address: Address | None = None
    """The address of its receipt so far, if that is another one."""

    @property
    def alive(self) -> tuple[Observation, ...]:
        """All its live keys, newest first."""
        # Nearly every declaration has one key, and sorting is not needed then.
        if not self.newer and not self.older:
            return (self.current,) if self.current else ()
        return tuple(sorted((*self.newer, *([self.current] if self.current else []), *self.older), key=newest_first))

    def with_keys(self, keys: Iterable[Observation]) -> OwnedKeys:
        """Return a copy with these live keys sorted into current, newer and older."""
        ranked = sorted(keys, key=newest_first)
        current = next((key for key in ranked if self.receipt and key.id == self.receipt.key_id), None)
        others = [key for key in ranked if key is not current]
        newer = tuple(key for key in others if current and self._is_newcomer(key, current))
        strangers = {key.id for key in newer}
        older = tuple(key for key in others if key.id not in strangers)
        return replace(self, current=current, newer=newer, older=older)

    def _is_newcomer(self, key: Observation, current: Observation) -> bool:
        """Whether a key came after the current one and was never delivered.

        Ages in whole seconds can tie; only an open intent turns a tie into a newcomer, because an older key keeps
        its overlap and a newcomer may be deleted.
        """
        # A receipt that names it outweighs its age: an older run delivered it.
        if key.id in self.superseded or key.id in self.delivered_once or key.created_at < current.created_at:
            return False
        return key.created_at > current.created_at or any(
            intent.could_have_made(key.id, key.created_at) for intent in self.intents
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """A live key, or a receipt of a key that is gone, which is ours and declared nowhere."""

    address: Address
    key: Observation | None
    receipt: Receipt | None

    @property
    def is_forgotten(self) -> bool:
        """Whether the user gave it up: its declaration was removed with `on_remove: forget`."""
        return self.key is not None and self.receipt is not None and self.receipt.forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Who owns what, of everything live in a snapshot."""

    declared: tuple[OwnedKeys, ...]
    """One per desired key, in the same order."""
    orphans: tuple[Orphan, ...]
    """Sorted by address, then key id."""
    unmanaged: tuple[Observation, ...]
    """Live, with neither marker nor receipt, sorted by id. Keys with the marker of another owner are not among them."""


def newest_first(key: Observation) -> tuple[float, str]:
    """Return the sort key that puts the youngest key first, and among equals the lowest id."""
    return (-key.created_at.timestamp(), key.id)


def assign_ownership(desired: Iterable[Desired], snapshot: Snapshot, *, lineage: Lineage) -> Ownership:
    """Return who owns each live key of the snapshot (docs/planning.md, "Ownership")."""
    wanted = tuple(desired)
    claims = Claims.of(wanted, lineage.identity)
    records = Records.of(snapshot, claims)
    owned, unmanaged = _group_keys(snapshot, records, claims)
    # Moves are found last: only an orphan can move, and only to a declaration that owns nothing.
    orphans = _find_orphans(owned, records, claims)
    moves = find_moves(wanted, {address for address in claims.declared if owned.get(address)}, orphans)
    declared = [_collect_owned(one, owned, records, moves.get(one.address)) for one in wanted]
    left = frozenset(moves.values())
    staying = [orphan for orphan in orphans if orphan.address not in left]
    unmanaged += [orphan.key for orphan in staying if orphan.key and orphan.is_forgotten]
    declared, unmanaged = _claim_newcomers(declared, unmanaged)
    return Ownership(
        declared=tuple(declared),
        orphans=tuple(orphan for orphan in staying if not orphan.is_forgotten),
        unmanaged=tuple(sorted(unmanaged, key=lambda key: key.id)),
    )


def _group_keys(
    snapshot: Snapshot, records: Records, claims: Claims
) -> tuple[dict[Address, list[Observation]], list[Observation]]:
    """Return our live keys by address, and the unmanaged ones."""
    owned: defaultdict[Address, list[Observation]] = defaultdict(list)
    unmanaged: list[Observation] = []
    for key in snapshot.keys:
        # Another owner's key is skipped, not unmanaged: a namesake of it must not be adopted.
        if not key.is_live(snapshot.now) or (key.marker and key.marker.owner != claims.identity.owner):
            continue
        # A receipt is stronger than a marker: a description can be copied, an id cannot.
        address = records.address_of(key)
        if address is None and key.marker:
            address = _address_to_show(key, key.marker, claims)
        if address is None:
            unmanaged.append(key)
        else:
            owned[address].append(key)
    return dict(owned), unmanaged


def _address_to_show(key: Observation, marker: Marker, claims: Claims) -> Address:
    """Return an address under which a marked key that no record knows is shown; never a declared one."""
    # A declared address would make the key current or superseded there, on the word of a marker that is not its own.
    guess = address_of(key.key_type or KeyType.USER, key.name, min(key.space_ids) if key.space_ids else "?")
    return Address(f"{guess} ({marker.ref})") if guess in claims.declared else guess


def _find_orphans(
    owned: Mapping[Address, Sequence[Observation]], records: Records, claims: Claims
) -> tuple[Orphan, ...]:
    """Return what is ours and undeclared: live keys, and receipts whose keys are all gone."""
    orphans = []
    # A receipt without a key counts only in the ledger: one in a sink cannot be dropped, only overwritten.
    for address in sorted({*owned, *(records.in_ledger & records.receipts.keys())} - claims.declared):
        keys = sorted(owned.get(address, ()), key=lambda key: key.id)
        receipt = newest_receipt(records.receipts.get(address, ()), {key.id for key in keys})
        orphans += [Orphan(address=address, key=key, receipt=receipt) for key in keys or (None,)]
    return tuple(orphans)


def find_moves(
    desired: Iterable[Desired], occupied: Container[Address], orphans: Iterable[Orphan]
) -> Mapping[Address, Address]:
    """Return, by declared address, the former address whose live keys it takes over; each former address once.

    A declaration that owns nothing takes over keys of the same type, name and spaces: a changed spelling of the space
    changes the address, and must not make a new key.
    """
    vacant: dict[_Identity | None, Address] = {
        (one.declaration.key_type, one.declaration.name, one.space_ids): one.address
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
    """Return type, name and spaces: what a declaration must share with an orphan. None if the spaces are unknown."""
    if orphan.receipt:
        return orphan.receipt.key_type, orphan.receipt.name, orphan.receipt.space_ids
    key = orphan.key
    # alpha shows no spaces (docs/arize-api.md, A14): the same name in another space would be taken for a move.
    if key is None or (key.key_type is KeyType.SERVICE and not key.space_ids):
        return None
    return key.key_type, key.name, tuple(sorted(key.space_ids or ()))


def _collect_owned(
    desired: Desired,
    keys_by_address: Mapping[Address, Sequence[Observation]],
    records: Records,
    former: Address | None,
) -> OwnedKeys:
    """Return what belongs to a declaration, what is left at its former address included."""
    addresses = (desired.address, former) if former else (desired.address,)
    keys = _collect(keys_by_address, addresses)
    receipts = _collect(records.receipts, addresses)
    receipt = newest_receipt(receipts, {key.id for key in keys})
    intents = _collect(records.intents, addresses)
    # One key, and the receipt names it: true of nearly every declaration. with_keys would make a second copy.
    is_plain = len(keys) == 1 and receipt is not None and keys[0].id == receipt.key_id
    owned = OwnedKeys(
        desired=desired,
        receipt=receipt,
        current=keys[0] if is_plain else None,
        superseded=records.superseded_at(addresses),
        delivered_once=frozenset(delivered.key_id for delivered in receipts),
        intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
        previous_address=receipt.address if receipt and receipt.address != desired.address else None,
    )
    return owned if is_plain else owned.with_keys(keys)


def _collect(index: Mapping[Address, Sequence[_RecordT]], addresses: Sequence[Address]) -> Sequence[_RecordT]:
    if len(addresses) == 1:  # nearly always, and then no list has to be built
        return index.get(addresses[0], ())
    return [record for address in addresses for record in index.get(address, ())]


def _claim_newcomers(
    declared: list[OwnedKeys], unmanaged: list[Observation]
) -> tuple[list[OwnedKeys], list[Observation]]:
    """Give unmarked newcomers to the declaration whose open intent must have made them.

    That intent was a create with markers turned off, or the refresh of a key that was being adopted.
    """
    if not unmanaged:
        return declared, unmanaged
    by_name: defaultdict[str, list[Observation]] = defaultdict(list)
    for key in unmanaged:
        by_name[key.name].append(key)
    claimed: set[KeyId] = set()
    result = []
    for owned in declared:
        matching = [key for key in by_name.get(owned.desired.declaration.name, ()) if _was_made_by(owned, key)]
        claimed |= {key.id for key in matching}
        result.append(owned.with_keys([*owned.alive, *matching]) if matching else owned)
    return result, [key for key in unmanaged if key.id not in claimed]


def _was_made_by(owned: OwnedKeys, key: Observation) -> bool:
    return key.key_type is owned.desired.declaration.key_type and any(
        intent.is_unmarked and intent.could_have_made(key.id, key.created_at) for intent in owned.intents
    )


# What ledger and sinks remember.


@dataclass(frozen=True, slots=True)
class Claims:
    """The addresses that declarations claim: their own, and those that they moved from."""

    identity: Identity
    declared: frozenset[Address]
    by_address: Mapping[Address, Address]

    @classmethod
    def of(cls, desired: Iterable[Desired], identity: Identity) -> Claims:
        """Return the claims of these declarations. A declared address always belongs to its own declaration."""
        by_address: dict[Address, Address] = {}
        declared = []
        for one in desired:
            declared.append(one.address)
            # moved_from first, then the declared addresses, so that a declared one always wins.
            by_address |= dict.fromkeys(one.declaration.moved_from, one.address)
        by_address |= {address: address for address in declared}
        return cls(identity, frozenset(declared), by_address)

    def current_address_of(self, record: Receipt | Intent) -> Address:
        """Return the address that a record belongs to today: its own, unless a declaration moved from there."""
        return self.by_address.get(record.address, record.address)


@dataclass(frozen=True, slots=True)
class Records:
    """Our receipts and intents by the address that they belong to today."""

    receipts: Mapping[Address, tuple[Receipt, ...]]
    intents: Mapping[Address, tuple[Intent, ...]]
    """Oldest first."""
    by_key: Mapping[KeyId, Address]
    by_marker: Mapping[Marker, Address]
    """Empty if receipts know every marked key."""
    in_ledger: frozenset[Address]
    """Addresses of which the ledger itself has a receipt. Only the ledger can drop one."""

    @classmethod
    def of(cls, snapshot: Snapshot, claims: Claims) -> Records:
        """Return the records of this owner in a snapshot."""
        receipts: defaultdict[Address, list[Receipt]] = defaultdict(list)
        for receipt in all_receipts(snapshot, claims.identity.owner):
            receipts[claims.current_address_of(receipt)].append(receipt)
        intents: defaultdict[Address, list[Intent]] = defaultdict(list)
        for intent in snapshot.intents:
            if intent.owner == claims.identity.owner:
                intents[claims.current_address_of(intent)].append(intent)
        known = {address: address for address in receipts} | dict(claims.by_address)
        by_key = _index_keys(receipts, claims)
        # Only keys without a receipt are looked up by marker, and a digest for each of 10,000 addresses takes 50 ms.
        is_needed = any(key.marker and key.id not in by_key for key in snapshot.keys)
        return cls(
            receipts={address: tuple(found) for address, found in receipts.items()},
            intents={address: tuple(found) for address, found in intents.items()},
            by_key=by_key,
            by_marker={Marker.of(claims.identity, former): at for former, at in known.items()} if is_needed else {},
            in_ledger=frozenset(
                receipt.address for receipt in snapshot.receipts if receipt.owner == claims.identity.owner
            ),
        )

    def address_of(self, key: Observation) -> Address | None:
        """Return the address that owns a key, by receipt before marker; None if it has neither."""
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
    """Return the receipt that counts: one that names a live key, then the latest delivery; of equals the first one."""
    return max(
        receipts,
        key=lambda receipt: (receipt.key_id in live, receipt.delivered_at, len(receipt.delivered)),
        default=None,
    )


def _index_keys(receipts: Mapping[Address, Iterable[Receipt]], claims: Claims) -> dict[KeyId, Address]:
    """Return the address of each key: a declared one first, so that a key that moved is not taken for undeclared."""
    best: dict[KeyId, tuple[bool, datetime, bool, Address]] = {}
    for address, found in receipts.items():
        is_declared = address in claims.declared
        for receipt in found:
            for key_id in (receipt.key_id, *(old.key_id for old in receipt.superseded)):
                rank = is_declared, receipt.delivered_at, key_id == receipt.key_id, address
                former = best.get(key_id)
                best[key_id] = max(rank, former) if former else rank
    return {key_id: rank[-1] for key_id, rank in best.items()}
