"""The locks of a ledger file: a row that says who holds each, and the kernel's own lock beside it.

On one machine the kernel's lock decides: it ends with its process, and not before. On another machine, which may not
see it (flock(2) on NFS), the row and its lease decide.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import timedelta
from sqlite3 import Connection
from threading import Lock

from keyplan.ledgers.documents import from_text, to_holder, to_text
from keyplan.ledgers.lease import make_lost_error
from keyplan.ledgers.sqlite.files import LedgerFile, ProcessLock
from keyplan.model.ledger import Holder, LockName
from keyplan.ports import Clock

# A table for each lock, because the first one was made before there were two.
_TABLES = {LockName.APPLY: "lock", LockName.WATCH: "watch_lock"}
_NEW_TABLE = (
    "CREATE TABLE IF NOT EXISTS watch_lock "
    "(only_one INTEGER PRIMARY KEY CHECK (only_one = 1), id TEXT, document TEXT NOT NULL)"
)


class SqliteLocks:
    """Implements LeaseStore on one ledger file. Safe for threads."""

    def __init__(self, file: LedgerFile, clock: Clock, turn: Lock) -> None:
        """`turn` is held during each transaction of this process."""
        self._file = file
        self._clock = clock
        self._turn = turn
        self._process_locks: dict[LockName, ProcessLock] = {}
        self._applying: Holder | None = None
        """This process as it took the lock `APPLY`; also after it was lost or released."""

    def seize(self, holder: Holder, *, lease: timedelta, name: LockName) -> Holder | None:
        """Take a lock, unless a process of this machine holds it, or another machine's lease is not over."""
        process_lock = self.seize_process(name)
        if process_lock is None:
            return None
        with ExitStack() as undo:
            undo.callback(process_lock.release)
            with self._turn, self._file.writing() as connection:
                former, now = find_holder(connection, self._file, name), self._clock.now()
                if former and former.host != holder.host and (former.until is None or former.until > now):
                    return None
                held = replace(holder, until=now + lease, number=_count(connection, name))
                self._write(connection, held, name)
            undo.pop_all()
        self._process_locks[name] = process_lock
        if name is LockName.APPLY:
            self._applying = held
        return held

    def renew(self, held: Holder, *, lease: timedelta, name: LockName) -> Holder:
        """Extend the lease. Raises LeaseLostError if the row is no longer this holder's."""
        with self._turn, self._file.writing() as connection:
            self._require(connection, held, name)
            renewed = replace(held, until=self._clock.now() + lease)
            self._write(connection, renewed, name)
        return renewed

    def release(self, held: Holder, *, name: LockName) -> None:
        """Remove the row, then free the kernel's lock: the next process to get that one must not find our row."""
        process_lock = self._process_locks.pop(name, None)
        try:
            self.drop(held.id, name)
            if name is LockName.APPLY:
                self._applying = None
        finally:
            if process_lock:
                process_lock.release()

    def drop(self, lock_id: str, name: LockName) -> None:
        """Remove the row of a lock if it has that id. The kernel's lock of a running holder stays."""
        with self._turn, self._file.writing() as connection:
            if find_holder(connection, self._file, name):
                connection.execute(f"DELETE FROM {_TABLES[name]} WHERE id = ?", (lock_id,))  # noqa: S608 - a constant

    def seize_process(self, name: LockName) -> ProcessLock | None:
        """Return the kernel's lock, held; None while a running process of this machine holds it."""
        self._file.prepare()
        with self._file.translated():
            suffix = ".lock" if name is LockName.APPLY else f".{name.value}.lock"
            return ProcessLock.seize(self._file.path.with_suffix(suffix))

    def require_held(self, connection: Connection) -> None:
        """Return if this process may write. Raises LeaseLostError if it held the lock `APPLY` and lost it."""
        if self._applying:
            self._require(connection, self._applying, LockName.APPLY)

    def _require(self, connection: Connection, held: Holder, name: LockName) -> None:
        found = find_holder(connection, self._file, name)
        if found is None or (found.id, found.number) != (held.id, held.number):
            raise make_lost_error(str(self._file.path), found)

    def _write(self, connection: Connection, held: Holder, name: LockName) -> None:
        if name is LockName.WATCH:
            connection.execute(_NEW_TABLE)
        row = (held.id, to_text(asdict(held)))
        connection.execute(f"INSERT OR REPLACE INTO {_TABLES[name]} VALUES (1, ?, ?)", row)  # noqa: S608 - a constant


def find_holder(connection: Connection | None, file: LedgerFile, name: LockName) -> Holder | None:
    """Return who holds a lock; None if it is free. Raises LedgerDamagedError if the row does not describe one."""
    if connection is None or (name is LockName.WATCH and not _has_table(connection, _TABLES[name])):
        return None
    found = connection.execute(f"SELECT document FROM {_TABLES[name]}").fetchone()  # noqa: S608 - a constant
    if found is None:
        return None
    try:
        return to_holder(from_text(found[0]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise file.damaged(error) from error


def _has_table(connection: Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (table,)).fetchone() is not None


def _count(connection: Connection, name: LockName) -> int:
    """Return the next fencing number of a lock, in the transaction under way."""
    query = "INSERT INTO meta VALUES (?, '1') ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value"
    return int(connection.execute(query, (f"number.{name.value}",)).fetchone()[0])
