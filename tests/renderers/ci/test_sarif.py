"""Sheets as SARIF, for code scanning."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from sheets import BLOCKED, CALM, CREATED, DRIFT, PLAN, REPLACED, SHEETS, VALIDATE, make_rows
from sheets import sheets as any_sheets
from syrupy.assertion import SnapshotAssertion

from keyplan.model.place import Place
from keyplan.renderers.ci.sarif import render_sarif
from keyplan.renderers.sheet import Row, Sheet


def closed(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object that has these properties and no others."""
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def listed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


TEXT = {"type": "string"}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
COUNT = {"type": "integer", "minimum": 1}
MESSAGE = closed({"text": {"type": "string", "minLength": 1}})
RULE = closed({"id": TEXT, "shortDescription": MESSAGE, "help": MESSAGE}, defaultConfiguration=closed({}, level=LEVEL))
LOCATION = closed(
    {"artifactLocation": closed({"uri": {"type": "string", "format": "uri-reference"}}, uriBaseId=TEXT)},
    region=closed({"startLine": COUNT}, startColumn=COUNT),
)
RESULT = closed(
    {"message": MESSAGE, "ruleId": TEXT, "locations": listed(closed({"physicalLocation": LOCATION}))},
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
)
RUN = closed(
    {"tool": closed({"driver": closed({"name": TEXT}, version=TEXT, rules=listed(RULE))}), "results": listed(RESULT)},
    automationDetails=closed({"id": TEXT}),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
)
# The part of the standard's schema that we use, with what the standard and code scanning require of it.
LOG = Draft202012Validator(closed({"version": {"const": "2.1.0"}, "runs": listed(RUN)}, **{"$schema": TEXT}))


def read(*some: Sheet) -> dict[str, Any]:
    (run,) = json.loads(render_sarif(some, version="1.2.3"))["runs"]
    assert isinstance(run, dict)
    return run


def read_results(*rows: Row, **changes: Any) -> list[dict[str, Any]]:
    return list(read(replace(PLAN, rows=rows, **changes))["results"])


def fingerprints(*rows: Row, **changes: Any) -> list[str]:
    return [result["partialFingerprints"]["keyplanRow/v1"] for result in read_results(*rows, **changes)]


def locate(row: Row, **changes: Any) -> dict[str, Any]:
    (result,) = read_results(row, **changes)
    ((location),) = result["locations"]
    return dict(location["physicalLocation"])


@pytest.mark.parametrize("some", SHEETS.values(), ids=SHEETS)
def test_sheets_read_like_this(some: Sequence[Sheet], snapshot: SnapshotAssertion) -> None:
    assert render_sarif(some, version="1.2.3") == snapshot


@settings(max_examples=25)
@given(st.lists(any_sheets, max_size=3))
def test_any_sheets_are_what_the_standard_wants(some: list[Sheet]) -> None:
    text = render_sarif(some, version="1.2.3")
    assert text.isascii()
    LOG.validate(json.loads(text))


@settings(max_examples=25)
@given(st.lists(any_sheets, max_size=3))
def test_every_result_names_a_rule_that_is_described(some: list[Sheet]) -> None:
    run = read(*some)
    names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(names)) == len(names)
    assert all(names[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_levels_are_those_of_the_standard() -> None:
    assert [result["level"] for result in read_results(BLOCKED, REPLACED, CREATED)] == ["error", "warning", "note"]


def test_a_result_stands_at_its_declaration() -> None:
    assert locate(REPLACED) == {
        "artifactLocation": {"uri": "keys.yaml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 20, "startColumn": 5},
    }


def test_what_is_declared_nowhere_belongs_to_its_manifest() -> None:
    assert locate(BLOCKED) == {"artifactLocation": {"uri": PLAN.manifest, "uriBaseId": "%SRCROOT%"}}


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./a/keys.yaml", "a/keys.yaml"),
        ("a b/ä#?%:.yaml", "a%20b/%C3%A4%23%3F%25%3A.yaml"),
        ("../keys.yaml", "../keys.yaml"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_a_path_is_a_relative_reference(path: str, uri: str) -> None:
    location = locate(replace(CREATED, place=Place(path, 1, 1)))
    assert location["artifactLocation"] == {"uri": uri, "uriBaseId": "%SRCROOT%"}


@pytest.mark.parametrize(
    ("path", "uri"), [("/srv/keys.yaml", "/srv/keys.yaml"), ("//host/keys.yaml", "/host/keys.yaml")]
)
def test_an_absolute_path_has_no_base_and_names_no_host(path: str, uri: str) -> None:
    assert locate(replace(CREATED, place=Place(path, 1, 1)))["artifactLocation"] == {"uri": uri}


def test_a_fingerprint_survives_moved_lines_and_other_words() -> None:
    moved = replace(CREATED, place=Place("keys.yaml", 99, 9), reason="another", level=BLOCKED.level, details=())
    assert fingerprints(moved) == fingerprints(CREATED)


def test_fingerprints_tell_keys_rules_manifests_and_repetitions_apart() -> None:
    rows = (CREATED, CREATED, replace(CREATED, subject="user/b"), replace(CREATED, rule="plan/gone"))
    found = [*fingerprints(*rows), *fingerprints(CREATED, manifest="b.yaml"), *fingerprints(CREATED, owner="b")]
    assert len(set(found)) == len(found) == 6


def test_each_kind_of_sheet_is_a_category_of_its_own() -> None:
    assert read(DRIFT)["automationDetails"] == {"id": "keyplan/drift/"}
    assert read(PLAN, VALIDATE, CALM)["automationDetails"] == {"id": "keyplan/plan+validate/"}


def test_a_rule_is_described_once() -> None:
    (rule,) = read(replace(PLAN, rows=make_rows(3)))["tool"]["driver"]["rules"]
    assert rule["id"] == CREATED.rule


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("[a](1)", r"[a\x5d(1)"),
        ("{0} {a}", r"\x7b0} {a}"),
        ("@ada ci@corp", r"\x40ada ci@corp"),
    ],
)
def test_nothing_in_a_message_is_a_link_a_placeholder_or_a_mention(reason: str, said: str) -> None:
    (result,) = read_results(replace(CREATED, reason=reason, details=()))
    assert result["message"]["text"] == f"+ create  user/ci: {said}"
