"""The published document of a report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from plans import DONE, EMPTY, FAILED, IN_DOUBT, LEAVING, MOVING, NOT_TRIED, make_report

from keyplan.documents import schemas
from keyplan.documents.report import is_complete, to_document
from keyplan.model.plan import Verb
from keyplan.model.report import Done, Outcome

VALIDATOR = Draft202012Validator(schemas.load("report.v1"), format_checker=FormatChecker())


def test_the_document_fits_the_published_schema() -> None:
    VALIDATOR.validate(to_document(make_report(DONE, FAILED, IN_DOUBT, NOT_TRIED, interrupted_by=15)))


def test_the_published_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize(
    ("outcome", "status"), [(DONE, "done"), (FAILED, "failed"), (IN_DOUBT, "in_doubt"), (NOT_TRIED, "not_tried")]
)
def test_each_outcome_has_its_status(outcome: Outcome, status: str) -> None:
    assert to_document(make_report(outcome))["outcomes"][0]["status"] == status


@pytest.mark.parametrize("outcome", [DONE, FAILED, IN_DOUBT, NOT_TRIED])
def test_the_schema_asks_for_what_a_status_needs(outcome: Outcome) -> None:
    document = to_document(make_report(outcome))
    entry = document["outcomes"][0]
    entry.pop("delivered" if outcome is DONE else "message")
    assert not VALIDATOR.is_valid(document)


def test_the_summary_counts_what_was_done_only() -> None:
    summary = to_document(make_report(DONE, FAILED, IN_DOUBT, NOT_TRIED))["summary"]
    assert (summary["add"], summary["change"], summary["destroy"]) == (1, 0, 0)


@pytest.mark.parametrize(("outcomes", "expected"), [((), True), ((DONE,), True), ((DONE, NOT_TRIED), False)])
def test_a_report_is_complete_when_all_is_done(outcomes: tuple[Outcome, ...], expected: bool) -> None:
    assert is_complete(make_report(*outcomes)) is expected


def test_the_document_tells_which_places_were_emptied_and_which_are_left() -> None:
    renewed = replace(LEAVING, verb=Verb.REFRESH)
    document = to_document(make_report(Done(action=EMPTY), Done(action=MOVING), Done(action=renewed), DONE))
    VALIDATOR.validate(document)
    emptied, moved, renewal, plain = document["outcomes"]
    assert emptied["emptied"] == ["vault:secret/arize/calm#api_key"]
    assert moved["emptied"] == ["local:old.env"]
    assert [one["location"] for one in renewal["vacancies"]] == ["aws:calm", "local:a.env", "local:b.env"]
    assert not {"emptied", "vacancies"} & plain.keys()
