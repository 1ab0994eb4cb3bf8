"""What a look comes to in numbers, in a simulated world."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from samples import make_declaration, make_intent
from scenario import Scenario, make_service

from keyplan.model.drift import DriftKind
from keyplan.model.manifest import KeyType, Rotation
from keyplan.model.receipt import MOST_ATTEMPTS, UNKNOWN_TIME
from keyplan.planner.drift import find_drift
from keyplan.planner.forecast import forecast
from keyplan.renderers.machine.measures import Inspection, Run, measure
from keyplan.renderers.machine.metrics import Sample

DAYS = timedelta(days=1)
ADDRESS, SUCCESS = "user/ci", "keyplan_run_last_success_timestamp_seconds"


def look(scenario: Scenario, **changes: Any) -> Inspection:
    """Return a look at the scenario; `changes` are of the snapshot."""
    snapshot = replace(scenario.observe(), **changes)
    plan = scenario.plan()
    calendar = forecast(plan, snapshot, until=snapshot.now + 90 * DAYS)
    return Inspection(
        drift=find_drift(plan, snapshot, manifest=scenario.manifest), plan=plan, snapshot=snapshot, calendar=calendar
    )


def make_run(scenario: Scenario, *looks: Inspection, failed: Collection[str] | None = ()) -> Run:
    """Return a run of one second that ends now."""
    now = scenario.world.clock.now()
    return Run(
        command="drift",
        version="1.2.3",
        started_at=now - timedelta(seconds=1),
        finished_at=now,
        inspections=looks,
        failed=failed,
    )


def measured(scenario: Scenario, **changes: Any) -> list[Sample]:
    """Return the samples of a run that looks at the scenario."""
    return list(measure(make_run(scenario, look(scenario, **changes)), ()))


def find(samples: list[Sample], name: str, **labels: str) -> list[float]:
    """Return the values of a family's samples that have these labels."""
    return [
        sample.value
        for sample in samples
        if sample.name == f"keyplan_{name}" and all(sample.label(key) == value for key, value in labels.items())
    ]


def at(instant: datetime) -> list[float]:
    return [instant.timestamp()]


@pytest.fixture
def scenario() -> Scenario:
    """Return a world with a user key that is rotated every 30 days, applied."""
    made = Scenario()
    made.declare(
        make_declaration(
            expires_in=90 * DAYS, rotation=Rotation(every=30 * DAYS, overlap=2 * DAYS, retire=Rotation().retire)
        )
    )
    made.run()
    return made


def test_a_run_tells_who_ran_when_and_for_how_long(scenario: Scenario) -> None:
    samples, now = measured(scenario), scenario.world.clock.now()
    assert find(samples, "build_info", version="1.2.3") == [1]
    assert find(samples, "run_last_timestamp_seconds", command="drift") == at(now)
    assert find(samples, "run_duration_seconds", command="drift") == [1.0]
    owner = scenario.manifest.owner
    assert find(samples, "run_last_success_timestamp_seconds", manifest="keys.yaml", owner=owner) == at(now)


def test_a_calm_manifest_has_a_zero_for_everything_that_could_be(scenario: Scenario) -> None:
    samples = measured(scenario)
    assert find(samples, "plan_actions", action="keep") == [1]
    assert find(samples, "plan_actions", action="replace") == [0]
    assert (find(samples, "plan_blocked"), find(samples, "orphans")) == ([0], [0])
    assert find(samples, "drift_keys") == [0] * len(DriftKind)
    assert find(samples, "intents_open") == [0, 0]
    assert find(samples, "intents_oldest_timestamp_seconds") == []


def test_the_current_key_of_a_declaration_has_its_times(scenario: Scenario) -> None:
    samples, (key,) = measured(scenario), scenario.observe().keys
    assert key.expires_at
    assert find(samples, "key_created_timestamp_seconds", address=ADDRESS) == at(key.created_at)
    assert find(samples, "key_expiration_timestamp_seconds", address=ADDRESS) == at(key.expires_at)
    assert find(samples, "key_next_rotation_timestamp_seconds", address=ADDRESS) == at(key.created_at + 30 * DAYS)
    assert find(samples, "key_retire_deadline_timestamp_seconds") == []


def test_times_that_nobody_knows_are_absent_and_others_are_told(scenario: Scenario) -> None:
    ((key_id, record),) = scenario.world.provider.records.items()
    used = record.created_at + timedelta(minutes=5)
    unclear = replace(record, created_at=UNKNOWN_TIME, expires_at=None, last_used_at=used)
    scenario.world.provider.records[key_id] = unclear
    samples = measured(scenario)
    assert find(samples, "key_created_timestamp_seconds") == []
    assert find(samples, "key_expiration_timestamp_seconds") == []
    assert find(samples, "key_last_used_timestamp_seconds", address=ADDRESS) == at(used)


def test_a_protected_key_has_no_next_rotation(scenario: Scenario) -> None:
    scenario.declare(make_declaration(expires_in=90 * DAYS, protect=True))
    samples = measured(scenario)
    assert find(samples, "key_expiration_timestamp_seconds", address=ADDRESS)
    assert find(samples, "key_next_rotation_timestamp_seconds") == []


