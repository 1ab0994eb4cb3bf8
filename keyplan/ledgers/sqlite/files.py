"""The ledger's SQLite file: opened for reading or for one transaction, and never anybody else's.

In: path, owner, account. Out: connections to a file that was checked to be ours and of a format that we know.
Never: a file created by a read, a transaction that outlives its block, a foreign file changed.
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
from keyplan.system.files import Folder, sync_folder

FORMAT_VERSION = 1
# A rollback journal, not WAL: a reader of a WAL file must be able to write beside it (sqlite.org/wal.html, section 5).
_SCHEMA = """
PRAGMA journal_mode = DELETE;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS receipts (address TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS intents (id TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spent (digest TEXT PRIMARY KEY, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS lock (only_one INTEGER PRIMARY KEY CHECK (only_one = 1), id TEXT, document TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS history (number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL);
"""
_BUSY_PATIENCE = timedelta(seconds=20)
"""Transactions take milliseconds; who waits longer waits for a stuck file system."""
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_ADVICE = {
    sqlite3.SQLITE_BUSY: "another program has it open and locked: end that one, then try again",
    sqlite3.SQLITE_READONLY: "give the user who runs keyplan the right to write it and its folder, or name another",
    sqlite3.SQLITE_FULL: "make room on the file system, then try again",
}
_PRIMARY_CODE = 0xFF
"""Extended result codes hold the primary one in their low byte (sqlite.org/rescode.html)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFile:
    """One ledger on disk, and whose it must be."""

    path: Path
    owner: str
    account: str

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """Give a connection that can't write; None where there is no ledger yet. Raises LedgerError."""
        with self.translated():
            if not self._exists():
                yield None
                return
            with closing(self._open_to_read()) as connection:
                connection.execute("BEGIN")
                yield connection if self._is_ours(connection) else None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give a connection in a transaction that is durable after the block, or undone. Raises LedgerError."""
        with self.translated():
            self.prepare()
            with closing(self._open("rw")) as connection:
                # EXTRA also syncs the folder once the journal is gone: what was committed stays committed.
                connection.executescript("PRAGMA synchronous = EXTRA; PRAGMA fullfsync = ON;")
                with connection:
                    self._begin(connection)
                    yield connection

    def prepare(self) -> None:
        """Make an empty file of mode 0600, and its folder, where there is none. Raises LedgerError."""
        with self.translated():
            if not self._exists():
                self._create()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn errors of SQLite and the operating system in the block into LedgerError."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None) or 0
            if code & _PRIMARY_CODE in _DAMAGED:
                raise self.damaged(error) from error
            usual = "see that the file and its folder can be written, and have room"
            raise LedgerError(f"{self.path}: {error}", advice=_ADVICE.get(code & _PRIMARY_CODE, usual)) from error
        except OSError as error:
            raise LedgerError(
                f"{self.path}: {error.strerror}", advice="see that the file and its folder can be read and written"
            ) from error

    def damaged(self, error: Exception | None = None) -> LedgerDamagedError:
        """Return the error to raise where the file makes no sense."""
        why = f": {error}" if error else ""
        return LedgerDamagedError(
            f"{self.path} is no ledger of keyplan, or damaged{why}",
            advice="if it is the ledger, set it aside and build a new one from the sinks: keyplan ledger rebuild",
        )

    def check(self) -> None:
        """Have SQLite look at every page of the file. Raises LedgerDamagedError where one makes no sense."""
        with self.reading() as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone() if connection else None
            if found not in {None, ("ok",)}:
                raise self.damaged(ValueError(*found))

    def set_aside(self, at: datetime) -> Path:
        """Rename the file, which must exist, and what a crash left beside it, and return the new name.

        Nobody else may use the file meanwhile. Raises LedgerError.
        """
        with self.translated():
            aside = self._find_free_name(at)
            # The journal first: between the two renames it must not be taken for a new ledger's.
            with suppress(FileNotFoundError):
                self._journal_of(self.path).rename(self._journal_of(aside))
            self.path.rename(aside)
            sync_folder(self.path.parent)
            return aside

    def _begin(self, connection: sqlite3.Connection) -> None:
        if self._is_ours(connection):
            connection.execute("BEGIN IMMEDIATE")
            return
        connection.executescript(_SCHEMA)
        values = {"format_version": str(FORMAT_VERSION), "owner": self.owner, "account": self.account}
        connection.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", values.items())
        self._is_ours(connection)

    def _is_ours(self, connection: sqlite3.Connection) -> bool:
        """Whether the ledger has been set up; raises where it is another's, or of a newer format."""
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return False
        if "meta" not in tables:
            raise LedgerForeignError(
                f"{self.path} is no ledger of keyplan, but a database of something else", advice="name another file"
            )
        meta = dict(connection.execute("SELECT name, value FROM meta").fetchall())
        if not meta.get("format_version", "").isdecimal():
            raise self.damaged()
        if meta["format_version"] != str(FORMAT_VERSION):
            raise LedgerError(f"{self.path} was written by a newer keyplan", advice="upgrade keyplan")
        if (meta.get("owner"), meta.get("account")) != (self.owner, self.account):
            raise LedgerForeignError(
                f"{self.path} belongs to owner '{meta.get('owner')}' at {meta.get('account')}, "
                f"not to owner '{self.owner}' at {self.account}",
                advice="name another ledger for this manifest, or move that one away",
            )
        return True

    def _exists(self) -> bool:
        if self.path.is_symlink():
            raise LedgerError(f"{self.path} is a link, and keyplan follows none", advice="name the real file")
        if self.path.is_dir():
            raise LedgerError(f"{self.path} is a folder", advice="name a file in it, such as ledger.db")
        return self.path.exists()

    def _create(self) -> None:
        folder = self.path.absolute().parent
        is_ours = not folder.exists()
        with Folder.enter(folder.anchor, folder.parts[1:], create=True, follow=True) as opened:
            if is_ours:
                # Only in a folder of our own: nobody else's files are to vanish from git's sight.
                opened.write(".gitignore", b"*\n")
        # Exclusively: to open and close a file that somebody made meanwhile would drop SQLite's locks on it (fcntl(2)).
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

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
            # Whatever else it was, it is met again.
            connection.close()
            return self._open("rw")
        return connection

    def _open(self, mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=_BUSY_PATIENCE.total_seconds(),
            isolation_level=None,
        )


class ProcessLock:
    """An exclusive flock(2); at most one open one per file, in all processes of the host."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def seize(cls, path: Path) -> ProcessLock | None:
        """Return the lock, held; None while somebody who lives holds it. Raises OSError."""
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
        """Let it go."""
        os.close(self._descriptor)
