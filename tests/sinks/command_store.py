"""A user's own store for the sink `command`: files in a folder, and their metadata beside them.

usage: command_store.py FOLDER NAME store|describe|annotate|check|remove
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def store(value: Path, notes: Path, told: dict[str, Any]) -> None:
    """Keep the value, and what was told of it."""
    assert told["action"] == "store"
    value.write_bytes(sys.stdin.buffer.read())
    notes.write_text(json.dumps(told))


def describe(value: Path, notes: Path, told: dict[str, Any]) -> None:
    """Print what is there."""
    assert told["action"] == "describe"
    found = json.loads(notes.read_text()) if notes.exists() else {}
    there = value.exists()
    changed_at = datetime.fromtimestamp(value.stat().st_mtime, UTC).isoformat() if there else None
    fields = {name: found.get(name) for name in ("owner", "receipt", "intent")}
    sys.stdout.write(json.dumps({"present": there, "changed_at": changed_at, **fields}))


def annotate(value: Path, notes: Path, told: dict[str, Any]) -> None:
    """Keep what is told in place of what was told before; no owner: nothing."""
    assert told["action"] == "annotate"
    assert not sys.stdin.buffer.read()
    if told["owner"] is None:
        notes.unlink(missing_ok=True)
    else:
        notes.write_text(json.dumps(told))


def check(value: Path, notes: Path, told: dict[str, Any]) -> None:
    """Fail for good where the folder cannot be written."""
    assert told["action"] == "check"
    if not os.access(value.parent, os.W_OK) or (value.parent / "closed").exists():
        sys.stderr.write("the store is closed\n")
        raise SystemExit(77)


def remove(value: Path, notes: Path, told: dict[str, Any]) -> None:
    """Remove both."""
    assert told["action"] == "remove"
    value.unlink(missing_ok=True)
    notes.unlink(missing_ok=True)


if __name__ == "__main__":
    folder, name, verb = sys.argv[1:]
    verbs = {"store": store, "describe": describe, "annotate": annotate, "check": check, "remove": remove}
    verbs[verb](Path(folder, name), Path(folder, f"{name}.notes"), json.loads(os.environ["KEYPLAN_METADATA"]))
