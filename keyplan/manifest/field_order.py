"""The canonical order of the fields of a manifest: that of its JSON Schema, whatever fields it has.

A mapping whose names are the user's own, such as `sinks`, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from keyplan.manifest.schema_fast import compile_schema

Form = tuple[Mapping[str, Any], ...]
"""Every schema that has a say in one value."""

_LOCAL_REFERENCE = "#/$defs/"
_ALTERNATIVES = ("allOf", "anyOf", "oneOf")


class FieldOrder:
    """The order of the fields in a schema, which may have the options of plugins in it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._conditions: dict[int, Callable[[Any], bool]] = {}

    def root(self) -> Form:
        """Return the form of the whole manifest."""
        return (self._schema,)

    def order(self, form: Form, fields: Mapping[str, Any]) -> list[str]:
        """Return the names of a mapping's fields in canonical order; unknown ones are last, as they were."""
        ranks: dict[str, int] = {}
        for schema in self._flatten(form, fields):
            for name in schema.get("properties", ()):
                ranks.setdefault(name, len(ranks))
        return sorted(fields, key=lambda name: ranks.get(name, len(ranks)))

    def field(self, form: Form, fields: Mapping[str, Any], name: str) -> Form:
        """Return the form of one field's value."""
        found = []
        for schema in self._flatten(form, fields):
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if isinstance(inner, Mapping):
                found.append(inner)
        return tuple(found)

    def item(self, form: Form, items: Any) -> Form:
        """Return the form of the items of a list."""
        inner = (schema.get("items") for schema in self._flatten(form, items))
        return tuple(one for one in inner if isinstance(one, Mapping))

    def _flatten(self, form: Form, value: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the schemas of a form, and those that they refer to, combine, or ask for in the value's case."""
        for schema in form:
            yield schema
            reference = schema.get("$ref", "")
            if reference.startswith(_LOCAL_REFERENCE):
                yield from self._flatten((self._schema["$defs"][reference.removeprefix(_LOCAL_REFERENCE)],), value)
            for keyword in _ALTERNATIVES:
                yield from self._flatten(tuple(schema.get(keyword, ())), value)
            if "if" in schema and isinstance(
                chosen := schema.get("then" if self._holds(schema, value) else "else"), Mapping
            ):
                yield from self._flatten((chosen,), value)

    def _holds(self, schema: Mapping[str, Any], value: Any) -> bool:
        condition = schema["if"]
        if id(condition) not in self._conditions:
            self._conditions[id(condition)] = compile_schema(condition)
        return self._conditions[id(condition)](value)
