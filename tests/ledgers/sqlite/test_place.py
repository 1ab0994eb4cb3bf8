"""A ledger that others can write is neither read nor written, and the message says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from samples import ACCOUNT, LINEAGE, NOW, make_context, make_ledger_settings, make_receipt, names_in

from keyplan.errors import LedgerError, LedgerUntrustedError
from keyplan.ledgers.sqlite import build, build_reader
from keyplan.ledgers.sqlite.files import LedgerFile
from keyplan.ledgers.sqlite.place import FileId, LedgerPlace
from keyplan.model.ledger import Memory

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent"}
STRANGER = 4711
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user: chown(2)")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a ledger with one receipt."""
    path = tmp_path / ".keyplan" / "ledger.db"
    write(path)
    return path


def write(path: Path) -> None:
    context = make_context(path.parent, ENVIRONMENT)
    build(make_ledger_settings({"path": str(path)}), context, account=ACCOUNT).record(make_receipt())


def read(path: Path) -> Memory:
    context = make_context(path.parent, ENVIRONMENT)
    return build_reader(make_ledger_settings({"path": str(path)}), context, account=ACCOUNT).recall()


def rebuild(path: Path) -> None:
    context = make_context(path.parent, ENVIRONMENT)
    build(make_ledger_settings({"path": str(path)}), context, account=ACCOUNT).is_damaged()


def set_aside(path: Path) -> None:
    LedgerFile(place=LedgerPlace(path, ENVIRONMENT), lineage=LINEAGE, account=ACCOUNT).set_aside(NOW)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=ENVIRONMENT)


def refusal(path: Path) -> LedgerUntrustedError:
    """Return the error of a reader, after the writer and a rebuild gave the same one and changed nothing."""
    before = sorted(path.parent.iterdir()), path.read_bytes() if path.is_file() else b""
    errors = []
    for attempt in (read, write, rebuild):
        with pytest.raises(LedgerUntrustedError) as caught:
            attempt(path)
        errors.append((caught.value.message, caught.value.advice))
    assert errors[0] == errors[1] == errors[2]
    assert (sorted(path.parent.iterdir()), path.read_bytes() if path.is_file() else b"") == before
    return caught.value


# modes


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    error = refusal(path)
    assert error.message == f"{path} cannot be trusted: other users can write it (mode {mode:04o})"
    assert f"chmod go-w {path}" in error.advice
    path.chmod(mode & ~0o022)
    assert read(path).receipts == (make_receipt(),)


def test_a_file_that_others_can_only_read_is_trusted(path: Path) -> None:
    path.chmod(0o644)
    path.parent.chmod(0o755)
    assert read(path).receipts == (make_receipt(),)


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o2770])
def test_a_folder_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    path.parent.chmod(mode)
    error = refusal(path)
    assert error.message == f"{path.parent} cannot be trusted: other users can write it (mode {mode:04o})"
    assert f"chmod go-w {path.parent}" in error.advice


def test_a_sticky_folder_that_others_can_write_is_no_exception(path: Path) -> None:
    path.parent.chmod(0o1777)
    error = refusal(path)
    assert "where other users can put files" in error.message
    # Not chmod: such a folder is shared on purpose, like /tmp.
    assert error.advice == f"name a ledger in a folder of its own, such as {path.parent}/.keyplan/ledger.db"


def test_a_folder_of_its_own_below_a_shared_one_is_trusted(tmp_path: Path) -> None:
    tmp_path.chmod(0o1777)
    write(tmp_path / ".keyplan" / "ledger.db")
    assert read(tmp_path / ".keyplan" / "ledger.db").receipts == (make_receipt(),)


def test_a_folder_that_others_can_write_gets_no_ledger(tmp_path: Path) -> None:
    folder = tmp_path / ".keyplan"
    folder.mkdir()
    folder.chmod(0o770)
    refusal(folder / "ledger.db")
    assert names_in(folder) == []


