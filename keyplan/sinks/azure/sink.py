"""The sink `azure-key-vault`: raw keys as secrets of an Azure Key Vault, each version with its receipt in its tags.

Each raw key is a new version of a secret; a removed one is deleted softly. No request is sent over plain http.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
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
from keyplan.sinks.azure.client import TYPE, connect
from keyplan.sinks.azure.store import AzureSecrets
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.options import PATIENCE, TEMPLATE, build_schema
from keyplan.sinks.patience import open_retrier
from keyplan.sinks.places import SinkPlaces

_NAME = re.compile(r"[a-z0-9-]{1,127}", re.ASCII)
"""Azure, "Object identifiers": letters of any case, which doesn't count; keyplan writes them small."""
_LONGEST_PART = 80
_DIGEST_DIGITS = 8

OPTIONS: Mapping[str, Any] = build_schema(
    "Keeps each raw key as a secret of an Azure Key Vault.",
    {
        "vault_url": {
            "type": "string",
            "minLength": 1,
            "description": "Such as https://acme-prod.vault.azure.net.",
            "examples": ["https://acme-prod.vault.azure.net"],
            "x-access": "url",
        },
        "name": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}: the secret's name.",
            "examples": ["arize-{name}"],
            "x-access": "place",
        },
        "content_type": {
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": 255,
            "description": "Shown beside the secret; left out, text/plain or application/json.",
            "examples": ["text/plain"],
            "x-access": "none",
        },
        "ca_file": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "Certificates of the authorities to trust; relative to the manifest.",
            "examples": ["certificates/internal.pem"],
            "x-access": "file",
        },
        **PATIENCE,
        **CEILING,
    },
    required=["vault_url", "name"],
)


def _check(settings: SinkSettings) -> None:
    """Raise InputError if vault_url can't be used."""
    url = check_base_url(str(settings.options["vault_url"]), whose=f"{TYPE}: vault_url")
    if not url.startswith("https:") or urlsplit(url).path:
        # Azure's SDK sends no token without TLS, not even to this machine.
        raise InputError(f"{TYPE}: vault_url '{url}' must be https://HOST and nothing else")


_FIXED = ("vault_url", "ca_file")


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent yet. Raises InputError if the SDK is missing or vault_url can't be used."""
    _check(settings)
    url = check_base_url(str(settings.options["vault_url"]))
    ca_file = settings.options.get("ca_file")
    vault = connect(
        url,
        host=_host_of(url),
        environment=context.environment,
        ca_file=str(Path(context.folder, str(ca_file))) if ca_file else "",
        retrier=open_retrier(settings.options, context, name=settings.name),
        max_keys=read_max_keys(settings.options),
    )
    return SinkEngine(
        settings,
        lineage=context.lineage,
        store=AzureSecrets(vault, lineage=context.lineage),
        kind=SinkKind(
            fill_slot=fill_slot,
            abilities=Abilities(holds_receipts=True, readable=True),
            fixed=_FIXED,
        ),
    )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``acme-prod.vault.azure.net/arize-ci``.

    Raises InputError if a template names an unknown field, or Azure takes no such name.
    """
    fields = templates.describe(owner, declaration)
    name = templates.fill(str(options["name"]), fields, to_name_part).lower()
    if not _NAME.fullmatch(name):
        raise InputError(
            f"'{name}' can't be a secret's name", advice="Azure takes 1 to 127 letters, digits and hyphens"
        )
    location = f"{_host_of(str(options['vault_url']))}/{name}"
    return Slot(sink=sink, location=location, options={**options, "name": name})


def to_name_part(value: str) -> str:
    """Return a value as part of a secret's name: small letters, digits and ``-``; never empty.

    A value with other characters, or of more than 80, has them replaced and ends in its digest: names that
    differ only in case would be one name to Azure.
    """
    if _NAME.fullmatch(value) and len(value) <= _LONGEST_PART:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:_DIGEST_DIGITS]
    plain = re.sub(r"[^a-z0-9-]", "-", value.lower()).strip("-")[: _LONGEST_PART - _DIGEST_DIGITS - 1]
    return f"{plain}-{digest}" if plain else digest


def _host_of(url: str) -> str:
    return urlsplit(url).netloc.lower()


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=_FIXED, check=_check)
