"""The sink `aws-secrets-manager`: raw keys as secrets of AWS Secrets Manager, receipts as their tags.

The receipt names the version of the secret that it speaks of. Versions never change, so planning reads no value as long
as that version is the current one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from keyplan.context import PluginContext
from keyplan.model.identity import Lineage, SinkName
from keyplan.model.manifest import Declaration, Json, SinkSettings
from keyplan.model.observation import Abilities, Slot
from keyplan.ports import Sink
from keyplan.sinks.aws.places import fill_place, identify_value, read_format
from keyplan.sinks.aws.secrets_client import SecretsClient
from keyplan.sinks.aws.secrets_store import AwsSecrets
from keyplan.sinks.aws.service import CONNECTION, KMS_KEY, connect
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.options import TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.sinks.value_store import Seals

TYPE = "aws-secrets-manager"
OPTIONS: Mapping[str, Any] = build_schema(
    "Keeps each raw key as a secret of AWS Secrets Manager.",
    {
        **CONNECTION,
        "name": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}: the secret's name.",
            "examples": ["arize/{space}/{name}"],
            "x-access": "place",
        },
        "field": {
            "type": ["string", "null"],
            "minLength": 1,
            "description": "For a secret that is a JSON object: which field is the key; a template, too. Others stay.",
            "examples": ["{name}"],
            "x-access": "place",
        },
        **KMS_KEY,
        "recovery_days": {
            "enum": [0, *range(7, 31)],
            "default": 30,
            "description": "How long a deleted secret can be restored; 0: not at all.",
        },
    },
    required=["name"],
)

_PAUSE_SECONDS = 0.4
"""Longest pause before a secret is looked at and written again: enough for any other writer to be done."""
_NAME = re.compile(r"[A-Za-z0-9/_+=.@-]{1,512}", re.ASCII)
"""AWS, CreateSecret, Name."""


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent yet. Raises InputError if boto3 is missing or can't be set up."""
    (service,) = connect(["secretsmanager"], settings, context)

    def pause(_attempt: int) -> None:
        context.clock.sleep(timedelta(seconds=context.jitter(_PAUSE_SECONDS)))

    return build_on(settings, lineage=context.lineage, client=SecretsClient(service), give_way=pause)


def build_on(
    settings: SinkSettings,
    *,
    lineage: Lineage,
    client: SecretsClient,
    give_way: Callable[[int], None] = lambda _attempt: None,
) -> Sink:
    """Return the sink on a client; `give_way` is the pause before a secret is looked at and written again."""
    return SinkEngine(
        settings,
        lineage=lineage,
        store=AwsSecrets(client, owner=lineage.identity.owner, give_way=give_way),
        kind=SinkKind(
            fill_slot=fill_slot,
            abilities=Abilities(holds_receipts=True, readable=True, compares=True),
            fixed=tuple(CONNECTION),
            read_format=read_format,
            seals=Seals.VERSION,
            give_way=give_way,
        ),
    )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``arize/ci``, with a field ``arize/ci#api_key``.

    Raises InputError if a template names an unknown field, AWS takes no such name, or options exclude each other.
    """
    return fill_place(sink, owner, declaration, options, rule=_NAME)


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=tuple(CONNECTION), store=tuple(CONNECTION), find_identity=identify_value)
