"""The selection of actions that a reviewed manifest lets time bring about: what an unattended run may apply.

Everything else waits for a user who has seen the plan. A selection only leaves actions out; it makes no decisions.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import assert_never

from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Verb
from keyplan.planner.guards import DELIVERED_ALREADY


class Selected(Enum):
    """Which of a plan's actions a run applies."""

    DUE = "due"
    """What time brings about, and what an earlier run left unfinished."""
    IMPORT = "import"
    """Keys that exist are recorded; nothing happens at the provider."""
    ALL = "all"
    """Everything that no guard blocks."""
    NOTHING = "nothing"


DUE = frozenset((Reason.EXPIRING, Reason.TOO_OLD, Reason.EXPIRED, Reason.SUPERSEDED, Reason.LEFT, Reason.UNFINISHED))
DUE_IF_BEGUN = frozenset((Reason.UNDELIVERED,))
"""Due only with an open intent, which proves an interrupted run: else a place was added, emptied or overwritten."""
NOT_DUE = frozenset(
    (
        # The manifest, or a user, asks for it.
        Reason.ABSENT,
        Reason.CHANGED,
        Reason.REQUESTED,
        Reason.MOVED,
        Reason.UNDECLARED,
        Reason.TRANSFERRED,
        # A key of another origin is concerned.
        Reason.ADOPTED,
        Reason.IMPORTED,
        Reason.IMPORT_GONE,
        Reason.IMPORT_UNSEEN,
        Reason.IMPORT_UNHELD,
        Reason.IMPORT_MISMATCH,
        Reason.FOREIGN,
        # Another party did something, and a user has to find out what.
        Reason.GONE,
        Reason.ROTATED_ELSEWHERE,
        Reason.STRAY,
        # Nothing is to be done, or not yet.
        Reason.UP_TO_DATE,
        Reason.OVERLAPPING,
        Reason.STILL_USED,
        Reason.WAITING,
        # These are always blocked.
        Reason.DECLARED_IN_PAST,
        Reason.UNSEEN,
        Reason.UNKNOWN_CREATOR,
        Reason.RECEIPT_NOT_BELIEVED,
        Reason.UNPROVEN,
    )
)
"""Listed so that a test fails for a new reason until it is classified; until then it is not due."""


def select(plan: FreshPlan, selection: Selected) -> FreshPlan:
    """Return the same plan with what is not chosen left to a reviewed apply."""
    match selection:
        case Selected.ALL:
            return plan
        case Selected.DUE:
            return _leave_undue(plan)
        case Selected.IMPORT:
            return replace(
                plan,
                left=tuple(one for one in plan.chosen if not (one.verb is Verb.IMPORT or _is_bookkeeping(one))),
            )
        case Selected.NOTHING:
            return replace(plan, left=plan.chosen_changes)
        case _:
            assert_never(selection)


def _leave_undue(plan: FreshPlan) -> FreshPlan:
    """Return the same plan, of which only what is due is executed.

    Records of kept keys are brought up to date, unless that starts the overlap of a place which the manifest drops.
    What a guard blocks is not left, but blocked.
    """
    undue = [action for action in plan.chosen_changes if not is_due(action)]
    # As in the guards: until the new key is in every sink, consumers of the one that lags hold the old key.
    waiting = {one.address for one in undue if one.stores_raw_key and one.reason not in DELIVERED_ALREADY}
    return replace(
        plan,
        left=tuple(
            action
            for action in plan.chosen
            if not (is_due(action) or _is_bookkeeping(action))
            or (action.reason is Reason.SUPERSEDED and action.address in waiting)
        ),
    )


def _is_bookkeeping(action: PlannedAction) -> bool:
    return action.verb is Verb.KEEP and action.basis.is_announced


def is_due(action: PlannedAction) -> bool:
    """Whether time alone, or an interrupted run, is the reason of an action; no edit of the manifest and no user."""
    # A place that the manifest drops is an edit, whatever else the action does.
    if not action.basis.is_announced:
        return False
    if action.reason in DUE_IF_BEGUN:
        return bool(action.basis.intents)
    return action.reason in DUE
