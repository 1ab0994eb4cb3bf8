"""The sink `sqlite-box`: each raw key in a row of a SQLite file, its receipt and intent in the same row.

In: slots, raw keys, receipts, intents. Out: rows, changed in one transaction each. Never: a row of another owner or of
a person overwritten; an empty value; a raw key in an error.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.manifest import Declaration, Delivery, SinkSettings
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.plugin import Surroundings
from keyplan.ports import Sink
from keyplan.sinks import templates

OPTIONS: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Stores each raw key in a row of a SQLite file.",
    "properties": {
        "file": {"type": "string", "minLength": 1, "description": "The SQLite file, relative to the manifest."},
        "entry": {
            "type": "string",
            "minLength": 1,
            "default": "{address}",
            "description": "Name of the row. Template of {name} {key_type} {space} {owner} {address}.",
        },
        "overwrite": {
            "type": "boolean",
            "default": False,
            "description": "Whether a person's value may be overwritten.",
        },
        "on_remove": {
            "enum": ["delete", "keep"],
            "default": "delete",
            "description": "What removal does to the value.",
        },
        "copy_from": {"type": "boolean", "default": False, "description": "Whether other sinks may be filled from it."},
    },
    "required": ["file"],
    "additionalProperties": False,
}
_FIXED = ("file", "copy_from")
_SECONDS = 30
TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS box (entry TEXT PRIMARY KEY, value TEXT, owner TEXT, receipt TEXT, intent TEXT)"
)
_SELECT = "SELECT entry, value, owner, receipt, intent FROM box"


def build(settings: SinkSettings, surroundings: Surroundings) -> Sink:
    """Return the sink; nothing is touched yet."""
    return SqliteBox(settings, folder=surroundings.folder, owner=surroundings.owner)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Row:
    """What lies at one entry."""

    raw: RawKey | None = None
    owner: str | None = None
    """Whose mark it carries; None for what a person put there."""
    receipt: Receipt | None = None
    intent: Intent | None = None

    def content(self) -> Content:
        """Return whether the value is the receipt's."""
        if self.raw is None or self.receipt is None or self.receipt.fingerprint is None:
            return Content.UNREAD
        return Content.MATCHES if self.receipt.fingerprint.matches(self.raw) else Content.DIFFERS


_EMPTY = Row()
_Decide = Callable[[Row], Row | None]
"""From what lies there to what shall; None for nothing to do. May refuse by raising."""


