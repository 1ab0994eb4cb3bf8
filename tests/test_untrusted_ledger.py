"""A ledger that others can write ends every command that reads one with exit status 7, before anything is done."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from timelapse import Timelapse, playing

pytestmark = pytest.mark.enable_socket

COMMANDS = (
    ("plan",),
    ("apply", "--auto-approve"),
    ("drift",),
    ("ledger", "show"),
    ("ledger", "history"),
    ("ledger", "unlock", "4711"),
    ("ledger", "rebuild"),
    ("ledger", "rebuild", "--force"),
)


@pytest.fixture
def applied(tmp_path: Path) -> Iterator[Timelapse]:
    """Give the first example beside a sandbox, with its keys made."""
    with playing("01-start", tmp_path, "beta") as timelapse:
        timelapse.apply()
        yield timelapse


def content_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".git/" not in str(path)}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_ledger_that_others_can_write_ends_the_command(applied: Timelapse, command: tuple[str, ...]) -> None:
    path = applied.folder / ".keyplan" / "ledger.db"
    path.chmod(0o660)
    before = content_of(applied.folder)
    said = applied(*command)
    assert said.status == 7, said.err
    assert f"error: {path} cannot be trusted: other users can write it (mode 0660)" in said.err
    assert f"hint: if only keyplan has written it: chmod go-w {path}" in said.err
    assert content_of(applied.folder) == before
    path.chmod(0o600)
    assert applied("plan", "--detailed-exitcode").status == 0


def test_doctor_shows_it_as_a_finding_and_goes_on(applied: Timelapse) -> None:
    (applied.folder / ".keyplan").chmod(0o777)
    said = applied("doctor")
    assert said.status == 7
    assert "cannot be trusted: other users can write it (mode 0777)" in said.out
    assert "chmod go-w" in said.out


@pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")
def test_a_ledger_that_was_committed_is_refused_until_git_does_not_track_it(applied: Timelapse) -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent"}

    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", applied.folder, *arguments], check=True, capture_output=True, env=environment)

    git("init", "--quiet")
    git("add", "--force", ".keyplan/ledger.db")
    said = applied("plan")
    assert said.status == 7
    assert "git tracks .keyplan/ledger.db" in said.err
    git("rm", "--cached", "--quiet", ".keyplan/ledger.db")
    assert applied("plan", "--detailed-exitcode").status == 0
    # What the message also advises costs nothing: the keys are found without it.
    shutil.rmtree(applied.folder / ".keyplan")
    assert applied("plan", "--detailed-exitcode").status == 0
