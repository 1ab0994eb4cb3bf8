"""Approved plans, run at the same time, and told of while they run.

In: plans with their workbenches. Out: a report each, or what kept it from having one. Never: a raw key that somebody
could read in a runner's log before it is masked there.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from keyplan.app.masks import MaskingWriter
from keyplan.applier.apply import apply
from keyplan.applier.workbench import Workbench
from keyplan.cli.abreast import run_abreast
from keyplan.cli.applying_options import ApplyingSettings
from keyplan.cli.events import EventLog, Events, fan_out, open_events
from keyplan.cli.masking import find_mask
from keyplan.cli.outputs import GITHUB
from keyplan.cli.progress import show_progress
from keyplan.cli.session import Session
from keyplan.documents.plan import digest
from keyplan.errors import InterruptedRunError, KeyplanError
from keyplan.model.plan import FreshPlan
from keyplan.model.report import Report
from keyplan.ports import Progress


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
