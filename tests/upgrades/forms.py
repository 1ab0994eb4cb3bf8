"""The form of what a version stores, whatever the values: two worlds of one version have the same."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

_NAMED_BY_DIGEST = re.compile(r"[0-9a-f]{60}-[0-9a-f]{16}")
"""What an object's key says of a plan that was applied: another one for each plan."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(?P<zone>\+00:00|Z|)")


def describe_world(world: Path) -> dict[str, Any]:
    """Return the form of everything that a version stored: files, tables, and the fields of each document."""
    formats: dict[str, Any] = {}
    for path in sorted(path for path in world.rglob("*") if path.is_file()):
        name = _NAMED_BY_DIGEST.sub("DIGEST", str(path.relative_to(world)))
        if path.suffix == ".json":
            formats[name] = sorted(list_fields(json.loads(path.read_text())))
        elif path.suffix == ".jsonl":
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            formats[name] = sorted(list_fields(rows))
        elif path.suffix == ".sql":
            formats[name] = path.read_text().splitlines()
        elif path.name == "ledger.db":
            with closing(sqlite3.connect(path)) as ledger:
                formats[name] = describe_ledger(ledger)
        else:
            formats[name] = None
    return formats


def describe_ledger(ledger: sqlite3.Connection) -> dict[str, Any]:
    """Return the tables, and the fields of the documents in each."""
    tables = dict(ledger.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
    fields = {}
    for table, statement in tables.items():
        if "document" in (statement or ""):
            rows = ledger.execute(f"SELECT document FROM {table}").fetchall()  # noqa: S608 - a name of the ledger itself
            fields[table] = sorted({field for (text,) in rows for field in list_fields(json.loads(text))})
    return {"tables": tables, "fields": fields}


def list_fields(document: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every field and the kind of its value; entries of a list have one path."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield f"{path}.{name}"
            yield from list_fields(value, f"{path}.{name}")
    elif isinstance(document, list):
        for value in document:
            yield from list_fields(value, f"{path}[]")
    else:
        yield f"{path}: {_find_kind(document)}"


def _find_kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, str):
        time = _TIME.fullmatch(value)
        return f"time{time['zone']}" if time else "text"
    return "number"
