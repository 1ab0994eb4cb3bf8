"""The SQLite database of a sandbox, in a file or in memory. A file of another program must never be changed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from keyplan.sandbox.options import SandboxError

# "kpsb": distinguishes a sandbox's file from any other SQLite file (sqlite.org/pragma.html#pragma_application_id).
_APPLICATION_ID = 0x6B707362
_VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Instants are whole microseconds since 1970. Digests have a table of their own, because with `refresh_id=same` the old
# raw key works beside the new one during the grace; `lives_until` then replaces the key's own expiry.
# `bindings.is_dead` repeats the column of the key, so that a page of a space's active keys never walks over dead ones.
_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE organizations (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, folded_name TEXT NOT NULL,
    description TEXT NOT NULL, created_at INTEGER NOT NULL
);
CREATE TABLE spaces (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, organization_id TEXT NOT NULL, name TEXT NOT NULL,
    folded_name TEXT NOT NULL, description TEXT NOT NULL, created_at INTEGER NOT NULL
);
CREATE TABLE keys (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, description TEXT, kind TEXT NOT NULL,
    is_dead INTEGER NOT NULL, redacted TEXT NOT NULL, created_at INTEGER NOT NULL, visible_at INTEGER NOT NULL,
    expires_at INTEGER, created_by TEXT NOT NULL, last_used_at INTEGER, bot_id TEXT, grants TEXT
);
CREATE INDEX keys_of_a_user ON keys (created_by, is_dead, number);
CREATE INDEX keys_of_a_user_and_kind ON keys (created_by, is_dead, kind, number);
CREATE INDEX keys_by_expiry ON keys (is_dead, expires_at);
CREATE TABLE digests (digest TEXT PRIMARY KEY, number INTEGER NOT NULL, lives_until INTEGER) WITHOUT ROWID;
CREATE INDEX digests_of_a_key ON digests (number);
CREATE TABLE bindings (
    space_id TEXT NOT NULL, is_dead INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (space_id, is_dead, number)
) WITHOUT ROWID;
CREATE INDEX bindings_of_a_key ON bindings (number);
CREATE TRIGGER bindings_follow_keys AFTER UPDATE OF is_dead ON keys BEGIN
    UPDATE bindings SET is_dead = new.is_dead WHERE number = new.number;
END;
"""


def to_micros(instant: datetime) -> int:
    """Return an instant as the database keeps it."""
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Return the instant that the database keeps as this number."""
    return _EPOCH + micros * _MICROSECOND


class Database:
    """One connection, shared by threads under a lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        # Reentrant, because a nested transaction takes it again on the same thread.
        self._lock = threading.RLock()

    @classmethod
    def open(cls, path: Path | None) -> Database:
        """Open or create the database.

        Raises:
            SandboxError: The file cannot be used, or belongs to another program.
        """
        try:
            # Shared by the server's threads under `_lock`; transactions are begun explicitly.
            connection = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise SandboxError(f"state file {path}: {error}") from error
        connection.row_factory = sqlite3.Row
        try:
            _prepare(connection, path)
        except sqlite3.Error as error:
            connection.close()
            raise SandboxError(f"state file {path}: {error}") from error
        except SandboxError:
            connection.close()
            raise
        return cls(connection)

    def close(self) -> None:
        """Close the connection; the database cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the block one transaction; may be nested, and then belongs to the outer one."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            with self._connection:
                # IMMEDIATE takes the write lock now; a later upgrade could fail with SQLITE_BUSY halfway.
                self._connection.execute("BEGIN IMMEDIATE")
                yield

    def run(self, statement: str, values: dict[str, object] | None = None) -> list[sqlite3.Row]:
        """Execute one statement with named values and return its rows."""
        with self._lock:
            return self._connection.execute(statement, values or {}).fetchall()


def _prepare(connection: sqlite3.Connection, path: Path | None) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    # Checked before the first write: the file of another program must stay as it is.
    if tables and application != _APPLICATION_ID:
        raise SandboxError(f"state file {path}: not a sandbox's state")
    if tables and version != _VERSION:
        raise SandboxError(f"state file {path}: written by another version of the sandbox; use a new file")
    connection.execute("PRAGMA journal_mode = WAL")
    # In WAL mode a killed server loses nothing even with NORMAL (sqlite.org/pragma.html#pragma_synchronous).
    connection.execute("PRAGMA synchronous = NORMAL")
    if not tables:
        connection.executescript(
            f"BEGIN; {_SCHEMA} PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_VERSION}; COMMIT;"
        )
