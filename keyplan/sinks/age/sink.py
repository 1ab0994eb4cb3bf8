"""The sink `age`: raw keys in files encrypted with age, fit for a git repository, each with a sidecar for its receipt.

No raw key is on the disk in the clear, and no identity is needed to read receipts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, FromFile, Json, SinkSettings
from keyplan.model.observation import Abilities, Slot
from keyplan.ports import Sink
from keyplan.sinks.age.encryption import AgeSealer, parse_identities
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.file_store import FileStore
from keyplan.sinks.local_files import fill_slot, find_file_identity
from keyplan.sinks.options import TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.system.locks import LockWait
from keyplan.system.optional import require
from keyplan.system.secrets import SECRET_SCHEMA, read_source

OPTIONS: Mapping[str, Any] = build_schema(
    "Writes each raw key into a file that is encrypted with age.",
    {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}; relative to the manifest.",
            "examples": ["secrets/{name}.age"],
            "x-access": "file",
        },
        "recipients": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": "^(age1[0-9a-z]+|ssh-(ed25519|rsa) .+)$"},
            "description": "Public keys of all users who may decrypt: age1... or ssh-ed25519 ... or ssh-rsa ...",
            "examples": [["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]],
            "x-access": "place",
        },
        "identity": {
            **SECRET_SCHEMA,
            "description": "Where a private key stands, so that keyplan can read what it wrote; needed for copy_from.",
            "examples": [{"file": "/run/secrets/age-identity"}],
        },
    },
    required=["path", "recipients"],
)


def _fill_checked_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    try:
        pyrage = require("pyrage", extra="age")
    except InputError:  # the machine that plans needs it, one that validates does not
        return fill_slot(sink, owner, declaration, options)
    AgeSealer(pyrage, ()).check_recipients(options["recipients"])
    return fill_slot(sink, owner, declaration, options)


_FIXED = ("identity",)
PLACES = SinkPlaces(
    fill_slot=_fill_checked_slot, fixed=_FIXED, find_identity=partial(find_file_identity, cipher="age"), is_local=True
)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink. Of the disk only the identity is read, if there is one.

    Raises InputError if pyrage is not installed, or the identity is none.
    """
    pyrage = require("pyrage", extra="age")
    source: Any = settings.options.get("identity")
    sealer = AgeSealer(pyrage, _read_identities(pyrage, source, context) if source else ())

    def fill_checked_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
        sealer.check_recipients(options["recipients"])
        return fill_slot(sink, owner, declaration, options)

    return SinkEngine(
        settings,
        lineage=context.lineage,
        store=FileStore(context.folder, cipher=sealer, wait=LockWait(say=context.say)),
        kind=SinkKind(
            fill_slot=fill_checked_slot,
            abilities=Abilities(holds_receipts=True, readable=sealer.can_open, compares=True, is_local=True),
            fixed=_FIXED,
        ),
    )


def _read_identities(pyrage: Any, value: Mapping[str, Any], context: PluginContext) -> tuple[Any, ...]:
    source = read_source(value)
    if not isinstance(source, FromFile):
        credential = context.resolve(source)
        return parse_identities(pyrage, str.encode(credential.reveal()), "identity")
    # A file of age-keygen has comments, an SSH key several lines: neither is one word, as a credential is.
    named = f"identity file '{source.path}'"
    try:
        return parse_identities(pyrage, Path(context.folder, source.path).read_bytes(), named)
    except OSError as error:
        raise InputError(f"age: {named} cannot be read: {error.strerror}") from error
