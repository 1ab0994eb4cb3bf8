"""What a report shows of each key: what it is to its declaration, and which events are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from planner.situations import CI, DAY, LATER, old, ours, plan, recorded, situate
from samples import NOW, make_desired
from scenario import make_manifest

from keyplan.model.desired import Desired
from keyplan.model.explanation import PlaceState
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address, ScopeId
from keyplan.model.manifest import Rotation
from keyplan.model.observation import Snapshot
from keyplan.model.overview import LifeState, Overview
from keyplan.model.plan import Request
from keyplan.planner.archive import Archive
from keyplan.planner.drift import find_drift
from keyplan.planner.forecast import forecast
from keyplan.planner.overview import make_overview
from keyplan.planner.plan import make_traced_plan

ROTATING = make_desired(rotation=Rotation(every=30 * DAY))


def file(snapshot: Snapshot, *desired: Desired, entries: Sequence[HistoryEntry] = ()) -> Archive:
    manifest = make_manifest(*(one.declaration for one in desired))
    return Archive(manifest, snapshot, make_traced_plan(manifest, desired, snapshot, Request()), entries)


def look(snapshot: Snapshot, *desired: Desired) -> Overview:
    made = plan(snapshot, *desired)
    manifest = make_manifest(*(one.declaration for one in desired))
    drift = find_drift(made, snapshot, manifest=manifest)
    calendar = forecast(made, snapshot, until=snapshot.now + 90 * DAY)
    return make_overview(made, drift, calendar, file(snapshot, *desired))


def tell(overview: Overview) -> list[tuple[Any, ...]]:
    return [
        (life.address, life.standing, life.key_id, [event.happening.value for event in life.events])
        for life in overview.keys
    ]


def test_a_current_key_has_its_rotations_its_dates_and_its_places() -> None:
    key = ours(last_used_at=LATER)
    overview = look(situate(ROTATING, keys=[key], receipts=[recorded()]), ROTATING)
    rotations = ["rotates", "retires", "rotates", "retires", "rotates"]
    assert tell(overview) == [(CI, LifeState.CURRENT, "key-1", rotations)]
    (life,) = overview.keys
    assert (life.created_at, life.delivered_at, life.last_used_at, life.expires_at) == (NOW, NOW, LATER, None)
    assert [(one.location, one.state) for one in life.dossier.places] == [("local:secrets/user/ci", PlaceState.CURRENT)]
    assert (overview.since, overview.until) == (LATER, LATER + 90 * DAY)


def test_a_superseded_key_has_a_row_of_its_own_after_the_current_one_with_its_end_alone() -> None:
    receipt = recorded("key-2", superseded=(old("key-1", ends=LATER + DAY),))
    keys = [ours("key-1"), ours("key-2", created_at=NOW)]
    overview = look(situate(ROTATING, keys=keys, receipts=[receipt]), ROTATING)
    assert [row[:3] for row in tell(overview)] == [
        (CI, LifeState.CURRENT, "key-2"),
        (CI, LifeState.OLD, "key-1"),
    ]
    assert [event.happening.value for event in overview.keys[1].events] == ["retires"]
    assert overview.keys[1].dossier.places == ()
    assert overview.keys[0].events[0].happening.value == "rotates"


def test_a_superseded_key_whose_overlap_is_over_is_still_a_superseded_one() -> None:
    receipt = recorded("key-2", superseded=(old("key-1", ends=LATER - DAY, switched=NOW - DAY),))
    overview = look(situate(ROTATING, keys=[ours("key-1"), ours("key-2")], receipts=[receipt]), ROTATING)
    assert (overview.keys[1].standing, overview.keys[1].action.verb.value) == (LifeState.OLD, "delete")


def test_a_declaration_without_a_key_is_missing_and_its_events_begin_with_the_create() -> None:
    overview = look(situate(ROTATING), ROTATING)
    (life,) = overview.keys
    assert (life.standing, life.key_id, life.created_at, life.name) == (LifeState.MISSING, None, None, "ci")
    assert [event.happening.value for event in life.events][:2] == ["creates", "rotates"]


def test_a_key_that_is_declared_nowhere_is_shown_as_that() -> None:
    gone = recorded("key-9", Address("user/old"), name="old")
    overview = look(situate(keys=[ours("key-9", Address("user/old"), name="old")], receipts=[gone]))
    assert tell(overview) == [(Address("user/old"), LifeState.REMOVED, "key-9", ["retires"])]


def test_spaces_are_called_as_the_manifest_calls_them() -> None:
    spaces = frozenset({ScopeId("space-1"), ScopeId("space-2")})
    snapshot = situate(ROTATING, keys=[ours(scope_ids=spaces)], receipts=[recorded()])
    made = plan(snapshot, ROTATING)
    manifest = make_manifest(ROTATING.declaration)

    named = replace(made, space_names={"space-2": "production"})
    drift = find_drift(named, snapshot, manifest=manifest)
    overview = make_overview(
        named, drift, forecast(named, snapshot, until=snapshot.now + DAY), file(snapshot, ROTATING)
    )
    assert overview.keys[0].spaces == ("production", "space-1")


def test_a_mere_receipt_without_a_key_has_no_dates_that_are_not_its_own() -> None:
    overview = look(situate(receipts=[recorded("key-9", Address("user/old"), name="old")]))
    (life,) = overview.keys
    dates: list[datetime | None] = [life.created_at, life.expires_at, life.last_used_at]
    assert (life.address, life.standing, dates) == (Address("user/old"), LifeState.MISSING, [None, None, None])
