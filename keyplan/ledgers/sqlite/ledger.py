"""Writes a ledger file, and holds its lock. Each write is whole and on disk when it returns, whatever crashes then."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection

from keyplan.context import PluginContext
from keyplan.errors import InputError, LedgerDamagedError, LedgerError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.sqlite.commits import Commits
from keyplan.ledgers.sqlite.documents import to_text
from keyplan.ledgers.sqlite.files import LedgerFile, ProcessLock
from keyplan.ledgers.sqlite.place import LedgerPlace
from keyplan.ledgers.sqlite.reader import SqliteLedgerReader
from keyplan.model.identity import Address
from keyplan.model.receipt import Intent, IntentId, Receipt
from keyplan.model.times import write_time
from keyplan.ports import Clock, HistoryEntry, Holder, LedgerReader, RebuildableLedger, Spending

_LOCK_POLL = timedelta(milliseconds=500)
"""flock(2) cannot wait with a time limit, so a waiting apply asks again this often."""


def open_reader(path: str, context: PluginContext, *, account: str) -> LedgerReader:
    """Return a reader of the ledger at a path; `account` is the provider's base URL."""
    return SqliteLedgerReader(_name_file(path, context, account))


def open_ledger(path: str, context: PluginContext, *, account: str) -> RebuildableLedger:
    """Return the ledger at a path; the first write creates its file. The context's clock measures waiting."""
    return SqliteLedger(_name_file(path, context, account), context.clock)


def _name_file(path: str, context: PluginContext, account: str) -> LedgerFile:
    return LedgerFile(place=LedgerPlace(Path(path), context.environment), lineage=context.lineage, account=account)


