"""Live keys whose raw key was lost on its way to the sinks: rows 5, 5b and 7 of docs/planning.md.

A key that a consumer may hold is never ended here while an overlap is asked for, and in doubt a consumer holds it.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.model.explanation import TableRow
from keyplan.model.observation import Observation
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
from keyplan.planner.actions import block, renew, renew_lost
from keyplan.planner.case import Case
from keyplan.planner.diff import compare
from keyplan.planner.evidence import find_unproven, may_hold_other_value


def find_undelivered(case: Case) -> Observation | None:
    """Return the youngest live key of ours that cannot be a superseded one; None if there is none.

    When the current key is gone, the keys that it superseded cannot replace it: some consumers may still hold them,
    and a refresh would end what they hold. A new key is made beside them instead.
    """
    return next((key for key in case.owned.older if not _is_old(case, key)), None)


def _is_old(case: Case, key: Observation) -> bool:
    """Whether a key had a successor; a tie with the receipt's key counts as old, unless an intent made the key."""
    receipt = case.owned.receipt
    if key.id in case.owned.superseded:
        return True
    return receipt is not None and key.created_at <= receipt.created_at and not _is_newcomer(case, key)


def plan_undelivered(case: Case, key: Observation) -> PlannedAction:
    """Return the action for a declaration that has live keys, none of them current (docs/planning.md, row 5)."""
    # Compared without the receipt, which is about another key.
    changes = compare(case.owned.desired, key, None)
    if _is_newcomer(case, key):
        return finish_forward(case, key)
    if any(intent.key_id == key.id for intent in case.owned.intents):
        # It was about to be refreshed, and perhaps was: its old raw key may live only until the grace ends.
        return renew(case, key, Reason.UNFINISHED, changes)
    action = renew(case, key, Reason.UNDELIVERED, changes)
    # Any of these proves that the key is not merely unknown to this machine.
    if case.is_requested or case.owned.intents or case.ledger_receipt:
        return action
    return block_unproven(case, key, action)


def block_unproven(case: Case, key: Observation, action: PlannedAction) -> PlannedAction:
    """Return the action, blocked if a sink cannot determine whether it holds the key (docs/planning.md, row 5b).

    Asked only if the ledger knows nothing: without the block, a machine that has no ledger would rotate at every run.
    """
    unproven = find_unproven(case.slots, case.snapshot, key)
    if not case.trace.overrule(TableRow.UNPROVEN, unproven):
        return action
    return block(
        replace(action, reason=Reason.UNPROVEN),
        Guard.UNPROVEN,
        f"{unproven} cannot prove that it holds this key, and the ledger has no record of it: keep a lasting ledger, "
        f"take the key over with `keyplan import`, or renew it with `--rotate '{action.address}'`",
    )


def find_lost_key(case: Case, key: Observation) -> Observation | None:
    """Return the key that has to be finished although one is current (docs/planning.md, row 7); None if there is none.

    A refresh is finished, not undone: the old raw key is dying or dead (docs/decisions/0004-finishing-forward.md). So
    is everything if a sink cannot say whether it took the newcomer: deleting that one could end what the sink holds.
    """
    if not case.owned.intents and not case.owned.newer:
        return None
    # Of a create or replace the newcomer can be deleted; after a refresh the current key is dying.
    intents = [intent for intent in case.owned.intents if intent.verb == Verb.REFRESH.value]
    newcomers = [new for new in case.owned.newer if not any(new.id in intent.alive_before for intent in intents)]
    if newcomers and (intents or case.may_hold_unrecorded_key):
        return newcomers[0]
    # A refresh may keep the id (docs/arize-api.md, A22): then the redacted form is the only sign that it happened.
    if any(intent.key_id == key.id for intent in intents) and (not _is_unchanged(case, key) or _may_be_mixed(case)):
        return key
    return None


def finish_forward(case: Case, key: Observation) -> PlannedAction:
    """Return the action that gives a lost key another raw key and delivers it, or another key in its place."""
    changes = compare(case.owned.desired, key, None)
    # In doubt a consumer holds it, so it keeps its overlap.
    if case.may_hold_unrecorded_key or (key == case.owned.current and not _has_stopped(case, key)):
        return renew(case, key, Reason.UNFINISHED, changes)
    return renew_lost(case, key, changes)


def _is_newcomer(case: Case, key: Observation) -> bool:
    return any(intent.could_have_made(key.id, key.created_at) for intent in case.owned.intents)


def _may_be_mixed(case: Case) -> bool:
    """Whether a place may hold one run's value beside another run's receipt."""
    return any(may_hold_other_value(slot, case.snapshot) for slot in case.slots)


def _has_stopped(case: Case, key: Observation) -> bool:
    """Whether the raw key of the receipt certainly stopped: a refresh without a grace put another one in its place."""
    receipt = case.owned.receipt
    is_other = receipt is not None and bool(receipt.redacted and key.edition) and receipt.redacted != key.edition
    return is_other and not case.laws.longest_grace


def _is_unchanged(case: Case, key: Observation) -> bool:
    """Whether the provider shows that a key still has the raw key of the receipt."""
    receipt = case.owned.receipt
    return receipt is not None and bool(key.edition) and key.edition == receipt.redacted
