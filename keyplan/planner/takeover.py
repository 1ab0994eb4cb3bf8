"""Whether an existing key may be taken over by a declaration, and the receipt that does it (`keyplan import`).

A key that belongs to another owner or another declaration is never taken over. What the sinks hold is checked later, by
`applier.takeover`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches

from keyplan.errors import InputError, RefusedError
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.receipt import LeftPlace, Receipt
from keyplan.model.texts import compose
from keyplan.planner.authority import Authority
from keyplan.planner.diff import Differences, find_differences
from keyplan.planner.evidence import is_delivered
from keyplan.planner.ownership import OwnedKeys, Ownership, assign_ownership
from keyplan.planner.strategy import find_overlap


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """A key that its declaration may take over, once every sink is known to hold it."""

    key: Observation
    receipt: Receipt
    """Has no fingerprint: the key was not delivered by keyplan."""
    slots: tuple[Slot, ...]
    found: Differences
    """In what the key is not as declared."""
    is_known: bool
    """Whether a receipt already names it as the declaration's current key; then there is nothing to record."""


def find_address(manifest: Manifest, named: str) -> Address:
    """Return the address that the user named. Raises InputError if no declaration has it."""
    known = [declaration.address for declaration in manifest.keys]
    for address in known:
        if compose(address) == compose(named):
            return address
    near = get_close_matches(named, known, n=1)
    advice = f"did you mean '{near[0]}'?" if near else "addresses are user/NAME and service/SPACE/NAME"
    raise InputError(f"no declaration has the address '{named}'", advice=advice)


def find_key(snapshot: Snapshot, key_id: str) -> Observation | None:
    """Return the key of an id; None if no listing of active keys showed it.

    Raises RefusedError if it is dead.
    """
    key = next((key for key in snapshot.keys if key.id == key_id), None)
    if key is not None and not key.is_live(snapshot.now):
        raise RefusedError(f"key {key_id} is dead: it was ended, or has expired")
    return key


def take_over(
    wanted: tuple[Desired, ...], snapshot: Snapshot, *, authority: Authority, address: Address, key: Observation
) -> Takeover:
    """Return how a live key is taken over by the declaration of an address.

    Raises RefusedError if it belongs to another owner or declaration, if its type or space is another one, or if the
    address has another key or an unfinished run.
    """
    desired = next(one for one in wanted if one.address == address)
    _refuse_misfit(desired, key)
    if key.marker and key.marker.owner != desired.owner:
        raise RefusedError(f"key {key.id} carries the mark of another owner, '{key.marker.owner}'")
    ownership = assign_ownership(wanted, snapshot, authority=authority)
    # What belongs to others is refused first: that message helps more than one about our own address.
    _refuse_taken(ownership, address, key.id)
    owned = next(one for one in ownership.declared if one.desired.address == address)
    _refuse_occupied(owned, key.id)
    receipt = replace(write_receipt(owned, key, snapshot), left=_list_left(desired, snapshot))
    return Takeover(
        key=key,
        receipt=receipt,
        slots=snapshot.slots.get(address, ()),
        found=find_differences(desired, key, receipt),
        is_known=_is_known(owned, key, snapshot),
    )


def _refuse_misfit(desired: Desired, key: Observation) -> None:
    declared = desired.declaration
    if key.key_type is not declared.key_type:
        kind = key.key_type.value if key.key_type else "unknown"
        raise RefusedError(f"key {key.id} is of type {kind}, and {declared.address} is a {declared.key_type.value} key")
    # An empty set says that no space of it could be seen, not that it has none.
    if key.scope_ids and not key.scope_ids & set(desired.scope_ids):
        raise RefusedError(f"key {key.id} is of another space ({', '.join(sorted(key.scope_ids))})")


def _refuse_taken(ownership: Ownership, address: Address, key_id: KeyId) -> None:
    for owned in ownership.declared:
        if owned.desired.address != address and any(key.id == key_id for key in owned.alive):
            raise RefusedError(f"key {key_id} is that of {owned.desired.address}")
    for orphan in ownership.orphans:
        # A marker without a receipt stands for a record that is lost: an import is how it is found again.
        if orphan.key and orphan.key.id == key_id and orphan.receipt:
            raise RefusedError(
                f"key {key_id} is ours already, as {orphan.address}, which is declared no longer",
                advice=f"to move it, declare {address} with moved_from: ['{orphan.address}']",
            )


def _refuse_occupied(owned: OwnedKeys, key_id: KeyId) -> None:
    address = owned.desired.address
    if owned.intents:
        raise RefusedError(
            f"{address} has a run that did not finish",
            advice="let it finish first: keyplan apply",
        )
    if owned.current and owned.current.id != key_id:
        raise RefusedError(
            f"{address} has a key already, {owned.current.id}",
            advice="an import takes over for a declaration that has none; to renew its key: keyplan rotate",
        )


def _list_left(desired: Desired, snapshot: Snapshot) -> tuple[LeftPlace, ...]:
    """Return the places that the ledger knows of the address, and that the declaration delivers to no longer."""
    receipt = next((one for one in snapshot.receipts if one.address == desired.address and not one.forgotten), None)
    if receipt is None:
        return ()
    deadline = snapshot.now + find_overlap(desired.declaration.rotation)
    dated = (replace(entry, at=entry.at or receipt.delivered_at) for entry in receipt.delivered)
    places = {place: LeftPlace(place=place, empty_after=deadline) for place in dated}
    places |= {one.place: one for one in receipt.left}
    wanted = {slot.delivered for slot in snapshot.slots.get(desired.address, ())}
    return tuple(sorted(one for one in places.values() if one.place not in wanted))


def _is_known(owned: OwnedKeys, key: Observation, snapshot: Snapshot) -> bool:
    if owned.current is None or owned.receipt is None or owned.receipt.redacted != key.edition:
        return False
    slots = snapshot.slots.get(owned.desired.address, ())
    return is_delivered(slots, snapshot, owned.current, owned.receipt)


def write_receipt(owned: OwnedKeys, key: Observation, snapshot: Snapshot) -> Receipt:
    """Return the receipt of a key that others made and delivered; it has no fingerprint."""
    desired, declared = owned.desired, owned.desired.declaration
    slots = snapshot.slots.get(declared.address, ())
    return Receipt(
        owner=desired.owner,
        manifest_id=desired.identity.id,
        address=declared.address,
        key_id=key.id,
        key_type=declared.key_type,
        name=declared.name,
        scope_ids=desired.scope_ids,
        created_at=key.issued_at,
        expires_at=key.expires_at,
        redacted=key.edition,
        delivered=tuple(sorted(slot.delivered for slot in slots)),
        delivered_at=snapshot.now,
        protect=declared.protect,
        on_remove=declared.on_remove,
        generation=declared.rotation.generation,
        superseded=tuple(sorted(old for old in owned.superseded.values() if old.key_id != key.id)),
    )
