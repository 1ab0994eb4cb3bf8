"""The actions that bring a new raw key: what create, refresh and replace say to a reviewer and to applying.

In: a case, a key to renew, a reason. Out: an action with its basis. Never: whether there is a reason.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.model.manifest import KeyId
from keyplan.model.observation import Observation
from keyplan.model.plan import (
    Blocked,
    Change,
    CreateBasis,
    Guard,
    IssueBasis,
    KeepBasis,
    PlannedAction,
    Reason,
    RefreshBasis,
    Verb,
)
from keyplan.model.receipt import Receipt
from keyplan.planner.evidence import Case, outdated_slots
from keyplan.planner.retirement import remaining
from keyplan.planner.strategy import Choice, choose, finish
from keyplan.planner.views import foretell, name_locations, picture, picture_wish


def create(case: Case, reason: Reason) -> PlannedAction:
    """Return the action that makes a key beside whatever lives."""
    return PlannedAction(
        address=case.declaration.address,
        verb=Verb.CREATE,
        reason=reason,
        after=picture_wish(case.estate.desired),
        locations=name_locations(case.slots),
        place=case.declaration.place,
        basis=_issue_basis(case, None, Verb.CREATE),
    )


def renew(case: Case, key: Observation, reason: Reason, changes: tuple[Change, ...]) -> PlannedAction:
    """Return the action that renews a key that somebody may hold: by strategy, with the overlap asked for."""
    choice = choose(case.estate.desired, key, changes=changes, laws=case.snapshot.laws, now=case.now)
    consequences = foretell(choice.verb, choice.overlap, case.slots, case.declaration.rotation.retire)
    return replace(_issue(case, key, reason, choice), changes=changes, consequences=consequences)


def renew_lost(case: Case, key: Observation, changes: tuple[Change, ...]) -> PlannedAction:
    """Return the action that renews a key that nobody can hold."""
    choice = finish(case.estate.desired, key, changes=changes, laws=case.snapshot.laws, now=case.now)
    return replace(_issue(case, key, Reason.UNFINISHED, choice), changes=changes)


def block(action: PlannedAction, guard: Guard, advice: str) -> PlannedAction:
    """Return the action, held back."""
    return replace(action, blocked=Blocked(guard=guard, advice=advice))


def keep_basis(case: Case, key: Observation, told: Receipt) -> KeepBasis:
    """Return what the planner knew of a key that stays as it is; `told` is what its receipt should say now."""
    return KeepBasis(
        desired=case.estate.desired,
        key=key,
        receipt=told,
        superseded=remaining(case, key),
        alive=list_alive(case),
        intents=case.estate.intents,
        slots=case.slots,
        is_own_credential=key.id in case.snapshot.own_keys,
        outdated=outdated_slots(case.slots, case.snapshot, told),
        ledger_outdated=case.ledger_receipt != told,
    )


def list_alive(case: Case) -> tuple[KeyId, ...]:
    """Return the ids of all live keys that are the address's, or could be, sorted."""
    return tuple(sorted({one.id for one in (*case.estate.alive, *case.namesakes)}))


def _issue_basis(case: Case, key: Observation | None, verb: Verb) -> IssueBasis:
    estate = case.estate
    superseded, alive = remaining(case, key), list_alive(case)
    is_own_credential = key is not None and key.id in case.snapshot.own_keys
    if verb is Verb.REFRESH and key:
        return RefreshBasis(
            desired=estate.desired,
            key=key,
            receipt=estate.receipt,
            superseded=superseded,
            alive=alive,
            intents=estate.intents,
            slots=case.slots,
            is_own_credential=is_own_credential,
        )
    return CreateBasis(
        desired=estate.desired,
        key=key,
        receipt=estate.receipt,
        superseded=superseded,
        alive=alive,
        intents=estate.intents,
        slots=case.slots,
        is_own_credential=is_own_credential,
    )


def _issue(case: Case, key: Observation, reason: Reason, choice: Choice) -> PlannedAction:
    return PlannedAction(
        address=case.declaration.address,
        verb=choice.verb,
        reason=reason,
        key_id=key.id,
        before=picture(key),
        after=picture_wish(case.estate.desired),
        explanation=choice.explanation,
        locations=name_locations(case.slots),
        overlap=choice.overlap,
        place=case.declaration.place,
        basis=_issue_basis(case, key, choice.verb),
    )
