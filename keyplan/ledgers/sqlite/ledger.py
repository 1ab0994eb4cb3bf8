"""The ledger `sqlite`: intents, receipts, spent plans, lock and history in one file beside the manifest.

In: model values. Out: the same, after any crash: each write is kept whole, and on disk when it returns. Never: a
raw key; a read that creates, locks or waits for an apply.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Connection
from typing import Any, TypeVar

from keyplan.errors import InputError, LedgerDamagedError, LedgerError, LedgerLockedError, PlanSpentError
from keyplan.ledgers.sqlite.commits import Commits
from keyplan.ledgers.sqlite.files import LedgerFile, ProcessLock
from keyplan.model.manifest import Address
from keyplan.model.receipt import Intent, IntentId, Receipt, read_time, write_time
from keyplan.ports import Clock, HistoryEntry, Holder, LedgerReader, Memory, RebuildableLedger, Spending

OPTIONS: Mapping[str, Any] = {
    "type": "object",
    "description": "Keeps the ledger in one SQLite file.",
    "properties": {},
    "additionalProperties": False,
}
_POLL = timedelta(milliseconds=500)
_DECODER = json.JSONDecoder()
_NEXT_RECEIPTS = """
SELECT max(rowid), group_concat(document, char(10))
FROM (SELECT rowid, document FROM receipts WHERE rowid > ? ORDER BY rowid LIMIT 1000)
"""

T = TypeVar("T")


def build_reader(path: str, *, owner: str, account: str) -> LedgerReader:
    """Return what can be learned from the ledger at a path. `account` is the provider's base URL."""
    return SqliteLedgerReader(LedgerFile(path=Path(path), owner=owner, account=account))


def build(path: str, *, owner: str, account: str, clock: Clock) -> RebuildableLedger:
    """Return the ledger at a path; its file is created by the first write. `clock` measures the wait for the lock."""
    return SqliteLedger(LedgerFile(path=Path(path), owner=owner, account=account), clock)


class SqliteLedgerReader:
    """Implements LedgerReader; every call opens the file, reads and closes it."""

    def __init__(self, file: LedgerFile) -> None:
        self._file = file

    def recall(self) -> Memory:
        """Return receipts by address and open intents by time, of one instant."""
        with self._file.reading() as connection:
            receipts = self._parse(Receipt.from_dict, _read_receipts(connection) if connection else ())
            intents = self._select(connection, Intent.from_dict, "SELECT document FROM intents")
            applies = connection.execute("SELECT count(*) FROM history").fetchone() if connection else (0,)
        return Memory(
            # Not by SQLite: it would read the rows in the order of its index, one here and one there.
            receipts=tuple(sorted(receipts, key=lambda receipt: receipt.address)),
            intents=tuple(sorted(intents, key=lambda intent: (intent.at, intent.id))),
            serial=applies[0],
        )

    def spending(self, digest: str) -> Spending | None:
        """Return when a plan was applied."""
        with self._file.reading() as connection:
            return self._find_spending(connection, digest)

    def holder(self) -> Holder | None:
        """Return who holds the lock, dead or alive."""
        with self._file.reading() as connection:
            return self._find_holder(connection)

    def history(self) -> Sequence[HistoryEntry]:
        """Return past applies, newest first."""
        with self._file.reading() as connection:
            query = "SELECT document FROM history ORDER BY number DESC"
            return tuple(self._select(connection, _to_history_entry, query))

    def _find_spending(self, connection: Connection | None, digest: str) -> Spending | None:
        found = self._select(connection, _to_spending, "SELECT document FROM spent WHERE digest = ?", digest)
        return found[0] if found else None

    def _find_holder(self, connection: Connection | None) -> Holder | None:
        found = self._select(connection, _to_holder, "SELECT document FROM lock")
        return found[0] if found else None

    def _select(
        self, connection: Connection | None, parse: Callable[[Mapping[str, Any]], T], query: str, *values: str
    ) -> list[T]:
        rows = connection.execute(query, values) if connection else ()
        return self._parse(parse, (document for (document,) in rows))

    def _parse(self, parse: Callable[[Mapping[str, Any]], T], documents: Iterable[str]) -> list[T]:
        try:
            return [parse(_from_text(document)) for document in documents]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._file.damaged(error) from error