def test_a_new_ledger_is_private_whatever_the_umask(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        write(tmp_path / ".keyplan" / "ledger.db")
    finally:
        os.umask(former)
    assert read(tmp_path / ".keyplan" / "ledger.db").receipts == (make_receipt(),)


@pytest.mark.parametrize("suffix", ["-journal", "-wal", "-shm"])
def test_a_side_file_that_others_can_write_is_refused(path: Path, suffix: str) -> None:
    side = path.with_name(path.name + suffix)
    side.touch()
    side.chmod(0o660)
    assert refusal(path).message.startswith(f"{side} cannot be trusted")


def test_a_path_is_quoted_in_the_command_to_run(tmp_path: Path) -> None:
    path = tmp_path / "my keys" / "ledger.db"
    write(path)
    path.chmod(0o666)
    assert f"chmod go-w '{path}'" in refusal(path).advice


# owners


@needs_root
@pytest.mark.parametrize("name", ["ledger.db", ".", "ledger.db-journal"])
def test_what_belongs_to_another_user_is_refused(path: Path, name: str) -> None:
    target = path.parent / name
    target.touch()
    os.chown(target, STRANGER, -1)
    error = refusal(path)
    assert error.message == f"{target} belongs to user 4711, neither to root nor to the user who runs keyplan (0)"
    assert error.advice == f"run keyplan as that user; or, if only keyplan has written it: chown 0 {target}"


@needs_root
def test_a_file_of_root_is_trusted_by_another_user() -> None:
    # Not pytest's own folder, which no other user may enter.
    with TemporaryDirectory() as folder:
        path = Path(folder, ".keyplan", "ledger.db")
        write(path)
        for one, mode in ((path, 0o644), (path.parent, 0o755), (Path(folder), 0o755)):
            one.chmod(mode)
        os.seteuid(STRANGER)
        try:
            assert read(path).receipts == (make_receipt(),)
        finally:
            os.seteuid(0)


# links and other files


def test_a_link_in_the_files_place_is_refused(path: Path, tmp_path: Path) -> None:
    path.rename(tmp_path / "real.db")
    path.symlink_to(tmp_path / "real.db")
    error = refusal(path)
    assert (error.message, error.advice) == (f"{path} is a link, which keyplan does not follow", "name the real file")


def test_a_link_in_the_folders_place_is_refused(path: Path, tmp_path: Path) -> None:
    path.parent.rename(tmp_path / "real")
    path.parent.symlink_to(tmp_path / "real")
    error = refusal(path)
    assert error.message == f"{path.parent} is a link, which keyplan does not follow"
    assert "name another ledger" in error.advice


def test_a_link_in_a_side_files_place_is_refused(path: Path) -> None:
    path.with_name("ledger.db-journal").symlink_to("nowhere")
    assert "ledger.db-journal is a link" in refusal(path).message


def test_a_link_further_up_is_followed(path: Path, tmp_path: Path) -> None:
    (tmp_path / "project").symlink_to(tmp_path)
    assert read(tmp_path / "project" / ".keyplan" / "ledger.db").receipts == (make_receipt(),)


def test_what_is_no_file_is_an_error_and_blocks_no_run(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "ledger.db")
    with pytest.raises(LedgerError, match="is not a plain file"):
        read(tmp_path / "ledger.db")


@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_is_replaced_between_check_and_opening_is_refused(path: Path, what: str) -> None:
    place = LedgerPlace(path, {})
    examined = place.examine()
    assert examined
    place.confirm(examined)
    if what == "folder":
        path.parent.rename(path.parent.with_name("former"))
        write(path)
    else:
        shutil.copy(path, path.with_name("other.db"))
        path.with_name("other.db").rename(path)
    with pytest.raises(LedgerUntrustedError, match="was replaced while it was opened"):
        place.confirm(examined)


def test_an_opened_file_is_compared_with_the_one_that_was_checked(path: Path) -> None:
    class Replaced(LedgerPlace):
        def examine(self) -> FileId | None:
            examined = super().examine()
            shutil.copy(self.path, self.path.with_name("other.db"))
            self.path.with_name("other.db").rename(self.path)
            return examined

    file = LedgerFile(place=Replaced(path, {}), lineage=LINEAGE, account=ACCOUNT)
    attempts: tuple[Callable[[], object], ...] = (file.reading().__enter__, file.writing().__enter__)
    for attempt in attempts:
        with pytest.raises(LedgerUntrustedError, match="was replaced"):
            attempt()


def test_a_check_leaves_the_locks_of_a_transaction(path: Path) -> None:
    """To open and close the file would drop them, and another process could write in between."""
    file = LedgerFile(place=LedgerPlace(path, {}), lineage=LINEAGE, account=ACCOUNT)
    script = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None); "
        "c.execute('BEGIN IMMEDIATE')"
    )
    with file.writing():
        LedgerPlace(path, {}).examine()
        done = subprocess.run([sys.executable, "-c", script, str(path)], check=False, capture_output=True, text=True)
    assert "database is locked" in done.stderr


# git


@pytest.fixture
def work_tree(path: Path, tmp_path: Path) -> Path:
    """Have a work tree around the ledger."""
    git(tmp_path, "init", "--quiet")
    return tmp_path


@needs_git
@pytest.mark.usefixtures("work_tree")
def test_a_ledger_in_a_work_tree_is_trusted_if_git_does_not_track_it(path: Path) -> None:
    assert read(path).receipts == (make_receipt(),)
    (path.parent / ".gitignore").unlink()
    write(path)  # git would not ignore it, and still does not track it


