"""One apply on a machine of a simulated world, by the sequence that every apply goes through, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from keyplan.app.apply import open_jobs, plan_job, run_jobs
from keyplan.app.exit_codes import status_of_apply, status_of_error
from keyplan.app.progress import Follow, Silence
from keyplan.app.rehearsal.world import Machine
from keyplan.app.workspace import Workspace
from keyplan.errors import KeyplanError, LedgerLockedError
from keyplan.model.identity import Address
from keyplan.model.plan import Action, FreshPlan, Guard, Plan, Request
from keyplan.model.rehearsal import RehearsedAction, RehearsedRun
from keyplan.model.report import Failed, InDoubt, Outcome, Report
from keyplan.renderers.summary import summarize_reports
from keyplan.simulated.effects import Killed

KILLED = RehearsedRun(exit_status=None, line="")


@dataclass
class Current(Silence):
    """Follows a run, one action at a time, and knows the address of the present one."""

    address: Address | None = None
    plans: list[FreshPlan] = field(default_factory=list)

    def start(self, action: Action) -> None:
        """Take the action."""
        self.address = action.address

    def finish(self, _address: Address, _outcome: Outcome | None) -> None:
        """Forget the action."""
        self.address = None


def run_apply(machine: Machine, workspace: Workspace, request: Request, current: Current | None = None) -> RehearsedRun:
    """Return what an apply says that waits for nothing, one key at a time; `KILLED` if the process was killed."""
    follower = current or Current()
    try:
        return _apply(machine, workspace, request, follower)
    except Killed:
        return KILLED
    except KeyplanError as error:
        return RehearsedRun(exit_status=status_of_error(error), line=error.message)


def run_next(
    machine: Machine, workspace: Workspace, request: Request, pass_time: Callable[[timedelta], object]
) -> RehearsedRun:
    """Return what the next apply says; if what a dead run held keeps it away, of the first one after the lease."""
    run = run_apply(machine, workspace, request)
    if not _is_kept_away(run):
        return run
    lease = workspace.ledger.lease + timedelta(seconds=1)
    pass_time(lease)
    return replace(run_apply(machine, workspace, request), waited=lease)


def _is_kept_away(run: RehearsedRun) -> bool:
    is_locked = run.exit_status == LedgerLockedError.exit_status and not run.actions
    return is_locked or any(action.blocked_by == Guard.BUSY.value for action in run.actions)


def _apply(machine: Machine, workspace: Workspace, request: Request, current: Current) -> RehearsedRun:
    context = machine.context
    with open_jobs(context, [workspace], (), command="apply", lock_timeout=timedelta(0)) as jobs:
        plan = plan_job(jobs[0], request)
        current.plans.append(plan)

        @contextmanager
        def follow() -> Iterator[Follow]:
            yield lambda _plan: current

        (result,) = run_jobs(context, jobs, [plan], command="apply", parallelism=1, follow=follow)
    actions = list_actions(plan)
    if isinstance(result, KeyplanError):
        return RehearsedRun(exit_status=status_of_error(result), line=result.message, actions=actions)
    return RehearsedRun(exit_status=status_of_apply(plan, result), line=_describe(result), actions=actions)


def list_actions(plan: Plan) -> tuple[RehearsedAction, ...]:
    """Return what a plan would do, blocked actions included, in its order."""
    return tuple(
        RehearsedAction(
            address=action.address,
            verb=action.verb,
            reason=action.reason,
            blocked_by=action.blocked.guard.value if action.blocked else None,
        )
        for action in plan.actions
        if action.blocked or action in plan.changes
    )


def _describe(report: Report) -> str:
    """Return the first failure, or the summary of a run without one."""
    for outcome in report.outcomes:
        if isinstance(outcome, Failed | InDoubt):
            return f"{outcome.action.verb.value} {outcome.action.address}: {outcome.message}"
    return summarize_reports([report])
