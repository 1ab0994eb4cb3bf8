"""Any JSON Schema a plugin may bring is told in words, one line for each mistake."""

from __future__ import annotations

from typing import Any

import pytest

from keyplan.manifest.schema import Checker

TEXT = {"type": "string"}


def find(schema: dict[str, Any], value: Any) -> list[str]:
    return [finding.message for finding in Checker(schema).find(value, subject="it")]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        pytest.param({"type": ["string", "null"]}, 3, "it must be text or empty, not a number", id="several types"),
        pytest.param({"type": "number"}, {}, "it must be a number, not a mapping", id="number"),
        pytest.param({"type": "array"}, True, "it must be a list, not true or false", id="list"),
        pytest.param({"multipleOf": 2}, 3, "it does not satisfy the schema's 'multipleOf'", id="keyword without words"),
        pytest.param({"multipleOf": 2, "errorMessage": "must be even"}, 3, "it must be even", id="own message"),
        pytest.param({"pattern": "^a$"}, "b", "it must have another form, not 'b'", id="pattern without a message"),
        pytest.param({"pattern": "a"}, "b", "it must have another form, not 'b'", id="pattern without an end"),
        pytest.param({"pattern": "^a$"}, "a\n", r"it must have another form, not 'a\n'", id="line break at the end"),
        pytest.param({"minLength": 3}, "ab", "it must have at least 3 characters", id="short text"),
        pytest.param({"minItems": 2}, [1], "it must have at least 2 items", id="short list"),
        pytest.param({"maxItems": 1}, [1, 2], "it has 2 items; at most 1 are allowed", id="long list"),
        pytest.param({"enum": [1, "a"]}, "b", "it must be one of '1', 'a', not 'b'", id="choice of several types"),
        pytest.param(
            {"required": ["a"], "properties": {"a": {}}}, {"aa": 1}, "field 'a' is missing", id="open, so not misspelt"
        ),
        pytest.param({"anyOf": [TEXT, {"type": "array"}]}, 3, "it must be text or a list, not a number", id="neither"),
        pytest.param({"anyOf": [{"minimum": 3}, {"const": 1}]}, 2, "it has no allowed form", id="no types"),
        pytest.param(
            {"anyOf": [{"const": 1}, {"const": 3}], "errorMessage": "must be one"},
            2,
            "it must be one",
            id="alternatives",
        ),
        pytest.param({"oneOf": [TEXT, {"minLength": 1}]}, "ab", "it has no allowed form", id="more than one fits"),
        pytest.param({"oneOf": [TEXT, TEXT]}, "ab", "it has no allowed form", id="more than one of a type fits"),
        pytest.param(
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            "it must have exactly one of the fields 'a', 'b'",
            id="one of two fields",
        ),
        pytest.param(
            {"oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {"a": 1, "b": 1},
            "it must have exactly one of the fields 'a', 'b'",
            id="both of two fields",
        ),
        pytest.param(
            {"if": {"required": ["a"]}, "then": {"required": ["b"]}}, {"a": 1}, "field 'b' is missing", id="condition"
        ),
        pytest.param(
            {"propertyNames": {"maxLength": 1}}, {"ab": 1}, "field 'ab' has a bad name: it is not allowed", id="n"
        ),
        pytest.param(
            {"properties": {"my_token": {"pattern": "x"}}},
            {"my_token": "b"},
            "field 'my_token' must have another form",
            id="value that may be a secret",
        ),
        pytest.param(
            {"properties": {"password": {"enum": ["x"]}}},
            {"password": "b"},
            "field 'password' must be one of 'x'",
            id="choice that may be a secret",
        ),
        pytest.param(
            {"properties": {"secret": {"type": "boolean"}}},
            {"secret": "b"},
            "field 'secret' must be true or false, not text",
            id="switch that may be a secret",
        ),
        pytest.param({"items": {"items": {"type": "string"}}}, [[1]], "it must be text, not a number", id="no names"),
    ],
)
def test_a_mistake_is_told_in_words(schema: dict[str, Any], value: Any, message: str) -> None:
    assert find(schema, value) == [message]


def test_every_unknown_and_every_missing_field_is_told() -> None:
    schema = {"additionalProperties": False, "required": ["a", "b"], "properties": {"a": {}, "b": {}}}
    assert set(find(schema, {"x": 1, "y": 1})) == {
        "field 'x' is unknown; known fields: a, b",
        "field 'y' is unknown; known fields: a, b",
        "field 'a' is missing",
        "field 'b' is missing",
    }


def test_a_reference_is_followed() -> None:
    schema = {"$defs": {"a": TEXT}, "properties": {"x": {"$ref": "#/$defs/a", "minLength": 2}}}
    assert find(schema, {"x": 3}) == ["field 'x' must be text, not a number"]
    assert find(schema, {"x": "y"}) == ["field 'x' must have at least 2 characters"]


def test_a_schema_may_refer_to_itself() -> None:
    schema = {"$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}, "type": "object"}}, "$ref": "#/$defs/a"}
    assert find(schema, {"a": {"a": {"a": 3}}}) == ["field 'a' must be a mapping, not a number"]


def test_no_suggestion_is_looked_for_among_hundreds() -> None:
    schema = {"enum": [f"a{number}" for number in range(300)]}
    assert "did you mean" not in find(schema, "a1x")[0]
