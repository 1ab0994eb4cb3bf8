"""Holds what runs to what was approved: the same decisions, and a saved plan only once."""

from __future__ import annotations

from datetime import datetime

from keyplan.documents.plan import digest
from keyplan.errors import PlanSpentError, PlanStaleError
from keyplan.model.ledger import Spending
from keyplan.model.plan import Plan
from keyplan.model.times import show_time
from keyplan.ports import Ledger, LedgerReader
from keyplan.renderers.text.difference import describe_difference

_DIFFERENCES_SHOWN = 5


def require_same(reviewed: Plan, current: Plan) -> None:
    """Return if both plans decide the same. Raises PlanStaleError with the difference otherwise."""
    if digest(reviewed) == digest(current):
        return
    differences = describe_difference(reviewed, current)
    shown = "; ".join(differences[:_DIFFERENCES_SHOWN])
    more = len(differences) - _DIFFERENCES_SHOWN
    why = "it was made without asking sinks or the ledger (--untrusted); " if reviewed.is_unchecked else ""
    raise PlanStaleError(
        f"the plan is stale, nothing was done: {why}{shown}" + (f"; and {more} more" if more > 0 else ""),
        advice="make a new plan, review it, and apply that one",
    )


def require_digest(expected: str, found: str) -> None:
    """Return if the current digest is the expected one, or begins with it. Raises PlanStaleError otherwise."""
    if not found.startswith(expected):
        raise PlanStaleError(
            f"the current plan does not match --expect, nothing was done: its digest is {found}",
            advice="review the current plan with: keyplan plan",
        )


def require_unspent(reviewed: Plan, ledger: LedgerReader) -> None:
    """Return if the plan was never applied. Raises PlanSpentError, which says when and if it was."""
    spending = ledger.spending(_name(reviewed))
    if spending:
        raise PlanSpentError(
            f"the plan was applied before: at {show_time(spending.at)} on {spending.host}",
            advice=f"make a new plan; to do the same once more, apply with: --expect {digest(reviewed)}",
        )


def spend(reviewed: Plan, ledger: Ledger, *, now: datetime, host: str) -> None:
    """Mark the plan as applied. Raises PlanSpentError if another run was faster."""
    ledger.spend(Spending(digest=_name(reviewed), at=now, host=host))


def _name(plan: Plan) -> str:
    """Return the name under which a plan is spent. Its serial sets it apart from later plans of equal decisions."""
    return f"{digest(plan)}-{plan.serial}"
