"""The sink `command`: a program of the user's own takes each raw key on its stdin.

Programs run without a shell; KEYPLAN_METADATA says what to do. No raw key is in argv, in an environment or in what is
shown of a program, and keyplan's own credential is in no child's environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from keyplan.context import PluginContext
from keyplan.model.manifest import SinkSettings
from keyplan.ports import Sink
from keyplan.sinks.command.programs import Programs
from keyplan.sinks.command.store import CommandStore, fill_slot
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.options import build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.system.programs import keep_from_children

_ARGV: Mapping[str, Any] = {
    "type": "array",
    "minItems": 1,
    "items": {"type": "string", "minLength": 1},
    "x-access": "command",
}
_OPTIONAL_ARGV: Mapping[str, Any] = {**_ARGV, "type": ["array", "null"]}
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1)}
_DEFAULT_TIMEOUT = "30s"
_FIXED = ("describe", "annotate", "proof", "timeout")

OPTIONS: Mapping[str, Any] = build_schema(
    "Hands each raw key to a program on its standard input.",
    {
        "argv": {
            **_ARGV,
            "description": "Stores the value: program and arguments, each a template of {name} {key_type} {space} "
            "{owner} {address}. No shell; ./x is relative to the manifest.",
            "examples": [["./store", "{address}"]],
        },
        "describe": {
            **_OPTIONAL_ARGV,
            "description": "Prints JSON of what is stored: {present, receipt?, intent?, owner?, changed_at?}.",
            "examples": [["./describe", "{address}"]],
        },
        "annotate": {
            **_OPTIONAL_ARGV,
            "description": "Replaces the metadata beside a value, which stays as it is. Needs describe.",
            "examples": [["./annotate", "{address}"]],
        },
        "check": {
            **_OPTIONAL_ARGV,
            "description": "Exits with 0 where a value could be stored; run before each key.",
            "examples": [["./check"]],
        },
        "remove": {
            **_OPTIONAL_ARGV,
            "description": "Removes the value; left out, nothing is ever removed.",
            "examples": [["./remove", "{address}"]],
        },
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
            "x-access": "none",
        },
    },
    required=["argv"],
    without=["copy_from"],
)


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=_FIXED)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is run yet."""
    environment = keep_from_children(context.environment, context.credential_variables)
    programs = Programs(
        folder=context.folder,
        environment=environment,
        limit=_read_timeout(str(settings.options.get("timeout") or _DEFAULT_TIMEOUT)),
    )
    store = CommandStore(programs, settings.options)
    kind = SinkKind(fill_slot=fill_slot, abilities=store.abilities, fixed=_FIXED)
    return SinkEngine(settings, lineage=context.lineage, store=store, kind=kind)


def _read_timeout(text: str) -> timedelta:
    return int(text[:-1]) * _UNITS[text[-1]]
