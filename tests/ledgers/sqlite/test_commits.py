"""Threads that write to one ledger share commits, and none hears of another's failure."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from sqlite3 import Connection
from threading import Event

import pytest
from samples import ACCOUNT, LINEAGE

from keyplan.errors import LedgerError
from keyplan.ledgers.sqlite.commits import Commits
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite.place import LedgerPlace

WRITERS = 8


@pytest.fixture
def file(tmp_path: Path) -> LedgerFile:
    return LedgerFile(place=LedgerPlace(tmp_path / "ledger.db", {}), lineage=LINEAGE, account=ACCOUNT)


def add(name: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute("INSERT INTO intents VALUES (?, '{}')", (name,))


def read(file: LedgerFile) -> set[str]:
    with file.reading() as connection:
        return {name for (name,) in connection.execute("SELECT id FROM intents")} if connection else set()


def wait_until_waiting(commits: Commits, writers: int) -> None:
    for _ in range(5_000):
        if len(commits._waiting) == writers:
            return
        time.sleep(0.001)


def write_at_once(commits: Commits, changes: list[Callable[[Connection], object]]) -> list[BaseException | None]:
    """Make all changes while the turn is taken, so that all wait for the next; return what each raised."""
    with ThreadPoolExecutor(max_workers=len(changes)) as pool:
        with commits.turn:
            futures = [pool.submit(commits.write, change) for change in changes]
            wait_until_waiting(commits, len(changes))
        return [future.exception() for future in futures]


def test_every_write_is_durable_when_it_returns(file: LedgerFile) -> None:
    names = [f"intent-{number}" for number in range(WRITERS)]
    assert write_at_once(Commits(file), [add(name) for name in names]) == [None] * WRITERS
    assert read(file) == set(names)


def test_writes_that_wait_share_a_transaction(file: LedgerFile) -> None:
    seen: list[Connection] = []
    write_at_once(Commits(file), [seen.append] * WRITERS)
    assert [connection is seen[0] for connection in seen] == [True] * WRITERS


def test_a_failed_write_fails_alone(file: LedgerFile) -> None:
    def fail(_connection: Connection) -> None:
        raise LedgerError("no room")

    raised = write_at_once(Commits(file), [add("one"), fail, add("two")])
    assert [type(error) for error in raised] == [type(None), LedgerError, type(None)]
    assert read(file) == {"one", "two"}


def test_a_leader_that_fails_leaves_no_thread_waiting(file: LedgerFile) -> None:
    def crash(_connection: Connection) -> None:
        raise ZeroDivisionError

    raised = write_at_once(Commits(file), [crash, add("one"), add("two")])
    assert type(raised[0]) is ZeroDivisionError
    done = {name for name, error in zip(("one", "two"), raised[1:], strict=True) if error is None}
    assert done == read(file)


def test_a_durable_write_returns_while_the_next_commit_is_under_way(file: LedgerFile) -> None:
    commits, is_under_way, may_end = Commits(file), Event(), Event()

    def linger(_connection: Connection) -> None:
        is_under_way.set()
        assert may_end.wait(10)

    def first(_connection: Connection) -> None:
        late.append(pool.submit(commits.write, linger))
        wait_until_waiting(commits, 1)

    late: list[Future[None]] = []
    with ThreadPoolExecutor(max_workers=3) as pool:
        with commits.turn:
            early = [pool.submit(commits.write, change) for change in (first, add("one"))]
            wait_until_waiting(commits, len(early))
        assert is_under_way.wait(10)
        assert [future.result(timeout=10) for future in early] == [None, None]
        assert not late[0].done()
        may_end.set()
    assert late[0].result() is None


class Interrupting:
    """A turn that nobody lives to see."""

    def __enter__(self) -> None:
        raise KeyboardInterrupt

    def __exit__(self, *_: object) -> None:
        raise AssertionError("it was never entered")


def test_a_thread_interrupted_before_its_turn_writes_nothing_and_blocks_no_other(file: LedgerFile) -> None:
    commits = Commits(file)
    turn, commits.turn = commits.turn, Interrupting()  # type: ignore[assignment]  # stands in for a signal
    with pytest.raises(KeyboardInterrupt):
        commits.write(add("one"))
    commits.turn = turn
    commits.write(add("two"))
    assert read(file) == {"two"}


def test_a_thread_interrupted_while_another_leads_does_not_disturb_it(file: LedgerFile) -> None:
    commits, main = Commits(file), threading.get_ident()

    def interrupt() -> None:
        wait_until_waiting(commits, 2)
        signal.pthread_kill(main, signal.SIGINT)

    with ThreadPoolExecutor(max_workers=2) as pool:
        with commits.turn:
            other = pool.submit(commits.write, add("two"))
            wait_until_waiting(commits, 1)
            pool.submit(interrupt)
            with pytest.raises(KeyboardInterrupt):
                commits.write(add("one"))
        assert other.result(timeout=10) is None
    assert read(file) == {"two"}