@needs_git
def test_a_tracked_ledger_is_refused_though_it_is_ignored(path: Path, work_tree: Path) -> None:
    git(work_tree, "add", "--force", ".keyplan/ledger.db")
    error = refusal(path)
    assert error.message == (
        f"{path} cannot be trusted: git tracks .keyplan/ledger.db in {work_tree}, so every user "
        "who can push can write it"
    )
    assert f"git -C {work_tree} rm --cached .keyplan/ledger.db" in error.advice
    git(work_tree, "rm", "--cached", "--quiet", ".keyplan/ledger.db")
    assert read(path).receipts == (make_receipt(),)


@needs_git
def test_a_tracked_side_file_is_refused(path: Path, work_tree: Path) -> None:
    path.with_name("ledger.db-journal").touch()
    git(work_tree, "add", "--force", ".keyplan/ledger.db-journal")
    assert "git tracks .keyplan/ledger.db-journal" in refusal(path).message


@needs_git
def test_a_tracked_ledger_that_was_deleted_is_not_created_again(path: Path, work_tree: Path) -> None:
    git(work_tree, "add", "--force", ".keyplan/ledger.db")
    path.unlink()
    assert read(path) == Memory()
    with pytest.raises(LedgerUntrustedError, match="git tracks"):
        write(path)
    assert not path.exists()


class Git:
    """Stands for git: ends always alike; counts how often it is run."""

    def __init__(self, status: int | None) -> None:
        self.status = status
        self.runs = 0

    def __call__(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes
    ) -> subprocess.CompletedProcess[bytes] | None:
        self.runs += 1
        return None if self.status is None else subprocess.CompletedProcess(argv, self.status, b"", b"")


@pytest.mark.parametrize(
    "status", [pytest.param(0, id="it answers"), pytest.param(128, id="it fails for a new ledger")]
)
def test_git_is_run_once_for_a_ledger_in_a_work_tree(path: Path, tmp_path: Path, status: int) -> None:
    (tmp_path / ".git").mkdir()
    git_program = Git(status)
    place = LedgerPlace(path, {}, git_program)
    for _ in range(3):
        assert place.examine()
    assert git_program.runs == 1


def test_git_is_not_run_outside_of_a_work_tree_nor_for_a_ledger_that_is_not_there(path: Path, tmp_path: Path) -> None:
    git_program = Git(0)
    assert LedgerPlace(path, {}, git_program).examine()
    (tmp_path / ".git").mkdir()
    assert LedgerPlace(path.with_name("other.db"), {}, git_program).examine() is None
    assert git_program.runs == 0


@needs_git
def test_a_fresh_runner_creates_and_uses_a_ledger_where_git_fails(tmp_path: Path) -> None:
    """In a CI's container the checkout often belongs to another user, and git answers nothing there."""
    (tmp_path / ".git").mkdir()
    path = tmp_path / ".keyplan" / "ledger.db"
    assert read(path) == Memory()
    write(path)
    write(path)
    assert read(path).receipts == (make_receipt(),)
    # One that was there before may have been pushed.
    shutil.copytree(path.parent, tmp_path / "pushed")
    with pytest.raises(LedgerUntrustedError, match="git could not report"):
        read(tmp_path / "pushed" / "ledger.db")


def test_a_git_that_fails_refuses_the_ledger_and_says_how_to_find_out(path: Path, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    # Not the file that this process created, which would be fine.
    there_before = shutil.copy(path, path.with_name("before.db"))
    with pytest.raises(LedgerUntrustedError, match="could not report whether it tracks it") as caught:
        LedgerPlace(there_before, {}, Git(128)).examine()
    assert f"git -C {tmp_path} ls-files" in caught.value.advice
    assert "safe.directory" in caught.value.advice


class Mercurial:
    """Stands for hg: ends with a status, and prints what it tracks."""

    def __init__(self, status: int, tracked: bytes = b"") -> None:
        self.status = status
        self.tracked = tracked

    def __call__(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.CompletedProcess(argv, self.status, self.tracked)


def test_a_ledger_that_mercurial_tracks_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / ".hg").mkdir()
    with pytest.raises(LedgerUntrustedError, match=r"hg tracks \.keyplan/ledger\.db in") as caught:
        LedgerPlace(path, {}, Mercurial(0, b".keyplan/ledger.db\0")).examine()
    assert f"hg -R {tmp_path} forget .keyplan/ledger.db, add its folder to .hgignore" in caught.value.advice


def test_a_mercurial_that_fails_refuses_the_ledger_and_says_how_to_find_out(path: Path, tmp_path: Path) -> None:
    (tmp_path / ".hg").mkdir()
    (tmp_path / "hg").touch(mode=0o755)
    there_before = shutil.copy(path, path.with_name("before.db"))
    with pytest.raises(LedgerUntrustedError, match="hg could not report whether it tracks it") as caught:
        LedgerPlace(there_before, {"PATH": str(tmp_path)}, Mercurial(255)).examine()
    assert f"'hg -R {tmp_path} files' says" in caught.value.advice
