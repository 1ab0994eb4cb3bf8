"""Which files git tracks, as the real git says it, and what counts when git fails."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from keyplan.system.git import TrackedFile, UnknownTracking, find_tracked

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent"}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=ENVIRONMENT)


@pytest.fixture
def work_tree(tmp_path: Path) -> Path:
    """Return a work tree with two tracked files and one that is not."""
    folder = tmp_path / "tree"
    (folder / "deep").mkdir(parents=True)
    git(folder, "init", "--quiet")
    for name in ("top.db", "deep/l[1].db"):
        (folder / name).touch()
    git(folder, "add", ".")
    (folder / "deep" / "l1.db").touch()
    return folder


@needs_git
def test_a_tracked_file_is_found_among_others(work_tree: Path) -> None:
    assert find_tracked(work_tree, ["no.db", "top.db"], ENVIRONMENT) == TrackedFile(work_tree=work_tree, name="top.db")


@needs_git
def test_a_name_is_no_pattern(work_tree: Path) -> None:
    assert find_tracked(work_tree / "deep", ["l*.db"], ENVIRONMENT) is None
    assert find_tracked(work_tree / "deep", ["l1.db"], ENVIRONMENT) is None
    found = find_tracked(work_tree / "deep", ["l[1].db"], ENVIRONMENT)
    assert found == TrackedFile(work_tree=work_tree, name="deep/l[1].db")


@needs_git
def test_a_file_that_only_differs_in_case_is_found(work_tree: Path) -> None:
    """On macOS a pushed `.Keyplan/ledger.db` lies where `.keyplan/ledger.db` is opened."""
    assert find_tracked(work_tree, ["TOP.DB"], ENVIRONMENT) == TrackedFile(work_tree=work_tree, name="top.db")


@needs_git
def test_a_file_is_found_through_a_link_into_the_work_tree(work_tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(work_tree)
    assert find_tracked(tmp_path / "link", ["top.db"], ENVIRONMENT) == TrackedFile(work_tree=work_tree, name="top.db")


@needs_git
def test_variables_that_name_another_repository_are_not_passed_on(work_tree: Path, tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "GIT_DIR": str(tmp_path), "GIT_INDEX_FILE": "/nonexistent"}
    assert find_tracked(work_tree, ["top.db"], environment) == TrackedFile(work_tree=work_tree, name="top.db")


@needs_git
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a work tree to another user: chown(2)")
def test_the_work_tree_of_another_user_is_unknown(work_tree: Path) -> None:
    os.chown(work_tree, 4711, 4711)
    assert find_tracked(work_tree, ["top.db"], ENVIRONMENT) == UnknownTracking(work_tree=work_tree)


class Timeout:
    """Stands for a git that does not end in time, or cannot be run."""

    def __call__(
        self, argv: Sequence[str], folder: Path, environment: Mapping[str, str], given: bytes
    ) -> subprocess.CompletedProcess[bytes] | None:
        return None


def test_without_a_git_program_nothing_is_tracked(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert find_tracked(tmp_path, ["top.db"], {"PATH": str(tmp_path)}) is None


@needs_git
def test_a_git_that_does_not_end_leaves_it_unknown(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert find_tracked(tmp_path, ["top.db"], ENVIRONMENT, Timeout()) == UnknownTracking(work_tree=tmp_path)
    # Never an untracked one by mistake: a `.git` that is no repository makes the real git fail.
    assert find_tracked(tmp_path, ["top.db"], ENVIRONMENT) == UnknownTracking(work_tree=tmp_path)
