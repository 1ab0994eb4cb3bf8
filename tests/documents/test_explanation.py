"""The published document of an explanation."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any

import pytest
from explanations import BARE, FULL
from jsonschema import Draft202012Validator, FormatChecker

from keyplan.documents import schemas
from keyplan.documents.explanation import to_document
from keyplan.model.explanation import (
    Decision,
    Evidence,
    Occurrence,
    PlaceState,
    RowAnswer,
    SubjectStanding,
    TableRow,
    ValueSource,
)
from keyplan.model.identity import Address
from keyplan.model.plan import Action, Guard, Reason, Turn, Verb

VALIDATOR = Draft202012Validator(schemas.load("explanation.v1"), format_checker=FormatChecker())
DEFS: dict[str, Any] = VALIDATOR.schema["$defs"]


def test_the_published_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


def test_the_document_fits_the_published_schema() -> None:
    VALIDATOR.validate(to_document(FULL))
    VALIDATOR.validate(to_document(BARE))


@pytest.mark.parametrize(
    ("noun", "field", "words"),
    [
        ("field", "source", ValueSource),
        ("key", "standing", SubjectStanding),
        ("key", "evidence", Evidence),
        ("place", "state", PlaceState),
        ("past", "event", Occurrence),
        ("decision", "row", TableRow),
        ("asked", "row", TableRow),
        ("asked", "answer", RowAnswer),
        ("action", "verb", Verb),
        ("action", "reason", Reason),
        ("action", "blocked_by", Guard),
    ],
)
def test_the_schema_knows_every_word(noun: str, field: str, words: type[Enum]) -> None:
    assert set(DEFS[noun]["properties"][field]["enum"]) - {None} == {word.value for word in words}


def test_an_event_is_that_of_a_calendar() -> None:
    assert DEFS["event"] == schemas.load("calendar.v1")["$defs"]["event"]


def test_a_turn_is_that_of_a_plan() -> None:
    action = schemas.load("plan.v1")["$defs"]["resource_change"]["properties"]
    assert DEFS["action"]["properties"]["turn"] == action["turn"]


def test_what_waits_says_what_it_waits_to_do() -> None:
    turn = Turn(verb=Verb.REPLACE, reason=Reason.TOO_OLD, wave=2, waves=3)
    waiting = Action(address=Address("user/ci"), verb=Verb.KEEP, reason=Reason.WAITING, turn=turn)
    document = to_document(replace(FULL, decision=Decision(row=TableRow.WAITING, action=waiting)))
    VALIDATOR.validate(document)
    assert document["decision"]["action"]["turn"]["wave"] == 2


@pytest.mark.parametrize("field", to_document(FULL))
def test_every_field_is_promised(field: str) -> None:
    document = to_document(FULL)
    del document[field]
    assert not VALIDATOR.is_valid(document)
