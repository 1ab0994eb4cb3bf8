"""Make the actions that bring a new raw key, as they are shown to a reviewer and handed to the applier.

Whether there is a reason for one is decided by `rules` and `recovery`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from keyplan.model.basis import CreateBasis, IssueBasis, KeepBasis, RefreshBasis
from keyplan.model.field_change import FieldChange
from keyplan.model.identity import KeyId
from keyplan.model.observation import Observation
from keyplan.model.plan import Blocked, Guard, PlannedAction, Reason, Verb
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_second
from keyplan.planner.case import Case
from keyplan.planner.evidence import outdated_slots
from keyplan.planner.key_view import name_locations, view_desired, view_key
from keyplan.planner.retirement import list_superseded
from keyplan.planner.strategy import (
    Choice,
    choose_for_lost_key,
    choose_strategy,
    describe_consequences,
    find_overlap,
    without_overlap,
)

_LATEST_RENEWAL = timedelta(hours=1)
"""So long before an earlier raw key ends, a lost one is renewed all the same; a quarter of a shorter overlap."""


def create(case: Case, reason: Reason) -> PlannedAction:
    """Return the action that makes a key, whatever else lives."""
    return PlannedAction(
        address=case.declaration.address,
        verb=Verb.CREATE,
        reason=reason,
        after=view_desired(case.owned.desired),
        locations=name_locations(case.next_slots),
        place=case.declaration.place,
        basis=_issue_basis(case, None, Verb.CREATE),
    )


def renew(case: Case, key: Observation, reason: Reason, changes: tuple[FieldChange, ...]) -> PlannedAction:
    """Return the action that renews a key that consumers may hold: by strategy, with its overlap."""
    desired = case.owned.desired
    choice = choose_strategy(
        without_overlap(desired) if case.ends_at_once else desired,
        key,
        changes=changes,
        laws=case.laws,
        now=case.now,
        is_adopted=reason is Reason.ADOPTED,
    )
    consequences = describe_consequences(choice.verb, choice.overlap, case.next_slots, case.declaration.rotation.retire)
    # Only keys that consumers may hold have consequences for them.
    action = replace(_issue(case, key, reason, choice), changes=changes, consequences=consequences)
    return _spare_previous(case, key, replace(action, cuts_off=not choice.overlap))


def _spare_previous(case: Case, key: Observation, action: PlannedAction) -> PlannedAction:
    """Return a renewal, blocked while it would end an earlier raw key whose overlap is not over.

    Shortly before that one ends, the renewal is let through: what was lost must be delivered before consumers fail.
    """
    until, is_refresh = key.previous_until, action.verb is Verb.REFRESH
    if not (case.laws.keeps_one_previous and is_refresh and until and action.overlap):
        return action
    if until - min(_LATEST_RENEWAL, action.overlap / 4) <= case.now:
        return action
    return block(
        action,
        Guard.PREVIOUS_KEY,
        f"the raw key before the present one works until {write_second(until)}, and another rotation would end it "
        f"now: apply again shortly before that, or run `keyplan rotate --now '{action.address}'`",
    )


def replace_adopted(case: Case, key: Observation) -> PlannedAction:
    """Return the action that makes a key in the place of one that keyplan did not make, which ends after its overlap.

    Never a refresh: that would end what consumers of the old one hold, from whichever place they read it.
    """
    desired = without_overlap(case.owned.desired) if case.ends_at_once else case.owned.desired
    overlap = find_overlap(desired.declaration.rotation)
    choice = Choice(verb=Verb.REPLACE, overlap=overlap, explanation="replace: the manifest says adopt: replace")
    retire = case.declaration.rotation.retire
    consequences = describe_consequences(choice.verb, overlap, case.next_slots, retire)
    action = _issue(case, key, Reason.ADOPTED, choice)
    return replace(action, consequences=consequences, cuts_off=not overlap)


def renew_lost(case: Case, key: Observation, changes: tuple[FieldChange, ...]) -> PlannedAction:
    """Return the action that renews a key whose raw key was lost."""
    choice = choose_for_lost_key(case.owned.desired, key, changes=changes, laws=case.laws, now=case.now)
    return replace(_issue(case, key, Reason.UNFINISHED, choice), changes=changes)


def block(action: PlannedAction, guard: Guard, advice: str) -> PlannedAction:
    """Return the action, blocked."""
    return replace(action, blocked=Blocked(guard=guard, advice=advice))


def keep_basis(case: Case, key: Observation, receipt: Receipt, kind: type[KeepBasis] = KeepBasis) -> KeepBasis:
    """Return what the planner knew of a raw key that stays as it is; `receipt` is what its receipt should say now."""
    return kind(
        desired=case.owned.desired,
        key=key,
        receipt=receipt,
        superseded=list_superseded(case, key),
        intents=case.owned.intents,
        slots=case.slots,
        is_own_credential=key.id in case.snapshot.own_keys,
        outdated=outdated_slots(case.slots, case.snapshot, receipt),
        # Nearly always they are one, and dataclasses compare field by field even then.
        ledger_outdated=case.ledger_receipt is not receipt and case.ledger_receipt != receipt,
    )


def list_alive(case: Case) -> tuple[KeyId, ...]:
    """Return the ids of all live keys that are the address's, or could be, sorted."""
    # Namesakes too: after a lost answer, a key that was alive before must not be taken for the new one.
    return tuple(sorted({one.id for one in (*case.owned.alive, *case.namesakes)}))


def _issue_basis(case: Case, key: Observation | None, verb: Verb) -> IssueBasis:
    owned = case.owned
    superseded, alive = list_superseded(case, key), list_alive(case)
    is_own_credential = key is not None and key.id in case.snapshot.own_keys
    if verb is Verb.REFRESH and key:
        return RefreshBasis(
            desired=owned.desired,
            key=key,
            receipt=owned.receipt,
            superseded=superseded,
            alive=alive,
            creators=case.creators,
            intents=owned.intents,
            slots=case.next_slots,
            is_recorded=case.is_recorded,
            is_own_credential=is_own_credential,
        )
    return CreateBasis(
        desired=owned.desired,
        key=key,
        receipt=owned.receipt,
        superseded=superseded,
        alive=alive,
        creators=case.creators,
        intents=owned.intents,
        slots=case.next_slots,
        is_recorded=case.is_recorded,
        is_own_credential=is_own_credential,
    )


def _issue(case: Case, key: Observation, reason: Reason, choice: Choice) -> PlannedAction:
    return PlannedAction(
        address=case.declaration.address,
        verb=choice.verb,
        reason=reason,
        key_id=key.id,
        before=view_key(key),
        after=view_desired(case.owned.desired),
        explanation=choice.explanation,
        locations=name_locations(case.next_slots),
        overlap=choice.overlap,
        place=case.declaration.place,
        basis=_issue_basis(case, key, choice.verb),
    )
