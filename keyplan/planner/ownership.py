"""Which live key belongs to which declaration, by what others can't write (docs/planning.md, "Ownership").

That is the manifest's `import`, the ledger, or the key's own marker beside its creator. Nothing is decided here about
what happens to a key, and a key with another manifest's marker is never ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from keyplan.model.desired import Desired, address_of
from keyplan.model.identity import Address, KeyId, read_provider
from keyplan.model.intent import Intent
from keyplan.model.manifest import Adopt, KeyType
from keyplan.model.observation import Marker, Observation, Snapshot, digest_address
from keyplan.model.quick import quick
from keyplan.model.receipt import Receipt, Superseded
from keyplan.planner.authority import Authority
from keyplan.planner.claims import ClaimJudge, Claims, Doubt, is_former, may_adopt
from keyplan.planner.orphans import Orphan, find_moves, find_orphans
from keyplan.planner.records import (
    AddressIndex,
    LedgerRecords,
    MarkerIndex,
    choose_receipt,
    iter_sink_records,
    list_superseded_entries,
)
from keyplan.planner.strategy import find_overlap

_RecordT = TypeVar("_RecordT")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedKeys:
    """What belongs to one declaration: its live keys, its receipt, its open intents."""

    desired: Desired
    receipt: Receipt | None = None
    """The one that counts, of the ledger's and the believed ones of the sinks: see `choose_receipt`."""
    current: Observation | None = None
    """The live key that the receipt names."""
    newer: tuple[Observation, ...] = ()
    """Younger than the current one, and no receipt names them: never delivered, as far as sinks that hold receipts
    can determine. Newest first."""
    older: tuple[Observation, ...] = ()
    """All others: superseded or, if none is current, perhaps undelivered. Newest first."""
    superseded: Mapping[KeyId, Superseded] = field(default_factory=dict)
    """What receipts remember of superseded keys."""
    delivered_once: frozenset[KeyId] = frozenset()
    """Ids that any receipt names as its key: a consumer may hold them."""
    intents: tuple[Intent, ...] = ()
    """Open ones, of the ledger and believed ones of the sinks, oldest first."""
    recorded_intents: tuple[Intent, ...] = ()
    """Those of the ledger among them: only these prove that keyplan was about to do something."""
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
class Ownership:
    """Who owns what, of everything live in a snapshot."""

    declared: tuple[OwnedKeys, ...]
    """One per desired key, in the same order."""
    orphans: tuple[Orphan, ...]
    """Sorted by address, then key id."""
    unmanaged: tuple[Observation, ...]
    """Live, with neither marker nor record, sorted by id."""
    claimed: tuple[Observation, ...]
    """Marked for this manifest, and made by a user who is none of ours; sorted by id."""
    undecided: Mapping[Address, tuple[Observation, ...]]
    """Marked for this manifest while no creator could be learned, by the address that the marker stands for."""
    strays: tuple[Observation, ...]
    """Marked for this owner without an id, and known to no record: another manifest may have made them. By id."""
    stray_at: Mapping[Address, tuple[Observation, ...]]
    """Those of the strays whose marker is for a declared address."""
    others: tuple[Observation, ...]
    """Marked for another manifest, sorted by id."""
    doubts: Mapping[Address, tuple[Doubt, ...]]
    """Places whose claims are not believed, by declaration."""
    snapshot: Snapshot
    """The snapshot without the claims that are not believed: nothing that decides may look at the other one."""


def newest_first(key: Observation) -> tuple[float, str]:
    """Return the sort key that puts the youngest key first, and among equals the lowest id."""
    return (-key.created_at.timestamp(), key.id)


