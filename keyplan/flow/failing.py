"""What a report says of an action that did not run to its end."""

from __future__ import annotations

from keyplan.errors import KeyplanError, SinkError
from keyplan.flow.delivering import Dispatch
from keyplan.model.plan import Action
from keyplan.model.report import Failed

REPEATS = "tries again"
"""What the next apply does where nothing is left behind."""


def fail(action: Action, error: KeyplanError, next_run: str) -> Failed:
    """Return the outcome of an action that an error ended."""
    return Failed(
        action=action, message=error.message, advice=error.advice, exit_status=error.exit_status, next_run=next_run
    )


def fail_undelivered(action: Action, dispatch: Dispatch, next_run: str) -> Failed:
    """Return the outcome of an action whose raw key some sink did not take; each of them is named."""
    message = "; ".join(f"{slot.sink}:{slot.location}: {error.message}" for slot, error in dispatch.failures)
    first = dispatch.failures[0][1]
    return Failed(
        action=action, message=message, advice=first.advice, exit_status=SinkError.exit_status, next_run=next_run
    )
