"""Ready-made nouns for tests: those of `keyplan.testing.samples`, and some that plugins don't need."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from keyplan.errors import Problem
from keyplan.model.identity import KeyId
from keyplan.model.manifest import KeyType, Rotation
from keyplan.model.observation import Observation
from keyplan.testing.samples import (
    ACCOUNT,
    CREATOR,
    FORMER,
    IDENTITY,
    LINEAGE,
    LOCAL,
    NOW,
    ORIGIN,
    OTHER_RAW,
    OWNER,
    PLACE,
    RAW,
    RENAMED_LINEAGE,
    make_access,
    make_context,
    make_declaration,
    make_delivery,
    make_desired,
    make_desired_service,
    make_history_entry,
    make_holder,
    make_intent,
    make_ledger_settings,
    make_receipt,
    make_runner,
    make_sink_settings,
)

__all__ = [
    "ACCOUNT",
    "AT_ONCE",
    "CREATOR",
    "FORMER",
    "IDENTITY",
    "LINEAGE",
    "LOCAL",
    "NOW",
    "ORIGIN",
    "OTHER_RAW",
    "OWNER",
    "PLACE",
    "RAW",
    "RENAMED_LINEAGE",
    "make_access",
    "make_context",
    "make_declaration",
    "make_delivery",
    "make_desired",
    "make_desired_service",
    "make_history_entry",
    "make_holder",
    "make_intent",
    "make_ledger_settings",
    "make_observation",
    "make_problem",
    "make_receipt",
    "make_runner",
    "make_sink_settings",
    "names_in",
]


AT_ONCE = Rotation(overlap=timedelta(0))
"""For tests that are not about the overlap: an old key stops when the new one is delivered."""


def make_problem(message: str = "field 'keys' is missing", **changes: Any) -> Problem:
    """Return a problem at the beginning of a manifest."""
    return Problem(**({"file": "keys.yaml", "line": 1, "column": 1, "message": message} | changes))


def names_in(folder: Path) -> list[str]:
    """Return the names of everything in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def make_observation(key_id: str = "key-1", **changes: Any) -> Observation:
    """Return a live user key `ci` without marker, created at NOW, that never expires."""
    values: dict[str, Any] = {
        "id": KeyId(key_id),
        "name": "ci",
        "key_type": KeyType.USER,
        "redacted": "ak-can...000",
        "created_at": NOW,
        "created_by": CREATOR,
    }
    return Observation(**(values | changes))
