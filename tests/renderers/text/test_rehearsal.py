"""A rehearsal as text."""

from __future__ import annotations

from dataclasses import replace

from rehearsals import FULL, PLAIN_DAYS, REFRESHED, make_fault

from keyplan.model.identity import Address
from keyplan.model.plan import Reason, Verb
from keyplan.model.rehearsal import Mishap, RehearsedAction, RehearsedRun, Step
from keyplan.renderers.text.rehearsal import render_rehearsal


def test_each_fault_says_what_runs_and_consumers_come_to() -> None:
    text = render_rehearsal(FULL)
    assert "refresh user/ci: requested (as 2 others like it)" in text
    assert "  2 keys of other kinds left out\n" in text
    assert (
        "killed after provider.refresh for user/ci\n"
        "  this run  killed\n"
        "  next run  exit 0  done (after waiting 61s)\n"
        "            refresh user/ci: an earlier run did not finish\n"
        "  consumer  local:ci.key holds a key that does not work from provider.refresh for user/ci until the next run; "
        "the manifest asks for it (overlap: 0s)\n"
    ) in text
    assert "a sink is down from the start\n" in text
    assert "  other     exit 4  busy\n" in text
    assert "holds no key any longer, and the next run does not change it\n" in text
    assert text.endswith("4 faults. After 1, the run after the next one still has something to do.\n")


def test_faults_that_come_to_the_same_stand_together() -> None:
    others = (
        make_fault(Mishap.ANSWER_LOST, REFRESHED),
        make_fault(Mishap.ANSWER_LOST, Step(number=5, name="provider.verify")),
    )
    text = render_rehearsal(replace(FULL, faults=(FULL.faults[0], *others)))
    assert "answer lost of provider.refresh for user/ci, provider.verify\n" in text
    assert text.endswith("2 faults. After each, the next run finishes.\n")


def test_a_next_run_that_is_blocked_is_no_finish_but_for_what_was_blocked_before() -> None:
    held = RehearsedAction(
        address=Address("user/ci"), verb=Verb.REPLACE, reason=Reason.CHANGED, blocked_by="stored_differently"
    )
    blocked = RehearsedRun(exit_status=4, line="1 blocked.", actions=(held,))
    faults = (FULL.faults[0], make_fault(Mishap.SECOND_RUNNER, REFRESHED, next_run=blocked, is_settled=True))
    text = render_rehearsal(replace(FULL, faults=faults))
    assert text.endswith(
        "1 fault. After 1, the next run is blocked, and a user has to act; after the others, it finishes.\n"
    )
    always = (replace(FULL.faults[0], next_run=blocked), faults[1])
    assert render_rehearsal(replace(FULL, faults=always)).endswith("1 fault. After each, the next run finishes.\n")


def test_days_with_nothing_to_do_are_left_out() -> None:
    text = render_rehearsal(PLAIN_DAYS)
    assert text.count("exit 0") == 1
    assert text.endswith("2 days, 1 with something to do.\n")
