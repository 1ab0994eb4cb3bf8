"""Children and other processes of the machine read nothing of the environment that keyplan was started with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keyplan.system import environment as module
from keyplan.system.environment import blank, drop

SECRET = "ak-secret0123456789"
START = """
import os, subprocess, sys
assert blank(), "not blank"
drop({"OWN"})
run = lambda *argv: subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip("\\0\\n")
print(run("sh", "-c", "cat /proc/$PPID/environ"))
print(run("sh", "-c", "echo $KEPT-$OWN-$SAME"))
print(os.environ["KEPT"], os.getuid())
"""
SYSTEM_PYTHON = Path("/usr/bin/python3")
linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc is of Linux")


def run(python: str, **user: Any) -> list[str]:
    environment = {"OWN": SECRET, "SAME": SECRET, "KEPT": "kept", "PATH": "/usr/bin:/bin"}
    # As text, since another user may not read the folder of the module.
    code = Path(module.__file__).read_text() + START
    done = subprocess.run([python, "-c", code], env=environment, capture_output=True, text=True, check=True, **user)
    return done.stdout.splitlines()


@linux
def test_a_child_finds_the_secret_neither_in_its_own_environment_nor_in_that_of_its_parent() -> None:
    assert run(sys.executable) == ["", "kept--", f"kept {os.getuid()}"]


@linux
@pytest.mark.skipif(os.getuid() != 0 or not SYSTEM_PYTHON.exists(), reason="only root can run it as another user")
def test_it_is_the_same_for_a_user_who_is_not_root() -> None:
    found = run(str(SYSTEM_PYTHON), user=65534, group=65534, extra_groups=[], cwd="/")
    assert found == ["", "kept--", "kept 65534"]


def test_without_proc_nothing_happens_and_that_is_said(tmp_path: Path) -> None:
    assert blank(tmp_path / "none") is False


@pytest.mark.parametrize("stat", ["1 (python) S", "1 (a) b) S " + "0 " * 49, "1 (python) S " + "x " * 49])
def test_a_kernel_that_does_not_tell_is_believed_in_nothing(
    tmp_path: Path, stat: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stat").write_text(stat)
    (tmp_path / "environ").write_bytes(b"OWN=ak\0")
    monkeypatch.setenv("OWN", "ak")
    assert blank(tmp_path) is False
    assert os.environ["OWN"] == "ak"


def test_only_the_named_variables_and_those_of_the_same_value_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"OWN": SECRET, "SAME": SECRET, "KEPT": "x", "EMPTY": ""}.items():
        monkeypatch.setenv(name, value)
    drop({"OWN", "EMPTY", "NEVER_SET"})
    assert {name for name in ("OWN", "SAME", "KEPT", "EMPTY") if name in os.environ} == {"KEPT"}
