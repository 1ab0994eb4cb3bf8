"""Paths in work trees of version control systems, those that keyplan asks and those that it cannot ask."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from keyplan.errors import SinkDeniedError
from keyplan.system.work_trees import WorkTreeIgnoring

ENVIRONMENT = {"PATH": os.environ.get("PATH", ""), "HOME": "/nonexistent"}
needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")
UNASKED = {
    ".jj": "Jujutsu",
    ".sl": "Sapling",
    ".svn": "Subversion",
    ".bzr": "Bazaar",
    "_darcs": "Darcs",
    ".pijul": "Pijul",
    ".fslckout": "Fossil",
}


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=ENVIRONMENT)


@pytest.mark.parametrize("marker", UNASKED)
def test_a_work_tree_whose_program_cannot_be_asked_takes_no_raw_key(tmp_path: Path, marker: str) -> None:
    (tmp_path / marker).mkdir()
    ignoring = WorkTreeIgnoring(ENVIRONMENT)
    for _ in range(2):
        with pytest.raises(SinkDeniedError, match=f"lies in the {UNASKED[marker]} work tree {tmp_path}") as caught:
            ignoring.refuse_unignored(tmp_path / "deep" / "ci.key")
        assert caught.value.advice.startswith("choose a path outside of it")


def test_outside_of_every_work_tree_a_path_is_free(tmp_path: Path) -> None:
    ignoring = WorkTreeIgnoring(ENVIRONMENT)
    ignoring.expect([tmp_path / "ci.key"])
    ignoring.refuse_unignored(tmp_path / "ci.key")


@needs_git
def test_a_work_tree_of_jujutsu_that_is_one_of_git_ignores_what_git_ignores(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".jj").mkdir()
    (tmp_path / ".gitignore").write_text("*.key\n")
    ignoring = WorkTreeIgnoring(ENVIRONMENT)
    ignoring.refuse_unignored(tmp_path / "ci.key")
    with pytest.raises(SinkDeniedError, match="git does not ignore it"):
        ignoring.refuse_unignored(tmp_path / "ci.env")


@needs_git
def test_a_work_tree_of_mercurial_inside_one_of_git_is_asked_of_both(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".gitignore").write_text("*.key\n")
    (tmp_path / "inner/.hg").mkdir(parents=True)
    ignoring = WorkTreeIgnoring({**ENVIRONMENT, "PATH": os.path.dirname(shutil.which("git") or "")})  # noqa: PTH120 - a folder of PATH, as text
    with pytest.raises(SinkDeniedError, match="Mercurial"):
        ignoring.refuse_unignored(tmp_path / "inner" / "ci.key")
    with pytest.raises(SinkDeniedError, match="git"):
        ignoring.refuse_unignored(tmp_path / "inner" / "ci.env")
