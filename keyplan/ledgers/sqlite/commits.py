"""Several threads' writes to a ledger in one transaction: each is on disk when its call returns.

In: changes, from any thread. Out: commits. A commit waits for the disk, 1 to 30 ms; whoever comes meanwhile waits for
it, and then one of them commits for all of them. Without this, 32 threads would wait for 32 commits. Never: a change
reported as made that is not durable; one thread's failure told to another.
"""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from threading import Event, Lock

from keyplan.errors import LedgerError
from keyplan.ledgers.sqlite.files import LedgerFile

Change = Callable[[Connection], object]


class _Write:
    """One thread's change, waiting or made."""

    __slots__ = ("change", "is_durable", "was_tried", "woken")

    def __init__(self, change: Change) -> None:
        self.change = change
        self.was_tried = False
        """Whether a transaction had it in it, which may have failed."""
        self.is_durable = False
        self.woken = Event()
        """Set once it was tried, or is the one to commit for all that wait."""


class Commits:
    """The way in for writes to one ledger file; one transaction at a time."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file
        self.turn = Lock()
        """Held during a transaction; who needs one of its own takes it."""
        self._queue = Lock()
        self._waiting: list[_Write] = []
        self._is_led = False
        """Whether a thread is about to commit for all that wait, or is woken to do so."""

    def write(self, change: Change) -> None:
        """Make a change, together with those of others; durable when this returns. Raises LedgerError."""
        mine = _Write(change)
        with self._queue:
            self._waiting.append(mine)
            if not self._is_led:
                self._is_led = True
                mine.woken.set()
        # Woken by name: where all waited for the lock, those whose change was durable got it after others that made
        # the next commits, and 32 threads waited 67 ms for a commit of 8.
        try:
            mine.woken.wait()
            if not mine.was_tried:
                self._commit_all()
        finally:
            if not mine.was_tried:
                self._leave(mine)
        if not mine.is_durable:
            # Somebody's change may be to blame: each is tried alone now, and fails alone.
            with self.turn:
                self._make([mine])

    def _commit_all(self) -> None:
        """Try all that wait, in one transaction; then let go of them, and of the lead."""
        batch: list[_Write] = []
        try:
            with self.turn:
                with self._queue:
                    batch, self._waiting = self._waiting, []
                for write in batch:
                    write.was_tried = True
                self._make(batch)
        except LedgerError:
            pass  # found out by each of them
        finally:
            with self._queue:
                self._hand_over()
            for write in batch:
                write.woken.set()

    def _leave(self, mine: _Write) -> None:
        """Take back a write whose thread was interrupted before its turn; it must not be woken to commit for others."""
        with self._queue:
            self._waiting.remove(mine)
            if mine.woken.is_set():
                self._hand_over()

    def _hand_over(self) -> None:
        """Wake the first that waits to commit for all; called with the queue locked."""
        self._is_led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].woken.set()

    def _make(self, batch: list[_Write]) -> None:
        with self._file.writing() as connection:
            for write in batch:
                write.change(connection)
        for write in batch:
            write.is_durable = True
