"""The sink `command`: a program of the user's own takes each raw key on its stdin.

In: slots, raw keys, receipts, intents. Out: programs run without a shell, told in KEYPLAN_METADATA what to do. Never: a
raw key in argv, environment or what is shown of a program; keyplan's own credential in a child's environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from keyplan.model.manifest import SinkSettings
from keyplan.plugin import Surroundings
from keyplan.ports import Sink
from keyplan.sinks.command.programs import Programs
from keyplan.sinks.command.store import CommandSink
from keyplan.sinks.engine import COMMON_OPTIONS, FORMAT_OPTION
from keyplan.system.programs import keep_from_children

_ARGV: Mapping[str, Any] = {"type": "array", "minItems": 1, "items": {"type": "string", "minLength": 1}}
_OPTIONAL_ARGV: Mapping[str, Any] = {**_ARGV, "type": ["array", "null"]}
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1)}
_DEFAULT_TIMEOUT = "30s"

OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Hands each raw key to a program on its standard input.",
    "properties": {
        "argv": {
            **_ARGV,
            "description": "Stores the value: program and arguments, each a template of {name} {key_type} {space} "
            "{owner} {address}. No shell; ./x is relative to the manifest.",
        },
        "describe": {
            **_OPTIONAL_ARGV,
            "description": "Prints JSON of what is stored: {present, receipt?, intent?, owner?, changed_at?}.",
        },
        "annotate": {
            **_OPTIONAL_ARGV,
            "description": "Replaces the metadata beside a value, which stays as it is. Needs describe.",
        },
        "check": {**_OPTIONAL_ARGV, "description": "Exits with 0 where a value could be stored; run before each key."},
        "remove": {**_OPTIONAL_ARGV, "description": "Removes the value; left out, nothing is ever removed."},
        "proof": {
            "enum": ["receipt", "changed_at"],
            "default": "receipt",
            "description": "What describe shows of a value: the receipt that came with it, or when it last changed.",
        },
        "timeout": {
            "type": "string",
            "pattern": "^[1-9][0-9]{0,3}[sm]$",
            "default": _DEFAULT_TIMEOUT,
            "errorMessage": "must be a number of seconds or minutes, such as 30s or 2m",
            "description": "How long each run may take.",
        },
        "format": FORMAT_OPTION,
        **{name: COMMON_OPTIONS[name] for name in ("newline", "overwrite", "on_remove")},
    },
    "required": ["argv"],
    "additionalProperties": False,
}


def build(settings: SinkSettings, surroundings: Surroundings) -> Sink:
    """Return the sink; nothing is run yet."""
    environment = keep_from_children(surroundings.environment, surroundings.credential_variables)
    programs = Programs(
        folder=surroundings.folder,
        environment=environment,
        limit=_read_timeout(str(settings.options.get("timeout") or _DEFAULT_TIMEOUT)),
    )
    return CommandSink(settings, owner=surroundings.owner, programs=programs)


def _read_timeout(text: str) -> timedelta:
    return int(text[:-1]) * _UNITS[text[-1]]