def assign_ownership(desired: Iterable[Desired], snapshot: Snapshot, *, authority: Authority) -> Ownership:
    """Return who owns each live key of the snapshot (docs/planning.md, "Ownership")."""
    wanted = tuple(desired)
    index = AddressIndex.of(wanted, authority.lineage)
    ledger = LedgerRecords.of(snapshot, index)
    markers = MarkerIndex(snapshot, index)
    keys = _SortedKeys(snapshot, authority, index, ledger, markers)
    keys.adopt_named(wanted)
    occupied = {address for address in index.declared if keys.owned.get(address)}
    # By the evidence alone, so that a claim can't bring about a move: a place that a key moves back to still bears
    # the receipt from before.
    due = find_moves(wanted, occupied, find_orphans(keys.owned, ledger, {}, index))
    claims = keys.judge_claims(wanted, due)
    keys.reunite(wanted, claims)
    # Moves are found last: only an orphan can move, and only to a declaration that owns nothing.
    orphans = find_orphans(keys.owned, ledger, claims.receipts, index)
    moves = find_moves(wanted, occupied, orphans)
    records = _Records(keys.owned, ledger, claims)
    declared = [_collect_owned(one, records, moves.get(one.address)) for one in wanted]
    left = frozenset(moves.values())
    staying = [orphan for orphan in orphans if orphan.address not in left]
    unmanaged = keys.unmanaged + [orphan.key for orphan in staying if orphan.key and orphan.is_forgotten]
    declared, unmanaged = _claim_newcomers(declared, unmanaged, authority)
    return Ownership(
        declared=tuple(declared),
        orphans=tuple(orphan for orphan in staying if not orphan.is_forgotten),
        unmanaged=_sort_by_id(unmanaged),
        claimed=_sort_by_id(keys.claimed),
        undecided={address: tuple(found) for address, found in keys.undecided.items()},
        strays=_sort_by_id(key for found in keys.strays.values() for key in found),
        stray_at={address: tuple(found) for address, found in keys.strays.items() if address in index.declared},
        others=_sort_by_id(keys.others),
        doubts=claims.doubts,
        snapshot=claims.snapshot,
    )


def _sort_by_id(keys: Iterable[Observation]) -> tuple[Observation, ...]:
    return tuple(sorted(keys, key=lambda key: key.id))


