"""How a failure becomes the outcome of an action, with what the next run does about it."""

from __future__ import annotations

from keyplan.applier.deliver import DeliveryResult
from keyplan.errors import KeyplanError
from keyplan.model.intent import Intent
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import MOST_ATTEMPTS
from keyplan.model.report import Failed

TRIES_AGAIN = "tries again"
"""What the next run does if nothing is left behind."""


def fail(action: PlannedAction, error: KeyplanError, next_run: str) -> Failed:
    """Return the outcome of an action that an error ended."""
    return Failed(
        action=action, message=error.message, advice=error.advice, exit_status=error.exit_status, next_run=next_run
    )


def fail_undelivered(action: PlannedAction, delivery: DeliveryResult, next_run: str) -> Failed:
    """Return the outcome of an action whose raw key did not get into every sink; each that failed is named."""
    failures = delivery.failures
    message = "; ".join(f"{one.slot.sink}:{one.slot.location}: {one.error.message}" for one in failures)
    return Failed(
        action=action,
        message=message,
        advice=failures[0].error.advice,
        exit_status=failures[0].error.exit_status,
        next_run=next_run,
    )


def foretell(action: PlannedAction, intent: Intent, usual: str) -> str:
    """Return what the next run does about an intent that stays open: the usual thing, or nothing after too many."""
    if intent.attempts < MOST_ATTEMPTS:
        return usual
    # Each attempt may leave a key behind: what failed so often would fill the account.
    return (
        f"does not try again after {MOST_ATTEMPTS} failed attempts: see `keyplan ledger show`, fix the cause, "
        f"then run `keyplan rotate '{action.address}'`"
    )
