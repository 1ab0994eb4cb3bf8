"""An explanation says what the plan decides, of every declaration and every key, whatever happened before."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from explanations import explain, make_explainer
from hypothesis import HealthCheck, given, note, settings
from planner.situations import FULL
from planner.strategies import Walk, walks
from planner.test_trace import list_reasons
from samples import make_declaration, make_intent
from scenario import Scenario
from simulator import World

from keyplan.errors import InputError
from keyplan.model.calendar import Happening
from keyplan.model.explanation import (
    Evidence,
    Explanation,
    Occurrence,
    PlaceState,
    RowAnswer,
    SubjectStanding,
    TableRow,
)
from keyplan.model.identity import Address
from keyplan.model.limits import Rollout
from keyplan.model.manifest import Adopt, OnRemove, Rotation
from keyplan.model.plan import Action, Plan, Reason, Verb

CI = Address("user/ci")
DAY = timedelta(days=1)
walking = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def list_actions(found: Explanation) -> list[Action]:
    decisions = (found.decision, *found.further)
    return [one.action for one in decisions if one.action is not None]


def find_actions(plan: Plan, address: str) -> list[Action]:
    return [action for action in plan.actions if action.address == address]


def require_agreement(found: Explanation, plan: Plan) -> None:
    """Assert that an explanation of a declaration shows the plan's actions, each with a row of its reason."""
    assert found.address
    expected = find_actions(plan, found.address)
    assert sorted(map(repr, list_actions(found))) == sorted(map(repr, expected))
    for one in (found.decision, *found.further):
        if one.row and one.action and one.row.is_numbered:
            assert one.action.reason.value in list_reasons()[one.row.value]


@walking
@given(walks())
def test_it_agrees_with_the_plan_in_every_past(walk: Walk) -> None:
    note("\n".join(walk.story))
    scenario = walk.scenario
    scenario.allow_deletes = None
    plan, explainer = scenario.plan(), make_explainer(scenario.manifest, scenario.observe())
    declared = {declaration.address for declaration in scenario.manifest.keys}
    for address in declared:
        found = explainer.explain(address)
        require_agreement(found, plan)
        asked = {one.row: one.answer for one in found.decision.asked}
        assert found.decision.row is not None
        assert asked[found.decision.row] is RowAnswer.YES
    for record in scenario.world.provider.live():
        found = explainer.explain(record.id)
        assert found.key
        assert found.key.key.id == record.id
        if found.address in declared:
            require_agreement(found, plan)
        planned = [action for action in plan.actions if action.key_id == record.id]
        assert {repr(action) for action in planned} <= set(map(repr, list_actions(found)))
        is_ours = found.standing in (SubjectStanding.DECLARED, SubjectStanding.UNDELIVERED, SubjectStanding.SUPERSEDED)
        assert not (walk.strangers & {record.id} and is_ours and found.key.evidence is Evidence.MADE_BY_US)


def made(**changes: object) -> Scenario:
    """Return a world in which a declaration was applied an hour ago."""
    scenario = Scenario()
    scenario.declare(make_declaration(**changes))  # type: ignore[arg-type]  # fields of a declaration
    assert not scenario.run().failures
    scenario.world.clock.advance(timedelta(hours=1))
    return scenario


def test_a_delivered_key_is_explained() -> None:
    scenario = made(rotation=Rotation(every=30 * DAY))
    found = explain(scenario, CI)
    assert found.key
    assert (found.standing, found.key.evidence) == (SubjectStanding.DECLARED, Evidence.RECORDED)
    assert found.key.creator == found.key.key.created_by
    assert found.key.creator_source == "the only creator of the user keys that the credential sees"
    assert [place.state for place in found.places] == [PlaceState.CURRENT]
    assert [event.occurrence.value for event in found.history] == ["created", "delivered"]
    assert (found.decision.row, found.decision.action and found.decision.action.verb) == (
        TableRow.UP_TO_DATE,
        Verb.KEEP,
    )
    assert found.events[0].happening is Happening.ROTATES
    assert found.further == ()


def test_an_old_key_is_explained_beside_its_declaration() -> None:
    scenario = made(rotation=Rotation(overlap=2 * DAY))
    old = scenario.world.provider.live()[0].id
    scenario.run(rotate=("user/ci",))
    found = explain(scenario, old)
    assert (found.subject, found.address, found.standing) == (old, CI, SubjectStanding.SUPERSEDED)
    assert (found.decision.row, found.decision.action and found.decision.action.reason) == (
        TableRow.OLD_KEY,
        Reason.OVERLAPPING,
    )
    assert [one.row for one in found.further] == [TableRow.UP_TO_DATE]
    assert [event.happening for event in found.events] == [Happening.RETIRES]
    own = explain(scenario, CI)
    assert [one.standing for one in own.others] == [SubjectStanding.SUPERSEDED]
    assert [one.occurrence.value for one in own.history].count("superseded") == 1


