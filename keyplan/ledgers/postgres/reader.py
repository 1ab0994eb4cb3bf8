"""Reads the rows of one manifest. No read creates a table, takes a lock, or waits for an apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, LiteralString, TypeVar

from keyplan.ledgers.documents import find_head, from_text, to_history_entry, to_spending
from keyplan.ledgers.postgres.database import LedgerDatabase, Transaction
from keyplan.ledgers.postgres.locks import find_holder, make_damaged_error
from keyplan.ledgers.postgres.manifests import ManifestKey, ManifestRows
from keyplan.ledgers.postgres.migrations import read_step
from keyplan.model.history import HistoryEntry
from keyplan.model.intent import Intent
from keyplan.model.ledger import Holder, LockName, Memory, Spending
from keyplan.model.receipt import Receipt

T = TypeVar("T")


class PostgresLedgerReader:
    """Implements LedgerReader. Each call is one transaction.

    Every method may raise InputError if the database's URL cannot be fetched, and LedgerError, LedgerUntrustedError,
    LedgerForeignError and LedgerDamagedError.
    """

    def __init__(self, database: LedgerDatabase, rows: ManifestRows) -> None:
        self._database = database
        self._rows = rows

    def recall(self) -> Memory:
        """Return receipts by address and open intents by time, all as of one instant."""

        def work(transaction: Transaction, key: ManifestKey) -> tuple[list[Receipt], list[Intent], int, str]:
            receipts = "SELECT document FROM {schema}.receipts WHERE manifest = %s"
            intents = "SELECT document FROM {schema}.intents WHERE manifest = %s"
            applies = transaction.find("SELECT count(*) FROM {schema}.history WHERE manifest = %s", key)
            return (
                _select(transaction, Receipt.from_dict, receipts, key),
                _select(transaction, Intent.from_dict, intents, key),
                applies[0] if applies else 0,
                find_head(read_newest(transaction, key)),
            )

        receipts, intents, serial, head = self._read(work) or ([], [], 0, "")
        return Memory(
            # Sorted here: the database sorts texts by its own collation, which may be any.
            receipts=tuple(sorted(receipts, key=lambda receipt: receipt.address)),
            intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
            serial=serial,
            head=head,
        )

    def spending(self, digest: str) -> Spending | None:
        """Return when and where a plan was applied; None if it was not."""

        def work(transaction: Transaction, key: ManifestKey) -> Spending | None:
            query = "SELECT document FROM {schema}.spent WHERE manifest = %s AND digest = %s"
            found = _select(transaction, to_spending, query, key, digest)
            return found[0] if found else None

        return self._read(work)

    def holder(self, name: LockName = LockName.APPLY) -> Holder | None:
        """Return the holder of a lock, whether its lease is over or not."""
        return self._read(lambda transaction, key: find_holder(transaction, key, name))

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        return tuple(self._read(read_history) or ())

    def _read(self, work: Callable[[Transaction, ManifestKey], T]) -> T | None:
        """Return what `work` reads; None if there is nothing of this manifest yet."""

        def find_and_read(transaction: Transaction) -> T | None:
            key = self._rows.find(transaction) if read_step(transaction) else None
            return None if key is None else work(transaction, key)

        return self._database.read(find_and_read)


def read_history(transaction: Transaction, key: ManifestKey) -> list[HistoryEntry]:
    """Return past applies, newest first. Raises LedgerDamagedError if a row is not one."""
    query: LiteralString = "SELECT document FROM {schema}.history WHERE manifest = %s ORDER BY number DESC"
    return _select(transaction, to_history_entry, query, key)


def read_newest(transaction: Transaction, key: ManifestKey) -> HistoryEntry | None:
    """Return the latest apply; None if there is none. Raises LedgerDamagedError if the row is not one."""
    query: LiteralString = "SELECT document FROM {schema}.history WHERE manifest = %s ORDER BY number DESC LIMIT 1"
    found = _select(transaction, to_history_entry, query, key)
    return found[0] if found else None


def _select(
    transaction: Transaction, parse: Callable[[Mapping[str, Any]], T], query: LiteralString, *values: object
) -> list[T]:
    return parse_documents(transaction.schema, parse, (document for (document,) in transaction.select(query, *values)))


def parse_documents(schema: str, parse: Callable[[Mapping[str, Any]], T], documents: Iterable[str]) -> list[T]:
    """Return what rows hold.

    Raises:
        LedgerDamagedError: A row does not hold a document of keyplan.
    """
    try:
        return [parse(from_text(document)) for document in documents]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise make_damaged_error(schema, error) from error
