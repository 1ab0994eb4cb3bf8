"""Places that a declaration delivers to no longer, and that still hold a raw key of it: row 14b of docs/planning.md.

Only the ledger names them: a receipt beside a secret is a claim, and could name another key's place. None is emptied
until all places of the declaration hold its current key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias, assert_never

from keyplan.model.basis import (
    CopyBasis,
    CreateBasis,
    EmptyBasis,
    ImportBasis,
    KeepBasis,
    RefreshBasis,
)
from keyplan.model.identity import KeyId
from keyplan.model.observation import Slot
from keyplan.model.plan import PlannedAction, Reason, Verb
from keyplan.model.receipt import LeftPlace, Receipt
from keyplan.model.vacancy import Vacancy
from keyplan.planner.authority import name_manifest
from keyplan.planner.case import Case
from keyplan.planner.evidence import holding_of, was_overwritten
from keyplan.planner.strategy import find_overlap

NOT_CONFIGURED = "its sink is no longer configured"
STAYS_ON_REMOVAL = "its sink says on_remove: keep"

_OwnBasis: TypeAlias = KeepBasis | CreateBasis | RefreshBasis | CopyBasis | ImportBasis
"""Of a declaration's own action. They are tried in this order: first the one that nearly every declaration has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownPlace:
    """A place that holds, or held, a raw key of the address, as the ledger says."""

    entry: LeftPlace
    slot: Slot
    leaves: str
    """Why it must not be emptied; empty if it may be."""
    is_announced: bool
    """Whether the ledger says that the address has left it, since when its overlap runs."""
    is_ours: bool
    """Whether it is still to be remembered."""


def leave_places(case: Case, main: PlannedAction) -> PlannedAction:
    """Return the declaration's own action, with the places that the address leaves by it."""
    receipts = _list_receipts(case)
    if main.blocked or not isinstance(main.basis, _OwnBasis) or _is_settled(case, receipts, main.basis):
        return main
    candidates = tuple(_iter_candidates(case, receipts))
    wanted = set(main.basis.slots)
    leaving = tuple(one for one in candidates if one.slot not in wanted)
    # A kept key has its own row for what is due: keeping changes nothing outside the ledger.
    shown = [one for one in leaving if not (isinstance(main.basis, KeepBasis) and _is_due(case, one))]
    return replace(
        main,
        vacancies=tuple(sorted(_show(case, one) for one in shown)),
        basis=_extend(case, main.basis, candidates, leaving),
    )


def plan_left_places(case: Case, main: PlannedAction) -> Iterator[PlannedAction]:
    """Yield the action that empties places beside a key that stays as it is (docs/planning.md, row 14b)."""
    if not main.basis.left or main.blocked or not isinstance(main.basis, KeepBasis):  # nearly always
        return
    due = [one for one in _iter_candidates(case, _list_receipts(case)) if _is_due(case, one)]
    due = [one for one in due if one.slot not in case.slots]
    if due:
        slots = tuple(one.slot for one in due)
        yield PlannedAction(
            address=main.address,
            verb=Verb.EMPTY,
            reason=Reason.LEFT,
            key_id=main.key_id,
            before=main.before,
            locations=tuple(map(str, slots)),
            place=main.place,
            basis=EmptyBasis(
                desired=main.basis.desired,
                key=main.basis.key,
                receipt=main.basis.receipt,
                slots=slots,
                is_recorded=case.is_recorded,
                is_own_credential=main.basis.is_own_credential,
                is_announced=_are_announced(due),
            ),
        )


def _list_receipts(case: Case) -> tuple[Receipt, ...]:
    """Return what the ledger says of the address, and of the one that it moved from."""
    own, former = case.ledger_receipt, case.former_receipt
    found = [own] if former is None or former is own else [own, former]
    # The places of a forgotten key may have a new user.
    return tuple([one for one in found if one is not None and not one.forgotten])


def _is_settled(case: Case, receipts: tuple[Receipt, ...], basis: _OwnBasis) -> bool:
    """Whether no place is left, and none is about to be: true of nearly every declaration."""
    if not isinstance(basis, KeepBasis):
        return isinstance(basis, CreateBasis | RefreshBasis) and not receipts
    if basis.receipt.left:
        return False
    # What makes a place one: as `Slot` and `Delivered` compare, of which none is made here.
    wanted = [(slot.sink, slot.location) for slot in case.slots]
    for one in receipts:
        if one.left or [entry for entry in one.delivered if (entry.sink, entry.location) not in wanted]:
            return False
    return True


def _iter_candidates(case: Case, receipts: tuple[Receipt, ...]) -> Iterator[_KnownPlace]:
    """Yield each place that the ledger knows to hold a raw key of the address, by sink and location."""
    announced = {Slot.of(one.place): one for receipt in receipts for one in receipt.left}
    delivered = {
        Slot.of(entry): replace(entry, at=entry.at or receipt.delivered_at)
        for receipt in receipts
        for entry in receipt.delivered
    }
    deadline = case.now + _find_overlap(case)
    known_places = {*announced, *delivered}
    for slot in sorted({*announced, *delivered}, key=str):
        known = announced.get(slot)
        if known is None:
            entry = LeftPlace(place=delivered[slot], empty_after=deadline)
        elif not case.is_fully_delivered:
            # The overlap has not begun: until the new places hold the key, it moves on with the clock.
            entry = replace(known, empty_after=max(deadline, known.empty_after))
        else:
            entry = known
        # A place that was announced is emptied even if nothing is there: a run may have been killed half-way.
        if known is None and _is_seen_empty(case, slot):
            continue
        other = _find_other(case, slot, entry) or _find_alias(case, slot, known_places)
        is_reached = slot.sink in case.snapshot.abilities
        yield _KnownPlace(
            entry=entry,
            slot=slot,
            leaves=other or ("" if is_reached else NOT_CONFIGURED),
            is_announced=known is not None and known == entry,
            # One that can't be reached stays remembered: if its sink is configured again, it is emptied.
            is_ours=not other,
        )


