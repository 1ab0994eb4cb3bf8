"""Providers that store names and descriptions their own way: no apply may make a key for that, and no plan hide it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Literal
from unicodedata import normalize

import pytest
from samples import make_declaration
from scenario import Scenario, assert_promise, make_service
from simulator import World

from keyplan.model.desired import address_of
from keyplan.model.manifest import Declaration, KeyType, OnDescriptionChange, Role, Rotation
from keyplan.model.plan import Guard
from keyplan.model.quotes import escape

NAME, DESCRIPTION = "R&D  Ci caf\u00e9 ", "Builds & \u00a0tests  of R&D,\nand more"
VISIBLY = {
    "ampersands as entities": html.escape,
    "one blank for two": lambda text: re.sub(" +", " ", text),
    "lower case": str.lower,
    "plain blanks": lambda text: normalize("NFKC", text),
}
INVISIBLY: dict[str, Callable[[str], str]] = {
    "trimmed": str.strip,
    "line ends of another kind": lambda text: text.replace("\n", " \r\n"),
    "another normal form": lambda text: normalize("NFD", text),
}
BOTH = pytest.mark.parametrize("dialect", ["alpha", "beta"])


def declare(then: OnDescriptionChange = OnDescriptionChange.REPLACE) -> Declaration:
    return make_declaration(
        NAME, address=address_of(KeyType.USER, NAME), description=DESCRIPTION, on_description_change=then
    )


def begin(
    store: Callable[[str], str], dialect: Literal["alpha", "beta"], *, echoes: bool, key: Declaration
) -> Scenario:
    """Return a scenario after its first apply."""
    scenario = Scenario(world=World(dialect=dialect))
    scenario.world.provider.store_text, scenario.world.provider.echoes = store, echoes
    scenario.declare(key)
    report = scenario.run()
    assert report.summary.add == 1
    return scenario


@BOTH
@pytest.mark.parametrize("store", VISIBLY.values(), ids=VISIBLY)
def test_what_is_stored_as_it_was_answered_is_kept_with_a_note(
    store: Callable[[str], str], dialect: Literal["alpha", "beta"]
) -> None:
    scenario = begin(store, dialect, echoes=False, key=declare())
    assert scenario.words() == ["keep up_to_date"]
    (action,) = scenario.plan().actions
    notes = [note.partition(": ")[0] for note in action.notes]
    assert notes
    assert {note.removesuffix(" is stored in the provider's own form") for note in notes} <= {"name", "description"}
    assert all(any(note in warning for warning in scenario.plan().warnings) for note in action.notes)
    scenario.run()
    assert len(scenario.world.provider.records) == 1
    assert_promise(scenario)


@BOTH
@pytest.mark.parametrize("echoes", [False, True])
@pytest.mark.parametrize("store", INVISIBLY.values(), ids=INVISIBLY)
def test_white_space_at_ends_and_normal_forms_are_no_difference(
    store: Callable[[str], str], dialect: Literal["alpha", "beta"], echoes: bool
) -> None:
    scenario = begin(store, dialect, echoes=echoes, key=declare())
    (action,) = scenario.plan().actions
    assert (scenario.words(), action.notes) == (["keep up_to_date"], ())
    scenario.run()
    assert len(scenario.world.provider.records) == 1


@BOTH
@pytest.mark.parametrize("store", VISIBLY.values(), ids=VISIBLY)
def test_a_second_key_for_the_same_texts_is_blocked_although_the_answer_repeated_them(
    store: Callable[[str], str], dialect: Literal["alpha", "beta"]
) -> None:
    scenario = begin(store, dialect, echoes=True, key=declare())
    assert scenario.words() == ["blocked replace changed"]
    (action,) = scenario.plan().actions
    assert action.blocked
    assert action.blocked.guard is Guard.STORED_DIFFERENTLY
    for change in action.changes:
        assert f'{change.field}: "{escape(change.before)}"' in action.blocked.advice
    scenario.run()
    assert len(scenario.world.provider.records) == 1


@BOTH
def test_what_the_advice_says_is_the_end_of_it(dialect: Literal["alpha", "beta"]) -> None:
    scenario = begin(html.escape, dialect, echoes=True, key=declare())
    stored = html.escape(NAME)
    address = address_of(KeyType.USER, stored)
    scenario.declare(
        replace(
            declare(),
            name=stored,
            description=html.escape(DESCRIPTION),
            address=address,
            moved_from=(address_of(KeyType.USER, NAME),),
            deliveries=scenario.manifest.keys[0].deliveries,
        )
    )
    assert [word for word in scenario.words() if "create" in word or "blocked" in word] == []


@BOTH
@pytest.mark.parametrize("echoes", [False, True])
def test_a_rotation_that_is_due_goes_on_and_makes_one_key(dialect: Literal["alpha", "beta"], echoes: bool) -> None:
    scenario = begin(str.lower, dialect, echoes=echoes, key=declare(OnDescriptionChange.DEFER))
    once = replace(declare(OnDescriptionChange.DEFER), rotation=Rotation(generation=2, overlap=timedelta(0)))
    scenario.declare(once)
    assert len(scenario.actions()) == 1
    assert scenario.run().failures == ()
    assert scenario.words()[0] == ("blocked replace changed" if echoes else "keep up_to_date")
    before = len(scenario.world.provider.records)
    scenario.run()
    assert len(scenario.world.provider.records) == before


@BOTH
def test_a_changed_text_beside_one_that_is_stored_differently_is_a_change(dialect: Literal["alpha", "beta"]) -> None:
    scenario = begin(html.escape, dialect, echoes=False, key=declare())
    scenario.declare(replace(declare(), description="Something else"))
    (action,) = scenario.actions()
    assert [change.field for change in action.changes] == ["description"]
    scenario.run()
    assert_promise(scenario)


@BOTH
def test_an_empty_description_that_is_stored_as_none_is_no_change(dialect: Literal["alpha", "beta"]) -> None:
    scenario = Scenario(world=World(dialect=dialect))
    scenario.declare(make_declaration(), marker=False)
    scenario.run()
    assert scenario.actions() == []


def test_an_account_that_gives_other_roles_gets_one_key_and_the_next_is_blocked() -> None:
    scenario = Scenario(world=World(dialect="beta"))
    scenario.world.provider.grant = lambda access: replace(access, account_role=Role("admin"))
    scenario.declare(make_service())
    scenario.run()
    assert scenario.words() == ["blocked replace changed"]
    (action,) = scenario.plan().actions
    assert action.blocked
    assert 'account_role: "admin"' in action.blocked.advice
    scenario.run(rotate=("service/production/ingest",))
    assert scenario.words()[-1] == "blocked replace changed"
