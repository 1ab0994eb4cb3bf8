"""Find every mistake of a value against a JSON Schema, with jsonschema.

The messages come from `schema_messages`, never from jsonschema itself, whose messages quote values in full.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from keyplan.manifest.problems import SchemaFinding
from keyplan.manifest.schema_fast import Fits, compile_pattern, compile_schema
from keyplan.manifest.schema_messages import Mistake, describe_mistake, name_field

_ALTERNATIVES = ("anyOf", "oneOf")


class ThoroughChecker:
    """One JSON Schema without references."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._quick: dict[int, Fits] = {}
        keywords = {"items": self._check_items, "pattern": _match, "properties": self._check_properties}
        validator: Any = extend(Draft202012Validator, keywords)  # type: ignore[no-untyped-call]  # not typed there
        self._validator = validator(schema)

    def find(self, value: Any, *, subject: str) -> Iterator[SchemaFinding]:
        """Yield what is wrong with a value that the messages call `subject`; a mistake may come twice."""
        for error in self._validator.iter_errors(value):
            yield from _explain(error, subject)

    # Items and fields that certainly fit are passed over: a manifest has one mistake among thousands of fields.

    def _check_items(
        self, validator: Any, schema: Any, value: Any, parent: Mapping[str, Any]
    ) -> Iterator[ValidationError]:
        if isinstance(value, list):
            fits, begin = self._quickly(schema), len(parent.get("prefixItems", ()))
            for index, item in enumerate(value[begin:], begin):
                if not fits(item):
                    yield from validator.descend(item, schema, path=index)

    def _check_properties(
        self, validator: Any, schemas: Mapping[str, Any], value: Any, _parent: Any
    ) -> Iterator[ValidationError]:
        if isinstance(value, dict):
            for name, schema in schemas.items():
                if name in value and not self._quickly(schema)(value[name]):
                    yield from validator.descend(value[name], schema, path=name, schema_path=name)

    def _quickly(self, schema: Any) -> Fits:
        """Return the quick check of a part of our schema, made when it is first needed."""
        found = self._quick.get(id(schema))
        if found is None:
            found = self._quick[id(schema)] = compile_schema(schema)
        return found


def _explain(error: ValidationError, subject: str) -> Iterator[SchemaFinding]:
    # "None of three forms fits" does not help the user: the mistakes of the form that was meant do.
    meant = _find_branch_meant(error) if error.validator in _ALTERNATIVES else ()
    for inner in meant:
        yield from _explain(inner, subject)
    if not meant:
        path = tuple(error.absolute_path)
        for key, message in describe_mistake(_to_mistake(error, path)):
            yield SchemaFinding(path=path, key=key, message=f"{name_field(path, key, subject)} {message}")


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


def _match(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not compile_pattern(pattern).search(instance):
        yield ValidationError("does not match")
