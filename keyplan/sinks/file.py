"""The sink `file`: raw keys in files of mode 0600, each with a sidecar that holds its receipt.

No raw key is written to a path that git, or another version control system, would commit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keyplan.context import PluginContext
from keyplan.model.identity import Lineage
from keyplan.model.manifest import SinkSettings
from keyplan.model.observation import Abilities
from keyplan.ports import Sink
from keyplan.sinks.engine import SinkEngine, SinkKind
from keyplan.sinks.file_store import FileStore, Ignoring
from keyplan.sinks.local_files import DEFAULT_VARIABLE, OpenFolder, fill_slot, find_file_identity, read_format
from keyplan.sinks.options import TEMPLATE, build_schema
from keyplan.sinks.places import SinkPlaces
from keyplan.sinks.traced import TracedSink
from keyplan.system.files import Folder
from keyplan.system.locks import LockWait
from keyplan.system.work_trees import WorkTreeIgnoring

OPTIONS: Mapping[str, Any] = build_schema(
    "Writes each raw key into a file of mode 0600.",
    {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": f"{TEMPLATE}; relative to the manifest.",
            "examples": ["secrets/{name}.env"],
            "x-access": "file",
        },
        "format": {
            "enum": ["raw", "dotenv", "json"],
            "default": "raw",
            "description": "raw: the key alone; dotenv: a line NAME=key among others; json: the key and its metadata.",
        },
        "variable": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_VARIABLE,
            "description": "For dotenv: name of the variable; a template, too.",
            "x-access": "place",
        },
    },
    required=["path"],
)
PLACES = SinkPlaces(fill_slot=fill_slot, find_identity=find_file_identity, is_local=True)
_KIND = SinkKind(
    fill_slot=fill_slot,
    abilities=Abilities(holds_receipts=True, readable=True, compares=True, is_local=True),
    read_format=read_format,
)


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is touched yet."""
    return build_at(
        settings,
        base=context.folder,
        lineage=context.lineage,
        ignoring=WorkTreeIgnoring(context.environment),
        wait=LockWait(say=context.say),
    )


def build_at(
    settings: SinkSettings,
    *,
    base: str,
    lineage: Lineage,
    ignoring: Ignoring,
    enter: OpenFolder = Folder.enter,
    wait: LockWait | None = None,
) -> SinkEngine:
    """Return the sink below a folder, with its ways to git, to folders and to locks of others."""
    store = FileStore(base, ignoring=ignoring, enter=enter, wait=wait)
    return TracedSink(settings, lineage=lineage, store=store, kind=_KIND)
