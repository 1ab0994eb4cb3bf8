"""The guards of docs/planning.md: the same plan, with those actions blocked that the user has to confirm.

The other actions go on. An override names an amount; none switches a guard off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from keyplan.model.identity import Address
from keyplan.model.manifest import Limits, Manifest
from keyplan.model.observation import Snapshot
from keyplan.model.plan import Blocked, FreshPlan, Guard, PlannedAction, Reason, Verb
from keyplan.model.receipt import Receipt
from keyplan.planner.ownership import all_receipts, newest_receipt

_FEWEST_FOR_SHARE = 10
"""With fewer keys of ours than this, `delete_percent` does not count: one of three is a third."""


_FEWEST_FOR_VISIBILITY = 3


_DELIVERED_ALREADY = (Reason.CHANGED, Reason.REQUESTED, Reason.EXPIRING, Reason.TOO_OLD)
"""Rows of the table that come after the proof that the current key is in every sink."""


def apply_guards(plan: FreshPlan, *, manifest: Manifest, snapshot: Snapshot) -> FreshPlan:
    """Return the plan with every guard applied; an action that is blocked already keeps its first reason."""
    # Per key first, then the amounts: a protected key is named as such, not as one of too many.
    checks = (
        _guard_protected,
        _guard_own_credential,
        _guard_deletes(plan, manifest.limits),
        _guard_visibility(plan, snapshot),
    )
    actions = tuple(_apply(action, checks) for action in plan.actions)
    return replace(plan, actions=_hold_superseded_keys(actions))


_Check = Callable[[PlannedAction], Blocked | None]


def _apply(action: PlannedAction, checks: tuple[_Check, ...]) -> PlannedAction:
    # A kept key is not touched, so no guard holds it back.
    if action.blocked or action.verb is Verb.KEEP:
        return action
    return next((replace(action, blocked=found) for check in checks if (found := check(action))), action)


def _hold_superseded_keys(actions: tuple[PlannedAction, ...]) -> tuple[PlannedAction, ...]:
    """Return the actions, with no superseded key deleted whose successor is held back."""
    waiting = {
        action.address: action.blocked
        for action in actions
        if action.blocked and action.stores_raw_key and action.reason not in _DELIVERED_ALREADY
    }
    return tuple(
        replace(action, blocked=replace(waiting[action.address], advice="it waits for the new key, which is blocked"))
        if action.reason is Reason.SUPERSEDED and action.address in waiting and not action.blocked
        else action
        for action in actions
    )


def _guard_protected(action: PlannedAction) -> Blocked | None:
    """Block what would end a protected key. A key whose raw key was lost is not what is protected."""
    basis = action.basis
    if action.verb not in (Verb.REFRESH, Verb.REPLACE, Verb.DELETE):
        return None
    # An old key whose successor is delivered is no longer what is protected, and a lost one never was.
    if action.reason in (Reason.UNFINISHED, Reason.SUPERSEDED):
        return None
    if basis.desired:
        is_protected = basis.desired.declaration.protect
    else:
        is_protected = basis.receipt is not None and basis.receipt.protect
    if not is_protected:
        return None
    removed = "" if basis.desired else "declare it again with "
    return Blocked(guard=Guard.PROTECT, advice=f"it is protected: {removed}protect: false, apply, then try again")


def _guard_own_credential(action: PlannedAction) -> Blocked | None:
    """Block what would end the key that keyplan itself presents."""
    basis = action.basis
    if not basis.is_own_credential:
        return None
    if action.verb is Verb.DELETE:
        return Blocked(guard=Guard.SELF, advice="keyplan itself uses this key: give it another credential first")
    is_renewal = action.verb in (Verb.REFRESH, Verb.REPLACE)
    if is_renewal and basis.desired and not basis.desired.declaration.may_rotate_itself:
        return Blocked(
            guard=Guard.SELF,
            advice="keyplan itself uses this key: say self: true in its declaration, and read the new one "
            "from its sink before the next run",
        )
    return None


def _guard_deletes(plan: FreshPlan, limits: Limits) -> _Check:
    """Return the check that blocks all deletes of undeclared keys if there are too many of them."""
    doomed = [action for action in plan.actions if _ends_undeclared(action)]
    ours = {action.key_id for action in plan.actions if action.key_id and action.reason is not Reason.FOREIGN}
    # An override is an amount, so a plan that grew since it was reviewed is blocked again.
    allowed = plan.request.allow_deletes
    share = 100 * len(doomed)
    if allowed is not None:
        is_too_much = len(doomed) > allowed
    else:
        is_too_much = len(doomed) > limits.deletes or (
            len(ours) >= _FEWEST_FOR_SHARE and share > limits.delete_percent * len(ours)
        )
    blocked = Blocked(
        guard=Guard.DELETES,
        advice=f"{len(doomed)} of {len(ours)} keys would be deleted (limits: {limits.deletes} keys, "
        f"{limits.delete_percent} %): if that is meant, say --allow-deletes {len(doomed)}",
    )
    return lambda action: blocked if is_too_much and _ends_undeclared(action) else None


def _ends_undeclared(action: PlannedAction) -> bool:
    return action.verb is Verb.DELETE and action.reason is Reason.UNDECLARED


def _guard_visibility(plan: FreshPlan, snapshot: Snapshot) -> _Check:
    """Return the check that blocks creating and forgetting if most keys that receipts name cannot be seen.

    A credential that lost rights sees fewer keys: to take them for gone would make each of them again.
    """
    # Grouped by address, because sinks may still hold older receipts of the same one.
    live = {key.id for key in snapshot.keys if key.is_live(snapshot.now)}
    receipts_of: dict[Address, list[Receipt]] = {}
    for receipt in all_receipts(snapshot, plan.owner):
        receipts_of.setdefault(receipt.address, []).append(receipt)
    newest = (newest_receipt(receipts, live) for receipts in receipts_of.values())
    expected = [receipt for receipt in newest if receipt and _should_live(receipt, snapshot.now)]
    missing = sum(1 for receipt in expected if receipt.key_id not in live)
    too_few = len(expected) >= _FEWEST_FOR_VISIBILITY and 2 * (len(expected) - missing) < len(expected)
    allowed = plan.request.allow_missing
    is_blind = too_few and (allowed is None or missing > allowed)
    blocked = Blocked(
        guard=Guard.VISIBILITY,
        advice=f"{missing} of {len(expected)} keys that receipts name cannot be seen any longer: check the credential "
        f"and its rights; if they are really gone, say --allow-missing {missing}",
    )

    def check(action: PlannedAction) -> Blocked | None:
        is_guess = action.verb is Verb.CREATE or (action.verb is Verb.FORGET and action.reason is Reason.GONE)
        return blocked if is_blind and is_guess else None

    return check


def _should_live(receipt: Receipt, now: datetime) -> bool:
    return not receipt.forgotten and (receipt.expires_at is None or receipt.expires_at > now)
