"""The difference between a reviewed plan and the plan of now, in words."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from plans import BLOCKED, CREATE, DELETE, FULL, KEEP, REFRESH, REPLACE, make_plan, plans

from keyplan.documents.plan import digest
from keyplan.model.identity import KeyId
from keyplan.model.plan import Action, Plan, Reason, Request, Verb
from keyplan.renderers.text.difference import describe_difference

TWIN = replace(DELETE, key_id=KeyId("key-33"))


def described(old: Action, new: Action) -> list[str]:
    return list(describe_difference(make_plan(old), make_plan(new)))


def test_the_same_decisions_have_no_difference() -> None:
    assert describe_difference(FULL, replace(FULL, manifest="elsewhere", warnings=())) == ()


def test_an_action_that_is_no_longer_planned_is_named_with_its_verb() -> None:
    assert describe_difference(make_plan(CREATE), make_plan(KEEP)) == ("user/ci is gone, was create (absent)",)


def test_a_new_action_is_named_with_its_verb() -> None:
    assert describe_difference(make_plan(), make_plan(DELETE)) == ("user/old is new: delete (undeclared)",)


def test_another_verb_and_reason_are_named() -> None:
    now = replace(REFRESH, verb=Verb.DELETE, reason=Reason.SUPERSEDED)
    assert described(REFRESH, now) == [
        'user/batch: actions.0 was "update", is now "delete"',
        'user/batch: reason was "expiring", is now "superseded"',
        'user/batch: verb was "refresh", is now "delete"',
    ]


def test_a_changed_field_is_named_once() -> None:
    assert REPLACE.after
    now = replace(REPLACE, changes=(), after=replace(REPLACE.after, description="newer"))
    assert described(REPLACE, now) == ['service/production/ingest: after.description was "new", is now "newer"']


def test_a_difference_in_changes_alone_is_still_told() -> None:
    assert described(REPLACE, replace(REPLACE, changes=REPLACE.changes[:1])) != []


def test_an_action_that_is_blocked_now_is_told() -> None:
    assert described(DELETE, BLOCKED) == ['user/old: blocked_by was nothing, is now "deletes"']


def test_another_request_is_told() -> None:
    other = make_plan(request=Request(rotate=("user/ci",)))
    assert describe_difference(make_plan(), other) == ('request: rotate.0 is new: "user/ci"',)


def test_two_actions_of_one_address_are_told_apart_by_key() -> None:
    assert describe_difference(make_plan(DELETE), make_plan(DELETE, TWIN)) == (
        "user/old (key-33) is new: delete (undeclared)",
    )


def test_names_are_inert() -> None:
    assert described(CREATE, replace(CREATE, locations=("\x1b[2J",))) == [
        r'''user/ci: locations.0 was "local:secrets/ci.env#ARIZE_API_KEY", is now "\u001b[2J"'''
    ]


@given(plans, plans)
def test_plans_of_different_digest_always_differ_in_words(one: Plan, other: Plan) -> None:
    distinct = {(a.address, a.key_id) for plan in (one, other) for a in plan.actions}
    if len(distinct) == len(one.actions) + len(other.actions):
        assert bool(describe_difference(one, other)) is (digest(one) != digest(other))