def test_an_old_key_waits_for_a_declaration_that_is_held_back() -> None:
    scenario = made(rotation=Rotation(overlap=2 * DAY))
    old = scenario.world.provider.live()[0].id
    scenario.run(rotate=("user/ci",))
    scenario.declare(make_declaration(expires_at=scenario.world.clock.now()))
    found = explain(scenario, old)
    assert (found.decision.row, found.decision.action) == (None, None)
    assert "blocked" in found.decision.asked[0].fact
    assert [one.row for one in found.further] == [TableRow.PAST_EXPIRY]


def test_what_is_declared_no_longer_is_explained_by_address_and_by_key() -> None:
    scenario = made()
    key = scenario.world.provider.live()[0].id
    scenario.declare(make_declaration("other"))
    for subject in (CI, key):
        found = explain(scenario, subject)
        assert (found.address, found.standing, found.decision.row) == (
            CI,
            SubjectStanding.UNDECLARED,
            TableRow.UNDECLARED,
        )
        assert found.decision.action
        assert found.decision.action.verb is Verb.DELETE
        assert [place.state for place in found.places] == [PlaceState.NOT_ASKED]


def test_a_receipt_without_a_key_is_explained() -> None:
    scenario = made()
    key = scenario.world.provider.live()[0].id
    scenario.world.provider.person_deletes(key)
    scenario.declare(make_declaration("other"))
    found = explain(scenario, CI)
    assert (found.key, found.standing, found.decision.row) == (None, SubjectStanding.UNDECLARED, TableRow.UNDECLARED)
    assert found.decision.action
    assert found.decision.action.reason is Reason.GONE
    ended = explain(scenario, key)
    assert (ended.standing, ended.decision.row) == (SubjectStanding.ENDED, None)


def test_a_key_that_is_gone_is_explained_with_its_declaration() -> None:
    scenario = made()
    key = scenario.world.provider.live()[0].id
    scenario.world.provider.person_deletes(key)
    found = explain(scenario, key)
    assert (found.address, found.standing, found.decision.row) == (CI, SubjectStanding.ENDED, TableRow.GONE)
    assert [event.occurrence.value for event in found.history] == ["created", "delivered", "revoked"]


def test_keys_of_others_are_explained() -> None:
    scenario = made()
    scenario.watch_bystanders()
    by_hand, theirs = (record.id for record in scenario.bystanders)
    for key, standing in ((by_hand, SubjectStanding.UNMANAGED), (theirs, SubjectStanding.ELSEWHERE)):
        found = explain(scenario, key)
        assert found.key
        assert (found.standing, found.key.evidence, found.address) == (standing, Evidence.NONE, None)
        assert (found.decision.row, found.decision.action) == (TableRow.UNMANAGED, None)
        assert found.fields == ()


def test_a_namesake_names_the_declaration_that_it_stops() -> None:
    scenario = Scenario()
    scenario.declare(make_declaration())
    key = scenario.world.provider.person_creates("ci").id
    found = explain(scenario, key)
    assert [(one.row, one.action and one.action.address) for one in found.further] == [(TableRow.FOREIGN, CI)]
    own = explain(scenario, CI)
    assert (own.key, own.decision.row) == (None, TableRow.FOREIGN)
    scenario.declare(make_declaration(adopt=Adopt.REPLACE))
    assert explain(scenario, CI).decision.row is TableRow.FOREIGN


def test_a_declaration_without_a_key_has_the_dates_of_its_first() -> None:
    scenario = Scenario()
    scenario.declare(make_declaration(rotation=Rotation(every=30 * DAY)))
    found = explain(scenario, CI)
    assert (found.standing, found.key, found.decision.row) == (SubjectStanding.DECLARED, None, TableRow.ABSENT)
    assert [event.happening for event in found.events][:2] == [Happening.CREATES, Happening.ROTATES]


def test_a_declaration_is_found_by_the_address_that_it_had() -> None:
    scenario = made()
    scenario.declare(make_declaration("other", moved_from=(CI,)))
    assert explain(scenario, CI).address == "user/other"


def test_a_key_that_the_provider_does_not_show_is_found_by_its_receipt() -> None:
    scenario = made()
    key = scenario.world.provider.live()[0].id
    del scenario.world.provider.records[key]
    found = explain(scenario, key)
    assert (found.address, found.decision.row) == (CI, TableRow.OBSTACLE)
    scenario.declare(make_declaration("other", on_remove=OnRemove.FORGET))
    assert explain(scenario, key).address == CI


