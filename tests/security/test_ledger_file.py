"""A ledger that others can write is no ledger: keyplan refuses it with exit status 7, and says what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from security.company import Repository, git

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]


def track(folder: Path) -> None:
    """Have git track the ledger."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--force", ".keyplan/ledger.db")


def open_file_to_group(folder: Path) -> None:
    """Let the group write the file."""
    (folder / ".keyplan" / "ledger.db").chmod(0o660)


def open_file_to_all(folder: Path) -> None:
    """Let everyone write the file."""
    (folder / ".keyplan" / "ledger.db").chmod(0o606)


def open_folder_to_group(folder: Path) -> None:
    """Let the group put another file in the place of the ledger."""
    (folder / ".keyplan").chmod(0o770)


def link_file(folder: Path) -> None:
    """Put a symbolic link in the place of the file."""
    ledger = folder / ".keyplan" / "ledger.db"
    ledger.rename(folder / "elsewhere.db")
    ledger.symlink_to(folder / "elsewhere.db")


def link_folder(folder: Path) -> None:
    """Put a symbolic link in the place of the folder."""
    (folder / ".keyplan").rename(folder / "elsewhere")
    (folder / ".keyplan").symlink_to("elsewhere", target_is_directory=True)


def give_away(folder: Path) -> None:
    """Have the file belong to another user."""
    if os.geteuid():
        pytest.skip("only root can give a file away")
    nobody = 65534
    os.chown(folder / ".keyplan" / "ledger.db", nobody, nobody)


WAYS: dict[str, Callable[[Path], None]] = {
    "tracked by git": track,
    "writable for the group": open_file_to_group,
    "writable for all": open_file_to_all,
    "in a folder that the group may write": open_folder_to_group,
    "a symbolic link": link_file,
    "in a folder that is a symbolic link": link_folder,
    "of another user": give_away,
}


@pytest.mark.parametrize("change", WAYS.values(), ids=list(WAYS))
def test_a_ledger_that_others_can_write_is_refused(team: Repository, change: Callable[[Path], None]) -> None:
    if change is track and shutil.which("git") is None:
        pytest.skip("needs git")
    value, keys = team.store.value("ci"), team.keys_of()
    change(team.folder)
    for command in (("plan",), ("apply", "--auto-approve"), ("drift",), ("rotate", "user/ci", "--auto-approve")):
        said = team.expect(7, *command)
        assert ".keyplan" in said
        assert "hint: " in said
    assert (team.store.value("ci"), team.keys_of()) == (value, keys)


def test_a_ledger_that_git_ignores_is_accepted(team: Repository) -> None:
    git(team.folder, "init", "--quiet")
    (team.folder / ".gitignore").write_text(".keyplan/\nsecrets/\n")
    assert "No changes." in team.expect(0, "plan")
