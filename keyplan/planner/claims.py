"""Which receipts and intents beside secrets are believed: "Claims" in docs/planning.md.

A claim says what its place holds. It never proves whose a key is, and what contradicts the evidence stops its own
place and nothing else: no claim may cause that a key of ours ends, or that another's changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId, read_provider
from keyplan.model.intent import Intent
from keyplan.model.manifest import Adopt, Declaration
from keyplan.model.observation import Content, Holding, Observation, Slot, Snapshot
from keyplan.model.receipt import CLOCK_SKEW, Receipt, Superseded
from keyplan.planner.authority import Authority, name_manifest
from keyplan.planner.records import AddressIndex, LedgerRecords, MarkerIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A place whose receipt or intent is not believed, and why."""

    slot: Slot
    detail: str
    """What is wrong with it, without a final full stop."""

    def __str__(self) -> str:
        return f"{self.slot}: {self.detail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the places of the declarations say."""

    receipts: Mapping[Address, tuple[Receipt, ...]]
    """Believed ones that are not the ledger's, by the address that they belong to today."""
    intents: Mapping[Address, tuple[Intent, ...]]
    """Believed ones, by the address that they belong to today."""
    doubts: Mapping[Address, tuple[Doubt, ...]]
    """By the declaration whose place it is."""
    snapshot: Snapshot
    """The snapshot without what is not believed."""


class _Standing(Enum):
    """What the evidence says of a key id that a claim names for an address."""

    OURS = "ours"
    NOT_OURS = "not ours"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimJudge:
    """Holds claims against the evidence that the provider and the ledger give."""

    snapshot: Snapshot
    authority: Authority
    index: AddressIndex
    ledger: LedgerRecords
    markers: MarkerIndex
    owned: Mapping[KeyId, Address]
    """Live keys of ours, and the address that the evidence gives each to."""
    moves: Mapping[Address, Address]
    """By declared address the former one whose keys it takes over, because only the spelling of its space changed."""
    undecided: frozenset[KeyId]
    """Live keys with our marker of which it is unknown whether one of ours made them."""

    def judge(self, desired: tuple[Desired, ...]) -> Claims:
        """Return which records beside the secrets of these declarations are believed."""
        pending = [one for one in desired if self._has_news(one)]
        if not pending:  # nearly always
            return Claims(receipts={}, intents={}, doubts={}, snapshot=self.snapshot)
        receipts: dict[Address, list[Receipt]] = {}
        intents: dict[Address, list[Intent]] = {}
        doubts: dict[Address, tuple[Doubt, ...]] = {}
        holdings = dict(self.snapshot.holdings)
        everything = self._index_observations()
        for one in pending:
            known = self.ledger.receipts.get(one.address, ())
            for slot in self.snapshot.slots.get(one.address, ()):
                held = holdings.get(slot)
                if held is None or _is_confirmed(held, known):
                    continue
                if detail := next(self._find_faults(one, held, everything), ""):
                    doubts[one.address] = (*doubts.get(one.address, ()), Doubt(slot=slot, detail=detail))
                    holdings[slot] = replace(held, receipt=None, intent=None, owner=None, content=Content.UNREAD)
                    continue
                if held.receipt and (address := self.index.find_record(held.receipt)) is not None:
                    receipts.setdefault(address, []).append(held.receipt)
                if held.intent and (address := self.index.find_record(held.intent)) is not None:
                    intents.setdefault(address, []).append(held.intent)
        return Claims(
            receipts={address: tuple(sorted(found, key=_rank)) for address, found in receipts.items()},
            intents={address: tuple(found) for address, found in intents.items()},
            doubts=doubts,
            snapshot=replace(self.snapshot, holdings=holdings) if doubts else self.snapshot,
        )

    def _has_news(self, desired: Desired) -> bool:
        """Whether a place of the declaration may say something else than the ledger."""
        address, snapshot = desired.declaration.address, self.snapshot
        known = self.ledger.receipts.get(address, ())
        for slot in snapshot.slots.get(address, ()):
            held = snapshot.holdings.get(slot)
            if held is not None and not _is_confirmed(held, known):
                return True
        return False

    def _index_observations(self) -> dict[KeyId, Observation]:
        return {key.id: key for key in (*self.snapshot.revoked, *self.snapshot.keys)}

    def _find_faults(self, desired: Desired, held: Holding, everything: Mapping[KeyId, Observation]) -> Iterator[str]:
        """Yield why what is noted at a place can't be believed."""
        if held.owner is not None:
            yield f"it belongs to the manifest of {name_manifest(held.owner)}"
        for kind, record in (("receipt", held.receipt), ("intent", held.intent)):
            if record is None:
                continue
            address = self.index.find_record(record)
            if address is None:
                yield f"its {kind} belongs to the manifest of {name_manifest(record.identity)}"
            elif address != desired.address and not self._is_left_over(record, address, everything):
                yield f"its {kind} is for {record.address}"
            elif future := self._find_future(record):
                yield f"its {kind} has a time in the future ({future})"
            else:
                yield from self._find_foreign_ids(desired, record, address, everything)

    def _find_future(self, record: Receipt | Intent) -> str:
        """Return a time of a record that lies in the future; empty if none does."""
        latest = self.snapshot.now + CLOCK_SKEW
        if isinstance(record, Intent):
            return str(record.at) if record.at > latest else ""
        times = (record.delivered_at, record.created_at, *(old.switched_at for old in record.superseded))
        return next((str(time) for time in times if time > latest), "")

    def _find_foreign_ids(
        self, desired: Desired, record: Receipt | Intent, address: Address, everything: Mapping[KeyId, Observation]
    ) -> Iterator[str]:
        """Yield that a record names keys that the evidence does not give to its address."""
        # The ids in `alive_before` are left out: an intent only says of them that it did not make them.
        kind: str = "intent"
        superseded: tuple[Superseded, ...] = ()
        if isinstance(record, Receipt):
            kind, superseded = "receipt", record.superseded
            if self._judge_id(record.key_id, address, everything) is _Standing.UNSEEN and self._contradicts(
                record, address
            ):
                yield f"its receipt names key {record.key_id}, which the provider does not show, active or revoked"
        for key_id in (record.key_id, *(old.key_id for old in superseded)):
            # Keys that nothing shows are harmless in a list: nothing can be done to them.
            if key_id is None or self._judge_id(key_id, address, everything) is not _Standing.NOT_OURS:
                continue
            key, is_old = everything.get(key_id), key_id != record.key_id
            is_ours_after_all = is_old and is_former(desired, key, self.owned, self.index, self.ledger)
            if not is_ours_after_all and not may_adopt(desired, key, self.authority):
                yield f"its {kind} names key {key_id}, which is not known to be a key of {address}"

    def _contradicts(self, receipt: Receipt, address: Address) -> bool:
        """Whether an id that nothing shows stands against a live key that the ledger knows for the address."""
        has_expired = receipt.expires_at is not None and receipt.expires_at <= self.snapshot.now
        if has_expired or self.snapshot.laws_of(read_provider(address)).listing_proves_absence:
            return False
        return any(self.owned.get(one.key_id) == address for one in self.ledger.receipts.get(address, ()))

    def _judge_id(self, key_id: KeyId, address: Address, everything: Mapping[KeyId, Observation]) -> _Standing:
        if key_id in self.owned:
            return _Standing.OURS if self._is_at(self.owned[key_id], address) else _Standing.NOT_OURS
        recorded = self.ledger.by_key.get(key_id) or self.index.imports.get(key_id)
        if self._is_at(recorded, address) or key_id in self.undecided:
            return _Standing.OURS
        key = everything.get(key_id)
        if key is None:
            return _Standing.UNSEEN
        # A dead key can't be harmed, but only one that was ours shows that the place was ours.
        is_dead = not key.is_live(self.snapshot.now)
        return _Standing.OURS if is_dead and self._was_ours(key, address) else _Standing.NOT_OURS

    def _is_at(self, known: Address | None, address: Address) -> bool:
        """Whether what is known to be at one address is that of the other, today or after the move that is due."""
        return known is not None and known in (address, self.moves.get(address))

    def _was_ours(self, key: Observation, address: Address) -> bool:
        marker = key.marker
        is_marked = (
            marker is not None and self.markers.covers(marker) and self._is_at(self.markers.find(marker), address)
        )
        return (
            is_marked
            and key.provider == read_provider(address)
            and (self.authority.made(key) or not self.authority.at(key.provider).knows_creators)
        )

    def _is_left_over(
        self, record: Receipt | Intent, address: Address, everything: Mapping[KeyId, Observation]
    ) -> bool:
        """Whether a record is the true one of a former declaration, whose place another one has now."""
        if address in self.index.declared or record.identity not in self.index.identities:
            return False
        if isinstance(record, Receipt):
            return self._judge_id(record.key_id, address, everything) is _Standing.OURS
        if any(record.id == known.id for known in self.ledger.intents.get(address, ())):
            return True
        named = (record.key_id, *record.alive_before) if record.key_id else record.alive_before
        return any(self._judge_id(key_id, address, everything) is _Standing.OURS for key_id in named)