def test_an_interrupted_run_is_part_of_the_history() -> None:
    scenario = made(rotation=Rotation(overlap=2 * DAY))
    (receipt,) = scenario.world.ledger.recall().receipts
    scenario.world.ledger.intents["i"] = make_intent(verb="replace", key_id=receipt.key_id, attempts=2)
    begun = [one for one in explain(scenario, CI).history if one.occurrence is Occurrence.BEGUN]
    assert [one.detail for one in begun] == ["replace, attempt 2; its end is not recorded"]


@pytest.mark.parametrize(
    ("subject", "suggested"),
    [
        pytest.param("user/cy", r"did you mean 'user/ci'\?", id="a mistyped address"),
        pytest.param("ci", "did you mean 'user/ci' or 'key-", id="a name"),
        pytest.param("nothing like it", "provider knows$", id="nothing near"),
    ],
)
def test_a_subject_that_nothing_knows_is_refused_with_near_names(subject: str, suggested: str) -> None:
    with pytest.raises(InputError, match=suggested) as caught:
        explain(made(), subject)
    assert "keyplan list" in caught.value.advice


def test_what_is_declared_no_longer_is_suggested_too() -> None:
    scenario = made()
    scenario.declare(make_declaration("something-else"))
    with pytest.raises(InputError, match=r"did you mean 'user/ci'\?"):
        explain(scenario, "user/cii")


def test_a_raw_key_is_not_repeated() -> None:
    scenario = made()
    raw = next(iter(scenario.world.delivered().values()))
    with pytest.raises(InputError) as caught:
        explain(scenario, str(raw))
    assert str(raw) not in caught.value.message


# The rollout, which is asked after the rows.


def rolled(*names: str, every: timedelta = 30 * DAY) -> Scenario:
    """Return a world in which the keys of a manifest with a rollout fell due, and the canary has changed just now."""
    scenario = Scenario()
    keys = [make_declaration(name, rotation=Rotation(every=every, overlap=2 * DAY)) for name in names]
    scenario.declare(*keys, rollout=Rollout(canaries=("user/a",), wave=1, pause=DAY))
    assert not scenario.run().failures
    scenario.world.clock.advance(every)
    assert [one.action.address for one in scenario.run().outcomes] == ["user/a"]
    return scenario


def test_a_renewal_that_waits_for_its_turn_is_decided_by_the_rollout() -> None:
    found = explain(rolled("a", "b", "c"), Address("user/c"))
    assert (found.decision.row, found.decision.action and found.decision.action.reason) == (
        TableRow.WAITING,
        Reason.WAITING,
    )
    *rows, last = found.decision.asked
    assert (last.row, last.answer, last.fact) == (TableRow.WAITING, RowAnswer.YES, "wave 2 of 2")
    assert [one.row for one in rows if one.answer is RowAnswer.YES] == [TableRow.TOO_OLD]
    assert found.events[0].happening is Happening.ROTATES


def test_a_renewal_whose_turn_has_come_is_decided_by_its_row() -> None:
    scenario = rolled("a", "b", "c")
    scenario.world.clock.advance(DAY + timedelta(minutes=1))
    found = explain(scenario, Address("user/b"))
    assert found.decision.row is TableRow.TOO_OLD
    assert (found.decision.asked[-1].row, found.decision.asked[-1].answer) == (TableRow.WAITING, RowAnswer.NO)


def test_a_key_that_is_not_due_is_not_asked_about_the_rollout() -> None:
    found = explain(rolled("a", "b", "c"), Address("user/a"))
    assert found.decision.row is TableRow.UP_TO_DATE
    assert all(one.row is not TableRow.WAITING for one in found.decision.asked)


def test_an_old_key_that_stays_because_of_the_rollout_is_shown_beside_its_declaration() -> None:
    scenario = Scenario(World(sinks={"local": FULL, "remote": FULL}))
    scenario.declare(*(make_declaration(name, rotation=Rotation(overlap=2 * DAY)) for name in "ab"))
    both = scenario.manifest
    one_each = tuple(replace(key, deliveries=key.deliveries[:1]) for key in both.keys)
    scenario.manifest = replace(both, keys=one_each)
    scenario.run()
    scenario.run(rotate=("user/a", "user/b"))
    scenario.world.clock.advance(3 * DAY)
    without = tuple(replace(key, rotation=Rotation(overlap=timedelta(0))) for key in both.keys)
    scenario.manifest = replace(both, keys=without, rollout=Rollout(wave=1, pause=DAY))
    found = explain(scenario, Address("user/b"))
    assert found.decision.row is TableRow.WAITING
    assert [(one.row, one.action and one.action.reason) for one in found.further] == [
        (TableRow.OLD_KEY, Reason.OVERLAPPING)
    ]
