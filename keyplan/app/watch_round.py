"""One round of a watch over one manifest: look, apply what is allowed, and look again.

The lock of the manifest is held only while something is applied, so that `keyplan rotate` elsewhere finds its turn.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from keyplan.app.apply import DEFAULT_PARALLELISM, open_jobs, plan_job, run_jobs
from keyplan.app.context import RunContext
from keyplan.app.drift import detect_drift
from keyplan.app.leadership import COMMAND
from keyplan.app.monitor import FORESEEN
from keyplan.app.pace import WAIT_FOR_LOCK
from keyplan.app.progress import Follow
from keyplan.app.workspace import Workspace
from keyplan.errors import KeyplanError
from keyplan.model.basis import KeepBasis
from keyplan.model.plan import FreshPlan, Request
from keyplan.model.report import Report
from keyplan.planner.due import Selected, select
from keyplan.planner.forecast import forecast
from keyplan.renderers.machine.measures import Inspection


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundSettings:
    """What a round may do, and who follows it."""

    selected: Selected = Selected.DUE
    parallelism: int = DEFAULT_PARALLELISM
    follow: Callable[[], AbstractContextManager[Follow]]
    """Entered for each apply."""


def look(context: RunContext, workspace: Workspace) -> Inspection:
    """Return what there is now. Writes nothing, takes no lock.

    Raises InputError, ProviderError, SinkError and LedgerError.
    """
    drift, plan, snapshot = detect_drift(context.wiring, workspace)
    calendar = forecast(plan, snapshot, until=snapshot.now + FORESEEN, manifest=workspace.manifest)
    return Inspection(drift=drift, plan=plan, snapshot=snapshot, calendar=calendar)


def has_work(plan: FreshPlan, selected: Selected) -> bool:
    """Whether an apply of the selected actions would do anything, records of kept keys included."""
    if selected is Selected.NOTHING:
        return False
    chosen = select(plan, selected)
    kept = [action.basis for action in chosen.chosen if isinstance(action.basis, KeepBasis)]
    return bool(chosen.chosen_changes) or any(
        basis.ledger_outdated or basis.outdated or basis.intents for basis in kept
    )


def apply_round(context: RunContext, workspace: Workspace, settings: RoundSettings) -> Report | None:
    """Apply what is selected of a plan made under the lock, and return the report; None if nothing is left to do.

    Raises LedgerLockedError if another run applies for longer than a moment; InputError, ProviderError, SinkError and
    LedgerError.
    """
    with open_jobs(context, [workspace], (), command=COMMAND, lock_timeout=WAIT_FOR_LOCK) as jobs:
        plan = plan_job(jobs[0], Request(), settings.selected)
        # Another run may have done it meanwhile, and an apply of nothing would be a line in the history.
        if not has_work(plan, settings.selected):
            return None
        (result,) = run_jobs(
            context, jobs, [plan], command=COMMAND, parallelism=settings.parallelism, follow=settings.follow
        )
    if isinstance(result, KeyplanError):
        raise result
    return result
