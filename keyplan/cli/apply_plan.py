"""Plan, ask, do, tell: the way that `apply` and `rotate` have in common.

In: an order, and a session. Out: an exit status; plans and reports are shown on the way. Never: an effect that
nobody approved; an effect before every manifest of the order could be planned.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from keyplan.app.apply import Job, open_jobs, require_digest, require_same, require_unspent, spend
from keyplan.app.exit_codes import conclude_all, conclude_apply, conclude_error
from keyplan.app.masks import MaskingWriter, find_mask
from keyplan.app.parallel import run_abreast, sort_out
from keyplan.app.plan import plan_now
from keyplan.app.workspace import Place, require_own_keys
from keyplan.applier.apply import apply
from keyplan.applier.workbench import Workbench
from keyplan.cli.apply_options import ApplyingSettings
from keyplan.cli.events import EventLog, Events, fan_out, open_events
from keyplan.cli.outputs import GITHUB, Answer, publish, reporting_failure, tell_errors
from keyplan.cli.progress import show_progress, show_waiting
from keyplan.cli.session import Session
from keyplan.documents.plan import digest
from keyplan.documents.plan_set import combine_digests, digest_to_approve
from keyplan.documents.report import Failure
from keyplan.errors import InterruptedRunError, KeyplanError, RefusedError
from keyplan.model.plan import FreshPlan, Plan, Request
from keyplan.model.report import Failed, Report
from keyplan.ports import Progress
from keyplan.renderers.ci.sheet import Subject
from keyplan.renderers.formats import REPORT_FORMATS, draw_report
from keyplan.renderers.text.many import render_plans
from keyplan.renderers.text.plan import outline
from keyplan.renderers.words import say_count


def execute(
    session: Session,
    plans: Sequence[FreshPlan],
    benches: Sequence[Workbench],
    applying: ApplyingSettings,
    *,
    begin: Callable[[], None],
) -> list[Report | KeyplanError]:
    """Return what came of each plan: its report, or the error that ended it.

    `begin` is called once all is ready, right before anything runs. Raises InputError before that, and what it raises.
    """
    masked = _mask(session, benches, applying)
    with _events(session, applying) as log:
        begin()
        with session.interrupts.patiently(), show_progress(session.screen) as progress:

            def run_one(pair: tuple[FreshPlan, Workbench]) -> Report:
                plan, bench = pair
                return _run(session, plan, bench, parallelism=applying.parallelism, progress=progress, log=log)

            pairs = list(zip(plans, masked, strict=True))
            return run_abreast(run_one, pairs, break_off=lambda: _break_off(session))


def _break_off(session: Session) -> KeyplanError:
    """Return what came of a plan whose apply still went on when somebody interrupted twice."""
    return InterruptedRunError(
        "the run was told twice to stop while this was under way; the next apply finds out how far it came, "
        "and finishes it",
        signal_number=session.interrupts.requested() or signal.SIGINT,
    )


def _run(
    session: Session, plan: FreshPlan, bench: Workbench, *, parallelism: int, progress: Progress, log: EventLog | None
) -> Report:
    """Return the report of one plan. Raises the error that ends it."""
    events = Events(log, manifest=plan.manifest) if log else None
    if events:
        events.plan(plan)
    try:
        report = apply(
            plan,
            digest=digest(plan),
            ports=bench,
            parallelism=parallelism,
            progress=fan_out(progress, events) if events else progress,
            stop=session.interrupts,
        )
    except KeyplanError as error:
        if events:
            events.fail(error)
        raise
    if events:
        events.conclude(report)
    return report


def _mask(session: Session, benches: Sequence[Workbench], applying: ApplyingSettings) -> Sequence[Workbench]:
    """Return the workbenches; in a runner of GitHub such as have each new raw key masked in its log."""
    screen = session.screen
    mask = find_mask(session.environment, screen.talk, screen.say) if applying.outputs.has(GITHUB) else None
    if mask is None:
        return benches
    return [replace(bench, writer=MaskingWriter(writer=bench.writer, mask=mask)) for bench in benches]


@contextmanager
def _events(session: Session, applying: ApplyingSettings) -> Iterator[EventLog | None]:
    if applying.json_lines is None:
        yield None
        return
    with open_events(session, applying.json_lines) as log:
        yield log


_QUESTION = "\nDo you want to do this? Only 'yes' is taken for a yes: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be applied, and in which way it is approved."""

    command: str
    """The verb that was given, for whoever meets the lock."""
    places: tuple[Place, ...]
    """At least one."""
    request: Request
    reviewed: tuple[Plan, ...] = ()
    """Saved plans, which are their own approval: none, or one for each place."""
    applying: ApplyingSettings
    is_verbose: bool

    @property
    def is_approved(self) -> bool:
        """Whether nobody needs to be asked."""
        return bool(self.reviewed) or self.applying.is_approved


