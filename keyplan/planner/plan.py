"""The plan of one manifest: the table of docs/planning.md for each declaration, and rows 15 and 16 for everything else.

The same input gives the same plan, byte for byte, and the order of declarations does not matter. Guards are applied
later, by `policy` and `guards`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from keyplan.errors import InputError, ManifestError
from keyplan.model.desired import Desired
from keyplan.model.identity import Address
from keyplan.model.manifest import Manifest, OnRemove, Unmanaged
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.plan import (
    Action,
    DeleteBasis,
    ForgetBasis,
    FreshPlan,
    KeyView,
    PlannedAction,
    Reason,
    Request,
    Verb,
)
from keyplan.model.receipt import Receipt
from keyplan.planner.case import Case
from keyplan.planner.evidence import apply_weak_proof
from keyplan.planner.key_view import name_locations, view_key
from keyplan.planner.ownership import Orphan, OwnedKeys, Ownership, assign_ownership
from keyplan.planner.rules import find_warnings, plan_declaration
from keyplan.planner.strategy import find_unlawful_rotation

_RANKS = {verb: rank for rank, verb in enumerate(Verb)}


def make_plan(manifest: Manifest, desired: Iterable[Desired], snapshot: Snapshot, request: Request) -> FreshPlan:
    """Return the plan of one manifest, without any guard applied.

    Raises InputError if a target or an address to rotate fits nothing, ManifestError if a declared rotation can never
    be lawful at this provider.
    """
    wanted = tuple(sorted(desired, key=lambda one: one.address))
    # Before anything is decided: these are mistakes of the input, and no plan can follow from them.
    _refuse_unlawful(wanted, snapshot)
    _refuse_unknown(wanted, request)
    ownership = assign_ownership(wanted, snapshot, lineage=manifest.lineage)
    cases = _select(ownership, snapshot, request)
    actions = [action for case in cases for action in plan_declaration(case)]
    # With targets, the rest was not read, so nothing undeclared may end.
    if not request.targets:
        in_use = {slot for slots in snapshot.slots.values() for slot in slots}
        actions += [_plan_orphan(orphan, manifest, snapshot, in_use) for orphan in ownership.orphans]
    return FreshPlan(
        owner=manifest.owner,
        manifest=manifest.path,
        provider=snapshot.provider,
        dialect=snapshot.laws.dialect,
        actions=tuple(sorted(actions, key=sort_key)),
        unmanaged=_list_unmanaged(manifest, ownership, request),
        unmanaged_policy=manifest.unmanaged,
        request=request,
        serial=snapshot.serial,
        warnings=tuple(sorted(warning for case in cases for warning in find_warnings(case))),
    )


def sort_key(action: Action) -> tuple[int, Address, str, str]:
    """Return the sort key of the order in which actions are listed and begun."""
    return _RANKS[action.verb], action.address, action.key_id or "", action.reason.value


def _refuse_unlawful(wanted: tuple[Desired, ...], snapshot: Snapshot) -> None:
    problems = tuple(
        one.declaration.place.problem(message, rule="manifest/unlawful", subject=one.address, advice=advice)
        for one in wanted
        for message, advice in find_unlawful_rotation(one, snapshot.laws)
    )
    if problems:
        raise ManifestError(problems)


def _refuse_unknown(wanted: tuple[Desired, ...], request: Request) -> None:
    addresses = [one.address for one in wanted]
    _refuse_unmatched(request.targets, addresses, "no declaration has an address that fits")
    targeted = [address for address in addresses if _is_targeted(address, request)]
    _refuse_unmatched(request.rotate, targeted, "nothing that is looked at has an address that fits")


def _refuse_unmatched(patterns: tuple[str, ...], addresses: list[Address], problem: str) -> None:
    known = frozenset(addresses)
    unmatched = [p for p in patterns if p not in known and not any(fnmatchcase(address, p) for address in addresses)]
    if unmatched:
        named = ", ".join(f"'{pattern}'" for pattern in unmatched)
        raise InputError(
            f"{problem} {named}",
            advice="addresses are user/NAME and service/SPACE/NAME; globs such as 'service/*' are fine",
        )


def _select(ownership: Ownership, snapshot: Snapshot, request: Request) -> list[Case]:
    """Return a case for each declaration that the targets let in."""
    by_name = _index_by_name(ownership.unmanaged)
    in_ledger = {receipt.address: receipt for receipt in snapshot.receipts}
    cases = []
    for owned in ownership.declared:
        address = owned.desired.address
        if _is_targeted(address, request):
            # Weak proof only fills in for a ledger that knows nothing: what it remembers is better.
            ledger_receipt = _find_ledger_receipt(owned, in_ledger)
            cases.append(
                Case(
                    owned=owned if ledger_receipt else apply_weak_proof(owned, snapshot),
                    snapshot=snapshot,
                    slots=snapshot.slots.get(address, ()),
                    is_requested=bool(request.rotate) and _fits(address, request.rotate),
                    namesakes=tuple(by_name.get(owned.desired.declaration.name, ())),
                    ledger_receipt=ledger_receipt,
                )
            )
    return cases


def _find_ledger_receipt(owned: OwnedKeys, in_ledger: Mapping[Address, Receipt]) -> Receipt | None:
    """Return the receipt in the ledger of an address, or else of the one that it moved from."""
    receipt = in_ledger.get(owned.desired.address)
    return receipt or (in_ledger.get(owned.previous_address) if owned.previous_address else None)


def _is_targeted(address: Address, request: Request) -> bool:
    return not request.targets or _fits(address, request.targets)


def _fits(address: Address, patterns: tuple[str, ...]) -> bool:
    return any(address == pattern or fnmatchcase(address, pattern) for pattern in patterns)


def _index_by_name(keys: Iterable[Observation]) -> dict[str, list[Observation]]:
    index: dict[str, list[Observation]] = {}
    for key in keys:
        index.setdefault(key.name, []).append(key)
    return index


def _plan_orphan(orphan: Orphan, manifest: Manifest, snapshot: Snapshot, in_use: Collection[Slot]) -> PlannedAction:
    """Return what happens to a key, or a mere receipt, that is ours and declared nowhere (docs/planning.md, row 15)."""
    key, receipt = orphan.key, orphan.receipt
    policy = receipt.on_remove if receipt else manifest.on_remove
    is_own = key is not None and key.id in snapshot.own_keys
    basis: DeleteBasis | ForgetBasis
    if key is not None and policy is OnRemove.DELETE:
        abandoned = _find_abandoned(receipt, snapshot, in_use)
        basis = DeleteBasis(key=key, receipt=receipt, slots=abandoned, is_own_credential=is_own)
    else:
        # A key that lives on is still read from its places: they are emptied only if it is gone.
        abandoned = () if key else _find_abandoned(receipt, snapshot, in_use)
        basis = ForgetBasis(key=key, receipt=receipt, slots=abandoned, is_own_credential=is_own)
    return PlannedAction(
        address=orphan.address,
        verb=Verb.DELETE if isinstance(basis, DeleteBasis) else Verb.FORGET,
        reason=Reason.UNDECLARED if key else Reason.GONE,
        key_id=key.id if key else None,
        before=view_key(key) if key else None,
        locations=name_locations(abandoned),
        basis=basis,
    )


def _find_abandoned(receipt: Receipt | None, snapshot: Snapshot, in_use: Collection[Slot]) -> tuple[Slot, ...]:
    """Return the slots that still hold the dead raw key of a removed declaration.

    A sink that the manifest no longer configures cannot be emptied. A slot that another declaration uses by now must
    not be, nor one of a forgotten key, which may have a new user.
    """
    if receipt is None or receipt.forgotten:
        return ()
    slots = (Slot.of(delivered) for delivered in receipt.delivered)
    return tuple(slot for slot in slots if slot.sink in snapshot.abilities and slot not in in_use)


def _list_unmanaged(manifest: Manifest, ownership: Ownership, request: Request) -> tuple[KeyView, ...]:
    """Return the keys that are only listed (docs/planning.md, row 16); with targets, they were not read."""
    if manifest.unmanaged is Unmanaged.IGNORE or request.targets:
        return ()
    return tuple(view_key(key) for key in ownership.unmanaged)
