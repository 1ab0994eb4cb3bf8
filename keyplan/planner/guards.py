"""The guards of docs/planning.md: the same plan, with those actions blocked that the user has to confirm.

The other actions go on. An override names an amount; none switches a guard off.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

from keyplan.model.identity import Address
from keyplan.model.limits import Limits
from keyplan.model.manifest import Manifest
from keyplan.model.plan import Blocked, FreshPlan, Guard, PlannedAction, Reason, Verb

_FEWEST_FOR_SHARE = 10
"""With fewer keys of ours than this, `delete_percent` does not count: one of three is a third."""


_FEWEST_FOR_HALF = 3
"""With fewer keys of ours than this, more than half does not point to a mistake: it may be one of two."""
_UNSCHEDULED = (Reason.CHANGED, Reason.ROTATED_ELSEWHERE, Reason.UNDELIVERED)
"""Reasons of renewals that neither the calendar nor the user asked for: many at once point to a mistake."""


_NOT_OURS = (Reason.FOREIGN, Reason.STRAY, Reason.UNSEEN, Reason.UNKNOWN_CREATOR)
"""Reasons of actions that name a key which is not known to be ours."""
DELIVERED_ALREADY = (Reason.CHANGED, Reason.REQUESTED, Reason.EXPIRING, Reason.TOO_OLD)
"""Rows of the table that come after the proof that the current key is in every sink."""


def apply_guards(plan: FreshPlan, *, manifest: Manifest) -> FreshPlan:
    """Return the plan with every guard applied; an action that is blocked already keeps its first reason."""
    if all(action.verb is Verb.KEEP for action in plan.actions):  # no guard is about a key that stays
        return plan
    # Per key first, then the amounts: a protected key is named as such, not as one of too many.
    checks = (
        _guard_protected,
        _guard_own_credential,
        _guard_deletes(plan, manifest.limits),
        _guard_replaces(plan, manifest.limits),
    )
    actions = tuple(_apply(action, checks) for action in plan.actions)
    return replace(plan, actions=_hold_places(_hold_superseded_keys(actions)))


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
        if action.blocked and action.stores_raw_key and action.reason not in DELIVERED_ALREADY
    }
    return tuple(
        replace(action, blocked=replace(waiting[action.address], advice="it waits for the new key, which is blocked"))
        if action.reason is Reason.SUPERSEDED and action.address in waiting and not action.blocked
        else action
        for action in actions
    )


def _hold_places(actions: tuple[PlannedAction, ...]) -> tuple[PlannedAction, ...]:
    """Return the actions, with no place emptied whose key itself is held back."""
    if not any(action.verb is Verb.EMPTY for action in actions):  # nearly always
        return actions
    held = {action.address: action.blocked for action in actions if action.blocked and action.verb is Verb.KEEP}
    advice = "it waits for the key that left it, which is blocked"
    return tuple(
        replace(action, blocked=replace(held[action.address], advice=advice))
        if action.verb is Verb.EMPTY and action.address in held
        else action
        for action in actions
    )


def _guard_protected(action: PlannedAction) -> Blocked | None:
    """Block what would end a protected key. A key whose raw key was lost is not what is protected."""
    basis = action.basis
    if action.verb not in (Verb.REFRESH, Verb.REPLACE, Verb.DELETE):
        return None
    # A key whose raw key was lost was never what is protected, if the ledger and not a claim alone says that it was
    # lost. A superseded one is protected: it may be in use.
    if action.reason is Reason.UNFINISHED and basis.is_recorded:
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
    ours = _count_ours(plan)
    # An override is an amount, so a plan that grew since it was reviewed is blocked again.
    allowed = plan.request.allow_deletes
    if allowed is not None:
        is_too_much = len(doomed) > allowed
    else:
        is_too_much = (
            len(doomed) > limits.deletes
            or (ours >= _FEWEST_FOR_SHARE and 100 * len(doomed) > limits.delete_percent * ours)
            or _takes_most({action.address for action in doomed}, {action.address for action in _list_ours(plan)})
        )
    blocked = Blocked(
        guard=Guard.DELETES,
        advice=f"{len(doomed)} of {ours} keys would be deleted (limits: {limits.deletes} keys, "
        f"{limits.delete_percent} %, half of a few): if that is meant, say --allow-deletes {len(doomed)}",
    )
    return lambda action: blocked if is_too_much and _ends_undeclared(action) else None


def _takes_most(doomed: Collection[Address], ours: Collection[Address]) -> bool:
    """Whether all of two or more would go, or more than half of three or more: a manifest that was emptied.

    Addresses are counted, because a rotation under way gives one address two keys.
    """
    is_all = len(doomed) > 1 and len(doomed) == len(ours)
    return is_all or (len(ours) >= _FEWEST_FOR_HALF and 2 * len(doomed) > len(ours))


def _guard_replaces(plan: FreshPlan, limits: Limits) -> _Check:
    """Return the check that blocks all unscheduled renewals if there are too many of them: one edit can cause them."""
    renewed = [action for action in plan.actions if _is_unscheduled(action)]
    ours = _count_ours(plan)
    allowed = plan.request.allow_replaces
    if allowed is not None:
        is_too_much = len(renewed) > allowed
    else:
        is_too_much = len(renewed) > limits.replaces or (
            ours >= _FEWEST_FOR_SHARE and 100 * len(renewed) > limits.replace_percent * ours
        )
    blocked = Blocked(
        guard=Guard.REPLACES,
        advice=f"{len(renewed)} of {ours} keys would be renewed out of schedule (limits: {limits.replaces} keys, "
        f"{limits.replace_percent} %): if that is meant, say --allow-replaces {len(renewed)}",
    )
    return lambda action: blocked if is_too_much and _is_unscheduled(action) else None


def _is_unscheduled(action: PlannedAction) -> bool:
    # What is blocked already does not happen, so it does not count.
    is_renewal = action.verb in (Verb.REFRESH, Verb.REPLACE) and action.blocked is None
    return is_renewal and action.reason in _UNSCHEDULED


def _list_ours(plan: FreshPlan) -> list[PlannedAction]:
    """Return the actions that are about a key that is ours."""
    return [action for action in plan.actions if action.key_id and action.reason not in _NOT_OURS]


def _count_ours(plan: FreshPlan) -> int:
    return len({action.key_id for action in _list_ours(plan)})


def _ends_undeclared(action: PlannedAction) -> bool:
    return action.verb is Verb.DELETE and action.reason in (Reason.UNDECLARED, Reason.STRAY)
