"""A plan becomes effects, and effects become a report. What should be is decided by then: nothing here decides it.

Keys run in parallel, the actions of one address one after another (`lane.py`). Each action's own order of effects is in
`issue.py`, `copy.py` and `retire.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import assert_never

from keyplan.applier.copy import Copy
from keyplan.applier.issue import Issuance
from keyplan.applier.lane import STOPPED, Lane, is_reported
from keyplan.applier.recover import is_alone
from keyplan.applier.retire import keep, retire
from keyplan.applier.rivals import Lookout
from keyplan.applier.takeover import import_key
from keyplan.applier.throttle import count_lanes, throttle
from keyplan.applier.update import update
from keyplan.applier.workbench import Workbench
from keyplan.errors import LedgerError
from keyplan.model.basis import (
    CopyBasis,
    CreateBasis,
    DeleteBasis,
    EmptyBasis,
    ForgetBasis,
    ImportBasis,
    KeepBasis,
    OldKeyBasis,
    RefreshBasis,
    UpdateBasis,
    WaitBasis,
)
from keyplan.model.history import AppliedAction, HistoryEntry
from keyplan.model.identity import ScopeId, read_provider
from keyplan.model.plan import FreshPlan, PlannedAction, Reason, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome, Report
from keyplan.ports import Ledger, Progress, Stop

ISSUING_FAILED = "something failed before, so nothing undeclared is ended in this run"


def apply(
    plan: FreshPlan, *, digest: str, ports: Workbench, parallelism: int, progress: Progress, stop: Stop
) -> Report:
    """Run a plan's chosen actions and return what became of each, in the plan's order.

    `parallelism` is how many threads may call the provider, and each sink, at one time. A KeyboardInterrupt while
    actions run ends the waiting for them: they are reported as in doubt.
    """
    started_at = ports.clock.now()
    bench = throttle(replace(ports, seen=plan.seen), parallelism)
    lanes = _Lanes(
        bench=bench,
        width=count_lanes(parallelism),
        progress=progress,
        stop=stop,
        lookout=Lookout(partial(bench.reader.list_keys, _name_spaces(plan))),
    )
    actions = plan.chosen
    progress.begin(sum(map(is_reported, actions)))
    phases = _Phases.of(actions)
    outcomes = lanes.run(phases.declared)
    # A renamed declaration is a new key and an undeclared one: if the new one failed, consumers still need the other.
    if all(isinstance(outcome, Done) for outcome in outcomes):
        outcomes += lanes.run(phases.undeclared)
    else:
        why = ISSUING_FAILED if stop.requested() is None else STOPPED
        outcomes += [NotTried(action=action, why=why) for action in phases.undeclared]
    outcomes += lanes.run(phases.own_credential)
    report = Report(
        owner=plan.owner,
        manifest=plan.manifest,
        digest=digest,
        started_at=started_at,
        finished_at=ports.clock.now(),
        outcomes=_in_plan_order(plan, outcomes),
        interrupted_by=stop.requested(),
        blocked=plan.summary.blocked,
        left=plan.left,
    )
    return _remember(report, plan, ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Phases:
    """Actions by when they run: each phase begins when the one before has ended."""

    declared: tuple[PlannedAction, ...]
    undeclared: tuple[PlannedAction, ...]
    own_credential: tuple[PlannedAction, ...]
    """Of the addresses of the key that keyplan itself presents: no call is accepted once that one has ended."""

    @classmethod
    def of(cls, actions: Iterable[PlannedAction]) -> _Phases:
        ranked = tuple(actions)
        own = {action.address for action in ranked if action.basis.is_own_credential}
        others = [action for action in ranked if action.address not in own]
        return cls(
            declared=tuple(action for action in others if not _is_undeclared(action)),
            undeclared=tuple(action for action in others if _is_undeclared(action)),
            own_credential=tuple(action for action in ranked if action.address in own),
        )


def _name_spaces(plan: FreshPlan) -> frozenset[ScopeId]:
    """Return the spaces of all declarations that the plan knows: what a complete listing has to ask for."""
    wanted = (action.basis.desired for action in plan.actions)
    return frozenset(space_id for desired in wanted if desired for space_id in desired.scope_ids)


def _is_undeclared(action: PlannedAction) -> bool:
    return action.reason in (Reason.UNDECLARED, Reason.STRAY) or action.verb is Verb.FORGET


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lanes:
    """Runs actions in parallel by address."""

    bench: Workbench
    width: int
    """How many lanes run at a time."""
    progress: Progress
    stop: Stop
    lookout: Lookout

    def run(self, actions: Iterable[PlannedAction]) -> list[Outcome]:
        """Run actions and return the outcomes of all that are reported."""
        # Stable, so the plan's order within an address; but places are emptied last, once its key is settled.
        ranked = sorted(actions, key=lambda action: (action.address, action.verb is Verb.EMPTY))
        groups = [tuple(group) for _, group in groupby(ranked, key=lambda action: action.address)]
        lanes = [self._make_lane(group) for group in groups]
        pool = ThreadPoolExecutor(max_workers=self.width)
        futures = [pool.submit(lane.run) for lane in lanes]
        # A user who interrupts twice wants the prompt back: the intents make the next run finish.
        with suppress(KeyboardInterrupt):
            wait(futures)
        pool.shutdown(wait=all(future.done() for future in futures), cancel_futures=True)
        return [outcome for lane, future in zip(lanes, futures, strict=True) for outcome in lane.settle(future)]

    def _make_lane(self, group: tuple[PlannedAction, ...]) -> Lane:
        return Lane(group, lambda action: self._perform(action, is_last=action is group[-1]), self.stop)

    def _perform(self, action: PlannedAction, *, is_last: bool) -> Outcome | None:
        """Run one action; None for a kept key that needed nothing, or that went well."""
        if not is_reported(action):
            return self._execute(action, is_last=is_last)
        outcome: Outcome | None = None
        self.progress.start(action)
        try:
            outcome = self._execute(action, is_last=is_last)
        finally:
            self.progress.finish(action.address, outcome)
        return outcome

    def _bench_of(self, action: PlannedAction) -> Workbench:
        # What is let go without a key asks no provider, and may be of one that the manifest does not name any longer.
        is_record = isinstance(action.basis, ForgetBasis) and action.basis.key is None
        return self.bench if is_record else self.bench.at(read_provider(action.address))

    def _execute(self, action: PlannedAction, *, is_last: bool) -> Outcome | None:
        bench, progress = self._bench_of(action), self.progress
        outcome: Outcome | None = None
        match action.basis:
            case CreateBasis() | RefreshBasis() as basis:
                lookout = None if is_alone(basis.slots, bench) else self.lookout
                outcome = Issuance(action=action, basis=basis, bench=bench, progress=progress, lookout=lookout).run()
            case CopyBasis() as basis:
                outcome = Copy(action=action, basis=basis, bench=bench, progress=progress).run()
            case ImportBasis() as basis:
                outcome = import_key(action, basis, bench)
            case DeleteBasis() | EmptyBasis() | ForgetBasis() as basis:
                outcome = retire(action, basis, bench, is_last=is_last)
            case UpdateBasis() as basis:
                outcome = update(action, basis, bench)
            case KeepBasis() as basis:
                outcome = keep(action, basis, bench)
            case OldKeyBasis() | WaitBasis():
                pass
            case _:
                assert_never(action.basis)
        return outcome


def _remember(report: Report, plan: FreshPlan, ports: Workbench) -> Report:
    """Add an apply to the history, and return its report with its place there."""
    # The keys are delivered and recorded by now: a history that cannot be written must not hide the report.
    try:
        stored = ports.ledger.remember(_make_history_entry(report, ports))
    except LedgerError as error:
        return replace(report, history_failure=error.message)
    with suppress(LedgerError):
        _close_stale_intents(plan, ports.ledger)
    return replace(report, history=stored.link if stored else None)


def _close_stale_intents(plan: FreshPlan, ledger: Ledger) -> None:
    """Close the intents of addresses that are no longer declared: nothing will ever be finished there."""
    # A plan of targets does not know what else is declared.
    if plan.request.is_partial:
        return
    bases = [action.basis for action in plan.actions]
    declared = {basis.desired.address for basis in bases if basis.desired}
    known = {intent.id for basis in bases for intent in basis.intents}
    # At a provider that is not asked, what an intent led to may live on.
    held_back = {action.address for action in plan.actions if action.blocked}
    for intent in ledger.recall().intents:
        if intent.owner == plan.owner and intent.address not in declared | held_back and intent.id not in known:
            ledger.close_intent(intent.id)


def _in_plan_order(plan: FreshPlan, outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    rank = {id(action): number for number, action in enumerate(plan.actions)}
    return tuple(sorted(outcomes, key=lambda outcome: rank[id(outcome.action)]))


def _make_history_entry(report: Report, ports: Workbench) -> HistoryEntry:
    """Return what the history says of an apply: its counts, who started it, and what became of each action."""
    summary = report.summary
    return HistoryEntry(
        digest=report.digest,
        started_at=report.started_at,
        finished_at=report.finished_at,
        added=summary.add,
        changed=summary.change,
        destroyed=summary.destroy,
        failed=len(report.failures),
        author=ports.author,
        host=ports.runner.host,
        command=ports.runner.command,
        actions=tuple(_describe_applied(report.outcomes)),
    )


def _describe_applied(outcomes: Iterable[Outcome]) -> Iterator[AppliedAction]:
    for outcome in outcomes:
        match outcome:
            case Done():
                status, key_id = "done", outcome.key_id
            case Failed():
                status, key_id = "failed", None
            case InDoubt():
                status, key_id = "in_doubt", None
            case NotTried():
                continue
            case _:
                assert_never(outcome)
        action = outcome.action
        yield AppliedAction(
            address=action.address,
            verb=action.verb.value,
            reason=action.reason.value,
            status=status,
            key_id=key_id or action.key_id,
        )
