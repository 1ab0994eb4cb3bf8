"""The published document of a calendar."""

from __future__ import annotations

import pytest
from calendars import FULL, make_calendar
from jsonschema import Draft202012Validator, FormatChecker

from keyplan.documents import schemas
from keyplan.documents.calendar import to_document
from keyplan.model.calendar import Happening
from keyplan.model.plan import Verb

VALIDATOR = Draft202012Validator(schemas.load("calendar.v1"), format_checker=FormatChecker())
EVENT = VALIDATOR.schema["$defs"]["event"]["properties"]


def test_the_published_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


def test_the_document_fits_the_published_schema() -> None:
    VALIDATOR.validate(to_document(FULL))
    VALIDATOR.validate(to_document(make_calendar()))


def test_the_schema_knows_every_word() -> None:
    assert EVENT["event"]["enum"] == [happening.value for happening in Happening]
    assert set(EVENT["verb"]["enum"]) == {verb.value for verb in Verb} - {"keep", "forget", "deliver", "import"} | {
        None
    }


@pytest.mark.parametrize("field", to_document(FULL)["events"][0])
def test_every_field_of_an_event_is_promised(field: str) -> None:
    document = to_document(FULL)
    document["events"][0].pop(field)
    assert not VALIDATOR.is_valid(document)
