"""Whether an existing key may be taken over by a declaration, and the receipt that does it (`keyplan import`).

In: a manifest, its desired keys, a snapshot, an address and a key id. Out: a takeover, or an error that says why not.
Never: a key that belongs to somebody else, another declaration's included; what the sinks hold is looked at later.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from keyplan.errors import InputError, RefusedError
from keyplan.model.desired import Desired
from keyplan.model.manifest import Address, KeyId, Manifest
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.plan import Change
from keyplan.model.receipt import Receipt
from keyplan.planner.diff import compare
from keyplan.planner.evidence import is_delivered
from keyplan.planner.ownership import Estate, Ownership, share_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """A key that its declaration may take over, once every sink is known to hold it."""

    key: Observation
    receipt: Receipt
    """Says that somebody else delivered it."""
    slots: tuple[Slot, ...]
    changes: tuple[Change, ...]
    """Fields in which the key is not as declared; the next apply replaces it for them."""
    is_known: bool
    """Whether it is the declaration's current key already, as a receipt says; then there is nothing to note."""


def find_address(manifest: Manifest, named: str) -> Address:
    """Return the address that somebody named. Raises InputError where no declaration has it."""
    known = [declaration.address for declaration in manifest.keys]
    for address in known:
        if address == named:
            return address
    near = get_close_matches(named, known, n=1)
    advice = f"did you mean '{near[0]}'?" if near else "addresses are user/NAME and service/SPACE/NAME"
    raise InputError(f"no declaration has the address '{named}'", advice=advice)


def find_key(snapshot: Snapshot, key_id: str) -> Observation | None:
    """Return the key of an id; None where no listing of active keys showed it.

    Raises RefusedError where it is dead.
    """
    key = next((key for key in snapshot.keys if key.id == key_id), None)
    if key is not None and not key.is_live(snapshot.now):
        raise RefusedError(f"key {key_id} is dead: it was ended, or has expired")
    return key


def take_over(wanted: tuple[Desired, ...], snapshot: Snapshot, *, address: Address, key: Observation) -> Takeover:
    """Return how a live key is taken over by the declaration of an address.

    Raises RefusedError where it is somebody else's, of another type or space, or where the address has another
    key or an unfinished run.
    """
    desired = next(one for one in wanted if one.address == address)
    _refuse_misfit(desired, key)
    if key.marker and key.marker.owner != desired.owner:
        raise RefusedError(f"key {key.id} carries the mark of another owner, '{key.marker.owner}'")
    ownership = share_out(wanted, snapshot, owner=desired.owner)
    _refuse_taken(ownership, address, key.id)
    estate = next(one for one in ownership.estates if one.desired.address == address)
    _refuse_occupied(estate, key.id)
    receipt = _write_receipt(estate, key, snapshot)
    return Takeover(
        key=key,
        receipt=receipt,
        slots=snapshot.slots.get(address, ()),
        changes=compare(desired, key, receipt),
        is_known=_is_known(estate, key, snapshot),
    )


def _refuse_misfit(desired: Desired, key: Observation) -> None:
    declared = desired.declaration
    if key.key_type is not declared.key_type:
        kind = key.key_type.value if key.key_type else "unknown"
        raise RefusedError(f"key {key.id} is of type {kind}, and {declared.address} is a {declared.key_type.value} key")
    # An empty set says that no space of it could be seen, not that it has none.
    if key.space_ids and not key.space_ids & set(desired.space_ids):
        raise RefusedError(f"key {key.id} is of another space ({', '.join(sorted(key.space_ids))})")


def _refuse_taken(ownership: Ownership, address: Address, key_id: KeyId) -> None:
    for estate in ownership.estates:
        if estate.desired.address != address and any(key.id == key_id for key in estate.alive):
            raise RefusedError(f"key {key_id} is that of {estate.desired.address}")
    for orphan in ownership.orphans:
        # Without a receipt nobody knows whose it was: a mark alone stands for a record that is lost.
        if orphan.key and orphan.key.id == key_id and orphan.receipt:
            raise RefusedError(
                f"key {key_id} is ours already, as {orphan.address}, which is declared no longer",
                advice=f"to move it, declare {address} with moved_from: ['{orphan.address}']",
            )


def _refuse_occupied(estate: Estate, key_id: KeyId) -> None:
    address = estate.desired.address
    if estate.intents:
        raise RefusedError(f"{address} has a run that did not finish", advice="let it finish first: keyplan apply")
    if estate.current and estate.current.id != key_id:
        raise RefusedError(
            f"{address} has a key already, {estate.current.id}",
            advice="an import takes over for a declaration that has none; to renew its key: keyplan rotate",
        )


def _is_known(estate: Estate, key: Observation, snapshot: Snapshot) -> bool:
    if estate.current is None or estate.receipt is None or estate.receipt.redacted != key.redacted:
        return False
    slots = snapshot.slots.get(estate.desired.address, ())
    return is_delivered(slots, snapshot, estate.current, estate.receipt)


def _write_receipt(estate: Estate, key: Observation, snapshot: Snapshot) -> Receipt:
    desired, declared = estate.desired, estate.desired.declaration
    slots = snapshot.slots.get(declared.address, ())
    return Receipt(
        owner=desired.owner,
        address=declared.address,
        key_id=key.id,
        key_type=declared.key_type,
        name=declared.name,
        space_ids=desired.space_ids,
        created_at=key.created_at,
        expires_at=key.expires_at,
        redacted=key.redacted,
        delivered=tuple(sorted(slot.delivered for slot in slots)),
        delivered_at=snapshot.now,
        protect=declared.protect,
        on_remove=declared.on_remove,
        generation=declared.rotation.generation,
        superseded=tuple(sorted(old for old in estate.superseded.values() if old.key_id != key.id)),
    )
