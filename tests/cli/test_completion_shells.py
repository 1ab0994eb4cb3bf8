"""The scripts of `keyplan completion` complete words in real shells, as a user types them."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.shell import MANIFEST

SHELLS = {
    "bash": (["bash", "--norc", "-i"], 'eval "$(keyplan completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -D -u; eval "$(keyplan completion zsh)"'),
    "fish": (["fish", "--no-config", "-i"], "keyplan completion fish | source"),
}
PATIENCE = 60
READY = b"is-ready"


@contextmanager
def typing(shell: str, folder: Path) -> Iterator[int]:
    """Give the terminal of an interactive shell that has loaded the script; it ends with the block."""
    command, script = SHELLS[shell]
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder / "home"),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execvpe(command[0], command, environment)  # noqa: S606 - the shell is what is tested
    try:
        # The shell itself never says the word until it runs this line.
        os.write(terminal, f"{script}; echo is-''ready\r".encode())
        read_until(terminal, READY)
        yield terminal
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


def read_until(terminal: int, expected: bytes) -> bytes:
    """Return what a terminal shows up to the expected text, or all that it shows within the patience."""
    shown, end = b"", time.monotonic() + PATIENCE
    while expected not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536)
    return shown


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        pytest.param("keyplan revoke us", "keyplan revoke user/ci", id="an address"),
        pytest.param("keyplan plan --target us", "keyplan plan --target user/ci", id="an address of an option"),
        pytest.param("keyplan list --format cs", "keyplan list --format csv", id="a format"),
        pytest.param("keyplan export --space pr", "keyplan export --space production", id="a space"),
        pytest.param("keyplan plan ke", "keyplan plan keys.yaml", id="a file"),
    ],
)
def test_a_shell_completes_a_word(tmp_path: Path, shell: str, typed: str, completed: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    with typing(shell, tmp_path) as terminal:
        os.write(terminal, f"{typed}\t".encode())
        assert completed.encode() in read_until(terminal, completed.encode())
