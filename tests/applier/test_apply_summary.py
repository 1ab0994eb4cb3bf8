"""What a plan counts, what its apply does, and what report, JSON, history and metrics say of it agree."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from planner.strategies import Walk, walks
from samples import make_declaration
from scenario import Scenario
from simulator import World

from keyplan.documents.plan import to_document as write_plan
from keyplan.documents.report import to_document as write_report
from keyplan.model.manifest import Rotation, Strategy, Unmanaged
from keyplan.model.plan import Plan, Summary
from keyplan.planner.drift import find_drift
from keyplan.planner.forecast import forecast
from keyplan.renderers.machine.measures import Inspection, measure_inspection
from keyplan.renderers.text.plan import render_plan
from keyplan.renderers.text.report import render_report

DAY = timedelta(days=1)
UNREPORTED = ("keep", "unmanaged")
"""Counts of what an apply leaves as it is: no report lists it."""
WORDS = {"added": "add", "changed": "change", "destroyed": "destroy"}


def repeated(counts: dict[str, int]) -> dict[str, int]:
    """Return the counts of a plan that its report repeats."""
    return {name: number for name, number in counts.items() if name not in UNREPORTED}


def counts_of(summary: Summary) -> dict[str, int]:
    return {field.name: getattr(summary, field.name) for field in fields(Summary)}


def read_last_line(text: str) -> dict[str, int]:
    """Return the numbers of a last line, by the words of a plan."""
    found = re.findall(r"(\d+) (?:to )?(\w+)", text.splitlines()[-1])
    return {WORDS.get(word, word): int(number) for number, word in found}


def measure(scenario: Scenario, plan: Plan) -> dict[str, int]:
    """Return the counts that the metrics give of a plan, by verb, and of what is blocked."""
    snapshot = scenario.observe()
    calendar = forecast(plan, snapshot, until=snapshot.now)
    drift = find_drift(plan, snapshot, manifest=scenario.manifest)
    samples = list(measure_inspection(Inspection(drift=drift, plan=plan, snapshot=snapshot, calendar=calendar)))
    (blocked,) = (int(one.value) for one in samples if one.name == "keyplan_plan_blocked")
    actions = {dict(one.labels)["action"]: int(one.value) for one in samples if one.name == "keyplan_plan_actions"}
    return {**actions, "blocked": blocked}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(walks(), st.sampled_from(["", "rotate", "rotate now"]), st.sampled_from(Unmanaged))
def test_what_is_planned_done_reported_recorded_and_measured_agrees(
    walk: Walk, asked: str, unmanaged: Unmanaged
) -> None:
    note("\n".join(walk.story))
    scenario = walk.scenario
    scenario.manifest = replace(scenario.manifest, unmanaged=unmanaged)
    rotate = tuple(key.address for key in scenario.manifest.keys) if asked else ()
    request = {"rotate": rotate, "now": asked == "rotate now" and bool(rotate)}
    plan, measured = scenario.plan(**request), measure(scenario, scenario.plan(**request))
    world = scenario.world
    world.restart()
    report = scenario.apply(**request)
    assert not report.failures
    planned, done = counts_of(plan.summary), counts_of(report.summary)
    assert repeated(done) == repeated(planned)
    # The documents, and the lines that scripts match.
    assert repeated(write_report(report)["summary"]) == repeated(write_plan(plan)["summary"])
    if plan.has_differences or plan.refuses_unmanaged:
        assert read_last_line(render_report(report)) == read_last_line(render_plan(plan))
    entry = world.ledger.history()[0]
    assert (entry.added, entry.changed, entry.destroyed, entry.failed) == (
        planned["add"],
        planned["change"],
        planned["destroy"],
        0,
    )
    assert planned["add"] == measured["create"] + measured["replace"]
    assert planned["change"] == measured["refresh"] + measured["deliver"] + measured["empty"]
    assert planned["destroy"] + planned["retire"] == measured["delete"] + measured["replace"]
    assert planned["blocked"] == measured["blocked"]
    # And what the provider was asked for.
    effects = world.effects.names()
    assert effects.count("provider.create") == planned["add"]
    assert effects.count("provider.refresh") == measured["refresh"]
    assert effects.count("provider.delete") == planned["destroy"]


def rotated(dialect: str, rotation: dict[str, Any], **request: Any) -> tuple[Scenario, Plan, str]:
    """Return a scenario whose one key is renewed by an apply, the plan before it, and the report's last line."""
    scenario = Scenario(World(dialect=dialect))
    scenario.declare(make_declaration(rotation=Rotation(**rotation)))
    scenario.apply()
    scenario.world.clock.advance(timedelta(hours=1))
    if not request:
        scenario.declare(make_declaration(rotation=Rotation(**rotation, generation=2)))
    plan = scenario.plan(**request)
    return scenario, plan, render_report(scenario.apply(**request)).splitlines()[-1]


@pytest.mark.parametrize(
    ("dialect", "rotation", "planned", "done"),
    [
        pytest.param(
            "alpha",
            {},
            "Plan: 1 to add, 0 to change, 0 to destroy. 1 to retire later.",
            "Apply complete! Resources: 1 added, 0 changed, 0 destroyed. 1 to retire later.",
            id="two live keys",
        ),
        pytest.param(
            "beta",
            {},
            "Plan: 0 to add, 1 to change, 0 to destroy.",
            "Apply complete! Resources: 0 added, 1 changed, 0 destroyed.",
            id="a grace",
        ),
        pytest.param(
            "alpha",
            {"overlap": timedelta(0), "strategy": Strategy.REPLACE},
            "Plan: 1 to add, 0 to change, 1 to destroy. 1 cut off.",
            "Apply complete! Resources: 1 added, 0 changed, 1 destroyed. 1 cut off.",
            id="a replace at once",
        ),
        pytest.param(
            "alpha",
            {"strategy": Strategy.REFRESH},
            "Plan: 0 to add, 1 to change, 0 to destroy. 1 cut off.",
            "Apply complete! Resources: 0 added, 1 changed, 0 destroyed. 1 cut off.",
            id="a refresh at once",
        ),
    ],
)
def test_a_rotation_has_these_last_lines(dialect: str, rotation: dict[str, Any], planned: str, done: str) -> None:
    _, plan, last = rotated(dialect, rotation)
    assert (render_plan(plan).splitlines()[-1], last) == (planned, done)


def test_what_is_retired_later_is_destroyed_later() -> None:
    scenario, plan, _ = rotated("alpha", {})
    assert plan.summary.retire == 1
    waiting = scenario.plan()
    assert (waiting.summary.keep, render_plan(waiting).splitlines()[-1]) == (
        1,
        "No changes. Your keys match the manifest.",
    )
    scenario.world.clock.advance(DAY)
    assert render_plan(scenario.plan()).splitlines()[-1] == "Plan: 0 to add, 0 to change, 1 to destroy."
    assert scenario.apply().summary == Summary(destroy=1)


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_a_user_who_rotates_now_leaves_no_old_key_that_works(dialect: str) -> None:
    scenario, _, _ = rotated(dialect, {})
    assert len(scenario.world.provider.live()) == 2
    (address,) = (key.address for key in scenario.manifest.keys)
    raws = set(scenario.world.delivered().values())
    report = scenario.apply(rotate=(address,), now=True)
    assert (report.failures, report.summary.cut_off) == ((), 2)
    assert not any(scenario.world.provider.accepts(raw) for raw in raws)
    assert len(scenario.world.provider.live()) == 1
    assert scenario.plan().changes == ()
