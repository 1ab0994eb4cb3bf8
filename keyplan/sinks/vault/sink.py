"""The sink `vault`: raw keys as fields of secrets in KV version 2 of HashiCorp Vault or OpenBao."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.manifest import SinkSettings
from keyplan.model.observation import Abilities
from keyplan.net.http import check_base_url
from keyplan.ports import Sink
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.options import TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.sinks.value_store import Seals
from keyplan.sinks.vault.auth import find_unnamed_secrets
from keyplan.sinks.vault.client import VaultClient
from keyplan.sinks.vault.connection import CONNECTION_SCHEMA, connect
from keyplan.sinks.vault.places import DEFAULT_FIELD, DEFAULT_MOUNT, fill_slot
from keyplan.sinks.vault.store import VaultSecrets

_PAUSE_SECONDS = 0.2
"""Longest pause before a secret is looked at and written again: enough for any other writer to be done."""

OPTIONS: Mapping[str, Any] = build_schema(
    "Writes each raw key into a field of a secret in Vault or OpenBao (KV version 2).",
    {
        **CONNECTION_SCHEMA,
        "mount": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_MOUNT,
            "description": "Of the KV engine.",
            "x-access": "place",
        },
        "path": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}; of the secret below the mount.",
            "examples": ["arize/{space}/{name}"],
            "x-access": "place",
        },
        "field": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_FIELD,
            "description": f"{TEMPLATE}; of the secret's fields. All others are kept.",
            "x-access": "place",
        },
        "write_only": {
            "type": "boolean",
            "default": False,
            "description": "Whether the policy does not let keyplan read values, and it shouldn't try.",
        },
        "receipts": {
            "type": "boolean",
            "default": True,
            "description": "false: the policy lets metadata be read only. Needs 'overwrite: true', too.",
        },
    },
    required=["path"],
)


def _check(settings: SinkSettings) -> None:
    """Raise InputError for options that don't fit together."""
    options = settings.options
    if not options.get("receipts", True) and not options.get("overwrite"):
        raise InputError(
            f"sink '{settings.name}': 'receipts: false' leaves no mark by which keyplan could know its own secrets",
            advice="set 'overwrite: true' as well, and let nothing else write there",
        )
    if options.get("copy_from") and options.get("write_only"):
        raise InputError(f"sink '{settings.name}': a sink with 'write_only: true' can't be copied from")
    if options.get("address"):
        check_base_url(str(options["address"]), whose="the vault sink's address")


_FIXED = (*CONNECTION_SCHEMA, "write_only", "receipts")
PLACES = SinkPlaces(
    fill_slot=fill_slot,
    fixed=_FIXED,
    store=("address", "namespace"),
    check=_check,
    find_secrets=find_unnamed_secrets,
)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; the server is asked nothing yet. Raises InputError for options that don't fit together."""
    _check(settings)
    return build_on(settings, context, connect(settings.options, context, name=settings.name))


def build_on(settings: SinkSettings, context: PluginContext, client: VaultClient) -> SinkEngine:
    """Return the sink on a client that is connected already."""
    options = settings.options

    def pause(_attempt: int) -> None:
        context.clock.sleep(timedelta(seconds=context.jitter(_PAUSE_SECONDS)))

    reads, holds_receipts = not options.get("write_only", False), bool(options.get("receipts", True))
    store = VaultSecrets(client, reads=reads, holds_receipts=holds_receipts, give_way=pause)
    kind = SinkKind(
        fill_slot=fill_slot,
        abilities=Abilities(
            holds_receipts=holds_receipts, readable=reads, weak_proof=not holds_receipts, compares=holds_receipts
        ),
        fixed=_FIXED,
        seals=Seals.CHANGE,
        give_way=pause,
    )
    return SinkEngine(settings, lineage=context.lineage, store=store, kind=kind)
