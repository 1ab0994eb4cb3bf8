"""Waiting for locks that other processes hold."""

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from keyplan.system import locks
from keyplan.system.locks import LockHeldError, LockWait, taking_turns

HOLDER = """
import fcntl, sys
file = open(sys.argv[1], "r+")
getattr(fcntl, sys.argv[2])(file, getattr(fcntl, sys.argv[3]))
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path, *, way: str = "flock", mode: str = "LOCK_EX") -> Iterator[subprocess.Popen[str]]:
    """Run the block while another process holds a lock on a file."""
    argv = [sys.executable, "-c", HOLDER, str(path), way, mode]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.communicate()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "a").touch()
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def make_wait(said: list[str], *, limit: float = 0.3) -> LockWait:
    return LockWait(named="secrets/a", say=said.append, notice=timedelta(0), limit=timedelta(seconds=limit))


@pytest.mark.parametrize("way", ["flock", "lockf"])
def test_a_lock_of_another_process_is_told_once_and_then_given_up(tmp_path: Path, folder: int, way: str) -> None:
    said: list[str] = []
    with held_elsewhere(tmp_path / "a", way=way) as holder:
        named = f"process {holder.pid} ({Path(f'/proc/{holder.pid}/comm').read_text().strip()})"
        with pytest.raises(LockHeldError) as caught, make_wait(said).sharing(folder, "a"):
            pytest.fail("it was locked")
    assert caught.value.strerror == f"a lock on it is held by {named}"
    assert said == [f"waiting for secrets/a: a lock on it is held by {named}"]


@pytest.mark.parametrize("way", ["flock", "lockf"])
def test_a_lock_that_is_released_in_time_is_no_obstacle(tmp_path: Path, folder: int, way: str) -> None:
    said: list[str] = []
    with held_elsewhere(tmp_path / "a", way=way) as holder:
        assert holder.stdin is not None
        timer = threading.Timer(0.2, holder.stdin.close)
        timer.start()
        with make_wait(said, limit=30).sharing(folder, "a"):
            assert len(said) == 1
        timer.join()
        holder.stdin = None


@pytest.mark.parametrize("way", ["flock", "lockf"])
def test_a_file_that_others_read_at_the_same_time_is_no_obstacle(tmp_path: Path, folder: int, way: str) -> None:
    with held_elsewhere(tmp_path / "a", way=way, mode="LOCK_SH"), make_wait([]).sharing(folder, "a"):
        pass


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path, folder: int) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing"):
        with make_wait([]).sharing(folder, name):
            pass


def test_a_file_system_without_locks_has_none_in_the_way(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)
    with make_wait([]).sharing(folder, "a"):
        pass


def test_the_other_answer_for_a_lock_that_is_held_is_understood(folder: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(fcntl, "lockf", refuse)
    with pytest.raises(LockHeldError), make_wait([], limit=0).sharing(folder, "a"):
        pytest.fail("it was locked")


@pytest.mark.parametrize("listed", ["", "no list\n", "1: FLOCK  ADVISORY  WRITE -1 00:00:1 0 EOF\n"])
def test_a_holder_that_does_not_show_is_another_process(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    (tmp_path / "locks").write_text(listed)
    monkeypatch.setattr(locks, "_LOCKS", tmp_path / "locks")
    expected = pytest.raises(LockHeldError, match=r"held by another process$")
    with held_elsewhere(tmp_path / "a"), expected, make_wait([], limit=0).sharing(folder, "a"):
        pytest.fail("it was locked")


def test_a_holder_that_has_just_ended_is_named_by_its_number(
    tmp_path: Path, folder: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (tmp_path / "a").stat()
    file = f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}"
    (tmp_path / "locks").write_text(
        f"1: FLOCK  ADVISORY  WRITE 999999999 {file} 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 1 {file} 0 EOF\n"
    )
    monkeypatch.setattr(locks, "_LOCKS", tmp_path / "locks")
    expected = pytest.raises(LockHeldError, match=r"held by process 999999999$")
    with held_elsewhere(tmp_path / "a"), expected, make_wait([], limit=0).sharing(folder, "a"):
        pytest.fail("it was locked")


def test_threads_take_turns_and_leave_nothing_behind(folder: int) -> None:
    inside, seen = 0, []

    def work() -> None:
        nonlocal inside
        with taking_turns(folder, "a"):
            inside += 1
            seen.append(inside)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 20
    assert locks._turns == {}
