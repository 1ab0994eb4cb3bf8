"""The published document of a drift."""

from __future__ import annotations

from typing import Any

import pytest
from drifts import FULL, make_drift
from jsonschema import Draft202012Validator, FormatChecker

from keyplan.documents import schemas
from keyplan.documents.drift import to_document
from keyplan.model.drift import Cause, DriftKind

VALIDATOR = Draft202012Validator(schemas.load("drift.v1"), format_checker=FormatChecker())
DEFINITIONS = VALIDATOR.schema["$defs"]


def test_the_published_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


def test_the_document_fits_the_published_schema() -> None:
    VALIDATOR.validate(to_document(FULL))
    VALIDATOR.validate(to_document(make_drift()))


def test_the_schemas_know_every_word() -> None:
    waiver = schemas.load("manifest.v1")["$defs"]["waiver"]["properties"]
    words = [cause.value for cause in Cause]
    assert DEFINITIONS["kind"]["enum"] == [kind.value for kind in DriftKind]
    assert DEFINITIONS["finding"]["properties"]["cause"]["enum"] == words
    assert waiver["causes"]["items"]["enum"] == words


@pytest.mark.parametrize("field", to_document(FULL))
def test_every_field_is_promised(field: str) -> None:
    document = to_document(FULL)
    del document[field]
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("field", to_document(FULL)["findings"][0])
def test_every_field_of_a_finding_is_promised(field: str) -> None:
    document = to_document(FULL)
    del document["findings"][0][field]
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("field", to_document(FULL)["summary"])
def test_every_count_is_promised(field: str) -> None:
    document = to_document(FULL)
    del document["summary"][field]
    assert not VALIDATOR.is_valid(document)


def finding_of(address: str | None) -> dict[str, Any]:
    (found,) = (one for one in to_document(FULL)["findings"] if one["address"] == address and one["key_id"] != "key-8")
    return dict(found)


def test_an_accepted_finding_names_who_why_and_until_when() -> None:
    assert finding_of(None)["waiver"] == {
        "owner": "ada",
        "reason": "made by hand for the launch",
        "until": "2026-12-23T07:31:00+00:00",
        "place": {"file": "keys.yaml", "line": 20, "column": 5},
    }


def test_a_waiver_that_ended_stands_apart() -> None:
    finding = finding_of("user/ci")
    assert finding["waiver"] is None
    assert finding["lapsed_waiver"]["until"] == "2026-11-22T07:31:00+00:00"


def test_what_is_blocked_names_its_guard() -> None:
    assert finding_of("service/production/ingest")["blocked_by"] == "protect"
