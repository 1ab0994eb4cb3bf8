"""The options that every sink has, and which options may differ from delivery to delivery.

An option of all sinks goes here: its JSON Schema into `COMMON_OPTIONS`, and its name into `FIXED` if the sink has one
value of it for all its deliveries. Nothing here knows a type of sink.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from keyplan.errors import InputError
from keyplan.model.manifest import Delivery, Json, SinkSettings
from keyplan.model.observation import Slot
from keyplan.sinks.formats import FileFormat, JsonDocument, Raw

COMMON_OPTIONS: Mapping[str, Mapping[str, Json]] = {
    "format": {
        "enum": ["raw", "json"],
        "default": "raw",
        "description": "raw: the key alone; json: an object of the key and its metadata.",
    },
    "newline": {"type": "boolean", "default": False, "description": "For raw: whether the value ends with one."},
    "overwrite": {
        "type": "boolean",
        "default": False,
        "description": "Whether a value that keyplan did not write may be overwritten.",
    },
    "on_remove": {
        "enum": ["delete", "keep"],
        "default": "delete",
        "description": "What happens to the value when its declaration is removed.",
    },
    "copy_from": {
        "type": "boolean",
        "default": False,
        "description": "Whether other sinks of a key may be filled with the value that is read here.",
    },
}
"""Options of every sink, in the order in which they are shown."""
FIXED = frozenset({"copy_from", "max_keys", "patience_seconds"})
"""Those of them that can't differ for one delivery."""
PATIENCE: Mapping[str, Any] = {
    "patience_seconds": {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": 3600,
        "description": "How long a server that throttles is waited for; left out, 120, and 600 for a limit that "
        "names or needs a minute or more.",
        "examples": [120],
    },
}
"""The option of every sink that speaks HTTP; `patience.open_retrier` honours it."""
TEMPLATE = "Template of {name} {key_type} {space} {owner} {address}"
"""How a description of an option begins that `templates.fill` fills in."""


def build_schema(
    description: str,
    properties: Mapping[str, Any],
    *,
    required: Collection[str] = (),
    without: Collection[str] = (),
) -> Mapping[str, Any]:
    """Return the JSON Schema of a sink's options: its own, then the common ones.

    A sink's own property replaces the common one of that name; `without` names common ones that it does not have.
    """
    common = {name: schema for name, schema in COMMON_OPTIONS.items() if name not in without and name not in properties}
    schema: dict[str, Any] = {
        "type": "object",
        "description": description,
        "properties": {**properties, **common},
    }
    if required:
        schema["required"] = list(required)
    return {**schema, "additionalProperties": False}


def merge_options(settings: SinkSettings, delivery: Delivery, *, fixed: Collection[str]) -> Mapping[str, Json]:
    """Return the options of a delivery: the sink's, with the delivery's own in their place.

    Raises InputError if the delivery names an option of `fixed` or `FIXED`.
    """
    if not delivery.options:  # nearly always
        return settings.options
    if differing := sorted((FIXED | set(fixed)) & delivery.options.keys()):
        raise InputError(
            f"{delivery.place}: '{differing[0]}' can't differ for one key", advice="configure a second sink with it"
        )
    return {**settings.options, **delivery.options}


def format_of(slot: Slot) -> FileFormat:
    """Return how the raw key stands in a value: the options `format` and `newline`."""
    is_json = slot.options.get("format") == "json"
    return JsonDocument() if is_json else Raw(newline=bool(slot.options.get("newline")))
