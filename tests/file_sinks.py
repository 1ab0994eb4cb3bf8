"""File sinks in a test's folder, in every format, and what one of their slots holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from samples import OWNER, RENAMED_LINEAGE, make_declaration, make_delivery, make_receipt, make_sink_settings

from keyplan.model.identity import KeyId, Lineage
from keyplan.model.manifest import Json
from keyplan.model.observation import Holding, Slot
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.file import build_at
from keyplan.sinks.local_files import OpenFolder
from keyplan.system.files import Folder
from keyplan.system.git import GitIgnoring

NEW_RAW = "ak-second" + "1" * 44
NEW_RECEIPT = make_receipt(NEW_RAW, key_id=KeyId("key-2"))
RAW_FILE: dict[str, Json] = {"path": "secrets/{name}.key"}
DOTENV: dict[str, Json] = {"path": "secrets/all.env", "format": "dotenv", "variable": "{name}"}
JSON_FILE: dict[str, Json] = {"path": "secrets/{name}.json", "format": "json"}
FORMATS = pytest.mark.parametrize("options", [RAW_FILE, DOTENV, JSON_FILE], ids=["raw", "dotenv", "json"])


def make_sink(
    base: Path, options: dict[str, Json], *, lineage: Lineage = RENAMED_LINEAGE, enter: OpenFolder = Folder.enter
) -> SinkEngine:
    """Return the sink `local` in that folder."""
    ignoring = GitIgnoring({"PATH": os.environ.get("PATH", "")})
    return build_at(make_sink_settings(options), base=str(base), lineage=lineage, ignoring=ignoring, enter=enter)


def locate(sink: SinkEngine, name: str = "ci", **options: Json) -> Slot:
    """Return the slot of `user/NAME`."""
    return sink.locate(OWNER, make_declaration(name), make_delivery(options))


def look(sink: SinkEngine, slot: Slot) -> Holding:
    """Return what one slot holds."""
    return sink.inspect([slot])[slot]
