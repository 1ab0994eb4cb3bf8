"""Writes a ledger file, and holds its lock. Each write is whole and on disk when it returns, whatever crashes then."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from threading import Lock

from keyplan.context import PluginContext
from keyplan.errors import LedgerDamagedError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.documents import chain_stored, to_text
from keyplan.ledgers.lease import LockRequest, hold_lease, make_locked_error, make_not_held_error
from keyplan.ledgers.sqlite.commits import Commits
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite.known_places import write_places
from keyplan.ledgers.sqlite.locks import SqliteLocks
from keyplan.ledgers.sqlite.place import LedgerPlace
from keyplan.ledgers.sqlite.reader import SqliteLedgerReader
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address
from keyplan.model.intent import Intent, IntentId
from keyplan.model.ledger import Holder, KnownPlace, LockName, Spending
from keyplan.model.manifest import DEFAULT_LEASE
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_time
from keyplan.ports import Clock, Lease, LedgerReader, RebuildableLedger

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
        turn = Lock()
        self._locks = SqliteLocks(file, clock, turn)
        self._commits = Commits(file, turn, self._locks.require_held)

    @property
    def is_shared(self) -> bool:
        """False: the file is on one machine."""
        return False

    def lock(
        self,
        holder: Holder,
        *,
        patience: timedelta,
        lease: timedelta = DEFAULT_LEASE,
        name: LockName = LockName.APPLY,
    ) -> AbstractContextManager[Lease]:
        """Hold a lock while the block runs; the lock of a process that died on this host counts as free.

        Raises:
            LedgerLockedError: `patience` is over and another process still holds it.
        """
        wanted = LockRequest(holder=holder, patience=patience, lease=lease, name=name)
        return hold_lease(self._locks, wanted, clock=self._clock, refuse=lambda: self._refusal(name))

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id. A holder that still runs on this host excludes others until it ends.

        Raises:
            InputError: The lock is not held under that id.
        """
        held = {name: holder for name in LockName if (holder := self.holder(name))}
        named = [name for name, holder in held.items() if holder.id == lock_id]
        if not named:
            raise make_not_held_error(lock_id, held.values())
        self._locks.drop(lock_id, named[0])

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

    def note_places(self, places: Collection[KnownPlace]) -> None:
        """Store these places in place of all that were noted before."""

        def change(connection: Connection) -> None:
            write_places(connection, places)

        self._commits.write(change)

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied.

        Raises:
            PlanSpentError: It was applied before; the message says when and on which host.
        """
        # Looked up and stored in one transaction of its own: two applies of one plan must not both find it unspent.
        with self._commits.turn, self._file.writing() as connection:
            self._locks.require_held(connection)
            former = self._find_spending(connection, spending.digest)
            if former:
                raise PlanSpentError(
                    f"this plan was applied before: {write_time(former.at)} on {former.host}",
                    advice="plan again; a plan runs once",
                )
            connection.execute("INSERT INTO spent VALUES (?, ?)", (spending.digest, to_text(asdict(spending))))

    def remember(self, entry: HistoryEntry) -> HistoryEntry:
        """Add an apply to the history, chained to the entry before it, and return it as stored."""
        stored = [entry]

        # In the transaction: of two runs that end at the same time, one is chained to the other.
        def change(connection: Connection) -> None:
            stored[0] = chain_stored(entry, self._read_history(connection))
            connection.execute("INSERT INTO history (document) VALUES (?)", (to_text(stored[0].to_dict()),))

        self._commits.write(change)
        return stored[0]

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
        deadline = self._clock.elapsed() + patience
        while (held := self._locks.seize_process(LockName.APPLY)) is None:
            if self._clock.elapsed() >= deadline:
                raise self._refusal(LockName.APPLY)
            self._clock.sleep(_LOCK_POLL)
        try:
            # A holder without a process lock here has died, or runs on another host. Only the user can know which.
            with suppress(LedgerDamagedError):
                if self.holder():
                    raise self._refusal(LockName.APPLY)
            return str(self._file.set_aside(at))
        finally:
            held.release()

    def _write(self, statement: str, *values: str) -> None:
        self._commits.write(lambda connection: connection.execute(statement, values))

    def _refusal(self, name: LockName) -> LedgerLockedError:
        held = None
        with suppress(LedgerDamagedError):
            held = self.holder(name)
        if held is None:
            return LedgerLockedError(
                f"{self._file.path} is in use by a process that is starting or ending",
                advice="try again in a moment",
            )
        # On this machine the kernel frees the lock when its process ends, and not when its lease does.
        return make_locked_error(held, ends_with_lease=False)
