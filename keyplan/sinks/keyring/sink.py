"""The sink `keyring`: raw keys in the secret store of a developer's own machine, through the library keyring.

One entry has the value, a second one the note on it. No store is used that keeps secrets in plain files, or forgets
them, because the library fell back to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json, SinkSettings
from keyplan.model.observation import Abilities, Slot
from keyplan.ports import Sink
from keyplan.sinks import templates
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.keyring.backends import find_backend
from keyplan.sinks.keyring.store import KeyringEntries
from keyplan.sinks.options import TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.system.optional import require

DEFAULT_SERVICE, DEFAULT_USERNAME = "arize", "{name}"

OPTIONS: Mapping[str, Any] = build_schema(
    "Stores each raw key in the secret store of the machine that runs keyplan.",
    {
        "service": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_SERVICE,
            "description": f"{TEMPLATE}.",
            "x-access": "place",
        },
        "username": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_USERNAME,
            "description": "A template, too.",
            "x-access": "place",
        },
        "backend": {
            "type": ["string", "null"],
            "pattern": r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+$",
            "description": "Class of the backend, such as keyring.backends.SecretService.Keyring; "
            "left out, what the library finds, if it is known to be safe.",
            "examples": ["keyring.backends.SecretService.Keyring"],
            "x-access": "module",
        },
    },
)


_FIXED = ("backend",)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; no store is opened yet. Raises InputError if the library is not installed."""
    library = require("keyring", extra="keyring")
    wanted = settings.options.get("backend")
    return SinkEngine(
        settings,
        lineage=context.lineage,
        store=KeyringEntries(lambda: find_backend(library, str(wanted) if wanted else None)),
        kind=SinkKind(fill_slot=fill_slot, abilities=Abilities(holds_receipts=True, readable=True), fixed=_FIXED),
    )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``arize/ci``.

    Raises InputError if a template names an unknown field, or holds control characters.
    """
    fields = templates.describe(owner, declaration)
    service = _fill(str(options.get("service", DEFAULT_SERVICE)), fields)
    username = _fill(str(options.get("username", DEFAULT_USERNAME)), fields)
    return Slot(
        sink=sink, location=f"{service}/{username}", options={**options, "service": service, "username": username}
    )


def _fill(template: str, fields: Mapping[str, str]) -> str:
    filled = templates.fill(template, fields, _to_text)
    if not filled.isprintable():
        raise InputError(f"{template!r} holds control characters")
    return filled


def _to_text(value: str) -> str:
    """Return a value as text that any store takes: few characters are percent-encoded, none is lost."""
    return "".join(
        f"%{ord(character):02X}" if character in "%/" or not character.isprintable() else character
        for character in value
    )


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=_FIXED, store=_FIXED)
