"""What happens to keys and receipts of ours that are declared nowhere: row 15 of docs/planning.md.

What another manifest has taken over is let go, and a key that another manifest may have made is never deleted unasked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from keyplan.model.basis import DeleteBasis, ForgetBasis
from keyplan.model.identity import Address, read_provider
from keyplan.model.manifest import Manifest, OnRemove
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.plan import Blocked, Guard, PlannedAction, Reason, Request, Verb
from keyplan.model.receipt import Receipt
from keyplan.model.vacancy import Vacancy
from keyplan.planner.authority import name_manifest
from keyplan.planner.key_view import name_locations, view_key
from keyplan.planner.left_places import NOT_CONFIGURED
from keyplan.planner.orphans import Orphan
from keyplan.planner.ownership import Ownership
from keyplan.planner.records import is_unreachable

_UNSEEN = "its key is shown neither as active nor as revoked: check account, user and rights of the credential"


def plan_undeclared(
    ownership: Ownership, manifest: Manifest, request: Request, *, unseen: Collection[Address]
) -> Iterator[PlannedAction]:
    """Yield an action for each key, or mere receipt, that is ours and declared nowhere.

    `unseen` are the addresses whose keys may live on where the credential can't see them.
    """
    snapshot = ownership.snapshot
    everything = (*snapshot.slots.values(), *snapshot.next_slots.values())
    in_use = {slot for slots in everything for slot in slots}
    departures = {one.address: one.to for one in manifest.removed}
    deleted = 0
    for orphan in ownership.orphans:
        action = _plan_orphan(orphan, manifest, snapshot, in_use, departures.get(orphan.address, ""))
        if orphan.key is None and orphan.address in unseen and action.reason is not Reason.TRANSFERRED:
            action = replace(action, blocked=_block_unseen(orphan.address, snapshot))
        deleted += action.verb is Verb.DELETE
        yield action
    # Strays go only if the allowed amount covers them beside everything else: another manifest may need them.
    if ownership.strays and (request.allow_deletes or 0) >= deleted + len(ownership.strays):
        yield from (_delete_stray(key, snapshot) for key in ownership.strays)


def _block_unseen(address: Address, snapshot: Snapshot) -> Blocked:
    advice = _UNSEEN
    if is_unreachable(address, snapshot):
        name = read_provider(address)
        advice = (
            f"provider '{name}' is no longer in the manifest, so nothing can end its key: put it back, apply, "
            "and remove it then; or, if the provider is gone for good, take its keys for gone with --allow-missing"
        )
    return Blocked(guard=Guard.UNSEEN, advice=advice)


def _delete_stray(key: Observation, snapshot: Snapshot) -> PlannedAction:
    return PlannedAction(
        address=Address(f"{key.key_type.value if key.key_type else 'unknown'}/{key.name}"),
        verb=Verb.DELETE,
        reason=Reason.STRAY,
        key_id=key.id,
        before=view_key(key),
        explanation="no record knows it, and it is declared nowhere",
        basis=DeleteBasis(key=key, is_own_credential=key.id in snapshot.own_keys),
    )


def _plan_orphan(
    orphan: Orphan, manifest: Manifest, snapshot: Snapshot, in_use: Collection[Slot], heir: str
) -> PlannedAction:
    """Return what happens to a key, or a mere receipt, that is ours and declared nowhere (docs/planning.md, row 15)."""
    key, receipt = orphan.key, orphan.receipt
    heir = heir or (_find_heir(orphan, snapshot) if key else "")
    policy = OnRemove.FORGET if heir else receipt.on_remove if receipt else manifest.on_remove
    is_own = key is not None and key.id in snapshot.own_keys
    # Only the ledger's receipt may name places to empty: any user who can write to a sink could name another key's.
    recorded = receipt if orphan.is_recorded else None
    # A key that lives on is still read from its places: they are emptied only if it ends, or is gone.
    ended = None if heir or (key and policy is OnRemove.FORGET) else recorded
    abandoned = _find_abandoned(ended, snapshot, in_use)
    basis: DeleteBasis | ForgetBasis
    if key is not None and policy is OnRemove.DELETE:
        basis = DeleteBasis(key=key, receipt=receipt, slots=abandoned, is_own_credential=is_own)
    else:
        basis = ForgetBasis(key=key, receipt=receipt, slots=abandoned, is_own_credential=is_own)
    return PlannedAction(
        address=orphan.address,
        verb=Verb.DELETE if isinstance(basis, DeleteBasis) else Verb.FORGET,
        reason=Reason.TRANSFERRED if heir else Reason.UNDECLARED if key else Reason.GONE,
        key_id=key.id if key else None,
        before=view_key(key) if key else None,
        explanation=f"{heir} manages it from now on" if heir else "",
        locations=name_locations(abandoned),
        vacancies=_find_left_behind(ended, snapshot),
        basis=basis,
    )


def _find_heir(orphan: Orphan, snapshot: Snapshot) -> str:
    """Return the other manifest whose receipt, at a place of the key, says that it manages the key; or nothing."""
    # A claim stops the deletion here, and causes nothing: a user who writes the place can at most keep the key alive.
    for delivered in orphan.receipt.delivered if orphan.receipt else ():
        held = snapshot.holdings.get(Slot.of(delivered))
        if held is None or held.owner is None or held.receipt is None or orphan.key is None:
            continue
        # Where several values share an object, another manifest's mark may stand beside our own receipt.
        if held.receipt.identity.owner == held.owner.owner and held.receipt.key_id == orphan.key.id:
            return name_manifest(held.owner)
    return ""


def _find_abandoned(receipt: Receipt | None, snapshot: Snapshot, in_use: Collection[Slot]) -> tuple[Slot, ...]:
    """Return the slots that still hold the dead raw key of a removed declaration.

    A sink that the manifest no longer configures cannot be emptied. A slot that another declaration uses by now must
    not be, nor one of a forgotten key, which may have a new user.
    """
    if receipt is None or receipt.forgotten:
        return ()
    slots = _list_places(receipt)
    return tuple(slot for slot in slots if slot.sink in snapshot.abilities and slot not in in_use)


def _list_places(receipt: Receipt) -> list[Slot]:
    """Return every place that holds a raw key of an address, those included that it has left."""
    places = (*receipt.delivered, *(one.place for one in receipt.left))
    return [Slot.of(place) for place in dict.fromkeys(places)]


def _find_left_behind(receipt: Receipt | None, snapshot: Snapshot) -> tuple[Vacancy, ...]:
    """Return the places of a removed declaration that keep what they hold, because nothing reaches them."""
    if receipt is None or receipt.forgotten:
        return ()
    return tuple(
        sorted(
            Vacancy(location=str(slot), leaves=NOT_CONFIGURED)
            for slot in _list_places(receipt)
            if slot.sink not in snapshot.abilities
        )
    )
