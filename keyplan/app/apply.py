"""The manifests of one apply, each with everything that it works with.

In: places, saved plans. Out: a job each, its ledger locked. Never: two applies that wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from keyplan.app.plan import open_workbench
from keyplan.app.workspace import Place
from keyplan.applier.workbench import Workbench
from keyplan.cli.apply_options import ApplyingSettings
from keyplan.cli.session import Session
from keyplan.documents.plan import digest
from keyplan.errors import PlanSpentError, PlanStaleError
from keyplan.model.plan import Plan
from keyplan.ports import Ledger, LedgerReader, Spending
from keyplan.renderers.text.difference import describe_difference
from keyplan.renderers.words import say_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One manifest of an apply."""

    place: Place
    bench: Workbench
    reviewed: Plan | None
    """The saved plan of it, where there is one."""


@contextmanager
def open_jobs(
    session: Session, places: Sequence[Place], reviewed: Sequence[Plan], applying: ApplyingSettings, *, command: str
) -> Iterator[tuple[Job, ...]]:
    """Give a job for each place; `reviewed` is empty, or has a plan for each. Every ledger is locked meanwhile.

    Raises InputError, SinkError, LedgerError; LedgerLockedError when the patience for a lock is over.
    """
    plans = reviewed or (None,) * len(places)
    jobs: dict[int, Job] = {}
    wiring = session.wiring
    with ExitStack() as stack:
        # Always in one order, so that two applies of the same manifests don't wait for each other.
        for number in sorted(range(len(places)), key=lambda each: os.path.realpath(places[each].ledger)):
            bench = open_workbench(
                wiring, places[number], command=command, patience=applying.lock_timeout, tell=session.screen.say
            )
            jobs[number] = Job(place=places[number], bench=stack.enter_context(bench), reviewed=plans[number])
        yield tuple(jobs[number] for number in sorted(jobs))


_DIFFERENCES_SHOWN = 5


def require_same(reviewed: Plan, current: Plan) -> None:
    """Return where both plans decide the same. Raises PlanStaleError with the difference otherwise."""
    if digest(reviewed) == digest(current):
        return
    differences = describe_difference(reviewed, current)
    shown = "; ".join(differences[:_DIFFERENCES_SHOWN])
    more = len(differences) - _DIFFERENCES_SHOWN
    raise PlanStaleError(
        f"the plan is stale, nothing was done: {shown}" + (f"; and {more} more" if more > 0 else ""),
        advice="make a new plan, review it, and apply that one",
    )


def require_digest(expected: str, found: str) -> None:
    """Return where the digest of now is the expected one. Raises PlanStaleError otherwise."""
    if found != expected:
        raise PlanStaleError(
            f"the plan of now is not the expected one, nothing was done: its digest is {found}",
            advice="review the plan of now with: keyplan plan",
        )


def require_unspent(reviewed: Plan, ledger: LedgerReader) -> None:
    """Return where the plan was never applied. Raises PlanSpentError that says when and where it was."""
    spending = ledger.spending(_name(reviewed))
    if spending:
        raise PlanSpentError(
            f"the plan was applied before: at {say_time(spending.at)} on {spending.host}",
            advice=f"make a new plan; to do the same once more, apply with: --expect {digest(reviewed)}",
        )


def spend(reviewed: Plan, ledger: Ledger, *, now: datetime, host: str) -> None:
    """Mark the plan as applied. Raises PlanSpentError where somebody was faster."""
    ledger.spend(Spending(digest=_name(reviewed), at=now, host=host))


def _name(plan: Plan) -> str:
    """Return what tells one run of the same decisions from the next: a later one was made after another apply."""
    return f"{digest(plan)}-{plan.serial}"
