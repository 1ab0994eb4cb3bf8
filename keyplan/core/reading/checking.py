"""Check values against a JSON Schema, and say where each mistake stands.

In: a schema (draft 2020-12) and values. Out: findings, one for each mistake, with the path to it. Never: the wording,
which is that of `wording`, or jsonschema's own messages, which quote values in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from keyplan.core.reading.problems import Problems, Spot
from keyplan.core.reading.wording import Mistake, name_field, word

_ALTERNATIVES = ("anyOf", "oneOf")
_LOCAL_REFERENCE = "#/$defs/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One mistake, in words."""

    path: tuple[str | int, ...]
    """From the checked value to the wrong one: names of fields, and indexes from 0."""
    key: str | None = None
    """The field of the value at `path` whose name is wrong or which is missing; None where the value itself is."""
    message: str


class Checker:
    """One JSON Schema, made ready once."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _Validator(_inline(schema, schema, ()))

    def find(self, value: Any, *, subject: str) -> Iterator[Finding]:
        """Yield what is wrong with a value that the messages call `subject`; a mistake may come twice."""
        for error in self._validator.iter_errors(value):
            yield from _explain(error, subject)


def spot_of(finding: Finding, value: Any, spot: Spot) -> Spot:
    """Return where a finding about a Table or Row stands, which itself stands at `spot`."""
    for step in finding.path:
        spot, value = value.value_spot(step), value[step]
    is_there = finding.key is not None and finding.key in value
    return value.key_spot(finding.key) if is_there else spot


def report(checker: Checker, value: Any, *, subject: str, spot: Spot, problems: Problems) -> tuple[Finding, ...]:
    """Add everything that is wrong with a value to the problems; return the findings."""
    findings = tuple(checker.find(value, subject=subject))
    for finding in findings:
        problems.add(spot_of(finding, value, spot), finding.message)
    return findings


def _explain(error: ValidationError, subject: str) -> Iterator[Finding]:
    meant = _find_branch_meant(error) if error.validator in _ALTERNATIVES else ()
    for inner in meant:
        yield from _explain(inner, subject)
    if not meant:
        path = tuple(error.absolute_path)
        for key, message in word(_to_mistake(error, path)):
            yield Finding(path=path, key=key, message=f"{name_field(path, key, subject)} {message}")


def _to_mistake(error: ValidationError, path: tuple[str | int, ...]) -> Mistake:
    return Mistake(
        keyword=str(error.validator),
        wanted=error.validator_value,
        value=error.instance,
        path=path,
        schema=error.schema if isinstance(error.schema, Mapping) else {},
        is_name="propertyNames" in error.relative_schema_path,
        fits_several=error.validator in _ALTERNATIVES and not error.context,
    )


def _find_branch_meant(error: ValidationError) -> tuple[ValidationError, ...]:
    """Return the errors of the one alternative whose type the value has: its author had that one in mind."""
    branches: dict[str | int, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    of_right_type = [found for found in branches.values() if not any(map(_refuses_type, found))]
    return tuple(of_right_type[0]) if len(of_right_type) == 1 else ()


def _refuses_type(inner: ValidationError) -> bool:
    """Whether an error inside an alternative is that the value as a whole has another type."""
    return inner.validator == "type" and not inner.relative_path


def _inline(schema: Any, root: Mapping[str, Any], open_references: tuple[str, ...]) -> Any:
    """Return a schema with its local references replaced by what they name, except inside themselves.

    jsonschema resolves a reference anew for each value, which costs more than all other checks together.
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


@lru_cache
def _compile(pattern: str) -> re.Pattern[str]:
    # ECMA-262, whose regular expressions JSON Schema uses: `$` matches at the very end alone. Python's also matches
    # before a final line break, and would let "owner\n" pass.
    return re.compile(f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern)


def _match(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compile(pattern).search(instance):
        yield ValidationError("does not match")


_Validator: Any = extend(Draft202012Validator, {"pattern": _match})  # type: ignore[no-untyped-call]  # not typed there
