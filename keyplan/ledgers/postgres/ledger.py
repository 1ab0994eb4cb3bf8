"""Writes the rows of one manifest, and holds its locks. Each write is whole and durable when it returns.

Every write may be done once more after its commit has happened unseen, and must not have two effects.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from datetime import timedelta
from typing import TypeVar

from keyplan.context import PluginContext
from keyplan.errors import LedgerDamagedError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.documents import chain_stored, to_spending, to_text
from keyplan.ledgers.lease import LockRequest, hold_lease, make_locked_error, make_not_held_error
from keyplan.ledgers.postgres.database import LedgerDatabase, Transaction
from keyplan.ledgers.postgres.locks import PostgresLocks
from keyplan.ledgers.postgres.manifests import ManifestKey, ManifestRows
from keyplan.ledgers.postgres.migrations import Migrations
from keyplan.ledgers.postgres.reader import PostgresLedgerReader, parse_documents, read_history, read_newest
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address
from keyplan.model.intent import Intent, IntentId
from keyplan.model.ledger import Holder, LockName, Spending
from keyplan.model.manifest import DEFAULT_LEASE, LedgerSettings
from keyplan.model.receipt import Receipt
from keyplan.model.times import write_time
from keyplan.ports import Clock, Lease, Ledger, LedgerReader

T = TypeVar("T")


def open_reader(settings: LedgerSettings, context: PluginContext, *, account: str) -> LedgerReader:
    """Return a reader of the ledger; `account` is the provider's base URL."""
    rows = ManifestRows(lineage=context.lineage, account=account)
    return PostgresLedgerReader(LedgerDatabase(settings.options, context), rows)


def open_ledger(settings: LedgerSettings, context: PluginContext, *, account: str) -> Ledger:
    """Return the ledger; its first write creates the tables. The context's clock measures waiting."""
    rows = ManifestRows(lineage=context.lineage, account=account)
    return PostgresLedger(LedgerDatabase(settings.options, context), rows, context.clock)


