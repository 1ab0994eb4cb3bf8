"""Applies plans: the same sequence for the command line and the Python API.

`open_jobs` locks the ledgers, `plan_job` makes the plan that will run, and `run_jobs` marks saved plans as spent and
then executes. No effect may come before every manifest could be planned, and none that was not approved.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

from keyplan.app.approval import require_same, require_unspent, spend
from keyplan.app.author import find_author
from keyplan.app.context import RunContext
from keyplan.app.parallel import run_parallel
from keyplan.app.plan import plan_with_ports
from keyplan.app.progress import Follow, Follower, follow_nothing
from keyplan.app.workspace import Workspace, open_workbench
from keyplan.applier.apply import apply
from keyplan.applier.known_places import note_in
from keyplan.applier.workbench import Workbench
from keyplan.documents.plan import digest
from keyplan.errors import InterruptedRunError, KeyplanError
from keyplan.model.identity import Address
from keyplan.model.observation import Exclusion
from keyplan.model.plan import FreshPlan, Guard, Plan, Request
from keyplan.model.report import Report
from keyplan.model.times import write_duration
from keyplan.planner.due import Selected, select

DEFAULT_PARALLELISM = 8
_BUSY_PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 2, 4, 8))
_LONGEST_BUSY_PAUSE = timedelta(seconds=15)
"""Planning again lists all keys, so that a long wait must not ask every second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One manifest of an apply, with everything that it works with."""

    workspace: Workspace
    bench: Workbench
    reviewed: Plan | None
    """The saved plan that was approved; None if the manifest itself is applied."""
    patience_ends: timedelta
    """Until when other runs are waited for, by the clock's elapsed time."""
    say: Callable[[str], None]
    """Gives the user one line that is not the answer."""


@contextmanager
def open_jobs(
    context: RunContext,
    workspaces: Sequence[Workspace],
    reviewed: Sequence[Plan],
    *,
    command: str,
    lock_timeout: timedelta,
) -> Iterator[tuple[Job, ...]]:
    """Yield a job for each workspace, in that order, while all their ledgers are locked.

    `reviewed` is empty, or has the saved plan of each workspace. Raises InputError, SinkError and LedgerError;
    LedgerLockedError if a lock is not free within `lock_timeout`.
    """
    plans = reviewed or (None,) * len(workspaces)
    patience_ends = context.wiring.clock.elapsed() + lock_timeout
    jobs: dict[int, Job] = {}
    with ExitStack() as stack:
        # Always in one order, so that two applies of the same manifests cannot wait for each other for ever.
        for number in sorted(range(len(workspaces)), key=lambda each: workspaces[each].ledger_id):
            workspace = workspaces[number]
            bench = open_workbench(
                context.wiring, workspace, command=command, lock_timeout=lock_timeout, say=context.say
            )
            jobs[number] = Job(
                workspace=workspace,
                bench=replace(stack.enter_context(bench), author=find_author(context.environment, workspace.folder)),
                reviewed=plans[number],
                patience_ends=patience_ends,
                say=context.say,
            )
        yield tuple(jobs[number] for number in sorted(jobs))


def plan_job(job: Job, request: Request, selection: Selected = Selected.ALL) -> FreshPlan:
    """Return the plan that will run: of `request`, or of the reviewed plan's own request.

    Of its actions, only those of `selection` are executed. A reviewed plan is one decision, so it knows no selection.
    While another run is at work on one of its addresses, it is made again, until the job's patience ends.

    Raises PlanSpentError if the reviewed plan was applied before, PlanStaleError if planning again gives another plan;
    InputError, ProviderError, SinkError and LedgerError.
    """
    bench, reviewed = job.bench, job.reviewed
    if reviewed:
        # Asked first: a spent plan is nearly always stale, too, and "applied before" explains more.
        require_unspent(reviewed, bench.ledger)
    wanted = reviewed.request if reviewed else request
    plan = _plan_now(job, wanted)
    pauses, said = iter(_BUSY_PAUSES), list[Address]()
    while (busy := _find_busy(plan)) and (left := job.patience_ends - bench.clock.elapsed()) > timedelta(0):
        # Once, not at every look: most waits take several.
        if busy != said:
            job.say(f"waiting up to {write_duration(_in_seconds(left))} for another run at {', '.join(busy)}")
            said = busy
        bench.clock.sleep(min(left, next(pauses, _LONGEST_BUSY_PAUSE)))
        plan = _plan_now(job, wanted)
    if reviewed:
        require_same(reviewed, plan)
        return plan
    return select(plan, selection)


def _plan_now(job: Job, request: Request) -> FreshPlan:
    bench = job.bench
    return plan_with_ports(
        job.workspace.manifest,
        request,
        replace(bench.readers, note_places=note_in(bench.ledger)),
        now=bench.clock.now(),
        exclusion=Exclusion.by_lock(is_shared=bench.ledger.is_shared),
        is_preflight=job.workspace.is_preflight,
    )


def _find_busy(plan: Plan) -> list[Address]:
    """Return the addresses at which another run is at work, sorted."""
    blocked = [action for action in plan.actions if action.blocked and action.blocked.guard is Guard.BUSY]
    return sorted({action.address for action in blocked})


def _in_seconds(duration: timedelta) -> timedelta:
    return timedelta(seconds=max(1, round(duration.total_seconds())))


def run_jobs(
    context: RunContext,
    jobs: Sequence[Job],
    plans: Sequence[FreshPlan],
    *,
    command: str,
    parallelism: int,
    follow: Callable[[], AbstractContextManager[Follow]] = follow_nothing,
) -> list[Report | KeyplanError]:
    """Return the report of each plan, or the error that ended it, in that order.

    `follow` is entered when all plans are spent, and left when all have ended. Raises PlanSpentError if another run
    was faster, and LedgerError; then nothing ran.
    """
    host = context.wiring.holder(command).host
    for job, plan in zip(jobs, plans, strict=True):
        if job.reviewed and plan.changes:
            # Before the first effect: a crash afterwards must not let the same approval run twice.
            spend(job.reviewed, job.bench.ledger, now=job.bench.clock.now(), host=host)
    with follow() as follower_of:

        def run_one(pair: tuple[Job, FreshPlan]) -> Report:
            job, plan = pair
            return _run(context, job, plan, parallelism=parallelism, follower=follower_of(plan))

        return run_parallel(run_one, list(zip(jobs, plans, strict=True)), break_off=lambda: _interrupted_twice(context))


def _run(context: RunContext, job: Job, plan: FreshPlan, *, parallelism: int, follower: Follower) -> Report:
    """Return the report of one plan. Raises the error that ends it."""
    try:
        report = apply(
            plan,
            digest=digest(plan),
            ports=job.bench,
            parallelism=parallelism,
            progress=follower,
            stop=context.stop,
        )
    except KeyplanError as error:
        follower.end(error)
        raise
    follower.end(report)
    return report


def _interrupted_twice(context: RunContext) -> KeyplanError:
    """Return the result of a plan whose apply was still under way at the second interrupt."""
    return InterruptedRunError(
        "the run was interrupted twice while this was in progress; the next apply finds out how far it came, "
        "and finishes it",
        signal_number=context.stop.requested() or signal.SIGINT,
    )
