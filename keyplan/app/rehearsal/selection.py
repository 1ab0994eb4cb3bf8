"""Chooses what is rehearsed: of all addresses of one shape, the first. Keys that are up to date are rotated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace

from keyplan.app.plan import make_guarded_plan
from keyplan.app.rehearsal.runs import list_actions
from keyplan.model.identity import Address, read_provider
from keyplan.model.limits import Limits
from keyplan.model.manifest import Declaration, Manifest
from keyplan.model.observation import Snapshot
from keyplan.model.plan import Action, FreshPlan, Guard, Reason, Request, Verb
from keyplan.model.rehearsal import RehearsedKey

MOST_SHAPES = 8
"""So many shapes are rehearsed; a run of each fault for more of them would take minutes."""
_NO_LIMITS = Limits(deletes=10**6, delete_percent=100, replaces=10**6, replace_percent=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenKeys:
    """What is rehearsed of a manifest, and with what."""

    manifest: Manifest
    snapshot: Snapshot
    request: Request
    keys: tuple[RehearsedKey, ...]
    left_out: int


def choose(manifest: Manifest, snapshot: Snapshot) -> ChosenKeys:
    """Return what to rehearse of a manifest: everything, or one address of each shape.

    Raises InputError, ManifestError.
    """
    rotate = _list_kept(make_guarded_plan(manifest, Request(), snapshot))
    request = Request(rotate=rotate)
    plan = make_guarded_plan(manifest, request, snapshot)
    shapes = _group(manifest, plan)
    firsts = {min(addresses): len(addresses) for addresses in shapes.values()}
    chosen = dict(sorted(firsts.items())[:MOST_SHAPES])
    first_actions = {action.address: action for action in reversed(list_actions(plan))}
    keys = tuple(RehearsedKey(action=first_actions[address], stands_for=number) for address, number in chosen.items())
    everything = {address for addresses in shapes.values() for address in addresses}
    left_out = len(everything) - sum(chosen.values())
    if set(chosen) == everything:
        return ChosenKeys(manifest=manifest, snapshot=snapshot, request=request, keys=keys, left_out=left_out)
    reduced = Request(
        rotate=tuple(address for address in rotate if address in chosen),
        # The guards that count have judged the whole manifest; of a part of it their counts say nothing.
        allow_deletes=len(snapshot.keys),
        allow_replaces=len(snapshot.keys),
    )
    return ChosenKeys(
        manifest=replace(
            manifest, limits=_NO_LIMITS, keys=tuple(one for one in manifest.keys if one.address in chosen)
        ),
        snapshot=_reduce(snapshot, plan, frozenset(chosen)),
        request=reduced,
        keys=keys,
        left_out=left_out,
    )


def take_all(manifest: Manifest, snapshot: Snapshot) -> ChosenKeys:
    """Return the whole of a manifest as it is, with nothing rotated: each key has dates of its own."""
    return ChosenKeys(manifest=manifest, snapshot=snapshot, request=Request(), keys=(), left_out=0)


def _list_kept(plan: FreshPlan) -> tuple[str, ...]:
    """Return the addresses whose key is up to date, and would be renewed if that was asked for."""
    return tuple(
        sorted(
            action.address
            for action in plan.actions
            if action.verb is Verb.KEEP and action.reason is Reason.UP_TO_DATE and not action.blocked
        )
    )


def _group(manifest: Manifest, plan: FreshPlan) -> Mapping[Hashable, list[Address]]:
    """Return the addresses at which something happens, by their shape."""
    declared = {one.address: one for one in manifest.keys}
    actions = defaultdict[Address, list[Action]](list)
    for action in plan.actions:
        actions[action.address].append(action)
    # What a guard that counts holds back has no effect, and no part of the manifest shows it.
    counted = (Guard.DELETES, Guard.REPLACES)
    shapes = defaultdict[Hashable, list[Address]](list)
    for address, mine in actions.items():
        is_held = any(one.blocked and one.blocked.guard in counted for one in mine)
        if not is_held and any(one in plan.changes or one.blocked for one in mine):
            shapes[_shape(mine, declared.get(address))].append(address)
    return shapes


def _shape(actions: list[Action], declared: Declaration | None) -> Hashable:
    done = (
        read_provider(actions[0].address),
        *((one.verb, one.reason, one.blocked and one.blocked.guard, one.overlap, one.cuts_off) for one in actions),
    )
    if declared is None:
        return done
    sinks = tuple(delivery.sink for delivery in declared.deliveries)
    is_expiring = (declared.expires_in, declared.expires_at is not None)
    return (done, declared.key_type, sinks, declared.rotation, is_expiring, declared.adopt)


def _reduce(snapshot: Snapshot, plan: FreshPlan, chosen: frozenset[Address]) -> Snapshot:
    """Return a snapshot without what belongs to other addresses than the chosen ones."""
    of_chosen = {action.key_id for action in plan.actions if action.address in chosen}
    of_others = {action.key_id for action in plan.actions if action.address not in chosen} - of_chosen
    slots = {address: mine for address, mine in snapshot.slots.items() if address in chosen}
    receipts = tuple(one for one in snapshot.receipts if one.address in chosen)
    others = {slot for address, mine in snapshot.slots.items() if address not in chosen for slot in mine}
    return replace(
        snapshot,
        keys=tuple(key for key in snapshot.keys if key.id not in of_others),
        receipts=receipts,
        intents=tuple(one for one in snapshot.intents if one.address in chosen),
        slots=slots,
        holdings={slot: held for slot, held in snapshot.holdings.items() if slot not in others},
        findings={slot: found for slot, found in snapshot.findings.items() if slot not in others},
    )
