"""The sink `sqlite-box`: each raw key in a row of a SQLite file, with keyplan's note on it in the same row.

The engine of keyplan decides whose a value is and what may be overwritten. This module only finds, loads and stores
rows. A raw key must never appear in an error.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from keyplan.plugin import (
    TEMPLATE,
    Abilities,
    Change,
    Decide,
    Declaration,
    Json,
    Loaded,
    PluginContext,
    Sink,
    SinkDeniedError,
    SinkEngine,
    SinkKind,
    SinkName,
    SinkSettings,
    SinkUnavailableError,
    Slot,
    build_schema,
    fill_template,
    read_note,
    template_fields,
    write_note,
)

DEFAULT_ENTRY = "{address}"
OPTIONS = build_schema(
    "Stores each raw key in a row of a SQLite file.",
    {
        "file": {
            "type": "string",
            "minLength": 1,
            "description": "The SQLite file, relative to the manifest.",
            "x-access": "file",
        },
        "entry": {
            "type": "string",
            "minLength": 1,
            "default": DEFAULT_ENTRY,
            "description": f"Name of the row. {TEMPLATE}.",
            "x-access": "place",
        },
    },
    required=("file",),
)
TABLE = "CREATE TABLE IF NOT EXISTS box (entry TEXT PRIMARY KEY, value TEXT, note TEXT)"
_SECONDS = 30


def build(settings: SinkSettings, context: PluginContext) -> Sink:
    """Return the sink; nothing is opened yet."""
    return SinkEngine(
        settings,
        lineage=context.lineage,
        store=Box(Path(context.folder, str(settings.options["file"]))),
        kind=SinkKind(
            fill_slot=fill_slot,
            abilities=Abilities(holds_receipts=True, readable=True, compares=True, is_local=True),
            fixed=frozenset({"file"}),
        ),
    )


def fill_slot(sink: SinkName, owner: str, declaration: Declaration, options: Mapping[str, Json]) -> Slot:
    """Return the row of a declaration: ``box.db#user/ci``. Raises InputError if the template names an unknown field."""
    # Two names must never share a row. No character is special in the name of a row, so values come in as they are.
    entry = fill_template(str(options.get("entry", DEFAULT_ENTRY)), template_fields(owner, declaration), str)
    return Slot(
        sink=sink,
        location=f"{options['file']}#{entry}",
        # Receipts remember the options: by them the row is found when the manifest no longer names it.
        options={**options, "entry": entry},
    )


class Box:
    """Implements ValueStore in one file. Safe for threads and processes: SQLite lets one writer in at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, slots: Collection[Slot]) -> Mapping[Slot, Loaded]:
        """Return what each row holds: one query, whatever their number. Makes no file."""
        if not slots or not self._path.exists():
            return dict.fromkeys(slots, Loaded())
        with self._open() as connection:
            rows = {row[0]: _read(row) for row in connection.execute("SELECT entry, value, note FROM box")}
        return {slot: rows.get(_entry_of(slot), Loaded()) for slot in slots}

    def change(self, slot: Slot, decide: Decide, *, create: bool) -> None:
        """Load a row and store it again in one transaction, which is on the disk when this returns."""
        if not create and not self._path.exists():
            return
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            query = "SELECT entry, value, note FROM box WHERE entry = ?"
            row = connection.execute(query, (_entry_of(slot),)).fetchone()
            loaded = _read(row) if row else Loaded()
            change = decide(loaded)
            if change is not None:
                _store(connection, _entry_of(slot), loaded, change)
            connection.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open a connection. What is not committed when it is closed is rolled back."""
        try:
            # Made by hand: SQLite would give the file a mode in which every user may read it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            with closing(sqlite3.connect(self._path, timeout=_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute(TABLE)
                yield connection
        except PermissionError:
            raise SinkDeniedError(f"{self._path} may not be written", advice="check its owner and mode") from None
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            # SQLite's texts quote no values; with `from None` nothing is quoted even if they did.
            raise SinkUnavailableError(f"{self._path}: {reason}", advice="check that its folder exists") from None


def _entry_of(slot: Slot) -> str:
    return str(slot.options["entry"])


def _read(row: tuple[str, str | None, str | None]) -> Loaded:
    entry, value, note = row
    return Loaded(content=None if value is None else value.encode(), entry=read_note(note, f"the note of row {entry}"))


def _store(connection: sqlite3.Connection, entry: str, loaded: Loaded, change: Change) -> None:
    # None leaves the value as it is, empty removes it. Value and note are one row, so `change.first` is not needed.
    content = loaded.content if change.content is None else change.content
    if not content and change.entry is None:
        connection.execute("DELETE FROM box WHERE entry = ?", (entry,))
        return
    connection.execute(
        "INSERT OR REPLACE INTO box VALUES (?, ?, ?)",
        (entry, content.decode() if content else None, write_note(change.entry) if change.entry else None),
    )