class _SortedKeys:
    """The live keys of a snapshot, sorted by what the evidence says of each."""

    def __init__(
        self,
        snapshot: Snapshot,
        authority: Authority,
        index: AddressIndex,
        ledger: LedgerRecords,
        markers: MarkerIndex,
    ) -> None:
        self.owned: defaultdict[Address, list[Observation]] = defaultdict(list)
        self.undecided: defaultdict[Address, list[Observation]] = defaultdict(list)
        self.strays: defaultdict[Address, list[Observation]] = defaultdict(list)
        self.unmanaged: list[Observation] = []
        self.claimed: list[Observation] = []
        self.others: list[Observation] = []
        self._snapshot = snapshot
        self._authority = authority
        self._index = index
        self._ledger = ledger
        self._markers = markers
        self._vouchers: list[Receipt | Intent] | None = None
        for key in snapshot.keys:
            if not key.is_live(snapshot.now):
                continue
            # The ledger is stronger than a marker: a description can be copied, an id cannot.
            if (address := ledger.by_key.get(key.id)) is not None:
                self.owned[address].append(key)
            elif key.marker is not None and not markers.covers(key.marker):
                # Another manifest's key is not unmanaged: a namesake of it must not be adopted.
                self.others.append(key)
            elif (address := index.imports.get(key.id)) is not None:
                self.owned[address].append(key)
            elif key.marker is not None:
                self._sort_marked(key, key.marker)
            else:
                self.unmanaged.append(key)

    def judge_claims(self, desired: tuple[Desired, ...], moves: Mapping[Address, Address]) -> Claims:
        """Return what the places of these declarations say, as far as it agrees with the evidence."""
        judge = ClaimJudge(
            snapshot=self._snapshot,
            authority=self._authority,
            index=self._index,
            ledger=self._ledger,
            markers=self._markers,
            owned={key.id: address for address, found in self.owned.items() for key in found},
            moves=moves,
            undecided=frozenset(key.id for found in self.undecided.values() for key in found),
        )
        return judge.judge(desired)

    def reunite(self, desired: Iterable[Desired], claims: Claims) -> None:
        """Give keys of a former address back to the declaration whose believed receipts call them superseded.

        They keep their overlap then, instead of ending at once as undeclared ones.
        """
        if not claims.receipts:  # nearly always
            return
        for one in desired:
            named = {old.key_id for receipt in claims.receipts.get(one.address, ()) for old in receipt.superseded}
            if not named:
                continue
            owned = {key.id: address for address, found in self.owned.items() for key in found}
            for key in [key for found in self.owned.values() for key in found if key.id in named]:
                if is_former(one, key, owned, self._index, self._ledger):
                    former = owned[key.id]
                    self.owned[former].remove(key)
                    if not self.owned[former]:
                        del self.owned[former]
                    self.owned[one.address].append(key)

    def adopt_named(self, desired: Iterable[Desired]) -> None:
        """Give unmarked keys to the declarations that may adopt them, if their own places say that they hold them."""
        for one in desired:
            if one.declaration.adopt not in (Adopt.IMPORT, Adopt.REFRESH):
                continue
            held = (self._snapshot.holdings.get(slot) for slot in self._snapshot.slots.get(one.address, ()))
            receipts = (holding.receipt for holding in held if holding and holding.receipt and not holding.owner)
            named = {receipt.key_id for receipt in receipts if self._index.find_record(receipt) == one.address}
            adopted = [key for key in self.unmanaged if key.id in named and may_adopt(one, key, self._authority)]
            self.owned[one.address] += adopted
            self.unmanaged = [key for key in self.unmanaged if key not in adopted]

    def _sort_marked(self, key: Observation, marker: Marker) -> None:
        """Sort a key that is marked for this manifest, and that neither ledger nor manifest names."""
        address = self._markers.find(marker)
        if address is not None and read_provider(address) != key.provider:
            # The marker was copied from a key of another provider: it stands for no declaration here.
            address = None
        if not self._authority.at(key.provider).knows_creators:
            self.undecided[address or self._name(key, marker)].append(key)
        elif not self._authority.made(key):
            self.claimed.append(key)
        elif self._authority.is_ambiguous(marker) and not self._is_vouched_for(key, marker):
            self.strays[address or self._name(key, marker)].append(key)
        elif address is None and not marker.manifest_id:
            self.strays[self._name(key, marker)].append(key)
        else:
            self.owned[address or self._name(key, marker)].append(key)

    def _name(self, key: Observation, marker: Marker) -> Address:
        """Return an address under which a marked key that no record knows is shown; never a declared one."""
        # A declared address would make the key current or superseded there, on the word of a marker not its own.
        space = min(key.scope_ids) if key.scope_ids else "?"
        guess = address_of(key.key_type or KeyType.USER, key.name, space, provider=key.provider)
        return Address(f"{guess} ({marker.ref})") if guess in self._index.declared else guess

    def _is_vouched_for(self, key: Observation, marker: Marker) -> bool:
        """Whether a record of this manifest names the key, or could have made it, at the address of its marker."""
        # Places that are not asked may well name it: their silence does not make a declared key a stray.
        if self._snapshot.asks_no_sink and self._markers.find(marker) in self._index.declared:
            return True
        if self._vouchers is None:
            records = (*self._snapshot.intents, *iter_sink_records(self._snapshot))
            self._vouchers = [one for one in records if one.identity in self._index.identities]
        return any(digest_address(record.address) == marker.ref and _names(record, key) for record in self._vouchers)


def _names(record: Receipt | Intent, key: Observation) -> bool:
    if isinstance(record, Receipt):
        return key.id == record.key_id or any(key.id == old.key_id for old in record.superseded)
    is_named = key.id == record.key_id or key.id in record.alive_before
    return is_named or record.could_have_made(key.id, key.created_at)


@dataclass(frozen=True, slots=True)
class _Records:
    """Keys, records and claims by the address that they belong to today."""

    keys: Mapping[Address, Sequence[Observation]]
    ledger: LedgerRecords
    claims: Claims