def perform(session: Session, order: Order) -> int:
    """Plan, show the plans, have them approved, apply them, show the reports, and return the exit status.

    Raises RefusedError, PlanStaleError, PlanSpentError, InputError, ProviderError, SinkError and LedgerError.
    """
    with reporting_failure(session, order.applying.outputs, Subject.APPLY, order.places[0].manifest.path):
        if not order.is_approved and not session.screen.can_ask:
            raise RefusedError(
                "nobody is there to approve the plan",
                advice="apply a saved plan, or say --expect DIGEST or --auto-approve",
            )
        with open_jobs(session, order.places, order.reviewed, order.applying, command=order.command) as jobs:
            plans, errors = _plan_all(session, order, jobs)
            if errors:
                return _give_up(session, order, errors)
            require_own_keys(plans, order.places)
            _approve(session, order, plans)
            benches = [job.bench for job in jobs]
            reports = execute(
                session, plans, benches, order.applying, begin=lambda: _spend(session, order, jobs, plans)
            )
    return _conclude(session, order, plans, reports)


def _plan_all(session: Session, order: Order, jobs: Sequence[Job]) -> tuple[list[FreshPlan], list[Failure]]:
    """Return the plans of now, and which manifests could not be planned and why."""
    with show_waiting(session.screen, "Looking at the keys that exist"):
        results = run_abreast(lambda job: _plan(order, job), jobs)
    plans, errors = sort_out(results, [job.place.manifest.path for job in jobs])
    if order.is_verbose and not errors:
        for job, plan in zip(jobs, plans, strict=True):
            session.screen.say(outline(plan, ledger=str(job.place.ledger)))
    return plans, errors


def _give_up(session: Session, order: Order, errors: Sequence[Failure]) -> int:
    """Tell why nothing is done, and return the exit status of that."""
    several = len(order.places)
    status = conclude_all([error.exit_status for _, error in errors])
    answer = Answer.about(Subject.APPLY, [], errors, formats=REPORT_FORMATS, draw=draw_report, exit_status=status)
    status = publish(session, order.applying.outputs, answer)
    tell_errors(session, errors, of=several)
    if several > 1:
        session.screen.say("Nothing was done: all manifests are applied, or none.")
    return status


def _plan(order: Order, job: Job) -> FreshPlan:
    """Return the plan of now. Raises PlanSpentError and PlanStaleError where it is not the reviewed one."""
    bench = job.bench
    if job.reviewed:
        require_unspent(job.reviewed, bench.ledger)
    plan = plan_now(
        job.place.manifest,
        job.reviewed.request if job.reviewed else order.request,
        reader=bench.reader,
        ledger=bench.ledger,
        sinks=bench.sinks,
        now=bench.clock.now(),
    )
    if job.reviewed:
        require_same(job.reviewed, plan)
    return plan


def _approve(session: Session, order: Order, plans: Sequence[Plan]) -> None:
    """Show the plans, and see that they are approved.

    Raises PlanStaleError where another digest was expected, RefusedError on any answer but yes.
    """
    screen = session.screen
    if order.applying.outputs.shows_text:
        screen.answer(render_plans(plans, screen.palette) + "\n")
    elif not order.is_approved:
        screen.say(render_plans(plans, screen.talk_palette))
    if order.applying.expect is not None:
        require_digest(order.applying.expect, combine_digests(plans))
    if order.is_approved or not any(plan.changes for plan in plans):
        return
    if screen.ask(_QUESTION) != "yes":
        raise RefusedError("not approved, nothing was done")


def _spend(session: Session, order: Order, jobs: Sequence[Job], plans: Sequence[Plan]) -> None:
    """Mark the saved plans as applied, as far as there is something to apply."""
    host = session.wiring.holder(order.command).host
    for job, plan in zip(jobs, plans, strict=True):
        if job.reviewed and plan.changes:
            spend(job.reviewed, job.bench.ledger, now=job.bench.clock.now(), host=host)


def _conclude(session: Session, order: Order, plans: Sequence[Plan], results: Sequence[Report | KeyplanError]) -> int:
    """Show what was done and what failed, and return the exit status of it all."""
    reports, errors = sort_out(results, [plan.manifest for plan in plans])
    done = [(plan, result) for plan, result in zip(plans, results, strict=True) if isinstance(result, Report)]
    status = conclude_all(
        [*(conclude_apply(plan, report) for plan, report in done), *(conclude_error(error) for _, error in errors)]
    )
    answer = Answer.about(
        Subject.APPLY,
        reports,
        errors,
        formats=REPORT_FORMATS,
        draw=draw_report,
        exit_status=status,
        digest=digest_to_approve(plans),
    )
    status = publish(session, order.applying.outputs, answer)
    tell_errors(session, errors, of=len(plans))
    for failure in (failure for report in reports for failure in report.failures if isinstance(failure, Failed)):
        session.show_trace(failure.trace)
    blocked = sum(len(plan.blocked) for plan in plans)
    if blocked:
        session.screen.say(f"{say_count(blocked, 'action')} blocked: what to do about it stands in the plan.")
    return status
