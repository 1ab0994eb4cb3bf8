"""An examination ends with the status of what would fail first, and its document fits the published schema."""

from __future__ import annotations

import pytest
from examinations import BROKEN, FULL, HELD, UNKNOWN, make_examination
from jsonschema import Draft202012Validator

from keyplan.documents.doctor import to_document
from keyplan.documents.schemas import load
from keyplan.model.examination import Area, Finding, Health

SCHEMA = load("doctor.v1")
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        pytest.param([], 0, id="nothing"),
        pytest.param([HELD, UNKNOWN], 0, id="what works is no failure"),
        pytest.param([BROKEN], 6, id="a sink"),
        pytest.param([BROKEN, Finding(area=Area.PROVIDER, subject="x", health=Health.BROKEN, detail="")], 5, id="both"),
        pytest.param([Finding(area=Area.LEDGER, subject="x", health=Health.BROKEN, detail="")], 7, id="the ledger"),
    ],
)
def test_the_exit_status_is_that_of_the_first_failure(findings: list[Finding], status: int) -> None:
    assert make_examination(*findings).exit_status == status


def test_the_document_fits_the_published_schema() -> None:
    VALIDATOR.validate(to_document(FULL))
    VALIDATOR.validate(to_document(make_examination()))


def test_the_document_counts_what_it_lists() -> None:
    assert to_document(FULL)["summary"] == {"fine": 1, "unknown": 1, "warning": 1, "broken": 1}


@pytest.mark.parametrize("field", to_document(FULL)["findings"][0])
def test_every_field_of_a_finding_is_promised(field: str) -> None:
    document = to_document(FULL)
    document["findings"][0].pop(field)
    assert not VALIDATOR.is_valid(document)


def test_the_schema_knows_every_word() -> None:
    properties = SCHEMA["properties"]["findings"]["items"]["properties"]
    assert properties["health"]["enum"] == [health.value for health in Health]
    assert properties["area"]["enum"] == [area.value for area in Area]
