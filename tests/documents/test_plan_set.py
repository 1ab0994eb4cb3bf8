"""The published documents of several manifests' plans and reports."""

from __future__ import annotations

from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from plans import CREATE, DELETE, DONE, FULL, NOT_TRIED, make_plan, make_report
from referencing import Registry, Resource

from keyplan.documents import report as report_document
from keyplan.documents import schemas
from keyplan.documents.plan import digest, to_document
from keyplan.documents.plan_set import combine_digests, from_documents, to_documents
from keyplan.errors import KeyplanError, PlanFileError
from keyplan.model.plan import Plan

OTHER = make_plan(DELETE, owner="search", manifest="envs/test/keys.yaml")
REGISTRY: Registry[object] = Registry().with_resources(
    [(f"{name}.json", Resource.from_contents(schemas.load(name))) for name in ("plan.v1", "report.v1")]
)


def test_a_single_plan_is_its_own_document() -> None:
    assert to_documents([FULL]) == to_document(FULL)
    assert from_documents(to_document(OTHER)) == (OTHER,)


def test_several_plans_survive_their_document() -> None:
    written = from_documents(to_documents([FULL, OTHER]))
    assert [to_document(plan) for plan in written] == [to_document(FULL), to_document(OTHER)]


def test_the_documents_fit_the_published_schemas() -> None:
    plans = Draft202012Validator(schemas.load("plans.v1"), registry=REGISTRY)
    reports = Draft202012Validator(schemas.load("reports.v1"), registry=REGISTRY)
    plans.validate(to_documents([FULL, OTHER]))
    reports.validate(report_document.to_documents([make_report(DONE), make_report(NOT_TRIED)]))
    plans.validate(to_documents([FULL], [("other.yaml", KeyplanError("it is down"))]))
    assert not plans.is_valid(to_documents([FULL]))


@pytest.mark.parametrize(("second", "expected"), [(DONE, True), (NOT_TRIED, False)])
def test_reports_are_complete_when_each_is(second: object, expected: bool) -> None:
    reports = [make_report(DONE), make_report(second)]  # type: ignore[arg-type]  # any outcome
    assert report_document.to_documents(reports)["complete"] is expected


def test_one_digest_stands_for_all_plans_in_any_order() -> None:
    assert combine_digests([FULL]) == digest(FULL)
    assert combine_digests([FULL, OTHER]) == combine_digests([OTHER, FULL])


@pytest.mark.parametrize("changed", [make_plan(CREATE), replace(FULL, owner="else")], ids=["decisions", "owner"])
def test_the_digest_of_all_changes_with_any_of_them(changed: Plan) -> None:
    assert combine_digests([changed, OTHER]) != combine_digests([FULL, OTHER])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"format_version": "2.0"}, "format version 2.0", id="another major version"),
        pytest.param({"plans": []}, "plans is not a list of plans", id="no plan at all"),
        pytest.param({"plans": {"a": 1}}, "plans is not a list of plans", id="no list"),
        pytest.param({"plans": [{}, {}]}, "format_version", id="plans that are none"),
    ],
)
def test_what_is_no_set_of_plans_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(PlanFileError, match=message):
        from_documents({**to_documents([FULL, OTHER]), **change})


def test_a_later_minor_version_and_its_new_fields_are_read() -> None:
    later = {**to_documents([FULL, OTHER]), "format_version": "1.7", "news": True}
    assert len(from_documents(later)) == 2
