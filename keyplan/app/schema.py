"""The manifest's schema with the options of every installed plugin in it, for editors.

In: the published schema, the plugins' own. Out: one schema. Never: a manifest refused by it that keyplan takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

from keyplan.app import registry
from keyplan.app.wiring import PROVIDERS, SINKS
from keyplan.errors import InputError


def merge_plugin_options(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's schema with what each provider and sink takes; plugins that can't load are left out."""
    merged = deepcopy(dict(schema))
    provider = merged["properties"]["provider"]
    sink = merged["properties"]["sinks"]["additionalProperties"]
    provider["allOf"] = list(_conditions(PROVIDERS, own=frozenset(provider["properties"])))
    sink["allOf"] = list(_conditions(SINKS, own=frozenset(sink["properties"])))
    return merged


def _conditions(group: str, *, own: frozenset[str]) -> Iterator[dict[str, Any]]:
    """Yield for each type of a group: where it is named, its options hold beside the fields of the frame."""
    for name in registry.list_types(group):
        with suppress(InputError):
            options = dict(registry.options_schema(group, name))
            properties = {**dict.fromkeys(sorted(own), True), **options.pop("properties", {})}
            yield {
                "if": {"properties": {"type": {"const": name}}},
                "then": {**options, "properties": properties},
            }
