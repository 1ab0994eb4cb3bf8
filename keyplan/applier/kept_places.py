"""Places of keys of which only the spelling of the space changed: `space:` for `space_id:`, or another order of spaces.

Such a key stays where it is until its next rotation, although a template with `{space}` or `{address}` names another
place by now. Only the ledger knows where it is; nothing else is read here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from keyplan.model.desired import address_of
from keyplan.model.identity import Address, ScopeId, SinkName
from keyplan.model.manifest import Declaration, KeyType, Manifest, ScopeByName, ScopeRef
from keyplan.model.observation import Holding, Scope, Slot
from keyplan.model.receipt import Receipt
from keyplan.ports import SinkReader

Places = Mapping[Address, tuple[Slot, ...]]
"""Slots by address, in the order of the deliveries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptPlaces:
    """Where the keys of a manifest are to be looked for, and where their next raw keys go."""

    slots: Places
    next_slots: Places
    """Only of declarations whose keys stay elsewhere until then."""


def keep_places(
    manifest: Manifest,
    located: Places,
    *,
    receipts: Iterable[Receipt],
    holdings: Mapping[Slot, Holding],
    spaces: Mapping[ScopeRef, Scope],
    sinks: Mapping[SinkName, SinkReader],
) -> KeptPlaces:
    """Return the slots of every declaration: where the ledger says that its key is, if only the spelling changed."""
    known = _Receipts(manifest, receipts)
    taken = {slot for slots in located.values() for slot in slots}
    kept: dict[Address, tuple[Slot, ...]] = {}
    for declared in manifest.keys:
        wanted = located[declared.address]
        if declared.key_type is not KeyType.SERVICE:
            continue
        for receipt in known.find(declared, _list_space_ids(declared, spaces)):
            missing = {slot for slot in wanted if not _is_there(slot, receipt, holdings)}
            former = _find_former(manifest.owner, declared, receipt, sinks) if missing else wanted
            slots = tuple(
                old if new in missing and old.delivered in receipt.delivered and old not in taken else new
                for old, new in zip(former, wanted, strict=True)
            )
            if slots != wanted:
                kept[declared.address] = slots
                break
    return KeptPlaces(slots={**located, **kept}, next_slots={address: located[address] for address in kept})


class _Receipts:
    """The ledger's receipts of service keys, found by declaration."""

    def __init__(self, manifest: Manifest, receipts: Iterable[Receipt]) -> None:
        declared = {one.address for one in manifest.keys}
        self._own: dict[Address, Receipt] = {}
        self._others: defaultdict[tuple[str, tuple[ScopeId, ...]], list[Receipt]] = defaultdict(list)
        for receipt in receipts:
            if receipt.key_type is not KeyType.SERVICE or receipt.forgotten:
                continue
            if receipt.address in declared:
                self._own[receipt.address] = receipt
            else:
                self._others[(receipt.name, receipt.scope_ids)].append(receipt)

    def find(self, declared: Declaration, scope_ids: tuple[ScopeId, ...]) -> list[Receipt]:
        """Return the receipts that may be the declaration's, the best one first."""
        own = self._own.get(declared.address)
        if own is not None:
            # True of nearly every declaration: it is written as it was when its key was delivered.
            return [own] if own.placed_as and own.scope_ids == scope_ids else []
        moved = self._others.get((declared.name, scope_ids), ())
        return sorted(moved, key=lambda one: (one.delivered_at, one.address), reverse=True)


def _list_space_ids(declared: Declaration, spaces: Mapping[ScopeRef, Scope]) -> tuple[ScopeId, ...]:
    if declared.scope is not None:
        return (spaces[declared.scope].id,) if declared.scope in spaces else ()
    return tuple(sorted({grant.space_id for granted in declared.organizations for grant in granted.spaces}))


def _is_there(slot: Slot, receipt: Receipt, holdings: Mapping[Slot, Holding]) -> bool:
    """Whether a place holds the key of a receipt: it never left, or a user moved the value by hand."""
    held = holdings.get(slot)
    is_moved = held is not None and held.receipt is not None and held.receipt.key_id == receipt.key_id
    return is_moved or slot.delivered in receipt.delivered


def _find_former(
    owner: str, declared: Declaration, receipt: Receipt, sinks: Mapping[SinkName, SinkReader]
) -> tuple[Slot, ...]:
    """Return where the declaration's deliveries go if its space is written as it was for that receipt."""
    written = receipt.written_space
    address = address_of(declared.key_type, declared.name, written, provider=declared.provider)
    former = replace(declared, address=address, scope=ScopeByName(written, declared.provider), organizations=())
    return tuple(sinks[delivery.sink].locate(owner, former, delivery) for delivery in declared.deliveries)
