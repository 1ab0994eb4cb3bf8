"""The reference of manifests, policies and documents, from the published schemas: every field, with its examples."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any, TypeAlias

import yaml
from website.markdown import code, escape, indent, table

from keyplan.documents import schemas

Schema: TypeAlias = Mapping[str, Any]
WRITTEN_BY_USERS = ("manifest.v1", "policy.v1", "provider.v1")
"""Schemas of files that users write, in YAML; the others describe what keyplan prints."""
_KINDS = {"keyplan.sinks": "Sinks", "keyplan.ledgers": "Ledgers", "keyplan.providers": "Providers"}
_LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "fits {}",
    "format": "{}",
}
_NOT_EMPTY = {"at least `1` characters": "not empty", "at least `1` items": "not empty"}


def write_schema(name: str) -> str:
    """Return the page of a schema: the fields at its top, then those of each object in it."""
    schema = schemas.load(name)
    _, _, title = schema["title"].partition("keyplan ")
    stem = name.partition(".")[0]
    head = [f"# {title[:1].upper()}{title[1:]}", "", escape(schema["description"]), ""]
    head += [f"`keyplan schema {stem}` prints the schema itself. `schemas/{name}.json` holds it.", ""]
    in_yaml = name in WRITTEN_BY_USERS
    return "\n".join([*head, *_Writer(schema, in_yaml=in_yaml).write()])


def write_index(names: Sequence[str]) -> str:
    """Return the page that lists the pages of these schemas."""
    rows = [
        (f"[`{name}`]({name}.md)", escape(schemas.load(name)["description"]))
        for name in sorted(names, key=lambda name: (name not in WRITTEN_BY_USERS, name))
    ]
    return "\n".join(["# Manifest and documents", "", table(("schema", "what it describes"), rows), ""])


def write_plugin_options() -> str:
    """Return the page about the options of every sink, ledger and provider that comes with keyplan."""
    lines = ["# Options of sinks, ledgers and providers", ""]
    lines += ["Fields that stand in a manifest beside `type`. Those of every sink stand with each of them, too.", ""]
    for group, title in _KINDS.items():
        lines += [f"## {title}", ""]
        for name, options in list_options(group).items():
            lines += [f"### {name}", "", escape(options.get("description", "")), ""]
            lines += _Writer(options, in_yaml=True).write_fields(options)
    return "\n".join(lines)


def list_options(group: str) -> Mapping[str, Schema]:
    """Return the schema of the options of each plugin of a group that comes with keyplan, by its type."""
    own = (point for point in entry_points(group=group) if point.value.startswith("keyplan."))
    return {point.name: point.load().OPTIONS for point in sorted(own, key=lambda point: point.name)}


class _Writer:
    """Writes the fields of one schema; an object that has fields of its own gets a heading, and links lead to it."""

    def __init__(self, schema: Schema, *, in_yaml: bool) -> None:
        self._schema = schema
        self._in_yaml = in_yaml
        self._definitions: Schema = schema.get("$defs", {})

    def write(self) -> Iterator[str]:
        """Yield the fields at the top, then each object of the schema."""
        yield from ("## At the top", "")
        yield from self.write_fields(self._schema)
        for part in self._schema.get("allOf", ()):
            yield from self._write_case(part)
        for name, definition in self._definitions.items():
            if _has_heading(name, definition):
                yield from (f"## {_title(name)}", "", escape(definition.get("description", "")), "")
                yield from ("" if "properties" in definition else self._describe(definition), "")
                yield from self._write_examples("", definition)
                yield from self._write_inner("", definition)

    def write_fields(self, schema: Schema, prefix: str = "") -> Iterator[str]:
        """Yield an entry for each field, and for those of the objects inside it that have no name of their own."""
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            yield from self._write_field(f"{prefix}{name}", field, is_required=name in required)
            yield from self._write_inner(f"{prefix}{name}.", field)

    def _write_inner(self, prefix: str, field: Schema) -> Iterator[str]:
        """Yield the fields of the objects inside a field: its own, those of a list, those of a map."""
        yield from self.write_fields(field, prefix)
        items, values = field.get("items"), field.get("additionalProperties")
        if isinstance(items, Mapping):
            yield from self._write_inner(f"{prefix.removesuffix('.')}[].", items)
        if isinstance(values, Mapping):
            yield from self._write_inner(f"{prefix}NAME.", values)

    def _write_case(self, part: Schema) -> Iterator[str]:
        given = part.get("if", {}).get("properties", {})
        fields = part.get("then", {})
        if not given or "properties" not in fields:
            return
        values = [code(str(value)) for one in given.values() for value in one.get("enum", [one.get("const")])]
        yield from (f"### With {code(next(iter(given)))} {' or '.join(values)}", "")
        yield from self.write_fields(fields)

    def _write_field(self, name: str, field: Schema, *, is_required: bool) -> Iterator[str]:
        known = self._resolve(field)
        shape = self._describe(field)
        notes = [shape, "required" if is_required else "", _write_default(field, known)]
        yield f"`{name}`"
        yield f": {escape(known.get('description', ''))}"
        yield f"  <br>{'; '.join(filter(None, notes))}"
        yield ""
        # The examples of a definition stand with it.
        if "properties" not in known or "examples" in field:
            examples = "\n".join(self._write_examples(name.rpartition(".")[2], known))
            yield from (indent(examples), "") if examples.strip() else ()

    def _write_examples(self, name: str, field: Schema) -> Iterator[str]:
        examples = field.get("examples", ())
        if not examples:
            return
        yield "```yaml" if self._in_yaml else "```json"
        for example in examples:
            yield f"{name}: {self._format(example)}" if name and self._in_yaml else self._format(example)
        yield from ("```", "")

    def _format(self, value: object) -> str:
        if self._in_yaml:
            text: str = yaml.safe_dump(
                value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
            )
            return text.removesuffix("\n").removesuffix("\n...")
        return json.dumps(value, ensure_ascii=False)

    def _resolve(self, field: Schema) -> Schema:
        """Return a field with what its definition says, unless it says so itself."""
        reference = field.get("$ref")
        if not reference or reference.endswith(".json"):
            return field
        return {**self._resolve(self._definitions[_name(reference)]), **field}

    def _describe(self, field: Schema) -> str:
        """Return what its value may be: a type, values, or a link to the object's heading."""
        if "$ref" in field:
            return self._describe_reference(_name(field["$ref"]))
        if "const" in field:
            return code(json.dumps(field["const"]))
        if "enum" in field:
            return "one of " + ", ".join(code(str(value)) for value in field["enum"])
        choices = field.get("anyOf") or field.get("oneOf")
        return " or ".join(dict.fromkeys(map(self._describe, choices))) if choices else self._describe_type(field)

    def _describe_reference(self, name: str) -> str:
        if name.endswith(".json"):
            return f"[{name.partition('.')[0]}]({name.removesuffix('.json')}.md)"
        if not _has_heading(name, self._definitions[name]):
            return self._describe(self._definitions[name])
        return f"[{_title(name).lower()}](#{_title(name).lower().replace(' ', '-')})"

    def _describe_type(self, field: Schema) -> str:
        types = field.get("type", ())
        shown = " or ".join([types] if isinstance(types, str) else types)
        further = field.get("additionalProperties")
        if isinstance(field.get("items"), Mapping):
            shown = f"list of {self._describe(field['items'])}"
        elif isinstance(further, Mapping) and "properties" not in field:
            shown = f"map of names to {self._describe(further)}"
        limits = [text.format(code(str(field[word]))) for word, text in _LIMITS.items() if word in field]
        limits = [_NOT_EMPTY.get(limit, limit) for limit in limits]
        return ", ".join(filter(None, (shown, *limits)))


def _write_default(field: Schema, known: Schema) -> str:
    default = field.get("default", known.get("default"))
    return "" if default in (None, [], {}) else f"default {code(json.dumps(default, ensure_ascii=False))}"


def _has_heading(name: str, definition: Schema) -> bool:
    """Return whether a definition is described once, and linked; all others are described at each of their places."""
    return name == "duration" or "properties" in definition or "properties" in definition.get("items", {})


def _name(reference: str) -> str:
    return reference.removeprefix("#/$defs/")


def _title(name: str) -> str:
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]
