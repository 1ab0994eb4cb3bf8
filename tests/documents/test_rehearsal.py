"""The published document of a rehearsal."""

from __future__ import annotations

from jsonschema import Draft202012Validator, FormatChecker
from rehearsals import FULL, PLAIN_DAYS

from keyplan.documents import schemas
from keyplan.documents.rehearsal import to_document
from keyplan.model.plan import Verb
from keyplan.model.rehearsal import Hardship, Mishap

VALIDATOR = Draft202012Validator(schemas.load("rehearsal.v1"), format_checker=FormatChecker())
FAULT = VALIDATOR.schema["properties"]["faults"]["items"]["properties"]


def test_the_published_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


def test_the_document_fits_the_published_schema() -> None:
    VALIDATOR.validate(to_document(FULL))
    VALIDATOR.validate(to_document(PLAIN_DAYS))


def test_the_schema_knows_every_word() -> None:
    assert FAULT["fault"]["enum"] == [kind.value for kind in Mishap]
    assert FAULT["moment"]["properties"]["hardship"]["enum"] == [one.value for one in Hardship]
    verbs = FAULT["run"]["properties"]["actions"]["items"]["properties"]["verb"]["enum"]
    assert set(verbs) == {verb.value for verb in Verb}


def test_the_worst_hardship_ranks_highest() -> None:
    assert max(Hardship, key=lambda one: one.rank) is Hardship.KEY_REMOVED
    assert Hardship.NOTHING.rank == 0
