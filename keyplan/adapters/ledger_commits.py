"""Several threads' writes to a ledger in one transaction: each is on disk when its call returns.

In: changes, from any thread. Out: commits. A commit waits for the disk, 1 to 30 ms; whoever comes meanwhile waits for
it, and then one of them commits for all of them. Without this, 32 threads would wait for 32 commits. Never: a change
reported as made that is not durable; one thread's failure told to another.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from threading import Lock

from keyplan.adapters.ledger_files import LedgerFile
from keyplan.errors import LedgerError

Change = Callable[[Connection], object]


class _Write:
    """One thread's change, waiting or made."""

    __slots__ = ("change", "is_durable", "was_tried")

    def __init__(self, change: Change) -> None:
        self.change = change
        self.was_tried = False
        """Whether a transaction had it in it, which may have failed."""
        self.is_durable = False


class Commits:
    """The way in for writes to one ledger file; one transaction at a time."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self.turn = Lock()
        """Held during a transaction; who needs one of its own takes it."""
        self._queue = Lock()
        self._waiting: list[_Write] = []

    def write(self, change: Change) -> None:
        """Make a change, together with those of others; durable when this returns. Raises LedgerError."""
        mine = _Write(change)
        with self._queue:
            self._waiting.append(mine)
        with self.turn:
            if mine.is_durable:  # somebody else did it while this thread waited for its turn
                return
            if mine.was_tried:
                self._make([mine])
            else:
                self._commit_all(mine)

    def _commit_all(self, mine: _Write) -> None:
        with self._queue:
            batch, self._waiting = self._waiting, []
        for write in batch:
            write.was_tried = True
        try:
            self._make(batch)
        except LedgerError:
            # Somebody's change may be to blame: each is tried alone now, and fails alone.
            self._make([mine])

    def _make(self, batch: list[_Write]) -> None:
        with self._file.writing() as connection:
            for write in batch:
                write.change(connection)
        for write in batch:
            write.is_durable = True
