"""No key is made for a place that can't take it: what the sinks find in the way blocks what would write there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planner.situations import CI, holding, ours, plan, recorded, situate, slot_of, words
from samples import LOCAL, make_desired
from simulated.candid import make_finding
from simulator import SOURCE

from keyplan.model.examination import Finding
from keyplan.model.observation import Holding, Slot
from keyplan.model.plan import Action, FreshPlan, Guard, Plan
from keyplan.planner.readiness import hold_unready

SECOND = "second"
GIT = make_finding("secrets/user/ci", "git does not ignore it", advice="add it to .gitignore")
ROTATED = {"rotate": ("user/ci",)}


def find(finding: Finding = GIT, sink: str = LOCAL) -> dict[Slot, tuple[Finding, ...]]:
    """Return a finding about the place of `user/ci` in a sink."""
    return {slot_of(CI, sink): (replace(finding, sink=slot_of(CI, sink).sink),)}


def judge(
    findings: dict[Slot, tuple[Finding, ...]], *, request: dict[str, Any] | None = None, **situation: Any
) -> Plan:
    """Return the plan of `user/ci` and `user/cd`, where that was found."""
    desired = make_desired(), make_desired("cd")
    snapshot = situate(*desired, **{"findings": findings, **situation})
    made = plan(snapshot, *desired, **(request or {}))
    assert isinstance(made, FreshPlan)
    return hold_unready(made, snapshot)


def action_of(made: Plan) -> Action:
    """Return the action of `user/ci`."""
    (found,) = (action for action in made.actions if action.address == CI)
    return found


def test_a_key_is_not_made_for_a_place_that_cannot_take_it_and_the_others_go_on() -> None:
    made = judge(find())
    assert sorted(words(made)) == ["create absent", "sink_not_ready: create absent"]
    assert action_of(made).blocked
    assert (action_of(made).blocked or pytest.fail("not blocked")).advice == (
        "sink 'local': git does not ignore it (add it to .gitignore)"
    )


@pytest.mark.parametrize(
    ("situation", "request_", "said"),
    [
        pytest.param({"dialect": "alpha"}, ROTATED, "sink_not_ready: replace requested key-1", id="replace"),
        pytest.param({"dialect": "beta"}, {**ROTATED}, "sink_not_ready: refresh requested key-1", id="refresh in beta"),
    ],
)
def test_a_renewal_waits_until_the_place_can_take_it(situation: Any, request_: Any, said: str) -> None:
    made = judge(find(), request=request_, keys=[ours()], receipts=[recorded()], **situation)
    assert said in words(made)


def test_a_copy_waits_for_the_place_that_lacks_the_key_alone() -> None:
    abilities = {LOCAL: SOURCE, SECOND: SOURCE}
    held = {slot_of(CI): holding(recorded()), slot_of(CI, SECOND): Holding(present=False)}
    situation: dict[str, Any] = {"keys": [ours()], "receipts": [recorded()], "abilities": abilities}
    at_source = judge(find(sink=LOCAL), held=held, **situation)
    assert "deliver undelivered key-1" in words(at_source)
    lacking = judge(find(sink=SECOND), held=held, **situation)
    assert "sink_not_ready: deliver undelivered key-1" in words(lacking)


def test_a_kept_key_writes_no_place_so_it_is_kept_with_a_note() -> None:
    made = judge(find(), keys=[ours()], receipts=[recorded()])
    kept = action_of(made)
    assert kept.blocked is None
    assert kept.notes == (
        "its next rotation would be refused: sink 'local': git does not ignore it (add it to .gitignore)",
    )


def test_what_is_blocked_already_keeps_its_first_reason() -> None:
    foreign = ours(marker=None)
    made = judge(find(), keys=[foreign])
    assert action_of(made).blocked is not None
    assert (action_of(made).blocked or pytest.fail("not blocked")).guard is Guard.FOREIGN


def test_the_end_of_an_undeclared_key_writes_no_place() -> None:
    desired = make_desired("cd")
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], findings=find())
    made = plan(snapshot, desired)
    assert isinstance(made, FreshPlan)
    assert words(hold_unready(made, snapshot)) == words(made)


def test_one_trouble_of_many_places_is_told_once_and_many_are_cut_short() -> None:
    findings = tuple(replace(GIT, sink=slot_of(CI).sink, detail=f"trouble {number % 5}") for number in range(10))
    made = judge({slot_of(CI): findings})
    advice = (action_of(made).blocked or pytest.fail("not blocked")).advice
    assert advice.count("trouble") == 3
    assert advice.endswith("and 2 more: keyplan doctor shows all")


def test_without_findings_a_plan_stays_as_it_is() -> None:
    desired = make_desired()
    snapshot = situate(desired)
    made = plan(snapshot, desired)
    assert isinstance(made, FreshPlan)
    assert hold_unready(made, snapshot) is made
