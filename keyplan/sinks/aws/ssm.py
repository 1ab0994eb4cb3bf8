"""The sink `aws-ssm`: raw keys as SecureString parameters of AWS Systems Manager, receipts as their tags.

The receipt names the version of the parameter that it speaks of, so planning reads no value as long as that version is
the newest one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from keyplan.context import PluginContext
from keyplan.errors import InputError
from keyplan.model.identity import Lineage, SinkName
from keyplan.model.manifest import Declaration, Json, SinkSettings
from keyplan.model.observation import Abilities, Slot
from keyplan.ports import Sink
from keyplan.sinks.aws.parameters_client import ParametersClient
from keyplan.sinks.aws.parameters_store import AwsParameters
from keyplan.sinks.aws.places import fill_place, identify_value, read_format
from keyplan.sinks.aws.service import CONNECTION, KMS_KEY, connect
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.options import TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.sinks.value_store import Seals

TYPE = "aws-ssm"
OPTIONS: Mapping[str, Any] = build_schema(
    "Keeps each raw key as a SecureString parameter of AWS Systems Manager.",
    {
        **CONNECTION,
        "name": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}: the parameter's name.",
            "examples": ["/arize/{space}/{name}"],
            "x-access": "place",
        },
        **KMS_KEY,
        "tier": {
            "enum": ["Standard", "Advanced", "Intelligent-Tiering", None],
            "description": "Standard holds 4 KB and costs nothing, Advanced 8 KB; left out, the account's default.",
        },
    },
    required=["name"],
)

# AWS, PutParameter, Name: 1,011 characters with the ARN in front; 15 levels; aws and ssm are AWS's own.
_NAME = re.compile(r"(?!/?(aws|ssm))(/[A-Za-z0-9_.-]+){1,15}|(?!/?(aws|ssm))[A-Za-z0-9_.-]+", re.ASCII | re.IGNORECASE)
_LONGEST_NAME = 880


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is sent yet. Raises InputError if boto3 is missing or can't be set up."""
    store, tagging = connect(["ssm", "resourcegroupstaggingapi"], settings, context)
    return build_on(settings, lineage=context.lineage, client=ParametersClient(store, tagging))


def build_on(settings: SinkSettings, *, lineage: Lineage, client: ParametersClient) -> Sink:
    """Return the sink on a client."""
    return SinkEngine(
        settings,
        lineage=lineage,
        store=AwsParameters(client, owner=lineage.identity.owner),
        kind=SinkKind(
            fill_slot=fill_slot,
            abilities=Abilities(holds_receipts=True, readable=True),
            fixed=tuple(CONNECTION),
            read_format=read_format,
            seals=Seals.VERSION,
        ),
    )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the slot of a declaration: ``/arize/ci``.

    Raises InputError if a template names an unknown field, or AWS takes no such name.
    """
    slot = fill_place(sink, owner, declaration, options, rule=_NAME)
    if len(slot.location) > _LONGEST_NAME:
        raise InputError(f"'{slot.location}' is too long for a parameter's name")
    return slot


PLACES = SinkPlaces(fill_slot=fill_slot, fixed=tuple(CONNECTION), store=tuple(CONNECTION), find_identity=identify_value)
