"""The sink `age`: raw keys in files encrypted with age, fit for a git repository, each with a sidecar for its receipt.

In: slots, raw keys, receipts, intents, recipients. Out: armored age files, replaced atomically. Never: a raw key on
the disk in the clear; an identity needed where only receipts are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyplan.errors import InputError
from keyplan.model.manifest import Declaration, FromFile, Json, SinkName, SinkSettings
from keyplan.model.observation import Abilities, Slot
from keyplan.plugin import Surroundings
from keyplan.ports import Sink
from keyplan.sinks.age.encryption import AgeSealer, parse_identities
from keyplan.sinks.age.store import AgeFiles
from keyplan.sinks.engine import COMMON_OPTIONS, FORMAT_OPTION, NotedSink
from keyplan.sinks.local_files import fill_slot
from keyplan.system.optional import require
from keyplan.system.secrets import SECRET_SCHEMA, read_source

OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Writes each raw key into a file that is encrypted with age.",
    "properties": {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "Template of {name} {key_type} {space} {owner} {address}; relative to the manifest.",
        },
        "recipients": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": "^(age1[0-9a-z]+|ssh-(ed25519|rsa) .+)$"},
            "description": "Public keys of everybody who may decrypt: age1... or ssh-ed25519 ... or ssh-rsa ...",
        },
        "identity": {
            **SECRET_SCHEMA,
            "description": "Where a private key stands, so that keyplan can read what it wrote; needed for copy_from.",
        },
        "format": FORMAT_OPTION,
        **COMMON_OPTIONS,
    },
    "required": ["path", "recipients"],
    "additionalProperties": False,
}
_FIXED = ("identity", "copy_from")


def build(settings: SinkSettings, surroundings: Surroundings) -> Sink:
    """Return the sink. Of the disk only the identity is read, where there is one.

    Raises InputError where pyrage is not installed, or the identity is none.
    """
    pyrage = require("pyrage", extra="age")
    source: Any = settings.options.get("identity")
    sealer = AgeSealer(pyrage, _read_identities(pyrage, source, surroundings) if source else ())

    def fill_checked_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
        sealer.check_recipients(options["recipients"])
        return fill_slot(sink, owner, declaration, options)

    return NotedSink(
        settings,
        owner=surroundings.owner,
        store=AgeFiles(base=surroundings.folder, sealer=sealer),
        fill_slot=fill_checked_slot,
        abilities=Abilities(holds_receipts=True, readable=sealer.can_open),
        fixed=_FIXED,
    )


def _read_identities(pyrage: Any, value: Mapping[str, Any], surroundings: Surroundings) -> tuple[Any, ...]:
    source = read_source(value)
    if not isinstance(source, FromFile):
        credential = surroundings.resolve(source)
        return parse_identities(pyrage, credential.reveal().encode(), "identity")
    # A file of age-keygen has comments, an SSH key several lines: neither is one word, as a credential is.
    named = f"identity file '{source.path}'"
    try:
        return parse_identities(pyrage, Path(surroundings.folder, source.path).read_bytes(), named)
    except OSError as error:
        raise InputError(f"age: {named} cannot be read: {error.strerror}") from error
