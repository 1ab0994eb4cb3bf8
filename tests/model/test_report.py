"""What a report counts and finds."""

from __future__ import annotations

from dataclasses import replace

from samples import NOW, OWNER

from keyplan.model.identity import Address
from keyplan.model.plan import Action, Reason, Summary, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Report


def make_action(name: str, verb: Verb) -> Action:
    return Action(address=Address(f"user/{name}"), verb=verb, reason=Reason.CHANGED)


DONE = Done(action=make_action("a", Verb.REPLACE))
FAILED = Failed(action=make_action("b", Verb.CREATE), message="no")
DOUBTFUL = InDoubt(action=make_action("c", Verb.REFRESH), message="perhaps")
LEFT = NotTried(action=make_action("b", Verb.DELETE), why="stopped")
REPORT = Report(
    owner=OWNER,
    manifest="keys.yaml",
    digest="d",
    started_at=NOW,
    finished_at=NOW,
    outcomes=(DONE, FAILED, DOUBTFUL, LEFT),
)


def test_only_what_was_done_is_counted() -> None:
    assert REPORT.summary == Summary(add=1, destroy=1)


def test_what_was_held_back_is_counted() -> None:
    assert replace(REPORT, blocked=3).summary == Summary(add=1, destroy=1, blocked=3)


def test_failures_are_what_went_wrong_not_what_was_left() -> None:
    assert REPORT.failures == (FAILED, DOUBTFUL)


def test_outcomes_are_found_by_address() -> None:
    assert REPORT.outcome_of(Address("user/b")) == (FAILED, LEFT)
