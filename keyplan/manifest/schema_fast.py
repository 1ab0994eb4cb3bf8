"""Accept quickly the values that fit a JSON Schema (draft 2020-12), which most values do.

A yes is certain. A no only means that jsonschema has to look: 10,000 declarations take 30 ms here and 300 ms there, and
its import takes 55 ms more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Sized
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

Fits: TypeAlias = Callable[[Any], bool]

_ANNOTATIONS = frozenset(
    [
        "$comment",
        "$defs",
        "$id",
        "$schema",
        "default",
        "deprecated",
        "description",
        "errorMessage",
        "examples",
        "format",
        "title",
        "x-access",
    ]
)
"""Keywords that refuse nothing; `format` does not without a format checker."""
_COVERED = frozenset({"additionalProperties", "then", "else"})
"""Keywords that are handled together with another one."""


_OF_TEXTS = frozenset({"type", "minLength", "maxLength", "pattern"})
"""Keywords that one check takes together, because nearly all values of a manifest are texts."""


def compile_schema(schema: Any) -> Fits:
    """Return whether a value certainly fits the schema. Keywords that are unknown here are left to jsonschema."""
    if not isinstance(schema, Mapping):
        return _accept if schema is True else _doubt
    keywords = [keyword for keyword in schema if keyword not in _ANNOTATIONS and keyword not in _COVERED]
    if "additionalProperties" in schema and "properties" not in schema:
        keywords.append("properties")
    if schema.get("type") == "string" and len(keywords) > 1 and _OF_TEXTS.issuperset(keywords):
        return _make_text(schema)
    # A keyword that is unknown here leads to a no, never to a yes: jsonschema then decides.
    checks = tuple(_MAKERS.get(keyword, _make_doubt)(schema) for keyword in keywords)
    if len(checks) == 1:
        return checks[0]

    def fits(value: Any) -> bool:
        for check in checks:  # noqa: SIM110 - all() with a generator takes twice as long, and this runs for every value
            if not check(value):
                return False
        return True

    return fits


@lru_cache
def compile_pattern(pattern: str) -> re.Pattern[str]:
    r"""Return a pattern as ECMA-262 means it, whose regular expressions JSON Schema uses.

    There `$` matches at the very end alone. Python's also matches before a final line break, and would let
    "owner\n" pass.
    """
    return re.compile(f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern)


def _accept(_value: Any) -> bool:
    return True


def _doubt(_value: Any) -> bool:
    return False


def _make_doubt(_schema: Mapping[str, Any]) -> Fits:
    return _doubt


def _is_integer(value: Any) -> bool:
    # JSON Schema calls 2.0 an integer, and true no number.
    return type(value) is int or (isinstance(value, float) and value.is_integer())


_TYPES: Mapping[str, Fits] = MappingProxyType(
    {
        "string": lambda value: isinstance(value, str),
        "integer": _is_integer,
        "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": lambda value: isinstance(value, bool),
        "object": lambda value: isinstance(value, dict),
        "array": lambda value: isinstance(value, list),
        "null": lambda value: value is None,
    }
)


def _make_type(schema: Mapping[str, Any]) -> Fits:
    wanted: str | Sequence[str] = schema["type"]
    if isinstance(wanted, str):
        return _TYPES.get(wanted, _doubt)
    choices = tuple(_TYPES.get(kind, _doubt) for kind in wanted)
    return lambda value: any(fits(value) for fits in choices)


def _make_enum(schema: Mapping[str, Any]) -> Fits:
    words = frozenset(choice for choice in schema["enum"] if isinstance(choice, str))
    return lambda value: isinstance(value, str) and value in words


def _make_const(schema: Mapping[str, Any]) -> Fits:
    wanted = schema["const"]
    return lambda value: type(value) is type(wanted) and not isinstance(value, dict | list) and value == wanted


def _make_pattern(schema: Mapping[str, Any]) -> Fits:
    search = compile_pattern(schema["pattern"]).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _make_text(schema: Mapping[str, Any]) -> Fits:
    low, high = schema.get("minLength", 0), schema.get("maxLength", float("inf"))
    if "pattern" not in schema:
        return lambda value: isinstance(value, str) and low <= len(value) <= high
    search = compile_pattern(schema["pattern"]).search
    return lambda value: isinstance(value, str) and low <= len(value) <= high and search(value) is not None


def _make_bounds(kind: type[Sized], least: str, most: str) -> Callable[[Mapping[str, Any]], Fits]:
    """Return what makes the check of how many characters, items or fields a value of that kind has."""

    def make(schema: Mapping[str, Any]) -> Fits:
        low, high = schema.get(least, 0), schema.get(most, float("inf"))
        return lambda value: not isinstance(value, kind) or low <= len(value) <= high

    return make


def _make_range(schema: Mapping[str, Any]) -> Fits:
    low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
    return lambda value: not isinstance(value, int | float) or isinstance(value, bool) or low <= value <= high


def _make_required(schema: Mapping[str, Any]) -> Fits:
    needed = frozenset(schema["required"])
    return lambda value: not isinstance(value, dict) or value.keys() >= needed


def _make_properties(schema: Mapping[str, Any]) -> Fits:
    known = {name: compile_schema(inner) for name, inner in schema.get("properties", {}).items()}
    other = compile_schema(schema.get("additionalProperties", True))

    def fits(value: Any) -> bool:
        if isinstance(value, dict):
            for name, inner in value.items():
                if not known.get(name, other)(inner):
                    return False
        return True

    return fits


def _make_names(schema: Mapping[str, Any]) -> Fits:
    inner = compile_schema(schema["propertyNames"])
    return lambda value: not isinstance(value, dict) or all(map(inner, value))


def _make_items(schema: Mapping[str, Any]) -> Fits:
    inner = compile_schema(schema["items"])
    return lambda value: not isinstance(value, list) or all(map(inner, value))


def _make_any(schema: Mapping[str, Any]) -> Fits:
    choices = tuple(map(compile_schema, schema["anyOf"]))
    return lambda value: any(fits(value) for fits in choices)


def _make_condition(schema: Mapping[str, Any]) -> Fits:
    condition = compile_schema(schema["if"])
    then, otherwise = compile_schema(schema.get("then", True)), compile_schema(schema.get("else", True))
    # A no of the condition may be a yes of jsonschema's: only what fits both ways is certain.
    return lambda value: then(value) and (condition(value) or otherwise(value))


_MAKERS: Mapping[str, Callable[[Mapping[str, Any]], Fits]] = MappingProxyType(
    {
        "anyOf": _make_any,
        "const": _make_const,
        "enum": _make_enum,
        "if": _make_condition,
        "items": _make_items,
        "maxItems": _make_bounds(list, "minItems", "maxItems"),
        "maxLength": _make_bounds(str, "minLength", "maxLength"),
        "maxProperties": _make_bounds(dict, "minProperties", "maxProperties"),
        "maximum": _make_range,
        "minItems": _make_bounds(list, "minItems", "maxItems"),
        "minLength": _make_bounds(str, "minLength", "maxLength"),
        "minProperties": _make_bounds(dict, "minProperties", "maxProperties"),
        "minimum": _make_range,
        "pattern": _make_pattern,
        "properties": _make_properties,
        "propertyNames": _make_names,
        "required": _make_required,
        "type": _make_type,
    }
)