class PostgresLedger(PostgresLedgerReader):
    """Implements Ledger.

    Every method may raise InputError if the database's URL cannot be fetched, and LedgerError, LedgerUntrustedError,
    LedgerForeignError and LedgerDamagedError.
    """

    def __init__(self, database: LedgerDatabase, rows: ManifestRows, clock: Clock) -> None:
        super().__init__(database, rows)
        self._clock = clock
        self._migrations = Migrations(database)
        self._locks = PostgresLocks(database, rows, self._migrations)

    @property
    def is_shared(self) -> bool:
        """True: every machine that reaches the database sees the same rows."""
        return True

    def lock(
        self,
        holder: Holder,
        *,
        patience: timedelta,
        lease: timedelta = DEFAULT_LEASE,
        name: LockName = LockName.APPLY,
    ) -> AbstractContextManager[Lease]:
        """Hold a lock while the block runs. Other manifests in the same database are not kept out.

        Raises:
            LedgerLockedError: `patience` is over and another process still holds it.
        """
        wanted = LockRequest(holder=holder, patience=patience, lease=lease, name=name)
        return hold_lease(self._locks, wanted, clock=self._clock, refuse=lambda: self._refusal(name))

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id. Its holder, if it is alive, can write nothing from now on.

        Raises:
            InputError: The lock is not held under that id.
        """
        held = [holder for name in LockName if (holder := self.holder(name))]
        if not any(holder.id == lock_id for holder in held):
            raise make_not_held_error(lock_id, held)
        self._locks.drop(lock_id)

    def open_intent(self, intent: Intent) -> None:
        """Store an intent, in place of one with the same id."""
        document = to_text(intent.to_dict())
        self._write(
            lambda transaction, key: transaction.run(
                "INSERT INTO {schema}.intents VALUES (%s, %s, %s)"
                " ON CONFLICT (manifest, id) DO UPDATE SET document = excluded.document",
                *(key, intent.id, document),
            )
        )

    def close_intent(self, intent_id: IntentId) -> None:
        """Remove an intent."""
        self._write(lambda transaction, key: _close_intents(transaction, key, [intent_id]))

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Store a receipt in place of the address's former one and close intents, in one transaction."""
        document = to_text(receipt.to_dict())

        # One transaction: a receipt without its intent closed would make the next apply recover a healthy key.
        def work(transaction: Transaction, key: ManifestKey) -> None:
            transaction.run(
                "INSERT INTO {schema}.receipts VALUES (%s, %s, %s)"
                " ON CONFLICT (manifest, address) DO UPDATE SET document = excluded.document",
                *(key, receipt.address, document),
            )
            if closes:
                _close_intents(transaction, key, closes)

        self._write(work)

    def forget(self, address: Address) -> None:
        """Remove an address's receipt."""
        self._write(
            lambda transaction, key: transaction.run(
                "DELETE FROM {schema}.receipts WHERE manifest = %s AND address = %s", key, address
            )
        )

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied.

        Raises:
            PlanSpentError: It was applied before; the message says when and on which host.
        """
        document = to_text(asdict(spending))
        tokens = set[object]()

        def work(transaction: Transaction, key: ManifestKey) -> None:
            inserted = transaction.find(
                "INSERT INTO {schema}.spent (manifest, digest, document) VALUES (%s, %s, %s)"
                " ON CONFLICT (manifest, digest) DO NOTHING RETURNING token",
                *(key, spending.digest, document),
            )
            if inserted:
                tokens.add(inserted[0])
                return
            former = transaction.find(
                "SELECT token, document FROM {schema}.spent WHERE manifest = %s AND digest = %s", key, spending.digest
            )
            # The row of this very call is there if the answer to its commit was lost.
            if former is None or former[0] not in tokens:
                raise _make_spent_error(transaction, former[1] if former else "")

        self._write(work)

    def remember(self, entry: HistoryEntry) -> HistoryEntry:
        """Add an apply to the history, chained to the entry before it, and return it as stored."""
        attempts: list[tuple[object, HistoryEntry]] = []

        def work(transaction: Transaction, key: ManifestKey) -> HistoryEntry:
            # Held until the transaction ends: of two runs that end at the same time, one is chained to the other.
            transaction.select("SELECT 1 FROM {schema}.manifests WHERE key = %s FOR NO KEY UPDATE", key)
            # The row of this very call is there if the answer to its commit was lost.
            present = "SELECT 1 FROM {schema}.history WHERE manifest = %s AND token = %s"
            for token, stored in attempts:
                if transaction.find(present, key, token):
                    return stored
            newest = read_newest(transaction, key)
            is_chained = newest is None or newest.link is not None
            before = (newest,) if newest and is_chained else read_history(transaction, key)
            chained = chain_stored(entry, before)
            inserted = transaction.find(
                "INSERT INTO {schema}.history (manifest, document) VALUES (%s, %s) RETURNING token",
                *(key, to_text(chained.to_dict())),
            )
            attempts.extend((token, chained) for token in inserted or ())
            return chained

        return self._write(work)

    def _write(self, work: Callable[[Transaction, ManifestKey], T]) -> T:
        self._migrations.ensure()
        return self._database.write(lambda transaction: work(transaction, self._locks.require_held(transaction)))

    def _refusal(self, name: LockName) -> LedgerLockedError:
        held = None
        with suppress(LedgerDamagedError):
            held = self.holder(name)
        if held is None:
            return LedgerLockedError(
                f"the lock of the ledger in {self._database.where} was taken and freed just now",
                advice="try again in a moment",
            )
        return make_locked_error(held, ends_with_lease=True)


def _close_intents(transaction: Transaction, key: ManifestKey, intent_ids: Collection[IntentId]) -> int:
    return transaction.run("DELETE FROM {schema}.intents WHERE manifest = %s AND id = ANY(%s)", key, sorted(intent_ids))


def _make_spent_error(transaction: Transaction, document: str) -> PlanSpentError:
    (former,) = parse_documents(transaction.schema, to_spending, [document])
    return PlanSpentError(
        f"this plan was applied before: {write_time(former.at)} on {former.host}", advice="plan again; a plan runs once"
    )