def may_adopt(desired: Desired, key: Observation | None, authority: Authority) -> bool:
    """Whether the manifest allows to take this unmarked key over (`adopt`): then a claim may choose it."""
    declared = desired.declaration
    return (
        declared.adopt in (Adopt.IMPORT, Adopt.REFRESH)
        and key is not None
        and key.marker is None
        and authority.may_have_made(key)
        and is_named_alike(declared, key)
        and (not key.scope_ids or bool(key.scope_ids & set(desired.scope_ids)))
    )


def is_former(
    desired: Desired,
    key: Observation | None,
    owned: Mapping[KeyId, Address],
    index: AddressIndex,
    ledger: LedgerRecords,
) -> bool:
    """Whether a key of this manifest has the declaration's type and name, at an address that nothing knows today.

    It is what a declaration had under an address that a lost ledger knew.
    """
    declared = desired.declaration
    if key is None or key.id not in owned or key.id in ledger.by_key:
        return False
    return owned[key.id] not in index.declared and is_named_alike(declared, key)


def is_named_alike(declared: Declaration, key: Observation) -> bool:
    """Whether a key is at the provider of a declaration, and has its type and name."""
    wanted = declared.provider, declared.key_type, declared.name
    return (key.provider, key.key_type, key.name) == wanted


def _is_confirmed(held: Holding, known: tuple[Receipt, ...]) -> bool:
    if held.owner is not None or held.intent is not None:
        return False
    # True of nearly every place: it says what the ledger says, and observing made one object of the two.
    return held.receipt is None or id(held.receipt) in map(id, known)


def _rank(receipt: Receipt) -> tuple[float, str]:
    return receipt.delivered_at.timestamp(), receipt.key_id
