"""Threads that write to one ledger share commits, and none hears of another's failure."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
    """Make all changes while the turn is taken, so that all wait for the next; return what each raised."""
    with ThreadPoolExecutor(max_workers=len(changes)) as pool:
        with commits.turn:
            futures = [pool.submit(commits.write, change) for change in changes]
            for _ in range(5_000):
                if len(commits._waiting) == len(changes):
                    break
                time.sleep(0.001)
        return [future.exception() for future in futures]


def test_every_write_is_durable_when_it_returns(file: LedgerFile) -> None:
    names = [f"intent-{number}" for number in range(WRITERS)]
    assert write_at_once(Commits(file), [add(name) for name in names]) == [None] * WRITERS
    assert read(file) == set(names)


def test_those_who_wait_for_one_turn_share_a_transaction(file: LedgerFile) -> None:
    seen: list[Connection] = []
    write_at_once(Commits(file), [seen.append] * WRITERS)
    assert [connection is seen[0] for connection in seen] == [True] * WRITERS


def test_a_failed_write_fails_alone(file: LedgerFile) -> None:
    def fail(_connection: Connection) -> None:
        raise LedgerError("no room")

    raised = write_at_once(Commits(file), [add("one"), fail, add("two")])
    assert [type(error) for error in raised] == [type(None), LedgerError, type(None)]
    assert read(file) == {"one", "two"}
