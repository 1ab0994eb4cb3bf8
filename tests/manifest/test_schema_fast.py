"""The quick check of a schema says yes only where jsonschema would, and says yes to what is default."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from keyplan.manifest.schema_fast import compile_schema

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.sampled_from([1.0, 2.5]) | st.sampled_from(["", "a", "ab\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "type"]), inner, max_size=3),
    max_leaves=6,
)
TEXT = {"type": "string"}
SCHEMAS: list[Any] = [
    True,
    False,
    {},
    *({"type": kind} for kind in ("string", "integer", "number", "boolean", "object", "array", "null")),
    {"type": ["string", "null"]},
    {"enum": ["a", 1]},
    {"const": 1},
    {"const": [1]},
    {"pattern": "^a"},
    {"type": "string", "minLength": 1, "maxLength": 1},
    {"type": "string", "minLength": 2, "pattern": "^a"},
    {"type": "string", "pattern": "^a[b]*$"},
    {"minLength": 1, "maxLength": 1},
    {"minimum": 1, "maximum": 2},
    {"minItems": 1, "maxItems": 2},
    {"minProperties": 1, "maxProperties": 1},
    {"required": ["a"]},
    {"properties": {"a": TEXT}, "additionalProperties": False},
    {"additionalProperties": TEXT},
    {"propertyNames": {"pattern": "^a"}},
    {"items": TEXT},
    {"items": TEXT, "prefixItems": [{"type": "integer"}]},
    {"anyOf": [TEXT, {"minItems": 1}]},
    {"oneOf": [TEXT, {"minLength": 1}]},
    {"not": TEXT},
    {"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"maxProperties": 0}},
    {"if": {"oneOf": [TEXT]}, "then": {"type": "array"}},
    {"$ref": "#/$defs/none"},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=json.dumps)
@given(value=ANYTHING)
def test_what_fits_quickly_fits_thoroughly(schema: Any, value: Any) -> None:
    assert not compile_schema(schema)(value) or Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "integer"}, 2.0),
        ({"type": ["string", "null"]}, None),
        ({"enum": ["a", "b"]}, "b"),
        ({"type": "string", "minLength": 1, "maxLength": 2}, "ab"),
        ({"type": "string", "maxLength": 2, "pattern": "^a"}, "ab"),
        ({"const": 1}, 1),
        ({"minimum": 1}, 1),
        ({"properties": {"a": TEXT}, "additionalProperties": False, "title": "One"}, {"a": "b"}),
        ({"propertyNames": {"pattern": "^a"}}, {"a": 1}),
        ({"items": TEXT, "minItems": 1}, ["a"]),
        ({"anyOf": [TEXT, {"type": "array"}]}, []),
        ({"if": {"required": ["a"]}, "else": {"required": ["b"]}}, {"a": 1}),
        ({"if": {"required": ["a"]}, "else": {"required": ["b"]}}, {"b": 1}),
    ],
)
def test_what_is_ordinary_fits_quickly(schema: dict[str, Any], value: Any) -> None:
    assert compile_schema(schema)(value)


def test_an_ordinary_manifest_is_valid_without_jsonschema() -> None:
    script = (
        "import atexit, sys\natexit.register(lambda: print(*sys.modules))\nfrom keyplan.__main__ import main\nmain()"
    )
    argv = [sys.executable, "-c", script, "validate", "examples/01-start/keys.yaml"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "jsonschema" not in done.stdout.split()
