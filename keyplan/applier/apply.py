"""A plan becomes effects, in the order of DESIGN section 8, and effects become a report.

In: a freshly made plan whose actions carry their basis, and the ports that act. Out: a report; failures of
single actions are outcomes in it. Never: a decision about what should be. Actions run concurrently, one at
a time per address; deletes of undeclared keys start when all issuing is done, and not at all if any failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import groupby
from threading import Lock
from typing import assert_never

from keyplan.applier.copy import Copying
from keyplan.applier.issue import Issuing
from keyplan.applier.retire import Ending
from keyplan.applier.throttle import count_lanes, pace
from keyplan.applier.workbench import Workbench
from keyplan.errors import LedgerError
from keyplan.model.bugs import describe_bug
from keyplan.model.plan import (
    Action,
    CopyBasis,
    CreateBasis,
    DeleteBasis,
    ForgetBasis,
    FreshPlan,
    KeepBasis,
    OldKeyBasis,
    PlannedAction,
    Reason,
    RefreshBasis,
    Verb,
)
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.ports import HistoryEntry, Ledger, Progress, Stop

STOPPED = "the run was told to stop"
STEP_FAILED = "an earlier step of this key failed"
CUT_SHORT = "the run was told twice to stop while this was under way"
_SETTLES = "finds out how far it came, and finishes it"


class Lane:
    """The actions of one address, and how far they are."""

    def __init__(
        self, actions: tuple[PlannedAction, ...], perform: Callable[[PlannedAction], Outcome | None], stop: Stop
    ) -> None:
        self._actions = actions
        self._perform = perform
        self._stop = stop
        self._lock = Lock()
        self._outcomes: list[Outcome] = []
        self._begun = 0
        self._ended = 0

    def run(self) -> None:
        """Run the actions in their order; after a failure, or once told to stop, the rest is not tried."""
        why = ""
        for action in self._actions:
            if self._stop.requested() is not None:
                why = STOPPED
            self._begun += 1
            outcome = NotTried(action=action, why=why) if why else self._perform(action)
            self._note(outcome)
            if outcome is not None and not isinstance(outcome, Done):
                why = why or STEP_FAILED

    def settle(self, future: Future[None]) -> list[Outcome]:
        """Return what became of every action that does something, whatever `run` came to in that future.

        An exception that does not end the process becomes the outcome of the action that raised it.
        """
        if future.cancelled():
            return list(self._left_over(STOPPED))
        if not future.done():
            return self._break_off(_doubt, STOPPED)
        error = future.exception()
        if error is None:
            return self._outcomes
        if not isinstance(error, Exception):
            raise error
        return self._break_off(lambda action: _blame(action, error), STEP_FAILED)

    def _note(self, outcome: Outcome | None) -> None:
        with self._lock:
            self._ended += 1
            # A kept key is told of only where it could not be kept in order.
            if outcome is not None and (_is_told(outcome.action) or isinstance(outcome, Failed)):
                self._outcomes.append(outcome)

    def _break_off(self, describe: Callable[[Action], Outcome], why: str) -> list[Outcome]:
        """Return the outcomes so far, one for the action under way, and that the rest was not tried."""
        with self._lock:
            under_way = self._actions[self._ended : self._begun]
            return [*self._outcomes, *map(describe, under_way), *self._left_over(why)]

    def _left_over(self, why: str) -> list[Outcome]:
        return [NotTried(action=action, why=why) for action in self._actions[self._begun :] if _is_told(action)]


def _blame(action: Action, error: Exception) -> Failed:
    bug = describe_bug(error)
    return Failed(action=action, message=bug.message, advice=bug.advice, next_run=_SETTLES, trace=bug.trace)


def _doubt(action: Action) -> InDoubt:
    return InDoubt(action=action, message=CUT_SHORT, next_run=_SETTLES)


def _is_told(action: Action) -> bool:
    return action.verb is not Verb.KEEP


ISSUING_FAILED = "something failed before, so nothing undeclared is ended in this run"


def apply(
    plan: FreshPlan, *, digest: str, ports: Workbench, parallelism: int, progress: Progress, stop: Stop
) -> Report:
    """Run a plan's unblocked actions and return what became of each, in the plan's order.

    `parallelism` is how many threads may call the provider, and each sink, at one time. A KeyboardInterrupt while
    actions run ends the waiting for them: they are told of as in doubt.
    """
    started_at = ports.clock.now()
    run = _Run(pace(ports, parallelism), parallelism, progress, stop)
    actions = [action for action in plan.actions if action.blocked is None]
    progress.begin(sum(map(_is_told_applying, actions)))
    first, undeclared, last = _phases(actions)
    outcomes = run.lanes(first)
    if all(isinstance(outcome, Done) for outcome in outcomes):
        outcomes += run.lanes(undeclared)
    else:
        why = ISSUING_FAILED if stop.requested() is None else STOPPED
        outcomes += [NotTried(action=action, why=why) for action in undeclared]
    outcomes += run.lanes(last)
    report = Report(
        owner=plan.owner,
        manifest=plan.manifest,
        digest=digest,
        started_at=started_at,
        finished_at=ports.clock.now(),
        outcomes=_in_plan_order(plan, outcomes),
        interrupted_by=stop.requested(),
    )
    # The keys are delivered and recorded by now: a history that cannot be written must not hide the report.
    with suppress(LedgerError):
        ports.ledger.remember(_history(report))
        _close_stale(plan, ports.ledger)
    return report


def _close_stale(plan: FreshPlan, ledger: Ledger) -> None:
    """Close the intents of addresses that are declared no longer: nothing will ever be finished there."""
    if plan.request.targets:
        return
    bases = [action.basis for action in plan.actions]
    declared = {basis.desired.address for basis in bases if basis.desired}
    known = {intent.id for basis in bases for intent in basis.intents}
    for intent in ledger.recall().intents:
        if intent.owner == plan.owner and intent.address not in declared and intent.id not in known:
            ledger.close_intent(intent.id)


def _phases(
    actions: Iterable[PlannedAction],
) -> tuple[list[PlannedAction], list[PlannedAction], list[PlannedAction]]:
    """Return declared actions, those of undeclared keys, and those of keyplan's own credential, which come last."""
    first, undeclared, last = [], [], []
    own = {action.address for action in actions if action.basis.is_own_credential}
    for action in actions:
        if action.address in own:
            last.append(action)
        elif action.reason is Reason.UNDECLARED or action.verb is Verb.FORGET:
            undeclared.append(action)
        else:
            first.append(action)
    return first, undeclared, last