class SqliteLedger(SqliteLedgerReader):
    """Implements RebuildableLedger. Threads share transactions; SQLite and the lock exclude other processes.

    Every method may raise LedgerError, LedgerUntrustedError, LedgerForeignError and LedgerDamagedError.
    """

    def __init__(self, file: LedgerFile, clock: Clock) -> None:
        super().__init__(file)
        self._clock = clock
        self._commits = Commits(file)

    def lock(self, holder: Holder, *, patience: timedelta) -> AbstractContextManager[None]:
        """Hold the lock while the block runs; the lock of a process that died on this host counts as free.

        Raises:
            LedgerLockedError: `patience` is over and another apply still holds it.
        """
        return self._locked(holder, patience)

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id. A holder that still runs on this host excludes others until it ends.

        Raises:
            InputError: The lock is not held under that id.
        """
        held = self.holder()
        if held is None or held.id != lock_id:
            raise InputError(
                f"the ledger is not locked under the id '{lock_id}'",
                advice=f"it is locked under '{held.id}'" if held else "it is not locked at all",
            )
        self._drop_holder(lock_id)

    def open_intent(self, intent: Intent) -> None:
        """Store an intent, in place of one with the same id."""
        self._write("INSERT OR REPLACE INTO intents VALUES (?, ?)", intent.id, to_text(intent.to_dict()))

    def close_intent(self, intent_id: IntentId) -> None:
        """Remove an intent."""
        self._write("DELETE FROM intents WHERE id = ?", intent_id)

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Store a receipt in place of the address's former one and close intents, in one transaction."""
        document = to_text(receipt.to_dict())

        # One transaction: a receipt without its intent closed would make the next apply recover a healthy key.
        def change(connection: Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?)", (receipt.address, document))
            connection.executemany("DELETE FROM intents WHERE id = ?", [(intent_id,) for intent_id in closes])

        self._commits.write(change)

    def forget(self, address: Address) -> None:
        """Remove an address's receipt."""
        self._write("DELETE FROM receipts WHERE address = ?", address)

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied.

        Raises:
            PlanSpentError: It was applied before; the message says when and on which host.
        """
        # Looked up and stored in one transaction of its own: two applies of one plan must not both find it unspent.
        with self._commits.turn, self._file.writing() as connection:
            former = self._find_spending(connection, spending.digest)
            if former:
                raise PlanSpentError(
                    f"this plan was applied before: {write_time(former.at)} on {former.host}",
                    advice="plan again; a plan runs once",
                )
            connection.execute("INSERT INTO spent VALUES (?, ?)", (spending.digest, to_text(asdict(spending))))

    def remember(self, entry: HistoryEntry) -> None:
        """Add an apply to the history."""
        self._write("INSERT INTO history (document) VALUES (?)", to_text(asdict(entry)))

    def is_damaged(self) -> bool:
        """Whether the file exists and cannot be used.

        Raises:
            LedgerError: The file cannot be examined.
            LedgerUntrustedError: Others can write it, or git tracks it.
            LedgerForeignError: It belongs to another owner, manifest or account.
        """
        try:
            self._file.check()
            # A file whose pages are whole may still hold rows that are not documents.
            self.recall(), self.history(), self.holder()
        except LedgerDamagedError:
            return True
        return False

    def set_aside(self, *, at: datetime, patience: timedelta) -> str:
        """Rename the file, with the time in its new name, while no apply runs on this host; return the new path.

        Raises:
            LedgerLockedError: `patience` is over and an apply still runs, or the lock is held on another host.
        """
        held = self._await(self._seize, patience)
        try:
            # A holder without a process lock here has died, or runs on another host. Only the user can tell which.
            with suppress(LedgerDamagedError):
                if self.holder():
                    raise self._refusal()
            return str(self._file.set_aside(at))
        finally:
            held.release()

    def _write(self, statement: str, *values: str) -> None:
        self._commits.write(lambda connection: connection.execute(statement, values))

    @contextmanager
    def _locked(self, holder: Holder, patience: timedelta) -> Iterator[None]:
        held = self._await(lambda: self._try_to_hold(holder), patience)
        try:
            yield
        finally:
            # The row first: the next process to get the process lock must not find ours. A row that cannot be removed
            # is harmless: without its process lock it counts as the row of a dead holder.
            with suppress(LedgerError):
                self._drop_holder(holder.id)
            held.release()

    def _await(self, seize: Callable[[], ProcessLock | None], patience: timedelta) -> ProcessLock:
        """Return the process lock once it is free. Raises LedgerLockedError if it is not within `patience`."""
        deadline = self._clock.now() + patience
        while (held := seize()) is None:
            if self._clock.now() >= deadline:
                raise self._refusal()
            self._clock.sleep(_LOCK_POLL)
        return held

    def _seize(self) -> ProcessLock | None:
        self._file.prepare()
        with self._file.translated():
            return ProcessLock.seize(self._file.path.with_suffix(".lock"))

    def _try_to_hold(self, holder: Holder) -> ProcessLock | None:
        held = self._seize()
        if held is None:
            return None
        with ExitStack() as undo:
            undo.callback(held.release)
            with self._commits.turn, self._file.writing() as connection:
                former = self._find_holder(connection)
                if former and former.host != holder.host:
                    # A process lock may not work across hosts (flock(2) on NFS), so the row alone counts.
                    return None
                row = (holder.id, to_text(asdict(holder)))
                connection.execute("INSERT OR REPLACE INTO lock VALUES (1, ?, ?)", row)
            undo.pop_all()
            return held

    def _drop_holder(self, lock_id: str) -> None:
        self._write("DELETE FROM lock WHERE id = ?", lock_id)

    def _refusal(self) -> LedgerLockedError:
        held = None
        with suppress(LedgerDamagedError):
            held = self.holder()
        if held is None:
            return LedgerLockedError(
                f"{self._file.path} is in use by a process that is starting or ending",
                advice="try again in a moment",
            )
        return LedgerLockedError(
            f"the ledger is locked by {held.owner} on {held.host} (pid {held.pid}) "
            f"since {write_time(held.since)}: {held.command}",
            advice=f"wait for it (--lock-timeout), or if it is certainly dead: keyplan ledger unlock {held.id}",
        )
