"""Threads that write to one ledger share commits, and none hears of another's failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from sqlite3 import Connection

import pytest

from keyplan.adapters.ledger_commits import Commits
from keyplan.adapters.ledger_files import LedgerFile
from keyplan.errors import LedgerError

WRITERS = 8


@pytest.fixture
def file(tmp_path: Path) -> LedgerFile:
    return LedgerFile(path=tmp_path / "ledger.db", owner="ml-platform", account="https://api.simulated.test")


def add(name: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute("INSERT INTO intents VALUES (?, '{}')", (name,))


def read(file: LedgerFile) -> set[str]:
    with file.reading() as connection:
        return {name for (name,) in connection.execute("SELECT id FROM intents")} if connection else set()


def write_at_once(commits: Commits, changes: list[Callable[[Connection], object]]) -> list[BaseException | None]:
    """Make all changes while one turn is taken, so that all wait for the next; return what each raised."""
    arrived = threading.Semaphore(0)

    def write(change: Callable[[Connection], object]) -> None:
        arrived.release()
        commits.write(change)

    with ThreadPoolExecutor(max_workers=len(changes)) as pool:
        with commits.turn:
            futures = [pool.submit(write, change) for change in changes]
            for _ in changes:
                arrived.acquire()
        return [future.exception() for future in futures]


def test_every_write_is_durable_when_it_returns(file: LedgerFile) -> None:
    names = [f"intent-{number}" for number in range(WRITERS)]
    assert write_at_once(Commits(file), [add(name) for name in names]) == [None] * WRITERS
    assert read(file) == set(names)


def test_who_waits_for_the_same_turn_shares_a_transaction(file: LedgerFile) -> None:
    commits, connections = Commits(file), set()
    waiting = threading.Barrier(2)

    def begin(connection: Connection) -> None:
        waiting.wait()  # the second writer comes while this transaction is open
        waiting.wait()
        connections.add(id(connection))

    with ThreadPoolExecutor(max_workers=1) as pool:
        first = pool.submit(commits.write, begin)
        waiting.wait()
        waiting.wait()
        first.result()
    assert len(connections) == 1


def test_a_failed_write_fails_alone(file: LedgerFile) -> None:
    def fail(_connection: Connection) -> None:
        raise LedgerError("no room")

    raised = write_at_once(Commits(file), [add("one"), fail, add("two")])
    assert [type(error) for error in raised] == [type(None), LedgerError, type(None)]
    assert read(file) == {"one", "two"}
