"""Which live key belongs to which declaration: DESIGN section 4, by receipt first, then by marker.

In: desired keys and a snapshot. Out: an estate per declaration, the keys of ours that nobody declares,
and the unmanaged rest. Never: a decision about what to do with any of them; a key with another owner's marker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from keyplan.core.desiring import address_of
from keyplan.core.estates import Estate, Orphan, Ownership
from keyplan.core.moving import find_moves
from keyplan.core.remembering import Claims, Remembered, newest_receipt
from keyplan.model.desired import Desired
from keyplan.model.manifest import Address, KeyId, KeyType
from keyplan.model.observation import Marker, Observation, Snapshot

_RecordT = TypeVar("_RecordT")


def share_out(desired: Iterable[Desired], snapshot: Snapshot, *, owner: str) -> Ownership:
    """Return who owns every live key of the snapshot."""
    wanted = tuple(desired)
    claims = Claims.of(wanted, owner)
    remembered = Remembered.of(snapshot, claims)
    owned, unmanaged = _sort_keys(snapshot, remembered, claims)
    orphans = _find_orphans(owned, remembered, claims)
    moves = find_moves(wanted, {address for address in claims.declared if owned.get(address)}, orphans)
    estates = [_gather(one, owned, remembered, moves.get(one.address)) for one in wanted]
    left = frozenset(moves.values())
    staying = [orphan for orphan in orphans if orphan.address not in left]
    unmanaged += [orphan.key for orphan in staying if orphan.key and orphan.is_forgotten]
    estates, unmanaged = _claim_newcomers(estates, unmanaged)
    return Ownership(
        estates=tuple(estates),
        orphans=tuple(orphan for orphan in staying if not orphan.is_forgotten),
        unmanaged=tuple(sorted(unmanaged, key=lambda key: key.id)),
    )


def _sort_keys(
    snapshot: Snapshot, remembered: Remembered, claims: Claims
) -> tuple[dict[Address, list[Observation]], list[Observation]]:
    """Return our live keys by address, and the unmanaged ones."""
    owned: defaultdict[Address, list[Observation]] = defaultdict(list)
    unmanaged: list[Observation] = []
    for key in snapshot.keys:
        if not key.is_live(snapshot.now) or (key.marker and key.marker.owner != claims.owner):
            continue
        address = remembered.address_of(key)
        if address is None and key.marker:
            address = _guess_address(key, key.marker, claims)
        if address is None:
            unmanaged.append(key)
        else:
            owned[address].append(key)
    return dict(owned), unmanaged


def _guess_address(key: Observation, marker: Marker, claims: Claims) -> Address:
    """Return an address for a marked key that no record knows; for display and grouping, never a declared one."""
    guess = address_of(key.key_type or KeyType.USER, key.name, min(key.space_ids) if key.space_ids else "?")
    return Address(f"{guess} ({marker.ref})") if guess in claims.declared else guess


def _find_orphans(
    owned: Mapping[Address, Sequence[Observation]], remembered: Remembered, claims: Claims
) -> tuple[Orphan, ...]:
    """Return ours that nobody declares: live keys, and receipts whose keys are all gone."""
    orphans = []
    # A mere receipt counts in the ledger alone: one that a sink keeps cannot be forgotten, only overwritten.
    for address in sorted({*owned, *(remembered.in_ledger & remembered.receipts.keys())} - claims.declared):
        keys = sorted(owned.get(address, ()), key=lambda key: key.id)
        receipt = newest_receipt(remembered.receipts.get(address, ()), {key.id for key in keys})
        orphans += [Orphan(address=address, key=key, receipt=receipt) for key in keys or (None,)]
    return tuple(orphans)


def _gather(
    desired: Desired,
    owned: Mapping[Address, Sequence[Observation]],
    remembered: Remembered,
    former: Address | None,
) -> Estate:
    """Return a declaration's estate, what stands at its former address included."""
    addresses = (desired.address, former) if former else (desired.address,)
    keys = _collect(owned, addresses)
    receipts = _collect(remembered.receipts, addresses)
    receipt = newest_receipt(receipts, {key.id for key in keys})
    intents = _collect(remembered.intents, addresses)
    # One key, and the receipt names it: true of nearly every declaration, and with_keys would make the estate twice.
    is_plain = len(keys) == 1 and receipt is not None and keys[0].id == receipt.key_id
    estate = Estate(
        desired=desired,
        receipt=receipt,
        current=keys[0] if is_plain else None,
        superseded=remembered.superseded_at(addresses),
        delivered_once=frozenset(told.key_id for told in receipts),
        intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
        previous_address=receipt.address if receipt and receipt.address != desired.address else None,
    )
    return estate if is_plain else estate.with_keys(keys)


def _collect(index: Mapping[Address, Sequence[_RecordT]], addresses: Sequence[Address]) -> Sequence[_RecordT]:
    if len(addresses) == 1:  # nearly always, and then there is nothing to put together
        return index.get(addresses[0], ())
    return [record for address in addresses for record in index.get(address, ())]


def _claim_newcomers(estates: list[Estate], unmanaged: list[Observation]) -> tuple[list[Estate], list[Observation]]:
    """Give unmarked newcomers to the open intent that must have made them.

    That is a create where markers are turned off, or the refresh of a key that was being adopted.
    """
    if not unmanaged:
        return estates, unmanaged
    by_name: defaultdict[str, list[Observation]] = defaultdict(list)
    for key in unmanaged:
        by_name[key.name].append(key)
    claimed: set[KeyId] = set()
    result = []
    for estate in estates:
        mine = [key for key in by_name.get(estate.desired.declaration.name, ()) if _was_made_by(estate, key)]
        claimed |= {key.id for key in mine}
        result.append(estate.with_keys([*estate.alive, *mine]) if mine else estate)
    return result, [key for key in unmanaged if key.id not in claimed]


def _was_made_by(estate: Estate, key: Observation) -> bool:
    return key.key_type is estate.desired.declaration.key_type and any(
        intent.is_unmarked and intent.could_have_made(key.id, key.created_at) for intent in estate.intents
    )
