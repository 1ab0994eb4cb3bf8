"""Check values against a JSON Schema (draft 2020-12), and give the place of each mistake.

A value that fits never causes jsonschema to be imported: `schema_fast` accepts it first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from keyplan.manifest.problems import Problems, SchemaFinding, Spot
from keyplan.manifest.schema_fast import compile_schema

if TYPE_CHECKING:
    from keyplan.manifest.schema_errors import ThoroughChecker

_LOCAL_REFERENCE = "#/$defs/"


class Checker:
    """One JSON Schema, made ready once."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = _inline(schema, schema, ())
        self._fits = compile_schema(self._schema)

    def find(self, value: Any, *, subject: str) -> Iterator[SchemaFinding]:
        """Yield what is wrong with a value that the messages call `subject`; a mistake may come twice."""
        if not self._fits(value):
            yield from self._thorough.find(value, subject=subject)

    @cached_property
    def _thorough(self) -> ThoroughChecker:
        from keyplan.manifest.schema_errors import ThoroughChecker  # noqa: PLC0415 - takes 55 ms, for jsonschema

        return ThoroughChecker(self._schema)


def spot_of(finding: SchemaFinding, value: Any, spot: Spot) -> Spot:
    """Return where a finding about a Table or ItemList stands, which itself stands at `spot`."""
    # The value knows its own spots, so the path is walked in it.
    for step in finding.path:
        spot, value = value.value_spot(step), value[step]
    is_there = finding.key is not None and finding.key in value
    return value.key_spot(finding.key) if is_there else spot


def report_findings(
    checker: Checker, value: Any, *, subject: str, spot: Spot, problems: Problems
) -> tuple[SchemaFinding, ...]:
    """Add everything that is wrong with a value to the problems; return the findings."""
    findings = tuple(checker.find(value, subject=subject))
    for finding in findings:
        problems.add(spot_of(finding, value, spot), finding.message, "schema")
    return findings


def _inline(schema: Any, root: Mapping[str, Any], open_references: tuple[str, ...]) -> Any:
    """Return a schema with its local references replaced by what they name, except inside themselves.

    jsonschema resolves a reference again for each value, which costs more than all other checks together.
    """
    if isinstance(schema, list):
        return [_inline(item, root, open_references) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith(_LOCAL_REFERENCE) and reference not in open_references:
        named = root["$defs"][reference.removeprefix(_LOCAL_REFERENCE)]
        siblings = {keyword: value for keyword, value in schema.items() if keyword != "$ref"}
        return _inline({**named, **siblings}, root, (*open_references, reference))
    return {keyword: _inline(value, root, open_references) for keyword, value in schema.items()}
