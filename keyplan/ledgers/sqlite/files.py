"""Opens the ledger's SQLite file for reading or for one transaction, once its place, owner and format are checked.

A read must never create a file. A file of another owner or program, or that others can write, must never be changed.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, count
from pathlib import Path

from keyplan.errors import LedgerDamagedError, LedgerError, LedgerForeignError
from keyplan.ledgers.sqlite import known_places
from keyplan.ledgers.sqlite.place import FileId, LedgerPlace
from keyplan.model.identity import Identity, Lineage, ManifestId
from keyplan.system.files import Folder, sync_folder

FORMAT_VERSION = 1
"""Counts incompatible layouts of the file; a file of another version is refused, not migrated."""

# Documents are JSON, so new fields need no new layout; the columns beside them are those that are looked up.
# A rollback journal, not WAL: a reader of a WAL file must be able to write beside it (sqlite.org/wal.html, section 5).
_SCHEMA = (
    """
PRAGMA journal_mode = DELETE;
BEGIN IMMEDIATE;
-- format_version; owner, manifest_id (if the manifest has an id) and account: whose ledger this is.
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
-- One receipt for each address.
CREATE TABLE IF NOT EXISTS receipts (address TEXT PRIMARY KEY, document TEXT NOT NULL);
-- Intents that are still open.
CREATE TABLE IF NOT EXISTS intents (id TEXT PRIMARY KEY, document TEXT NOT NULL);
-- Plans that were applied.
CREATE TABLE IF NOT EXISTS spent (digest TEXT PRIMARY KEY, document TEXT NOT NULL);
-- The holder of the lock, at most one.
CREATE TABLE IF NOT EXISTS lock (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), id TEXT, document TEXT NOT NULL);
-- Past applies, in order.
CREATE TABLE IF NOT EXISTS history (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL);
"""
    f"{known_places.TABLE};\n"
)
_BUSY_TIMEOUT = timedelta(seconds=20)
"""How long SQLite waits for another connection. Transactions take milliseconds; a longer wait means a stuck disk."""
_DAMAGED_CODES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_ADVICE = {
    sqlite3.SQLITE_BUSY: "another program has it open and locked: end that one, then try again",
    sqlite3.SQLITE_READONLY: "give the user who runs keyplan the right to write it and its folder, or name another",
    sqlite3.SQLITE_FULL: "make room on the file system, then try again",
}
_PRIMARY_CODE = 0xFF
"""Extended result codes hold the primary one in their low byte (sqlite.org/rescode.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFile:
    """One ledger on disk, and the manifest and account that it must belong to."""

    place: LedgerPlace
    lineage: Lineage
    """Whose ledger may be read; the first write makes it the present identity's."""
    account: str

    @property
    def path(self) -> Path:
        """Where it is; it need not exist."""
        return self.place.path

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give the block a connection that cannot write; None if there is no ledger yet.

        Raises:
            LedgerError: The file cannot be read, or is of a newer format.
            LedgerUntrustedError: Others can write it, or git tracks it.
            LedgerForeignError: It belongs to another owner, manifest, account or program.
            LedgerDamagedError: It is not a ledger.
        """
        with self.translated():
            examined = self.place.examine()
            if examined is None:
                yield None
                return
            with closing(self._open_to_read()) as connection:
                self.place.confirm(examined)
                # One transaction: all reads of the block see the same instant.
                connection.execute("BEGIN")
                yield connection if self._is_ours(connection) else None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the block a connection in a transaction, which is durable after the block, or undone if it raises.

        Raises the errors of `reading`.
        """
        with self.translated():
            examined = self.prepare()
            with closing(self._open("rw")) as connection:
                self.place.confirm(examined)
                # EXTRA also syncs the folder once the journal is gone: what was committed stays committed.
                connection.executescript("PRAGMA synchronous = EXTRA; PRAGMA fullfsync = ON;")
                with connection:
                    self._begin(connection)
                    yield connection

    def prepare(self) -> FileId:
        """Return which file it is; an empty one of mode 0600 is created, and its folder, if there is none.

        Raises:
            LedgerUntrustedError: Others can write it or its folder, or git tracks it.
            LedgerError: It cannot be created.
        """
        with self.translated():
            if examined := self.place.examine():
                return examined
            # Before the file exists: one that is refused afterwards would stop every plan as well.
            self.place.refuse_new()
            self._create()
            if examined := self.place.examine():
                return examined
            raise LedgerError(f"{self.path} was removed while it was created", advice="try again")

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn errors of SQLite and the operating system that leave the block into LedgerError."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None) or 0
            if code & _PRIMARY_CODE in _DAMAGED_CODES:
                raise self.damaged(error) from error
            usual = "check that the file and its folder can be written, and that the disk has room"
            raise LedgerError(f"{self.path}: {error}", advice=_ADVICE.get(code & _PRIMARY_CODE, usual)) from error
        except OSError as error:
            raise LedgerError(
                f"{self.path}: {error.strerror}", advice="check that the file and its folder can be read and written"
            ) from error

    def damaged(self, error: Exception | None = None) -> LedgerDamagedError:
        """Return the error to raise if the file is not a usable ledger."""
        why = f": {error}" if error else ""
        return LedgerDamagedError(
            f"{self.path} is not a keyplan ledger, or is damaged{why}",
            advice="if it is the ledger, set it aside and build a new one from the sinks: keyplan ledger rebuild",
        )

    def check(self) -> None:
        """Let SQLite check every page of the file.

        Raises:
            LedgerDamagedError: A page is damaged.
        """
        with self.reading() as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone() if connection else None
            if found not in {None, ("ok",)}:
                raise self.damaged(ValueError(*found))

    def set_aside(self, at: datetime) -> Path:
        """Rename the file, which must exist, and a journal that a crash left beside it; return the new path.

        The caller holds the process lock. Raises LedgerError.
        """
        with self.translated():
            aside = self._find_free_name(at)
            # The journal first: SQLite would roll back a new ledger of the same name with a journal left behind.
            with suppress(FileNotFoundError):
                self._journal_of(self.path).rename(self._journal_of(aside))
            self.path.rename(aside)
            sync_folder(self.path.parent)
            return aside

    def _begin(self, connection: sqlite3.Connection) -> None:
        if self._is_ours(connection):
            connection.execute("BEGIN IMMEDIATE")
        else:
            # Two processes may both find an empty file: tables and rows are only added if they are missing, and the
            # check below then decides whose ledger it has become.
            connection.executescript(_SCHEMA)
            identity = self.lineage.identity
            values = {"format_version": str(FORMAT_VERSION), "owner": identity.owner, "account": self.account}
            connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", values.items())
        # Again, now that no other process can write: it may have become another manifest's in between.
        self._is_ours(connection)
        self._take_over(connection)

    def _take_over(self, connection: sqlite3.Connection) -> None:
        """Have the ledger bear the manifest's present owner and id, in the transaction under way."""
        identity = self.lineage.identity
        # Only what differs, so that no transaction has a page more to write.
        connection.executemany(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
            " WHERE value <> excluded.value",
            [("owner", identity.owner), *([("manifest_id", identity.id)] if identity.id else [])],
        )

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the ledger has been set up; raises if it belongs to another, or is of a newer format."""
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return False
        if "meta" not in tables:
            raise LedgerForeignError(
                f"{self.path} is not a keyplan ledger, but the database of another program", advice="name another file"
            )
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        if not meta.get("format_version", "").isdecimal():
            raise self.damaged()
        if meta["format_version"] != str(FORMAT_VERSION):
            raise LedgerError(f"{self.path} was written by a newer keyplan", advice="upgrade keyplan")
        self._refuse_foreign(
            Identity(meta.get("owner", ""), ManifestId(meta.get("manifest_id", ""))), meta.get("account")
        )
        return True

    def _refuse_foreign(self, whose: Identity, account: str | None) -> None:
        """Return if the ledger is this manifest's, or that of a manifest that it was before."""
        own, owners = self.lineage.identity, {identity.owner for identity in self.lineage.identities}
        if whose.owner not in owners or account != self.account:
            renamed = f"; if this manifest was renamed, add the line: {_write_formerly(whose)}"
            raise LedgerForeignError(
                f"{self.path} belongs to owner '{whose.owner}' at {account}, "
                f"not to owner '{own.owner}' at {self.account}",
                advice="name another ledger for this manifest, or move that one away"
                + (renamed if account == self.account else ""),
            )
        # A ledger that remembers no id is of before the manifest had one.
        if whose.id and whose not in self.lineage.identities:
            line = _write_formerly(whose) if own.id else f"id: {whose.id}"
            raise LedgerForeignError(
                f"{self.path} belongs to another manifest of owner '{whose.owner}', with 'id: {whose.id}'",
                advice=f"name another ledger for this manifest; or, if it is this one's own, add the line: {line}",
            )

    def _create(self) -> None:
        folder = self.path.absolute().parent
        if folder.name:
            with Folder.enter(folder.anchor, folder.parts[1:-1], create=True, follow=True) as outer:
                # Only a folder that keyplan creates: elsewhere it would hide the user's own files from git.
                outer.make_ignored(folder.name)
        # O_EXCL: to open and close a file that exists would drop this process's SQLite locks on it (fcntl(2)).
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            self.place.trust_created()

    def _find_free_name(self, at: datetime) -> Path:
        stem = f"{self.path.name}.aside-{at:%Y%m%dT%H%M%SZ}"
        names = chain([stem], (f"{stem}-{number}" for number in count(2)))
        return next(name for name in map(self.path.with_name, names) if not os.path.lexists(name))

    def _journal_of(self, path: Path) -> Path:
        return path.with_name(f"{path.name}-journal")  # sqlite.org/tempfiles.html, section 2.1

    def _open_to_read(self) -> sqlite3.Connection:
        connection = self._open("ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError:
            # A crash in the middle of a commit left a journal, which SQLite rolls back as soon as it may write.
            # Any other cause raises again below.
            connection.close()
            return self._open("rw")
        return connection

    def _open(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_TIMEOUT.total_seconds(),
            isolation_level=None,
        )


def _write_formerly(whose: Identity) -> str:
    """Return the line of a manifest by which it takes that manifest's ledger over."""
    return f"formerly: [{{owner: {whose.owner}, id: {whose.id}}}]" if whose.id else f"formerly: [{whose.owner}]"


class ProcessLock:
    """An exclusive flock(2): at most one is held for a file, in all processes of the host."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def seize(cls, path: Path) -> ProcessLock | None:
        """Return the lock, held; None while a running process holds it. Raises OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with ExitStack() as undo:
            undo.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            undo.pop_all()
        return cls(descriptor)

    def release(self) -> None:
        """Release the lock. The kernel does the same if the process dies."""
        os.close(self._descriptor)
