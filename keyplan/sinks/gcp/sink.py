"""The sink `gcp-secret-manager`: raw keys as secrets of Google's Secret Manager, receipts in their annotations.

Each raw key is a new version of a secret, which `latest` then means. No request goes to another machine over plain
http.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Declaration, Json, SinkSettings
from keyplan.model.observation import Abilities, Slot
from keyplan.net.http import check_base_url
from keyplan.ports import Sink
from keyplan.sinks import templates
from keyplan.sinks.answers import CEILING, read_max_keys
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.gcp.client import TYPE, SecretManager, make_replication
from keyplan.sinks.gcp.connection import make_opener
from keyplan.sinks.gcp.store import GcpSecrets
from keyplan.sinks.options import PATIENCE, TEMPLATE, build_schema
from keyplan.sinks.patience import open_retrier
from keyplan.sinks.places import SinkPlaces

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
"""Google, secrets.create, secretId."""
_LONGEST_PART = 100
_DIGEST_DIGITS = 8
_FIXED = ("project", "endpoint", "locations", "write_only")
_PAUSE_SECONDS = 0.2
"""Longest pause before a secret is looked at and written again: enough for any other writer to be done."""

OPTIONS: Mapping[str, Any] = build_schema(
    "Keeps each raw key as a secret of Google Cloud Secret Manager.",
    {
        "project": {
            "type": "string",
            "pattern": "^[a-z0-9.:-]+$",
            "description": "Id or number of the project.",
            "examples": ["acme-prod"],
            "x-access": "place",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}: the secret's id.",
            "examples": ["arize-{name}"],
            "x-access": "place",
        },
        "endpoint": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "https://HOST for a private endpoint, or http://127.0.0.1:PORT for an emulator; "
            "left out, Google's own.",
            "examples": ["https://secretmanager.internal.example.com"],
            "x-access": "url",
        },
        "locations": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-z0-9-]+$"},
            "default": [],
            "description": "Where new secrets are replicated to, such as [europe-west1]; empty: as Google sees fit.",
            "x-access": "place",
        },
        "keep_versions": {
            "type": ["integer", "null"],
            "minimum": 0,
            "description": "How many versions before the newest one stay enabled; left out, all of them.",
            "examples": [3],
        },
        "write_only": {
            "type": "boolean",
            "default": False,
            "description": "Whether keyplan may not read values, and shouldn't try.",
        },
        **PATIENCE,
        **CEILING,
    },
    required=["project", "name"],
)


def _check(settings: SinkSettings) -> None:
    """Raise InputError for options that don't fit together, or an endpoint that can't be used."""
    options = settings.options
    if options.get("copy_from") and options.get("write_only"):
        raise InputError(f"sink '{settings.name}': a sink with 'write_only: true' can't be copied from")
    if options.get("endpoint"):
        endpoint = check_base_url(str(options["endpoint"]), whose=f"{TYPE}: endpoint")
        if urlsplit(endpoint).path:
            raise InputError(f"endpoint '{endpoint}' must end after host and port")


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent and no credentials are looked for yet.

    Raises InputError if the SDK is missing, or options don't fit together.
    """
    options = settings.options
    reads = not options.get("write_only")
    _check(settings)
    endpoint = options.get("endpoint")
    locations: Any = options.get("locations") or ()
    manager = SecretManager(
        make_opener(check_base_url(str(endpoint), whose=f"{TYPE}: endpoint") if endpoint else "", context.environment),
        project=str(options["project"]),
        replication=make_replication(locations),
        retrier=open_retrier(options, context, name=settings.name),
        **({"url": str(endpoint)} if endpoint else {}),
        max_keys=read_max_keys(options),
    )

    def pause(_attempt: int) -> None:
        context.clock.sleep(timedelta(seconds=context.jitter(_PAUSE_SECONDS)))

    return SinkEngine(
        settings,
        lineage=context.lineage,
        store=GcpSecrets(manager, reads=reads),
        kind=SinkKind(
            fill_slot=fill_slot,
            abilities=Abilities(holds_receipts=True, readable=reads, compares=True),
            fixed=_FIXED,
            give_way=pause,
        ),
    )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``acme-prod/arize-ci``.

    Raises InputError if a template names an unknown field, or Google takes no such name.
    """
    name = templates.fill(str(options["name"]), templates.describe(owner, declaration), to_name_part)
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' can't be a secret's id", advice="Google takes 1 to 255 letters, digits, hyphens and underscores"
        )
    return Slot(sink=sink, location=f"{options['project']}/{name}", options={**options, "name": name})


def to_name_part(value: str) -> str:
    """Return a value as part of a secret's id: letters, digits, ``-`` and ``_``; never empty.

    A value with other characters, or of more than 100, has them replaced and ends in a digest of the whole value.
    """
    if _NAME.fullmatch(value) and len(value) <= _LONGEST_PART:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:_DIGEST_DIGITS]
    plain = re.sub(r"[^A-Za-z0-9_-]", "-", value).strip("-")[: _LONGEST_PART - _DIGEST_DIGITS - 1]
    return f"{plain}-{digest}" if plain else digest


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=_FIXED, store=("endpoint",), check=_check)