class _Run:
    """One apply under way."""

    def __init__(self, ports: Workbench, parallelism: int, progress: Progress, stop: Stop) -> None:
        self._lanes = count_lanes(parallelism)
        self._progress = progress
        self._stop = stop
        self._issuing = Issuing(ports, progress)
        self._copying = Copying(ports, progress)
        self._ending = Ending(ports)
        self._closing: frozenset[int] = frozenset()

    def lanes(self, actions: list[PlannedAction]) -> list[Outcome]:
        """Run actions, concurrently by address, and return the outcomes of all that do something."""
        ranked = sorted(actions, key=lambda action: action.address)  # stable: the plan's order within an address
        groups = [tuple(group) for _, group in groupby(ranked, key=lambda action: action.address)]
        lanes = [Lane(group, self._perform, self._stop) for group in groups]
        # Without its receipt a key that is still there may be nobody's: the receipt goes with the last one.
        self._closing = frozenset(id(group[-1]) for group in groups)
        pool = ThreadPoolExecutor(max_workers=self._lanes)
        futures = [pool.submit(lane.run) for lane in lanes]
        # Whoever interrupts twice wants the prompt back: the journal makes the next run finish.
        with suppress(KeyboardInterrupt):
            wait(futures)
        pool.shutdown(wait=all(future.done() for future in futures), cancel_futures=True)
        return [outcome for lane, future in zip(lanes, futures, strict=True) for outcome in lane.settle(future)]

    def _perform(self, action: PlannedAction) -> Outcome | None:
        """Run one action; None for a kept key that needed nothing, or that went well."""
        outcome: Outcome | None = None
        if _is_told_applying(action):
            self._progress.start(action)
        try:
            outcome = self._execute(action)
        finally:
            if _is_told_applying(action):
                self._progress.finish(action.address, outcome)
        return outcome

    def _execute(self, action: PlannedAction) -> Outcome | None:
        match action.basis:
            case CreateBasis() | RefreshBasis() as basis:
                return self._issuing.run(action, basis)
            case CopyBasis() as basis:
                return self._copying.run(action, basis)
            case DeleteBasis() as basis:
                end = self._ending.dismiss if id(action) in self._closing else self._ending.delete
                return end(action, basis)
            case ForgetBasis() as basis:
                return self._ending.forget(action, basis)
            case KeepBasis() as basis:
                return self._ending.keep(action, basis)
            case OldKeyBasis():
                return None
            case _:
                assert_never(action.basis)


def _is_told_applying(action: Action) -> bool:
    return action.verb is not Verb.KEEP


def _in_plan_order(plan: FreshPlan, outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    rank = {id(action): number for number, action in enumerate(plan.actions)}
    return tuple(sorted(outcomes, key=lambda outcome: rank[id(outcome.action)]))


def _history(report: Report) -> HistoryEntry:
    summary = report.summary
    return HistoryEntry(
        digest=report.digest,
        started_at=report.started_at,
        finished_at=report.finished_at,
        added=summary.add,
        changed=summary.change,
        destroyed=summary.destroy,
        failed=len(report.failures),
    )