def _is_seen_empty(case: Case, slot: Slot) -> bool:
    ability = case.snapshot.abilities.get(slot.sink)
    return ability is not None and ability.is_asked and not holding_of(slot, case.snapshot).present


def _find_other(case: Case, slot: Slot, entry: LeftPlace) -> str:
    """Return why a place is no longer this address's to empty; empty if it is."""
    user = case.users.get(slot)
    if user is not None and user != case.declaration.address:
        return f"{user} is delivered there"
    holding = holding_of(slot, case.snapshot)
    if holding.owner is not None:
        return f"it belongs to the manifest of {name_manifest(holding.owner)}"
    if slot.options.get("on_remove") == "keep":
        return STAYS_ON_REMOVAL
    return _find_later_use(case, slot, entry) if slot.sink in case.snapshot.abilities else ""


def _find_later_use(case: Case, slot: Slot, entry: LeftPlace) -> str:
    """Return why a place must be in use by now; empty if nothing shows that."""
    holding, taken_at = holding_of(slot, case.snapshot), entry.place.at
    if taken_at and holding.receipt and holding.receipt.delivered_at > taken_at:
        return "a newer key was delivered there"
    if taken_at and was_overwritten(slot, case.snapshot, taken_at):
        return "another writer has changed it since"
    return ""


def _find_alias(case: Case, slot: Slot, known: Collection[Slot]) -> str:
    """Return why a place may be one of the declaration's under another name; empty if nothing points to that."""
    if slot in case.slots:
        return ""
    for other in (*case.slots, *case.next_slots):
        if other not in known and _may_be_same(case, slot, other):
            return f"it may be the same place as {other}"
    return ""


def _may_be_same(case: Case, slot: Slot, other: Slot) -> bool:
    """Whether two places, of which nothing was ever delivered to the other, may be one: it would be emptied as well."""
    kinds = case.snapshot.abilities
    if slot.sink not in kinds or kinds[slot.sink].holds_receipts != kinds[other.sink].holds_receipts:
        return False
    # Without notes, two places of one location cannot be distinguished.
    if not kinds[slot.sink].holds_receipts:
        return slot.location == other.location
    mine, its = holding_of(slot, case.snapshot).receipt, holding_of(other, case.snapshot).receipt
    return mine is not None and its is not None and _identify(mine) == _identify(its)


def _identify(receipt: Receipt) -> tuple[KeyId, datetime]:
    return receipt.key_id, receipt.delivered_at


def _is_due(case: Case, one: _KnownPlace) -> bool:
    return not one.leaves and one.entry.empty_after <= case.now


def _show(case: Case, one: _KnownPlace) -> Vacancy:
    if one.leaves:
        return Vacancy(location=str(one.slot), leaves=one.leaves)
    if _is_due(case, one):
        return Vacancy(location=str(one.slot))
    if one.is_announced:
        return Vacancy(location=str(one.slot), empty_after=one.entry.empty_after)
    # No instant: it would differ in every plan, and no saved plan could be applied.
    return Vacancy(location=str(one.slot), overlap=_find_overlap(case))


def _find_overlap(case: Case) -> timedelta:
    """Return how long readers of a place find the key there after the address has left it."""
    return find_overlap(case.declaration.rotation)


def _extend(
    case: Case, basis: _OwnBasis, candidates: tuple[_KnownPlace, ...], leaving: tuple[_KnownPlace, ...]
) -> _OwnBasis:
    """Return what the planner knew of an action, with the places that its receipt has to name."""
    vacated = tuple(one.slot for one in leaving if _is_due(case, one))
    is_announced = _are_announced(leaving)
    # All of them before a raw key is stored: a place that does not get it holds an older one.
    left = tuple(sorted(one.entry for one in candidates if one.is_ours))
    match basis:
        case CreateBasis() | RefreshBasis():
            return replace(basis, left=left, vacated=vacated, is_announced=is_announced)
        case CopyBasis():
            receipt = replace(basis.receipt, left=left)
            return replace(basis, left=left, vacated=vacated, is_announced=is_announced, receipt=receipt)
        case ImportBasis() | KeepBasis():
            left = tuple(sorted(one.entry for one in leaving if one.is_ours))
            receipt = replace(basis.receipt, left=left)
            known = replace(basis, left=left, is_announced=is_announced, receipt=receipt)
            if isinstance(known, ImportBasis):
                return replace(known, vacated=vacated)
            return replace(known, ledger_outdated=known.ledger_outdated or case.ledger_receipt != receipt)
        case _:
            assert_never(basis)


def _are_announced(leaving: Iterable[_KnownPlace]) -> bool:
    return all(one.is_announced for one in leaving if not one.leaves)
