"""Rehearsals for tests, with a fault of every form."""

from __future__ import annotations

from datetime import timedelta

from plans import NOW

from keyplan.model.identity import Address
from keyplan.model.plan import Reason, Verb
from keyplan.model.rehearsal import (
    Hardship,
    Mishap,
    Moment,
    Rehearsal,
    RehearsedAction,
    RehearsedDay,
    RehearsedFault,
    RehearsedKey,
    RehearsedRun,
    Step,
)

CI = Address("user/ci")
ROTATE = RehearsedAction(address=CI, verb=Verb.REFRESH, reason=Reason.REQUESTED)
FINISH = RehearsedAction(address=CI, verb=Verb.REFRESH, reason=Reason.UNFINISHED)
HELD = RehearsedAction(address=CI, verb=Verb.CREATE, reason=Reason.UNFINISHED, blocked_by="busy")
DONE = RehearsedRun(
    exit_status=0, line="Apply complete! Resources: 0 added, 1 changed, 0 destroyed.", actions=(ROTATE,)
)
KILLED = RehearsedRun(exit_status=None, line="")
REFRESHED = Step(number=4, name="provider.refresh", address=CI)
STORED = Step(number=6, name="sink.put", sink="local", address=CI)
DEAD = Moment(
    hardship=Hardship.DEAD_KEY,
    place="local:ci.key",
    address=CI,
    since=REFRESHED,
    is_ended_by_next_run=True,
    is_asked_for=True,
)
NONE = Moment(hardship=Hardship.NOTHING)


def make_fault(kind: Mishap, step: Step | None = None, **changes: object) -> RehearsedFault:
    """Return a fault after which the next run has nothing to do."""
    values: dict[str, object] = {
        "kind": kind,
        "step": step,
        "run": DONE,
        "next_run": RehearsedRun(exit_status=0, line="No changes."),
        "moment": NONE,
        "is_settled": True,
    }
    return RehearsedFault(**(values | changes))  # type: ignore[arg-type]  # fields by name


FULL = Rehearsal(
    owner="ml-platform",
    manifest="keys.yaml",
    provider="https://api.arize.test",
    dialect="beta",
    now=NOW,
    keys=(RehearsedKey(action=ROTATE, stands_for=3),),
    left_out=2,
    faults=(
        make_fault(Mishap.NOTHING),
        make_fault(
            Mishap.KILLED_AFTER,
            REFRESHED,
            run=KILLED,
            next_run=RehearsedRun(exit_status=0, line="done", actions=(FINISH,), waited=timedelta(seconds=61)),
            moment=DEAD,
            dead_places=("local:ci.key",),
        ),
        make_fault(Mishap.SINK_DOWN, Step(number=0, name="", sink="local")),
        make_fault(
            Mishap.SECOND_RUNNER,
            STORED,
            other=RehearsedRun(exit_status=4, line="busy", actions=(HELD,)),
            moment=Moment(hardship=Hardship.OLD_KEY_ENDED, place="local:ci.key", since=REFRESHED, until=STORED),
            is_settled=False,
        ),
        make_fault(Mishap.CLOCK_AHEAD, moment=Moment(hardship=Hardship.KEY_REMOVED, place="local:ci.key")),
    ),
    asked=("provider https://api.arize.test", "ledger .keyplan/ledger.db", "sink local"),
)
PLAIN_DAYS = Rehearsal(
    owner="ml-platform",
    manifest="keys.yaml",
    provider="https://api.arize.test",
    dialect="beta",
    now=NOW,
    keys=(),
    days=(
        RehearsedDay(at=NOW, run=DONE, moments=(DEAD,)),
        RehearsedDay(at=NOW + timedelta(days=1), run=RehearsedRun(exit_status=0, line="No changes.")),
    ),
)