def test_an_old_key_has_a_deadline_and_does_not_hide_the_current_one(scenario: Scenario) -> None:
    scenario.world.clock.sleep(31 * DAYS)
    scenario.run()
    samples, now = measured(scenario), scenario.world.clock.now()
    assert find(samples, "key_created_timestamp_seconds", address=ADDRESS) == at(now)
    assert find(samples, "key_retire_deadline_timestamp_seconds", address=ADDRESS) == at(now + 2 * DAYS)


def test_a_lost_key_is_an_orphan_and_not_the_current_one(scenario: Scenario) -> None:
    (key,) = scenario.observe().keys
    scenario.world.clock.sleep(1 * DAYS)
    desired = scenario.plan().actions[0].basis.wanted  # type: ignore[union-attr]  # planned with a basis
    scenario.world.provider.create(desired, expires_at=None)
    samples = measured(scenario)
    assert find(samples, "orphans") == [1]
    assert find(samples, "key_created_timestamp_seconds", address=ADDRESS) == at(key.created_at)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        pytest.param({}, {"type": "user", "status": "active"}, id="a live key"),
        pytest.param({"active": False}, {"type": "user", "status": "revoked"}, id="one that was revoked"),
        pytest.param({"expires_at": UNKNOWN_TIME}, {"type": "user", "status": "expired"}, id="one whose time is over"),
        pytest.param({"key_type": KeyType.SERVICE}, {"type": "service", "status": "active"}, id="a service key"),
        pytest.param({"key_type": None}, {"type": "unknown", "status": "active"}, id="a type that is new to us"),
    ],
)
def test_every_listed_key_is_counted_once(scenario: Scenario, changes: dict[str, Any], labels: dict[str, str]) -> None:
    (key,) = scenario.observe().keys
    samples = measured(scenario, keys=(replace(key, **changes),))
    assert find(samples, "keys", account="https://api.simulated.test", **labels) == [1]
    assert sum(find(samples, "keys")) == 1


def test_open_intents_are_counted_by_whether_they_wait_for_a_person(scenario: Scenario) -> None:
    now, owner = scenario.world.clock.now(), scenario.manifest.owner
    intents = (
        make_intent("one", owner=owner, at=now - timedelta(hours=2), attempts=MOST_ATTEMPTS),
        make_intent("two", owner=owner, at=now),
        make_intent("three", owner="somebody-else", at=now - 5 * DAYS),
    )
    samples = measured(scenario, intents=intents)
    assert (find(samples, "intents_open", state="open"), find(samples, "intents_open", state="exhausted")) == ([1], [1])
    assert find(samples, "intents_oldest_timestamp_seconds") == at(now - timedelta(hours=2))


def test_blocked_actions_are_counted_apart_and_findings_by_kind(scenario: Scenario) -> None:
    scenario.declare(make_declaration(protect=True), make_service())
    scenario.declare(make_declaration(protect=True, rotation=Rotation(generation=2)), make_service())
    samples = measured(scenario)
    assert (find(samples, "plan_blocked"), find(samples, "plan_actions", action="create")) == ([1], [1])
    assert find(samples, "drift_keys", kind="pending") == [2]


def test_kinds_that_were_not_looked_for_are_absent(scenario: Scenario) -> None:
    whole = look(scenario)
    only = replace(whole, drift=replace(whole.drift, kinds=(DriftKind.DRIFT,)))
    samples = list(measure(make_run(scenario, only), ()))
    assert [sample.label("kind") for sample in samples if sample.name == "keyplan_drift_keys"] == ["drift"]


def test_what_failed_keeps_what_was_found_last_and_when(scenario: Scenario) -> None:
    before = measured(scenario)
    first = scenario.world.clock.now()
    scenario.world.clock.sleep(1 * DAYS)
    after = list(measure(make_run(scenario, failed=("keys.yaml",)), before))
    assert find(after, "run_last_success_timestamp_seconds", manifest="keys.yaml") == at(first)
    assert find(after, "run_last_timestamp_seconds") == at(first + 1 * DAYS)
    assert find(after, "key_expiration_timestamp_seconds") == find(before, "key_expiration_timestamp_seconds")


def test_what_never_succeeded_says_so(scenario: Scenario) -> None:
    samples = list(measure(make_run(scenario, failed=("new.yaml",)), ()))
    assert find(samples, "run_last_success_timestamp_seconds", manifest="new.yaml") == [0]


def test_a_run_that_failed_before_it_knew_its_manifests_keeps_all(scenario: Scenario) -> None:
    before = measured(scenario)
    after = list(measure(make_run(scenario, failed=None), before))
    assert [sample for sample in after if sample.label("manifest")] == [s for s in before if s.label("manifest")]


def test_a_manifest_that_is_looked_at_no_longer_is_dropped(scenario: Scenario) -> None:
    gone = Sample(name=SUCCESS, labels=(("manifest", "gone.yaml"), ("owner", "x")), value=5)
    samples = list(measure(make_run(scenario, look(scenario)), (gone,)))
    assert find(samples, "run_last_success_timestamp_seconds", manifest="gone.yaml") == []
