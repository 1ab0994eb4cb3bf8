"""What a trace notes is what the plan decides: for every past of the walks, and for made-up snapshots."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from planner.situations import CI, HOUR, LATER, old, ours, recorded, situate
from planner.strategies import Walk, snapshots, walks
from samples import NOW, make_desired, make_intent, make_observation
from scenario import make_manifest
from simulator import BLIND
from test_planning_doc import read_rows

from keyplan.model.desired import Desired
from keyplan.model.explanation import WITH_CURRENT, WITHOUT_CURRENT, RowAnswer, TableRow
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Adopt, Manifest, OnDescriptionChange, Rotation
from keyplan.model.observation import Snapshot
from keyplan.model.plan import Guard, PlannedAction, Request
from keyplan.planner.desired import resolve_desired
from keyplan.planner.plan import TracedPlan, make_plan, make_traced_plan
from keyplan.planner.trace import NO_TRACE, Trace

HELD_BY = {TableRow.EXHAUSTED: Guard.EXHAUSTED, TableRow.UNKNOWN_SPACE: Guard.UNKNOWN_SPACE, TableRow.BUSY: Guard.BUSY}
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large]
walking = settings(max_examples=100, deadline=None, suppress_health_check=_UNHURRIED)


@cache
def list_reasons() -> Mapping[str, frozenset[str]]:
    """Return the reasons of each row, as the table of docs/planning.md has them."""
    return {number: frozenset(re.findall(r"`(\w+)`", rest.split("|")[2])) for number, rest in read_rows().items()}


def find_own(traced: TracedPlan) -> Iterator[tuple[Trace, PlannedAction]]:
    """Yield the trace of each declaration beside its own action."""
    for case in traced.cases:
        actions = [one for one in traced.plan.actions if one.address == case.owned.desired.address]
        (own,) = [one for one in actions if (one.verb, one.key_id) not in case.trace.further]
        yield case.trace, own


def require_true(manifest: Manifest, desired: tuple[Desired, ...], snapshot: Snapshot) -> None:
    traced = make_traced_plan(manifest, desired, snapshot, Request())
    assert traced.plan == make_plan(manifest, desired, snapshot, Request()), "a trace changes the plan"
    for trace, action in find_own(traced):
        assert trace.decided is not None
        assert trace.answers[trace.decided] is RowAnswer.YES
        if trace.decided.is_numbered:
            assert action.reason.value in list_reasons()[trace.decided.value]
        else:
            assert action.blocked
            assert action.blocked.guard is HELD_BY[trace.decided]
        for row in trace.further.values():
            assert row in (TableRow.LOST, TableRow.OLD_KEY, TableRow.LEFT_PLACE)


@walking
@given(walks())
def test_the_row_of_each_declaration_is_that_of_its_action_in_every_past(walk: Walk) -> None:
    note("\n".join(walk.story))
    snapshot = walk.scenario.observe()
    manifest = walk.scenario.manifest
    require_true(manifest, tuple(resolve_desired(manifest, snapshot.spaces)), snapshot)


@walking
@given(snapshots())
def test_the_row_of_each_declaration_is_that_of_its_action_in_made_up_snapshots(
    made: tuple[tuple[Desired, ...], Snapshot],
) -> None:
    desired, snapshot = made
    require_true(make_manifest(*(one.declaration for one in desired)), desired, snapshot)


CURRENT = {"keys": [ours()], "receipts": [recorded()]}
NEWER = {"keys": [ours(), ours("key-2", created_at=LATER)], "receipts": [recorded()]}
REFRESHED = make_intent(verb="refresh", key_id=KeyId("key-1"), alive_before=(KeyId("key-0"), KeyId("key-1")))
FOREIGN = make_observation("key-9")
DESCRIBED = {"description": "x"}
DECIDED = [
    pytest.param({"expires_at": LATER}, CURRENT, "1", id="a date that has passed, whatever lives"),
    pytest.param({}, {"intents": [make_intent(attempts=5)]}, "exhausted", id="five attempts have failed"),
    pytest.param({}, {"receipts": [recorded()], "revoked": ()}, "0", id="the key of the receipt is unseen"),
    pytest.param({"import_id": KeyId("key-9")}, {"keys": [FOREIGN]}, "1b", id="a key is named"),
    pytest.param({}, {"keys": [FOREIGN]}, "2", id="a namesake"),
    pytest.param({"adopt": Adopt.REPLACE}, {"keys": [FOREIGN]}, "2", id="a namesake beside which one may stand"),
    pytest.param({"adopt": Adopt.REPLACE}, {"keys": [FOREIGN], "receipts": [recorded()]}, "4", id="one that is gone"),
    pytest.param({}, {}, "3", id="nothing"),
    pytest.param({}, {"receipts": [recorded()]}, "4", id="a receipt alone"),
    pytest.param({}, {"keys": [ours()]}, "5", id="a marker alone"),
    pytest.param({}, {"keys": [ours()], "abilities": {"local": BLIND}}, "5b", id="nothing can prove anything"),
    pytest.param({}, {"keys": [ours(redacted="ak-oth...111")], "receipts": [recorded()]}, "6", id="another form"),
    pytest.param({}, {**NEWER, "intents": [REFRESHED]}, "7", id="a refresh that broke off"),
    pytest.param({}, {**CURRENT, "held": {}}, "8", id="an empty place"),
    pytest.param({"expires_at": LATER + HOUR}, CURRENT, "9", id="another date"),
    pytest.param(
        {**DESCRIBED, "on_description_change": OnDescriptionChange.REPLACE}, CURRENT, "9b", id="another text at once"
    ),
    pytest.param(DESCRIBED, CURRENT, "9b", id="another text at the next rotation"),
    pytest.param(DESCRIBED, {**CURRENT, "dialect": "zenml"}, "9c", id="another text that can be edited"),
    pytest.param(
        {**DESCRIBED, "rotation": Rotation(every=HOUR)}, CURRENT, "12", id="a text that waits, and an old key"
    ),
    pytest.param({"rotation": Rotation(generation=2)}, CURRENT, "10", id="another generation"),
    pytest.param({"rotation": Rotation(every=HOUR)}, CURRENT, "12", id="an old key"),
    pytest.param({}, CURRENT, "13", id="nothing to do"),
    pytest.param({}, NEWER, "13", id="nothing to do, beside a lost key"),
]


@pytest.mark.parametrize(("declared", "world", "row"), DECIDED)
def test_the_deciding_row_is_named(declared: dict[str, Any], world: dict[str, Any], row: str) -> None:
    desired = make_desired(**declared)
    manifest = make_manifest(desired.declaration)
    snapshot = situate(desired, **world)
    require_true(manifest, (desired,), snapshot)
    (case,) = make_traced_plan(manifest, (desired,), snapshot, Request()).cases
    assert case.trace.decided is TableRow(row)
    answered = list(case.trace.answers.items())
    before = answered[: answered.index((TableRow(row), RowAnswer.YES))]
    if row != "0":
        assert [found for found in before if found[1] is RowAnswer.YES and row not in ("5b", "9b")] == []


def test_a_situation_rules_rows_out() -> None:
    desired = make_desired()
    manifest = make_manifest(desired.declaration)
    for world, ruled_out in ((CURRENT, WITHOUT_CURRENT), ({}, WITH_CURRENT)):
        snapshot = situate(desired, **world)  # type: ignore[arg-type]  # keywords of different types
        (case,) = make_traced_plan(manifest, (desired,), snapshot, Request()).cases
        assert {row for row, answer in case.trace.answers.items() if answer is RowAnswer.NOT_ASKED} == set(ruled_out)


def test_further_actions_of_an_address_have_rows_of_their_own() -> None:
    desired = make_desired()
    aging = recorded(superseded=(old("key-0", ends=LATER + HOUR, switched=NOW),))
    keys = [ours("key-0", created_at=NOW - HOUR), *NEWER["keys"]]
    snapshot = situate(desired, keys=keys, receipts=[aging])
    (case,) = make_traced_plan(make_manifest(desired.declaration), (desired,), snapshot, Request()).cases
    assert {key_id: row for (_, key_id), row in case.trace.further.items()} == {
        "key-0": TableRow.OLD_KEY,
        "key-2": TableRow.LOST,
    }
    assert case.owned.desired.address == CI


def test_every_row_of_the_table_is_known() -> None:
    assert {row.value for row in TableRow if row.is_numbered} == set(read_rows())
    others = {*(guard.value for guard in HELD_BY.values()), TableRow.WAITING.value}
    assert {row.value for row in TableRow if not row.is_numbered} == others


def test_a_trace_that_keeps_nothing_hands_the_answers_back() -> None:
    assert NO_TRACE.ask(TableRow.LOST, "found") == "found"
    assert NO_TRACE.overrule(TableRow.LOST, "") == ""
    NO_TRACE.skip(TableRow.LOST)
    assert (NO_TRACE.decided, dict(NO_TRACE.answers), dict(NO_TRACE.further)) == (None, {}, {})


def test_the_first_row_that_fits_decides_unless_a_later_one_overrules_it() -> None:
    trace = Trace()
    trace.ask(TableRow.OBSTACLE, None)
    trace.ask(TableRow.CHANGED, "a field")
    trace.ask(TableRow.EXPIRING, found=True)
    assert trace.decided is TableRow.CHANGED
    trace.overrule(TableRow.BUSY, None)
    assert trace.decided is TableRow.CHANGED
    trace.overrule(TableRow.OBSTACLE, "a claim")
    assert trace.decided is TableRow.OBSTACLE
    assert list(trace.answers.items()) == [
        (TableRow.CHANGED, RowAnswer.YES),
        (TableRow.EXPIRING, RowAnswer.YES),
        (TableRow.BUSY, RowAnswer.NO),
        (TableRow.OBSTACLE, RowAnswer.YES),
    ]
