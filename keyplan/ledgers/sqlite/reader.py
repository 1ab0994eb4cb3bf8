"""Reads a ledger file. No read creates a file, takes the lock, or waits for an apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from sqlite3 import Connection
from typing import Any, TypeVar

from keyplan.ledgers.documents import find_head, from_lines, from_text, to_history_entry, to_spending
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite.known_places import Editions, read_places
from keyplan.ledgers.sqlite.locks import find_holder
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import Address
from keyplan.model.intent import Intent
from keyplan.model.ledger import Holder, LockName, Memory, Spending
from keyplan.model.receipt import Receipt

_NEXT_RECEIPTS = """
SELECT max(rowid), group_concat(document, char(10))
FROM (SELECT rowid, document FROM receipts WHERE rowid > ? ORDER BY rowid LIMIT 1000)
"""

T = TypeVar("T")


class SqliteLedgerReader:
    """Implements LedgerReader. Each call opens the file, reads and closes it.

    Every method may raise LedgerError, LedgerUntrustedError, LedgerForeignError and LedgerDamagedError.
    """

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def recall(self) -> Memory:
        """Return receipts by address and open intents by time, all as of one instant."""
        editions: dict[Address, str] = {}
        with self._file.reading() as connection:
            receipts = self._read_receipts(connection, editions) if connection else []
            places = read_places(connection, editions) if connection else {}
            intents = self._select(connection, Intent.from_dict, "SELECT document FROM intents")
            applies = connection.execute("SELECT count(*) FROM history").fetchone() if connection else (0,)
            newest = next(self._read_history(connection), None) if connection else None
        return Memory(
            # Sorted here: SQLite would read the rows in the order of its index, scattered over the file.
            receipts=tuple(sorted(receipts, key=lambda receipt: receipt.address)),
            intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
            serial=applies[0],
            head=find_head(newest),
            editions=editions,
            places=places,
        )

    def spending(self, digest: str) -> Spending | None:
        """Return when and where a plan was applied; None if it was not."""
        with self._file.reading() as connection:
            return self._find_spending(connection, digest)

    def holder(self, name: LockName = LockName.APPLY) -> Holder | None:
        """Return the holder of a lock, whether its process still runs or not."""
        with self._file.reading() as connection:
            return find_holder(connection, self._file, name)

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        with self._file.reading() as connection:
            return tuple(self._read_history(connection)) if connection else ()

    def _read_receipts(self, connection: Connection, editions: dict[Address, str]) -> list[Receipt]:
        """Return all receipts, and note the edition of each."""
        found: list[Receipt] = []
        model = Editions(self._file.lineage)
        with self._telling_damage():
            for documents in _fetch_receipts(connection):
                receipts = [Receipt.from_dict(values) for values in from_lines(documents)]
                for receipt, document in zip(receipts, documents.split("\n"), strict=True):
                    editions[receipt.address] = model.of(document)
                found += receipts
        return found

    def _read_history(self, connection: Connection) -> Iterator[HistoryEntry]:
        """Yield past applies, newest first; each is read when it is asked for."""
        for (document,) in connection.execute("SELECT document FROM history ORDER BY number DESC"):
            yield from self._parse(to_history_entry, [document])

    def _find_spending(self, connection: Connection | None, digest: str) -> Spending | None:
        found = self._select(connection, to_spending, "SELECT document FROM spent WHERE digest = ?", digest)
        return found[0] if found else None

    def _select(
        self, connection: Connection | None, parse: Callable[[Mapping[str, Any]], T], query: str, *values: str
    ) -> list[T]:
        rows = connection.execute(query, values) if connection else ()
        return self._parse(parse, (document for (document,) in rows))

    def _parse(self, parse: Callable[[Mapping[str, Any]], T], documents: Iterable[str]) -> list[T]:
        with self._telling_damage():
            return [parse(from_text(document)) for document in documents]

    @contextmanager
    def _telling_damage(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # The pages of the file are whole, but a row is not ours: the same remedy as for a broken page.
            raise self._file.damaged(error) from error


def _fetch_receipts(connection: Connection) -> Iterator[str]:
    """Yield the documents of all receipts, 1,000 at a time, one in each line."""
    # All documents of 100,000 receipts would take 70 MB. 1,000 come as one row, because SQLite lets another thread run
    # for each row: 10,000 such turns beside a sink that reads its files took 0.1 s.
    last = 0
    while last is not None:
        last, documents = connection.execute(_NEXT_RECEIPTS, (last,)).fetchone()
        if documents:
            yield documents
