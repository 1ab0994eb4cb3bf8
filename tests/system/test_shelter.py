"""The folder that locks a file and holds its drafts, beside a real git."""

import errno
import fcntl
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from samples import names_in

from keyplan.system import shelter as module
from keyplan.system.locks import LockHeldError, LockWait
from keyplan.system.shelter import Shelter, create_whole

AT_ONCE = LockWait(limit=timedelta(0))
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")


@pytest.fixture
def outer(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def git_status(folder: Path) -> str:
    argv = ["git", "-C", str(folder), "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    return tmp_path


@needs_git
@pytest.mark.parametrize("lines", [b"", b"!*\n", b"!*.lock/\n!.*\n"], ids=["no rule", "except all", "except locks"])
def test_git_shows_no_draft_whatever_the_repository_ignores(work_tree: Path, outer: int, lines: bytes) -> None:
    (work_tree / ".git/info/exclude").write_bytes(b".gitignore\n" + lines)
    (work_tree / ".gitignore").write_bytes(lines)
    before = git_status(work_tree)
    held = Shelter.acquire(outer, "x.lock", AT_ONCE)
    assert git_status(work_tree) == before
    held.create(b"secret")
    assert git_status(work_tree) == before
    held.release()
    assert names_in(work_tree) == [".git", ".gitignore"]


@needs_git
def test_a_gitignore_that_others_put_there_does_not_show_a_draft(work_tree: Path, outer: int) -> None:
    (work_tree / "x.lock").mkdir()
    (work_tree / "x.lock/.gitignore").write_text("!*\n")
    held = Shelter.acquire(outer, "x.lock", AT_ONCE)
    held.create(b"secret")
    assert git_status(work_tree) == ""
    held.release()
    assert names_in(work_tree) == [".git"]


def test_a_draft_is_private_and_no_two_have_one_name(tmp_path: Path, outer: int) -> None:
    held = Shelter.acquire(outer, "x.lock", AT_ONCE)
    first, second = held.create(b"1"), held.create(b"2")
    assert [(tmp_path / "x.lock" / name).read_bytes() for name in (first, second)] == [b"1", b"2"]
    assert (tmp_path / "x.lock" / first).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "x.lock").stat().st_mode & 0o777 == 0o700
    held.discard(first)
    held.release()


def test_what_cannot_be_removed_keeps_the_shelter_and_not_the_lock(tmp_path: Path, outer: int) -> None:
    (tmp_path / "x.lock/planted").mkdir(parents=True)
    for _ in range(2):
        Shelter.acquire(outer, "x.lock", AT_ONCE).release()
    assert names_in(tmp_path / "x.lock") == ["planted"]


def test_the_lock_file_of_an_older_keyplan_is_waited_for_and_replaced(tmp_path: Path, outer: int) -> None:
    with (tmp_path / "x.lock").open("w") as older:
        fcntl.flock(older, fcntl.LOCK_EX)
        with pytest.raises(LockHeldError):
            Shelter.acquire(outer, "x.lock", AT_ONCE)
    held = Shelter.acquire(outer, "x.lock", AT_ONCE)
    assert (tmp_path / "x.lock").is_dir()
    held.release()


def test_an_older_keyplan_cannot_lock_what_is_held(tmp_path: Path, outer: int) -> None:
    held = Shelter.acquire(outer, "x.lock", AT_ONCE)
    with pytest.raises(IsADirectoryError):
        os.open(tmp_path / "x.lock", os.O_RDWR | os.O_CREAT)
    held.release()


class LosingWait(LockWait):
    """The shelter loses its name just before it is locked for the first time."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        object.__setattr__(self, "_path", path)

    def lock(self, descriptor: int) -> None:
        super().lock(descriptor)
        path, self_path = self._path, "_path"  # type: ignore[attr-defined]  # set above
        if path is not None:
            object.__setattr__(self, self_path, None)
            path.rename(path.with_name("moved"))


def test_a_shelter_that_lost_its_name_is_made_again(tmp_path: Path, outer: int) -> None:
    held = Shelter.acquire(outer, "x.lock", LosingWait(tmp_path / "x.lock"))
    assert names_in(tmp_path) == ["moved", "x.lock"]
    held.release()


# file systems that can do less


def refuse_folders(descriptor: int, operation: int, lock: Callable[[int, int], None] = fcntl.flock) -> None:
    """Lock as a client of NFS does: only what is open for writing."""
    if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    lock(descriptor, operation)


def test_where_no_folder_can_be_locked_a_file_beside_it_is(
    tmp_path: Path, outer: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse_folders)
    held = Shelter.acquire(outer, "x.lock", AT_ONCE)
    assert names_in(tmp_path) == ["x.lock", "x.lockfile"]
    with pytest.raises(LockHeldError):
        Shelter.acquire(outer, "x.lock", AT_ONCE)
    held.release()
    assert names_in(tmp_path) == []


def test_such_a_file_excludes_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse_folders)
    inside, seen = 0, []

    def work() -> None:
        nonlocal inside
        own = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(20):
            held = Shelter.acquire(own, "x.lock", LockWait())
            inside += 1
            seen.append(inside)
            inside -= 1
            held.release()
        os.close(own)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 80


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "there already"])
def test_without_nameless_files_a_file_is_made_by_its_name(
    tmp_path: Path, outer: int, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    monkeypatch.setattr(module, "_NAMELESS", 0)
    if is_there:
        (tmp_path / "a").write_text("former")
        with pytest.raises(FileExistsError):
            create_whole(outer, "a", b"x", is_durable=True)
    else:
        create_whole(outer, "a", b"x", is_durable=True)
    assert (tmp_path / "a").read_text() == ("former" if is_there else "x")


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, outer: int) -> None:
    create_whole(outer, "a", b"x", is_durable=True)
    with pytest.raises(FileExistsError):
        create_whole(outer, "a", b"y", is_durable=True)
    assert (tmp_path / "a").read_bytes() == b"x"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