class SqliteBox:
    """Implements keyplan.ports.Sink. Safe for threads and processes: SQLite lets one writer in at a time."""

    def __init__(self, settings: SinkSettings, *, folder: str, owner: str) -> None:
        self.abilities = Abilities(holds_receipts=True, readable=True, may_copy=bool(settings.options.get("copy_from")))
        self._settings = settings
        self._path = Path(folder, str(settings.options["file"]))
        self._owner = owner

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return the row: ``box.db#user/ci``. Raises InputError for a template, or an option, that can't be."""
        if fixed := [name for name in _FIXED if name in delivery.options]:
            raise InputError(
                f"{delivery.place}: '{fixed[0]}' can't differ for one key", advice="configure a second sink"
            )
        options = {**self._settings.options, **delivery.options}
        fields = templates.describe(owner, declaration)
        # Two names must never share a row: a value comes in as it is, because nothing is special in a row's name.
        entry = templates.fill(str(options.get("entry", "{address}")), fields, str)
        return Slot(
            sink=self._settings.name,
            location=f"{options['file']}#{entry}",
            # The options are remembered in receipts: by them the row is found when the manifest no longer names it.
            options={**options, "entry": entry},
        )

    def inspect(self, slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return what each slot holds: one query, whatever their number."""
        if not slots or not self._path.exists():
            return dict.fromkeys(slots, Holding(present=False))
        with self._open() as connection:
            rows = {entry: _read(fields) for entry, *fields in connection.execute(_SELECT)}
        return {slot: self._hold(rows.get(_entry(slot), _EMPTY)) for slot in slots}

    def read(self, slot: Slot) -> RawKey | None:
        """Return the raw key, whoever put it there."""
        if not self._path.exists():
            return None
        with self._open() as connection:
            return _find(connection, slot).raw

    def intend(self, slot: Slot, intent: Intent) -> None:
        """Note an intent, which proves that the file can be written and that the row is free or ours."""

        def decide(row: Row) -> Row:
            _refuse_unwritable(slot, row, intent.owner)
            return replace(row, owner=intent.owner, intent=intent)

        self._change(slot, decide, create=True)

    def retract(self, slot: Slot, intent_id: IntentId) -> None:
        """Remove that intent; where nothing was delivered, the row goes too."""

        def decide(row: Row) -> Row | None:
            if row.intent is None or row.intent.id != intent_id:
                return None
            return replace(row, intent=None) if row.raw is not None else _EMPTY

        self._change(slot, decide, create=False)

    def put(self, slot: Slot, raw: RawKey, receipt: Receipt) -> None:
        """Store raw key and receipt; the intent is closed."""

        def decide(row: Row) -> Row:
            _refuse_unwritable(slot, row, receipt.owner)
            return Row(raw=raw, owner=receipt.owner, receipt=receipt)

        if raw.is_empty():
            raise SinkDeniedError(f"{slot.location}: an empty value is never written")
        self._change(slot, decide, create=True)

    def annotate(self, slot: Slot, receipt: Receipt) -> None:
        """Replace the receipt beside a value; nothing where there is no value."""

        def decide(row: Row) -> Row | None:
            _refuse_other_owner(slot, row, receipt.owner)
            return replace(row, owner=receipt.owner, receipt=receipt) if row.raw is not None else None

        self._change(slot, decide, create=False)

    def withdraw(self, slot: Slot, owner: str) -> None:
        """Remove value and notes, unless `on_remove` keeps them; a value that a person put in its place stays."""

        def decide(row: Row) -> Row | None:
            if row.owner != owner:
                return None
            # While an intent is open, another value than the receipt's may be our own, from before a crash.
            is_a_persons = row.intent is None and row.content() is Content.DIFFERS
            return Row(raw=row.raw) if is_a_persons else _EMPTY

        if slot.options.get("on_remove") != "keep":
            self._change(slot, decide, create=False)

    def _hold(self, row: Row) -> Holding:
        # Another owner's notes prove nothing to us: planned as undelivered, the row is refused by `intend`.
        is_ours = row.owner == self._owner
        return Holding(
            present=row.raw is not None,
            receipt=row.receipt if is_ours and row.raw is not None else None,
            intent=row.intent if is_ours else None,
            content=row.content() if is_ours else Content.UNREAD,
        )

    def _change(self, slot: Slot, decide: _Decide, *, create: bool) -> None:
        """Replace a row in one transaction, which is on the disk when this returns."""
        if not create and not self._path.exists():
            return
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            row = decide(_find(connection, slot))
            if row is _EMPTY:
                connection.execute("DELETE FROM box WHERE entry = ?", (_entry(slot),))
            elif row is not None:
                _store(connection, slot, row)
            connection.execute("COMMIT")

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give a connection; what was not committed when it is closed never happened."""
        try:
            # Made by hand, because SQLite would let everybody read it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600))
            with closing(sqlite3.connect(self._path, timeout=_SECONDS, isolation_level=None)) as connection:
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute(TABLE)
                yield connection
        except PermissionError:
            raise SinkDeniedError(f"{self._path} may not be written", advice="see its owner and mode") from None
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            # SQLite's texts quote no values; `from None` holds even if they did.
            raise SinkUnavailableError(f"{self._path}: {reason}", advice="see that its folder is there") from None


def _entry(slot: Slot) -> str:
    return str(slot.options["entry"])


def _find(connection: sqlite3.Connection, slot: Slot) -> Row:
    found = connection.execute(f"{_SELECT} WHERE entry = ?", (_entry(slot),)).fetchone()
    return _read(found[1:]) if found else _EMPTY


def _read(fields: Sequence[str | None]) -> Row:
    value, owner, receipt, intent = fields
    return Row(
        raw=None if value is None else RawKey(value),
        owner=owner,
        receipt=Receipt.from_dict(json.loads(receipt)) if receipt else None,
        intent=Intent.from_dict(json.loads(intent)) if intent else None,
    )


def _store(connection: sqlite3.Connection, slot: Slot, row: Row) -> None:
    notes = [json.dumps(note.to_dict()) if note else None for note in (row.receipt, row.intent)]
    connection.execute(
        "INSERT OR REPLACE INTO box VALUES (?, ?, ?, ?, ?)",
        (_entry(slot), None if row.raw is None else row.raw.reveal(), row.owner, *notes),
    )


def _refuse_unwritable(slot: Slot, row: Row, owner: str) -> None:
    _refuse_other_owner(slot, row, owner)
    if row.raw is not None and row.owner is None and not slot.options.get("overwrite"):
        raise SinkDeniedError(
            f"{slot.location}: something is there that keyplan did not put there",
            advice="remove it, choose another entry, or set 'overwrite: true' on this sink",
        )


def _refuse_other_owner(slot: Slot, row: Row, owner: str) -> None:
    if row.owner not in (None, owner):
        raise SinkDeniedError(
            f"{slot.location}: belongs to the manifest of '{row.owner}'",
            advice="choose another entry, or let that manifest give it up first",
        )
