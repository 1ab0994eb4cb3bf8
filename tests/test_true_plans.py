"""A wish that changes, in every combination with a policy and with what a provider makes of it: no plan hides it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import product
from typing import Any, Literal

import pytest
from samples import make_declaration
from scenario import Scenario
from simulator import START, World

from keyplan.model.manifest import OnDescriptionChange, Rotation
from keyplan.model.policy import Policy
from keyplan.planner.drift import find_drift
from keyplan.planner.policy import find_violations

DAY = timedelta(days=1)
LIVES: dict[str, dict[str, Any]] = {
    "never": {},
    "7d": {"expires_in": 7 * DAY},
    "30d": {"expires_in": 30 * DAY},
    "365d": {"expires_in": 365 * DAY},
    "soon": {"expires_at": START + 20 * DAY},
    "late": {"expires_at": START + 300 * DAY},
}
TEXTS: dict[str, dict[str, Any]] = {
    "as before": {"description": "one"},
    "deferred": {"description": "two"},
    "at once": {"description": "two", "on_description_change": OnDescriptionChange.REPLACE},
}
STORES: dict[str, Callable[[datetime], datetime | None]] = {
    "as asked": lambda instant: instant,
    "a day longer": lambda instant: instant + DAY,
    "half": lambda instant: instant - (instant - START) / 2,
    "without end": lambda _instant: None,
}
POLICIES = {"no policy": (), "at most 30d": (Policy(file="platform.yaml", max_lifetime=30 * DAY),)}


def declare(scenario: Scenario, life: str, text: str, policy: str) -> None:
    key = make_declaration(rotation=Rotation(overlap=timedelta(0)), **LIVES[life], **TEXTS[text])
    scenario.declare(key, policies=POLICIES[policy])


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
@pytest.mark.parametrize("echoes", [False, True], ids=["answers as stored", "answers as asked"])
@pytest.mark.parametrize("store", STORES)
def test_one_apply_is_enough_and_what_is_not_met_is_never_silent(
    store: str, echoes: bool, dialect: Literal["alpha", "beta"]
) -> None:
    for before, after, text, policy in product(LIVES, LIVES, TEXTS, POLICIES):
        told = f"{before} -> {after}, {text}, {policy}"
        scenario = Scenario(world=World(dialect=dialect))
        scenario.world.provider.store_expiry, scenario.world.provider.echoes = STORES[store], echoes
        declare(scenario, before, "as before", "no policy")
        scenario.run()
        declare(scenario, after, text, policy)
        scenario.run()
        made = len(scenario.world.provider.records)
        plan, snapshot = scenario.plan(), scenario.observe()
        assert plan.changes == (), told
        assert (find_drift(plan, snapshot, manifest=scenario.manifest).alarms == ()) is not plan.has_differences, told
        if find_violations(scenario.manifest, now=snapshot.now):
            assert plan.blocked, told
        scenario.run()
        assert len(scenario.world.provider.records) == made, told
        _assert_told(scenario, told)


def _assert_told(scenario: Scenario, told: str) -> None:
    """Assert that a green plan names whatever of the wish the live key does not meet."""
    plan = scenario.plan()
    if plan.has_differences:
        return
    (action,) = plan.actions
    assert action.before, told
    assert action.after, told
    ends, wish = action.before.expires_at, action.after.expires_at
    if action.after.expires_in:
        wish = scenario.world.clock.now() + action.after.expires_in
    is_met = ends == wish and action.before.description == action.after.description
    assert bool(action.notes) is not is_met, told
    assert bool(plan.warnings) is not is_met, told
