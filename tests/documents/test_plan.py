"""The published document of a plan, and its digest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator, FormatChecker
from plans import BLOCKED, CREATE, DELETE, FULL, KEEP, REPLACE, STRANGER, make_plan, plans

from keyplan.documents import schemas
from keyplan.documents.plan import FORMAT_VERSION, digest, from_document, to_document
from keyplan.errors import PlanFileError
from keyplan.model.place import Place
from keyplan.model.plan import Plan, Request, Verb

VALIDATOR = Draft202012Validator(schemas.load("plan.v1"), format_checker=FormatChecker())
Document = dict[str, Any]


def places(plan: Plan) -> list[Place | None]:
    return [action.place for action in plan.actions]


@given(plans)
def test_a_plan_survives_json_unchanged(plan: Plan) -> None:
    read = from_document(json.loads(json.dumps(to_document(plan))))
    assert read == plan
    assert places(read) == places(plan)


@given(plans)
def test_the_digest_survives_json_unchanged(plan: Plan) -> None:
    document = json.loads(json.dumps(to_document(plan)))
    assert document["digest"] == digest(from_document(document))


def test_the_document_fits_the_published_schema() -> None:
    VALIDATOR.validate(to_document(make_plan(*FULL.actions, BLOCKED, unmanaged=(STRANGER,))))


def test_the_published_schema_is_itself_valid() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)


def test_a_document_of_a_writer_that_knew_no_policies_is_read() -> None:
    document = to_document(FULL)
    del document["policies"]
    assert VALIDATOR.is_valid(document)
    assert from_document(document) == replace(FULL, policies=())


def test_the_schema_refuses_a_document_that_lacks_a_field() -> None:
    document = to_document(FULL)
    del document["resource_changes"][0]["change"]["actions"]
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    ("verb", "actions"),
    [
        (Verb.CREATE, ["create"]),
        (Verb.REPLACE, ["create", "delete"]),
        (Verb.REFRESH, ["update"]),
        (Verb.DELIVER, ["update"]),
        (Verb.DELETE, ["delete"]),
        (Verb.FORGET, ["forget"]),
        (Verb.KEEP, ["no-op"]),
    ],
)
def test_each_verb_has_the_word_that_terraform_uses(verb: Verb, actions: list[str]) -> None:
    document = to_document(make_plan(replace(CREATE, verb=verb)))
    assert document["resource_changes"][0]["change"]["actions"] == actions


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(FULL, manifest="/elsewhere/keys.yaml"), id="another path of the manifest"),
        pytest.param(replace(FULL, serial=7), id="made after other applies"),
        pytest.param(replace(FULL, warnings=()), id="other warnings"),
        pytest.param(replace(FULL, policies=("platform.yaml",)), id="policies that block nothing"),
        pytest.param(replace(FULL, unmanaged=()), id="other unmanaged keys"),
        pytest.param(replace(FULL, actions=(*FULL.actions, KEEP)), id="one more kept key"),
        pytest.param(
            replace(FULL, actions=tuple(replace(a, place=Place("x", 1, 1)) for a in FULL.actions)), id="other lines"
        ),
        pytest.param(
            replace(FULL, actions=tuple(replace(a, explanation="!", consequences=()) for a in FULL.actions)),
            id="other texts for people",
        ),
    ],
)
def test_the_digest_is_blind_to(other: Plan) -> None:
    assert digest(other) == digest(FULL)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(replace(FULL, owner="other"), id="owner"),
        pytest.param(replace(FULL, provider="https://api.eu.test"), id="provider"),
        pytest.param(replace(FULL, request=Request(allow_deletes=9)), id="request"),
        pytest.param(replace(FULL, actions=FULL.actions[1:]), id="one action less"),
        pytest.param(replace(FULL, actions=(*FULL.actions[:3], BLOCKED)), id="an action that is blocked now"),
        pytest.param(make_plan(replace(REPLACE, locations=("elsewhere",))), id="where the raw key goes"),
    ],
)
def test_the_digest_tells_a_difference_in(other: Plan) -> None:
    assert digest(other) != digest(FULL)


def test_the_digest_is_blind_to_the_advice_of_a_guard() -> None:
    assert BLOCKED.blocked
    other = replace(BLOCKED, blocked=replace(BLOCKED.blocked, advice="else"))
    assert digest(make_plan(other)) == digest(make_plan(BLOCKED)) != digest(make_plan(DELETE))


def test_a_newer_minor_version_with_unknown_fields_is_read() -> None:
    document = to_document(FULL) | {"format_version": "1.7", "novelty": [1]}
    assert from_document(document) == FULL


def drop(name: str) -> Callable[[Document], object]:
    return lambda document: document.pop(name)


def put(name: str, value: object) -> Callable[[Document], object]:
    return lambda document: document.update({name: value})


def put_in_action(name: str, value: object) -> Callable[[Document], object]:
    return lambda document: document["resource_changes"][0].update({name: value})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(put("format_version", "2.0"), "has format version 2.0, and this keyplan reads 1.x", id="major"),
        pytest.param(put("format_version", "one"), "format_version is not of the form", id="no version"),
        pytest.param(put("format_version", 1.0), "format_version is not text", id="a number for a text"),
        pytest.param(drop("owner"), "plan.owner is missing", id="missing"),
        pytest.param(put("resource_changes", {}), "resource_changes is not a list", id="no list"),
        pytest.param(put("resource_changes", [1]), r"resource_changes\[0\] is not an object", id="no object"),
        pytest.param(put("warnings", [1]), "warnings is not a list of texts", id="no texts"),
        pytest.param(
            put("request", {"rotate": [], "targets": [], "over_claim": "yes"}),
            "request.over_claim is not true or false",
            id="text for truth",
        ),
        pytest.param(put("serial", value=True), "serial is not a whole number", id="truth for a number"),
        pytest.param(put("unmanaged_policy", "x"), "is not one of: ignore, report, fail", id="unknown word"),
        pytest.param(put_in_action("overlap_seconds", "9"), "is not a number of seconds", id="text for seconds"),
        pytest.param(put_in_action("overlap_seconds", 1e300), "is not a number of seconds", id="endless seconds"),
        pytest.param(put_in_action("overlap_seconds", float("nan")), "is not a number of seconds", id="NaN"),
        pytest.param(put_in_action("place", 3), r"resource_changes\[0\].place is not an object", id="no place"),
    ],
)
def test_anything_else_is_refused_with_the_field(spoil: Callable[[Document], object], message: str) -> None:
    document = to_document(FULL)
    spoil(document)
    with pytest.raises(PlanFileError, match=message):
        from_document(document)


@pytest.mark.parametrize(
    ("time", "message"), [("yesterday", "is not an RFC 3339 time"), ("2026-01-01T00:00:00", "with an offset")]
)
def test_a_time_needs_a_form_and_an_offset(time: str, message: str) -> None:
    document = to_document(FULL)
    document["unmanaged"][0]["expires_at"] = time
    with pytest.raises(PlanFileError, match=message):
        from_document(document)


@pytest.mark.parametrize("document", [None, [], "plan", 1])
def test_what_is_no_object_is_no_plan(document: object) -> None:
    with pytest.raises(PlanFileError, match="plan is not an object"):
        from_document(document)


def test_the_format_version_is_the_schemas() -> None:
    assert to_document(FULL)["format_version"] == FORMAT_VERSION == "1.1"
