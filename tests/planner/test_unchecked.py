"""A plan for which no sink was asked says so of every key, and concludes nothing from what it did not ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, ours, plan, recorded, situate, slot_of, words
from samples import IDENTITY, LOCAL, NOW, make_desired

from keyplan.documents.plan import digest, from_document, to_document
from keyplan.model.identity import Identity, SinkName
from keyplan.model.observation import Abilities, Marker
from keyplan.model.plan import UNCHECKED_NOTE, FreshPlan
from keyplan.model.receipt import Delivered
from keyplan.planner.unchecked import mark_unchecked

UNASKED: Mapping[str, Abilities] = {LOCAL: Abilities(holds_receipts=False, readable=False, is_asked=False)}
OTHER = "other"
STRAY = ours("key-8", marker=Marker.of(Identity(IDENTITY.owner), CI))


def judge(*names: str, request: Mapping[str, Any] | None = None, **situation: Any) -> FreshPlan:
    desired = [make_desired(name) for name in names or ("ci",)]
    snapshot = situate(*desired, **{"abilities": UNASKED, "held": {}, **situation})
    made = plan(snapshot, *desired, **(request or {}))
    assert isinstance(made, FreshPlan)
    return mark_unchecked(made, snapshot)


@pytest.mark.parametrize(
    ("situation", "said"),
    [
        pytest.param({}, ["create absent"], id="nothing of ours lives"),
        pytest.param({"keys": [ours()]}, ["keep up_to_date key-1"], id="the newest marked key counts as delivered"),
        pytest.param(
            {"keys": [ours()], "receipts": [recorded()]}, ["keep up_to_date key-1"], id="so does what the ledger says"
        ),
        pytest.param(
            {"keys": [ours(), ours("key-0", created_at=NOW - DAY)]},
            ["keep overlapping key-0", "keep up_to_date key-1"],
            id="an older key is superseded, and its overlap runs since then",
        ),
        pytest.param(
            {"keys": [ours(created_at=NOW - 2 * DAY), ours("key-0", created_at=NOW - 9 * DAY)]},
            ["delete superseded key-0", "keep up_to_date key-1"],
            id="until it is over",
        ),
        pytest.param({"keys": [STRAY]}, ["keep up_to_date key-8"], id="a mark without id at a declared address counts"),
        pytest.param(
            {"keys": [ours(), replace(STRAY, marker=Marker(IDENTITY.owner, "0123456789"))]},
            ["keep up_to_date key-1"],
            id="one at another address does not",
        ),
        pytest.param({"keys": [ours(name="former")]}, ["replace changed key-1"], id="what differs is a change"),
        pytest.param(
            {"keys": [ours()], "receipts": [recorded(delivered=(Delivered(SinkName(OTHER), "x"),))]},
            ["refresh undelivered key-1"],
            id="a place that the ledger never delivered to lacks the key",
        ),
        pytest.param(
            {"keys": [ours()], "abilities": {**UNASKED, OTHER: Abilities(holds_receipts=True, readable=True)}},
            ["unproven: refresh unproven key-1"],
            id="nothing is presumed beside a sink that was asked",
        ),
    ],
)
def test_what_is_planned(situation: Mapping[str, Any], said: list[str]) -> None:
    assert words(judge(**situation)) == said


def test_a_place_that_the_address_left_is_taken_for_filled() -> None:
    left = Delivered(LOCAL, "secrets/elsewhere")
    receipt = recorded(delivered=(Delivered(LOCAL, slot_of(CI).location), left))
    (action,) = judge(keys=[ours()], receipts=[receipt]).actions
    assert [one.location for one in action.vacancies] == ["local:secrets/elsewhere"]


def test_every_action_says_that_its_places_were_not_checked() -> None:
    made = judge("ci", "cd", keys=[ours()])
    assert [action.notes for action in made.actions] == [(UNCHECKED_NOTE,), (UNCHECKED_NOTE,)]
    assert [action.is_unremarkable for action in made.actions] == [False, True]
    assert made.is_unchecked
    assert [text for text in made.warnings if "user/ci" in text] == [f"user/ci: {UNCHECKED_NOTE}"]
    assert any(text.startswith("no sink was asked") for text in made.warnings)


def test_other_notes_stay_before_it() -> None:
    made = judge(keys=[ours()], receipts=[recorded()], dialect="alpha")
    before = plan(situate(make_desired(), keys=[ours()], receipts=[recorded()], dialect="alpha"), make_desired())
    assert [action.notes for action in made.actions] == [(*a.notes, UNCHECKED_NOTE) for a in before.actions]


def test_a_ledger_alone_that_was_not_asked_is_a_warning_for_the_whole_plan() -> None:
    made = judge(abilities=None, is_ledger_asked=False)
    assert (made.is_unchecked, [action.notes for action in made.actions]) == (True, [()])
    (warning,) = made.warnings
    assert warning.startswith("the ledger was not asked")


def test_a_plan_for_which_all_was_asked_is_left_as_it_is() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()])
    made = plan(snapshot, desired)
    assert isinstance(made, FreshPlan)
    assert mark_unchecked(made, snapshot) is made


def test_it_is_published_and_has_the_digest_of_a_plan_that_decides_the_same() -> None:
    made = judge()
    document = to_document(made)
    assert document["unchecked"] is True
    assert from_document(document).is_unchecked
    assert digest(made) == digest(plan(situate(make_desired()), make_desired()))


def test_it_does_not_depend_on_the_hour() -> None:
    first, second = (judge(keys=[ours()], now=NOW + hours * HOUR) for hours in (1, 2))
    assert to_document(first) == to_document(second)
