"""The manifest's schema with the options of every installed plugin in it, for editors.

It must not refuse a manifest that keyplan takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

from keyplan.app import registry
from keyplan.app.wiring import LEDGERS, PROVIDERS, SINKS
from keyplan.errors import InputError
from keyplan.model.manifest import LedgerSettings, ProviderSettings


def merge_plugin_options(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's schema with what each plugin takes; those that can't load are left out."""
    merged = deepcopy(dict(schema))
    properties = merged["properties"]
    sink = properties["sinks"]["additionalProperties"]
    _add_conditions(merged["$defs"]["provider"], PROVIDERS, ordinary=ProviderSettings().type)
    _add_conditions(properties["ledger"], LEDGERS, ordinary=LedgerSettings().type)
    _add_conditions(sink, SINKS, ordinary="")
    return merged


def _add_conditions(frame: dict[str, Any], group: str, *, ordinary: str) -> None:
    frame["allOf"] = list(_conditions(group, own=frozenset(frame["properties"]), ordinary=ordinary))


def _conditions(group: str, *, own: frozenset[str], ordinary: str) -> Iterator[dict[str, Any]]:
    """Yield for each type of a group: where it is named, its options hold beside the fields of the frame."""
    for name in registry.list_types(group):
        with suppress(InputError):
            options = _illustrate(registry.options_schema(group, name))
            properties = {**dict.fromkeys(sorted(own), True), **options.pop("properties", {})}
            # Without a type the ordinary one is meant, and the others must not describe its options.
            is_named: dict[str, Any] = {} if name == ordinary else {"required": ["type"]}
            yield {
                "if": {"properties": {"type": {"const": name}}, **is_named},
                "then": {**options, "properties": properties},
            }


def _illustrate(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a mapping in which each field that has a default or a choice has an example, too."""
    properties = {
        name: {**_find_example(field), **(_illustrate(field) if "properties" in field else field)}
        for name, field in options.get("properties", {}).items()
    }
    return {**options, "properties": properties}


def _find_example(field: Mapping[str, Any]) -> dict[str, Any]:
    choices = [choice for choice in field.get("enum", ()) if choice is not None]
    if choices:
        return {"examples": choices}
    if field.get("type") == "boolean":
        return {"examples": [not field.get("default", False)]}
    return {"examples": [field["default"]]} if "default" in field else {}
