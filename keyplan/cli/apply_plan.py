"""Plans, shows the plans, has them approved, applies them and shows the reports: what `apply` and `rotate` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from keyplan.app.apply import Job, open_jobs, plan_job, run_jobs
from keyplan.app.approval import require_digest
from keyplan.app.context import RunContext
from keyplan.app.exit_codes import combine_statuses, status_of_apply, status_of_error
from keyplan.app.identity import warn_of_missing_ids
from keyplan.app.masks import MaskingWriter, find_mask
from keyplan.app.parallel import run_parallel, split_results
from keyplan.app.progress import Follow, Follower
from keyplan.app.workspace import Workspace, require_separate_owners, set_lease
from keyplan.cli.apply_options import ApplySettings
from keyplan.cli.events import EventFollower, EventLog, open_events
from keyplan.cli.outputs import GITHUB, CommandResult, checked_files, publish, reporting_failure, tell_errors
from keyplan.cli.progress import show_progress, show_waiting
from keyplan.cli.session import Session
from keyplan.documents.plan_set import combine_digests, digest_to_approve
from keyplan.documents.report import Failure
from keyplan.errors import KeyplanError, RefusedError
from keyplan.model.plan import FreshPlan, Plan, Request
from keyplan.model.report import Failed, Report
from keyplan.planner.due import Selected
from keyplan.renderers.formats import REPORT_FORMATS, build_report_sheet
from keyplan.renderers.sheet import Subject
from keyplan.renderers.summary import describe_planned, describe_selection
from keyplan.renderers.text.plan import render_plans
from keyplan.renderers.words import format_count

_QUESTION = "\nDo you want to do this? Only 'yes' is taken for a yes: "


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """What to apply, and how it is approved."""

    command: str
    """The verb that was given; other runs see it when they wait for the lock."""
    workspaces: tuple[Workspace, ...]
    """At least one."""
    request: Request
    reviewed: tuple[Plan, ...] = ()
    """Saved plans, which are their own approval: none, or one for each workspace."""
    applying: ApplySettings
    selection: Selected = Selected.ALL
    """Which actions are executed."""
    is_verbose: bool

    @property
    def is_approved(self) -> bool:
        """Whether no question is needed."""
        return bool(self.reviewed) or self.applying.is_approved


def plan_and_apply(session: Session, context: RunContext, order: ApplyRequest) -> int:
    """Return the exit status of the whole run; plans and reports are shown on the way.

    Raises RefusedError, PlanStaleError, PlanSpentError, InputError, ProviderError, SinkError and LedgerError.
    """
    with (
        checked_files(session, order.applying.outputs.files, appended=order.applying.event_files),
        reporting_failure(session, order.applying.outputs, Subject.APPLY, order.workspaces[0].manifest.path),
    ):
        if not order.is_approved and not session.screen.can_ask:
            raise RefusedError(
                "the plan is not approved: this run is not interactive",
                advice="apply a saved plan, or say --expect DIGEST or --auto-approve",
            )
        warn_of_missing_ids([each.manifest.path for each in order.workspaces if not each.manifest.id], context.say)
        with open_jobs(
            context,
            [set_lease(workspace, order.applying.lease) for workspace in order.workspaces],
            order.reviewed,
            command=order.command,
            lock_timeout=order.applying.lock_timeout,
        ) as jobs:
            plans, errors = _plan_all(session, order, jobs)
            if errors:
                return _show_refusal(session, order, errors)
            require_separate_owners(plans, order.workspaces)
            _approve(session, order, plans, context.wiring.clock.now())
            results = _run(session, context, order, _mask(session, jobs, order.applying), plans)
    return _show_results(session, order, plans, results)


def _plan_all(session: Session, order: ApplyRequest, jobs: Sequence[Job]) -> tuple[list[FreshPlan], list[Failure]]:
    """Return the current plans, and which manifests could not be planned and why."""
    with show_waiting(session.screen, "Looking at the keys that exist"):
        results = run_parallel(lambda job: plan_job(job, order.request, order.selection), jobs)
    plans, errors = split_results(results, [job.workspace.manifest.path for job in jobs])
    if order.is_verbose and not errors:
        for job, plan in zip(jobs, plans, strict=True):
            session.screen.say(describe_planned(plan, ledger=job.workspace.ledger_name))
    return plans, errors


def _approve(session: Session, order: ApplyRequest, plans: Sequence[FreshPlan], now: datetime) -> None:
    """Show the plans, and return if they are approved.

    Raises PlanStaleError if another digest was expected, RefusedError on any answer but yes.
    """
    screen = session.screen
    if order.applying.outputs.shows_text:
        screen.answer(render_plans(plans, screen.choose_style(now=now, is_verbose=order.is_verbose)) + "\n")
    elif not order.is_approved:
        screen.say(render_plans(plans, screen.choose_talk_style(now=now, is_verbose=order.is_verbose)))
    if order.selection is not Selected.ALL:
        screen.say(describe_selection(plans, order.selection.value))
    if order.applying.expect is not None:
        require_digest(order.applying.expect, combine_digests(plans))
    if order.is_approved or not any(plan.chosen_changes for plan in plans):
        return
    if screen.ask(_QUESTION) != "yes":
        raise RefusedError("not approved, nothing was done")


def _mask(session: Session, jobs: Sequence[Job], applying: ApplySettings) -> Sequence[Job]:
    """Return the jobs; inside a GitHub runner their writers announce each new raw key to it as a secret."""
    screen = session.screen
    mask = find_mask(session.environment, screen.talk, screen.say) if applying.outputs.has(GITHUB) else None
    if mask is None:
        return jobs
    return [
        replace(job, bench=replace(job.bench, writer=MaskingWriter(writer=job.bench.writer, mask=mask))) for job in jobs
    ]


def _run(
    session: Session, context: RunContext, order: ApplyRequest, jobs: Sequence[Job], plans: Sequence[FreshPlan]
) -> list[Report | KeyplanError]:
    applying = order.applying
    with _open_event_log(session, context, applying) as log:
        return run_jobs(
            context,
            jobs,
            plans,
            command=order.command,
            parallelism=applying.parallelism,
            follow=_watch(session, log),
        )


def _watch(session: Session, log: EventLog | None) -> Callable[[], AbstractContextManager[Follow]]:
    """Return what follows the applies: a bar on the terminal, and the log of events if there is one."""

    @contextmanager
    def watch() -> Iterator[Follow]:
        # From here on the first interrupt only asks to stop: a raw key that exists must still be delivered.
        with session.interrupts.patiently(), show_progress(session.screen) as bar:

            def follow(plan: FreshPlan) -> Follower:
                return EventFollower(log, plan, bar) if log else bar

            yield follow

    return watch


@contextmanager
def _open_event_log(session: Session, context: RunContext, applying: ApplySettings) -> Iterator[EventLog | None]:
    if applying.json_lines is None:
        yield None
        return
    with open_events(session, context.wiring.clock.now, applying.json_lines) as log:
        yield log


def _show_refusal(session: Session, order: ApplyRequest, errors: Sequence[Failure]) -> int:
    """Show why nothing is done, and return the exit status."""
    several = len(order.workspaces)
    status = combine_statuses([error.exit_status for _, error in errors])
    answer = CommandResult.about(
        Subject.APPLY, [], errors, formats=REPORT_FORMATS, draw=build_report_sheet, exit_status=status
    )
    status = publish(session, order.applying.outputs, answer)
    tell_errors(session, errors, of=several)
    if several > 1:
        session.screen.say("Nothing was done: all manifests are applied, or none.")
    return status


def _show_results(
    session: Session, order: ApplyRequest, plans: Sequence[Plan], results: Sequence[Report | KeyplanError]
) -> int:
    """Show what was done and what failed, and return the exit status of all together."""
    reports, errors = split_results(results, [plan.manifest for plan in plans])
    done = [(plan, result) for plan, result in zip(plans, results, strict=True) if isinstance(result, Report)]
    status = combine_statuses(
        [*(status_of_apply(plan, report) for plan, report in done), *(status_of_error(error) for _, error in errors)]
    )
    answer = CommandResult.about(
        Subject.APPLY,
        reports,
        errors,
        formats=REPORT_FORMATS,
        draw=build_report_sheet,
        exit_status=status,
        digest=digest_to_approve(plans),
        now=max((report.finished_at for report in reports), default=None),
        is_verbose=order.is_verbose,
    )
    status = publish(session, order.applying.outputs, answer)
    tell_errors(session, errors, of=len(plans))
    for failure in (failure for report in reports for failure in report.failures if isinstance(failure, Failed)):
        session.show_trace(failure.trace)
    blocked = sum(len(plan.blocked) for plan in plans)
    if blocked:
        session.screen.say(f"{format_count(blocked, 'action')} blocked: what to do about it stands in the plan.")
    return status
