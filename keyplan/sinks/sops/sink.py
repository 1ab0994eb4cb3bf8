"""The sink `sops`: raw keys as entries of an encrypted YAML or JSON file that lives in git, its receipts in the clear.

No raw key is in argv, in an environment or in a file in the clear, and no other entry's ciphertext changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.context import PluginContext
from keyplan.model.manifest import SinkSettings
from keyplan.model.observation import Abilities
from keyplan.ports import Sink
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.options import TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.sinks.sops.places import fill_slot, find_identity
from keyplan.sinks.sops.program import SopsProgram, find_sops, pass_on
from keyplan.sinks.sops.store import SopsFiles
from keyplan.system.programs import keep_from_children

OPTIONS: Mapping[str, Any] = build_schema(
    "Sets each raw key as one entry of a file that is encrypted with sops.",
    {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}; ends in .yaml, .yml or .json.",
            "examples": ["secrets/{space}.yaml"],
            "x-access": "file",
        },
        "entry": {
            "type": "string",
            "minLength": 1,
            "description": "Where in the file: a template, too; dots lead into mappings, as in arize.{name}.",
            "examples": ["arize.{name}"],
            "x-access": "place",
        },
        "notes": {
            "type": ["string", "null"],
            "pattern": "^[A-Za-z_][A-Za-z0-9_-]*$",
            "description": "Top-level field for receipts, which sops has to leave in the clear; left out, keyplan and "
            "the file's unencrypted_suffix, and in manifests of Kubernetes annotations.",
            "examples": ["keyplan_unencrypted"],
            "x-access": "place",
        },
    },
    required=["path", "entry"],
    without=["format"],
)


PLACES = SinkPlaces(fill_slot=fill_slot, find_identity=find_identity, is_local=True)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is run yet. Raises InputError if the sops program is not installed."""
    environment = pass_on(keep_from_children(context.environment, context.credential_variables))
    return SinkEngine(
        settings,
        lineage=context.lineage,
        store=SopsFiles(
            base=context.folder,
            program=SopsProgram(find_sops(environment), environment=environment),
            say=context.say,
        ),
        kind=SinkKind(
            fill_slot=fill_slot, abilities=Abilities(holds_receipts=True, readable=True, compares=True, is_local=True)
        ),
    )
