"""The actions that bring a new raw key: what create, refresh and replace say to a reviewer and to applying.

In: a case, a key to renew, a reason. Out: an action with its basis. Never: whether there is a reason.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.model.observation import Observation
from keyplan.model.plan import Action, Basis, Blocked, Change, Guard, Reason, Verb
from keyplan.model.receipt import Receipt
from keyplan.planner.evidence import Case, outdated_slots
from keyplan.planner.retirement import remaining
from keyplan.planner.strategy import Choice, choose, finish
from keyplan.planner.views import foretell, name_locations, picture, picture_wish


def create(case: Case, reason: Reason) -> Action:
    """Return the action that makes a key beside whatever lives."""
    return Action(
        address=case.declaration.address,
        verb=Verb.CREATE,
        reason=reason,
        after=picture_wish(case.estate.desired),
        locations=name_locations(case.slots),
        place=case.declaration.place,
        basis=make_basis(case, None),
    )


def renew(case: Case, key: Observation, reason: Reason, changes: tuple[Change, ...]) -> Action:
    """Return the action that renews a key that somebody may hold: by strategy, with the overlap asked for."""
    choice = choose(case.estate.desired, key, changes=changes, laws=case.snapshot.laws, now=case.now)
    consequences = foretell(choice.verb, choice.overlap, case.slots, case.declaration.rotation.retire)
    return replace(_issue(case, key, reason, choice), changes=changes, consequences=consequences)


def renew_lost(case: Case, key: Observation, changes: tuple[Change, ...]) -> Action:
    """Return the action that renews a key that nobody can hold."""
    choice = finish(case.estate.desired, key, changes=changes, laws=case.snapshot.laws, now=case.now)
    return replace(_issue(case, key, Reason.UNFINISHED, choice), changes=changes)


def block(action: Action, guard: Guard, advice: str) -> Action:
    """Return the action, held back."""
    return replace(action, blocked=Blocked(guard=guard, advice=advice))


def make_basis(case: Case, key: Observation | None, *, told: Receipt | None = None) -> Basis:
    """Return what planning knew, with that key as the one that the action is about.

    `told` is what the key's receipt should say now, where the action leaves the key as it is.
    """
    estate = case.estate
    return Basis(
        desired=estate.desired,
        key=key,
        receipt=told or estate.receipt,
        outdated=outdated_slots(case.slots, case.snapshot, told) if told else (),
        ledger_outdated=told is not None and case.ledger_receipt != told,
        superseded=remaining(case, key),
        alive=tuple(sorted({one.id for one in (*estate.alive, *case.namesakes)})),
        intents=estate.intents,
        slots=case.slots,
        is_own_credential=key is not None and key.id in case.snapshot.own_keys,
    )


def _issue(case: Case, key: Observation, reason: Reason, choice: Choice) -> Action:
    return Action(
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
        basis=make_basis(case, key),
    )