class SqliteLedger(SqliteLedgerReader):
    """Implements RebuildableLedger. Threads take turns; other processes are kept off by SQLite and the lock."""

    def __init__(self, file: LedgerFile, clock: Clock) -> None:
        super().__init__(file)
        self._clock = clock
        self._commits = Commits(file)

    def lock(self, holder: Holder, *, patience: timedelta) -> AbstractContextManager[None]:
        """Hold the ledger for one apply; a holder that died on this host is succeeded at once."""
        return self._locked(holder, patience)

    def unlock(self, lock_id: str) -> None:
        """Break the lock of that id. A holder that still runs on this host keeps others out until it ends."""
        held = self.holder()
        if held is None or held.id != lock_id:
            raise InputError(
                f"the ledger is not locked under the id '{lock_id}'",
                advice=f"it is locked under '{held.id}'" if held else "it is not locked at all",
            )
        self._drop_holder(lock_id)

    def open_intent(self, intent: Intent) -> None:
        """Note an intent, in place of one of the same id."""
        self._write("INSERT OR REPLACE INTO intents VALUES (?, ?)", intent.id, _to_text(intent.to_dict()))

    def close_intent(self, intent_id: IntentId) -> None:
        """Remove an intent."""
        self._write("DELETE FROM intents WHERE id = ?", intent_id)

    def record(self, receipt: Receipt, *, closes: Collection[IntentId] = ()) -> None:
        """Keep a receipt and close intents, both or neither."""
        document = _to_text(receipt.to_dict())

        def change(connection: Connection) -> None:
            connection.execute("INSERT OR REPLACE INTO receipts VALUES (?, ?)", (receipt.address, document))
            connection.executemany("DELETE FROM intents WHERE id = ?", [(intent_id,) for intent_id in closes])

        self._commits.write(change)

    def forget(self, address: Address) -> None:
        """Drop an address's receipt."""
        self._write("DELETE FROM receipts WHERE address = ?", address)

    def spend(self, spending: Spending) -> None:
        """Mark a plan as applied. Raises PlanSpentError that says when and where it was before."""
        with self._commits.turn, self._file.writing() as connection:
            former = self._find_spending(connection, spending.digest)
            if former:
                raise PlanSpentError(
                    f"this plan was applied before: {write_time(former.at)} on {former.host}",
                    advice="plan again; a plan runs once",
                )
            connection.execute("INSERT INTO spent VALUES (?, ?)", (spending.digest, _to_text(asdict(spending))))

    def remember(self, entry: HistoryEntry) -> None:
        """Add an apply to the history."""
        self._write("INSERT INTO history (document) VALUES (?)", _to_text(asdict(entry)))

    def is_damaged(self) -> bool:
        """Whether it is there and makes no sense. Raises LedgerError where that cannot be told, or it is another's."""
        try:
            self._file.check()
            self.recall(), self.history(), self.holder()
        except LedgerDamagedError:
            return True
        return False

    def set_aside(self, *, at: datetime, patience: timedelta) -> str:
        """Rename the file beside itself, with the time in its name, while no apply runs on this host."""
        deadline = self._clock.now() + patience
        while (held := self._seize()) is None:
            self._wait_until(deadline)
        try:
            # Whoever wrote a row and holds no process lock is dead, or on another host: a person decides.
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
        deadline = self._clock.now() + patience
        while (held := self._try_to_hold(holder)) is None:
            self._wait_until(deadline)
        try:
            yield
        finally:
            # The row first: whoever gets the process lock next must not find ours. A row that can't be removed
            # is harmless: without its process lock it counts as a dead holder's.
            with suppress(LedgerError):
                self._drop_holder(holder.id)
            held.release()

    def _wait_until(self, deadline: datetime) -> None:
        """Wait a moment for the lock. Raises LedgerLockedError once the deadline has come."""
        if self._clock.now() >= deadline:
            raise self._refusal()
        self._clock.sleep(_POLL)

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
                    # The kernel's lock may not reach from that host to this one, so the row alone counts.
                    return None
                row = (holder.id, _to_text(asdict(holder)))
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
                f"{self._file.path} is in use by a process that is about to begin or end",
                advice="try again in a moment",
            )
        return LedgerLockedError(
            f"the ledger is locked by {held.owner} on {held.host} (pid {held.pid}) "
            f"since {write_time(held.since)}: {held.command}",
            advice=f"wait for it (--lock-timeout), or where it is dead for sure: keyplan ledger unlock {held.id}",
        )


def _read_receipts(connection: Connection) -> Iterator[str]:
    """Yield the documents of all receipts, 1,000 in memory at a time: those of 100,000 would take 70 MB.

    As many in one row: for each row SQLite lets another thread run, and 10,000 turns beside a sink that reads its files
    took 0.1 s.
    """
    last = 0
    while last is not None:
        last, documents = connection.execute(_NEXT_RECEIPTS, (last,)).fetchone()
        yield from documents.split("\n") if documents else ()


def _to_text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, default=_time_to_text, ensure_ascii=False, sort_keys=True)


def _from_text(document: str) -> Mapping[str, Any]:
    # Not `json.loads`: its search for blanks around the document takes 9 ms of 10,000 receipts.
    values: Mapping[str, Any]
    values, end = _DECODER.raw_decode(document)
    if end != len(document):
        raise ValueError(f"something stands behind the document, at {end}")
    return values


def _time_to_text(value: object) -> str:
    if isinstance(value, datetime):
        return write_time(value)
    raise LedgerError(f"a {type(value).__name__} has no place in a ledger")


def _to_spending(values: Mapping[str, Any]) -> Spending:
    return Spending(digest=values["digest"], at=read_time(values["at"]), host=values["host"])


def _to_holder(values: Mapping[str, Any]) -> Holder:
    return Holder(
        id=values["id"],
        owner=values["owner"],
        host=values["host"],
        pid=values["pid"],
        since=read_time(values["since"]),
        command=values["command"],
    )


def _to_history_entry(values: Mapping[str, Any]) -> HistoryEntry:
    return HistoryEntry(
        digest=values["digest"],
        started_at=read_time(values["started_at"]),
        finished_at=read_time(values["finished_at"]),
        added=values["added"],
        changed=values["changed"],
        destroyed=values["destroyed"],
        failed=values["failed"],
    )
