"""The manifests of one apply, each with everything that it works with.

In: places, saved plans. Out: a job each, its ledger locked. Never: two applies that wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from keyplan.applier.workbench import Workbench
from keyplan.cli.applying_options import ApplyingSettings
from keyplan.cli.places import Place
from keyplan.cli.running import open_workbench
from keyplan.cli.session import Session
from keyplan.model.plan import Plan


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
