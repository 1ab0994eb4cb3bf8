"""keyplan on a simulated Windows: one clear refusal, before anything is imported that only POSIX has."""

from __future__ import annotations

import subprocess
import sys

import pytest

from keyplan.errors import InputError

REFUSAL = "keyplan does not run on Windows"
WITHOUT_POSIX = """
import os, sys
for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"):
    sys.modules[name] = None
for name in ("fork", "geteuid", "getuid", "O_DIRECTORY", "O_NOFOLLOW"):
    delattr(os, name)
"""
"""What a Python on Windows lacks."""


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Return how a program ended in a Python that lacks what Windows lacks."""
    argv = [sys.executable, "-c", f"{WITHOUT_POSIX}\n{program}", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [(), ("--version",), ("--help",), ("plan",), ("no-such-command",)])
def test_every_command_line_is_refused_in_two_lines(arguments: tuple[str, ...]) -> None:
    ended = run("import keyplan.__main__ as program; program.main(system='nt')", *arguments)
    assert ended.stderr == f"error: {REFUSAL}\n  hint: use Linux or macOS, or WSL on this machine\n"
    assert (ended.stdout, ended.returncode) == ("", InputError.exit_status)


def test_the_same_python_could_not_have_run_the_command() -> None:
    ended = run("import keyplan.__main__ as program; program.main(system='posix')", "--version")
    assert "import of resource halted" in ended.stderr


def test_a_function_of_the_library_is_refused_in_the_same_words() -> None:
    ended = run("os.name = 'nt'\nimport keyplan\nkeyplan.plan")
    assert ended.stderr.splitlines()[-1] == f"ImportError: {REFUSAL}"


@pytest.mark.parametrize("name", ["__version__", "KeyplanError"])
def test_version_and_exceptions_can_be_looked_at_anywhere(name: str) -> None:
    ended = run(f"os.name = 'nt'\nimport keyplan\nkeyplan.{name}")
    assert (ended.stderr, ended.returncode) == ("", 0)
