"""A reader at a terminal of 80 columns and 24 lines, for pages about what the first screen of a command answers."""

from __future__ import annotations

import os
import pty
import subprocess
import termios
from collections.abc import Mapping
from pathlib import Path

from documentation.pages import Reader

COLUMNS, LINES = 80, 24


class ScreenReader(Reader):
    """Follows a page as `Reader` does, with stdout and stderr on a terminal without colours."""

    def start(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Return what a program wrote to the terminal."""
        return run_at_terminal(command, folder=self.folder, environment=self.variables)


def run_at_terminal(
    command: tuple[str, ...], *, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Return what a command writes to a terminal, its stdin closed."""
    controller, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (LINES, COLUMNS))
    # A line that changes while a command waits is for a person who watches.
    variables = {**environment, "TERM": "xterm", "NO_COLOR": "1", "CI": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        written = _read_all(controller)
        status = process.wait(timeout=60)
    return subprocess.CompletedProcess(command, status, stdout=written.decode().replace("\r\n", "\n"), stderr="")


def _read_all(controller: int) -> bytes:
    pieces = []
    try:
        while piece := os.read(controller, 65_536):
            pieces.append(piece)
    except OSError:
        pass  # Linux: EIO, when the last program has closed the terminal
    finally:
        os.close(controller)
    return b"".join(pieces)


def count_rows(answer: str) -> int:
    """Return how many lines of the screen an answer fills; the pages that are read so leave no lines out."""
    return sum(max(1, -(-len(line) // COLUMNS)) for line in answer.splitlines())