def _collect_owned(desired: Desired, records: _Records, former: Address | None) -> OwnedKeys:
    """Return what belongs to a declaration, what is left at its former address included."""
    address = desired.declaration.address
    addresses = (address, former) if former else (address,)
    keys = _collect(records.keys, addresses)
    recorded = _collect(records.ledger.receipts, addresses)
    claimed = _collect(records.claims.receipts, addresses)
    live = {key.id: key for key in keys}
    receipt = choose_receipt(recorded, claimed, live)
    intents = _collect(records.ledger.intents, addresses)
    claimed_intents = _collect(records.claims.intents, addresses)
    # One key, and the receipt names it: true of nearly every declaration. with_keys would make a second copy.
    is_plain = len(keys) == 1 and receipt is not None and keys[0].id == receipt.key_id
    owned = OwnedKeys(
        desired=desired,
        receipt=receipt,
        current=keys[0] if is_plain else None,
        superseded=_merge_superseded(desired, recorded, claimed, live.get(receipt.key_id) if receipt else None),
        delivered_once=frozenset([delivered.key_id for delivered in (*recorded, *claimed)]),
        intents=_merge_intents(intents, claimed_intents) if intents or claimed_intents else (),
        recorded_intents=tuple(intents),
        previous_address=_find_previous_address(desired, receipt),
    )
    return owned if is_plain else owned.with_keys(keys)


def _find_previous_address(desired: Desired, receipt: Receipt | None) -> Address | None:
    """Return the address that a receipt is still for, if that is another one of this manifest."""
    # An address of another manifest is not one of ours: our own ledger may use the same words for another key.
    is_own = receipt is not None and receipt.owner == desired.owner
    return receipt.address if receipt and is_own and receipt.address != desired.address else None


def _merge_superseded(
    desired: Desired, recorded: Iterable[Receipt], claimed: Sequence[Receipt], successor: Observation | None
) -> dict[KeyId, Superseded]:
    """Return what receipts say of superseded keys: the ledger's word, and claims only as far as times allow.

    Nothing was switched before the successor existed, so no claim can end an overlap before its own length is over.
    """
    known = list_superseded_entries(recorded)
    others = list_superseded_entries(claimed)
    if successor is not None and others:
        earliest = successor.created_at + find_overlap(desired.declaration.rotation)
        others = {key_id: replace(old, delete_after=max(old.delete_after, earliest)) for key_id, old in others.items()}
    return {**others, **known} if others else known


def _merge_intents(recorded: Sequence[Intent], claimed: Sequence[Intent]) -> tuple[Intent, ...]:
    """Return all intents, oldest first, each id once: as the ledger has it, with the highest count of attempts."""
    # A sink that could not be written in a later attempt still has the earlier count.
    merged: dict[str, Intent] = {}
    for intent in (*sorted(claimed, key=lambda one: one.attempts), *recorded):
        former = merged.get(intent.id)
        is_counted = former is not None and former.attempts > intent.attempts
        merged[intent.id] = replace(intent, attempts=former.attempts) if former and is_counted else intent
    return tuple(sorted(merged.values(), key=lambda intent: (intent.at, intent.id)))


def _collect(index: Mapping[Address, Sequence[_RecordT]], addresses: Sequence[Address]) -> Sequence[_RecordT]:
    if len(addresses) == 1:  # nearly always, and then no list has to be built
        return index.get(addresses[0], ())
    return [record for address in addresses for record in index.get(address, ())]


def _claim_newcomers(
    declared: list[OwnedKeys], unmanaged: list[Observation], authority: Authority
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
        namesakes = by_name.get(owned.desired.declaration.name, ())
        matching = [key for key in namesakes if _was_made_by(owned, key, authority)]
        claimed |= {key.id for key in matching}
        result.append(owned.with_keys([*owned.alive, *matching]) if matching else owned)
    return result, [key for key in unmanaged if key.id not in claimed]


def _was_made_by(owned: OwnedKeys, key: Observation, authority: Authority) -> bool:
    # Only the ledger's intents: one beside a secret could make a stranger's key ours. And only our creators: a user who
    # may create keys could make one of this name while a run is interrupted.
    return (
        authority.made(key)
        and key.provider == owned.desired.declaration.provider
        and key.key_type is owned.desired.declaration.key_type
        and any(
            intent.is_unmarked and intent.could_have_made(key.id, key.created_at) for intent in owned.recorded_intents
        )
    )
