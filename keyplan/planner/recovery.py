"""Row 5 of DESIGN section 6, and its kin: ours are live, but a raw key was lost on its way to the sinks.

In: a case. Out: which key was lost, and the action that finishes what a former run began. Never: an end of a key
that consumers may hold while an overlap is asked for; in doubt somebody holds it.
"""

from __future__ import annotations

from dataclasses import replace

from keyplan.model.observation import Observation
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
from keyplan.planner.actions import block, renew, renew_lost
from keyplan.planner.diff import compare
from keyplan.planner.evidence import Case, find_unproven


def find_undelivered(case: Case) -> Observation | None:
    """Return the youngest live key of ours, where none is current and it can't be an old one; else None.

    When the current key is gone, those that it superseded are no replacement: their consumers lag behind, and
    to refresh one would end what they hold. A new key is made beside them instead.
    """
    return next((key for key in case.estate.older if not _is_old(case, key)), None)


def _is_old(case: Case, key: Observation) -> bool:
    """Whether a key had a successor; a tie with the receipt's key counts as old, unless an intent made the key."""
    receipt = case.estate.receipt
    if key.id in case.estate.superseded:
        return True
    return receipt is not None and key.created_at <= receipt.created_at and not _is_newcomer(case, key)


def recover(case: Case, key: Observation) -> PlannedAction:
    """Return the action for a declaration of which no live key is provably delivered."""
    changes = compare(case.estate.desired, key, None)
    if _is_newcomer(case, key):
        return finish_forward(case, key)
    if any(intent.key_id == key.id for intent in case.estate.intents):
        # It was about to be refreshed, and perhaps was: by now its old raw key may live by grace alone.
        return renew(case, key, Reason.UNFINISHED, changes)
    action = renew(case, key, Reason.UNDELIVERED, changes)
    if case.is_requested or case.estate.intents or case.ledger_receipt:
        return action
    return hold_back_unproven(case, key, action)


def hold_back_unproven(case: Case, key: Observation, action: PlannedAction) -> PlannedAction:
    """Return the action, blocked where a sink cannot tell whether it holds the key and the ledger is silent."""
    unproven = find_unproven(case.slots, case.snapshot, key)
    if not unproven:
        return action
    return block(
        replace(action, reason=Reason.UNPROVEN),
        Guard.UNPROVEN,
        f"{unproven} cannot tell whether it holds this key, and the ledger knows nothing: keep a lasting ledger, "
        f"take the key over with `keyplan import`, or renew it with `--rotate '{action.address}'`",
    )


def find_lost(case: Case, key: Observation) -> Observation | None:
    """Return the key whose new raw key was lost beside, or in, a current one; None where none was.

    A refresh is finished forward: the old raw key is dying or dead. So is everything where a sink cannot say
    whether it took the newcomer: deleting that one could kill what the sink holds.
    """
    if not case.estate.intents and not case.estate.newer:
        return None
    intents = [intent for intent in case.estate.intents if intent.verb == Verb.REFRESH.value]
    newcomers = [new for new in case.estate.newer if not any(new.id in intent.alive_before for intent in intents)]
    if newcomers and (intents or case.can_hide_a_key):
        return newcomers[0]
    if any(intent.key_id == key.id for intent in intents) and not _is_unchanged(case, key):
        return key
    return None


def finish_forward(case: Case, key: Observation) -> PlannedAction:
    """Return the action that gives a lost key a raw key that is delivered, or another key in its place."""
    changes = compare(case.estate.desired, key, None)
    if key == case.estate.current or case.can_hide_a_key:
        return renew(case, key, Reason.UNFINISHED, changes)
    return renew_lost(case, key, changes)


def _is_newcomer(case: Case, key: Observation) -> bool:
    return any(intent.could_have_made(key.id, key.created_at) for intent in case.estate.intents)


def _is_unchanged(case: Case, key: Observation) -> bool:
    """Whether the provider shows that a key still has the raw key of the receipt."""
    receipt = case.estate.receipt
    return receipt is not None and bool(key.redacted) and key.redacted == receipt.redacted
