"""What a person sees on a real terminal: no line is written into progress, whichever stream goes elsewhere.

A terminal emulator reads what the process writes, so that the assertions are about what stands on the screen.
"""

from __future__ import annotations

import os
import pty
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pyte
import pytest
from e2e.terminal import COMMAND, HEAD, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NOTICE = "the API-keys endpoints of Arize are in beta; they may change without notice"
COLUMNS, LINES = 100, 600


def look(
    terminal: Terminal, *arguments: str, out: Path | None = None, err: Path | None = None, **more: str
) -> list[str]:
    """Return the lines of the screen after a run on a terminal; a stream may go to a file instead."""
    control, device = pty.openpty()
    environment = {**terminal.environment, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), **more}
    with ExitStack() as files:
        process = subprocess.Popen(
            [COMMAND, *arguments],
            cwd=terminal.folder,
            env=environment,
            stdin=device,
            stdout=files.enter_context(out.open("w")) if out else device,
            stderr=files.enter_context(err.open("w")) if err else device,
        )
    os.close(device)
    written = b""
    try:
        while piece := os.read(control, 4096):
            written += piece
    except OSError:  # Linux says so when the last writer has closed the terminal
        pass
    process.wait(timeout=60)
    os.close(control)
    screen = pyte.Screen(COLUMNS, LINES)
    pyte.ByteStream(screen).feed(written)
    return [line.rstrip() for line in screen.display if line.strip()]


@pytest.fixture
def slow(beta: Terminal) -> Terminal:
    """Return a terminal whose provider takes long enough for progress to be drawn."""
    beta.write(head=HEAD.replace("owner: e2e", "owner: e2e\nid: k7f3a9c2"))
    beta.break_requests("GET", "/v2/api-keys", action="delay", seconds=1)
    return beta


def test_a_notice_stands_on_a_line_of_its_own_and_progress_is_gone(slow: Terminal) -> None:
    lines = look(slow, "plan")
    assert lines[0] == NOTICE
    assert lines[1].startswith("Keys of e2e in keys.yaml")
    assert lines[-1] == "Plan: 2 to add, 0 to change, 0 to destroy."
    assert not [line for line in lines if "Looking" in line]


def test_progress_does_not_mix_with_events_on_the_same_terminal(slow: Terminal) -> None:
    lines = look(slow, "apply", "--auto-approve", "--json-lines", "-", "--format", "json=report.json")
    rest = "".join(line for line in lines if line != NOTICE)
    assert rest.startswith("{")
    assert rest.endswith("}")
    assert "━" not in rest


def test_an_answer_in_a_file_leaves_only_the_talk_on_the_terminal(slow: Terminal) -> None:
    out = slow.folder / "out.txt"
    assert look(slow, "plan", out=out) == [NOTICE]
    assert "\x1b" not in out.read_text()
    assert out.read_text().endswith("Plan: 2 to add, 0 to change, 0 to destroy.\n")


def test_a_talk_in_a_file_has_no_progress_in_it(slow: Terminal) -> None:
    err = slow.folder / "err.txt"
    lines = look(slow, "plan", err=err)
    assert lines[-1] == "Plan: 2 to add, 0 to change, 0 to destroy."
    assert err.read_text() == f"{NOTICE}\n"


def test_the_state_of_the_api_is_told_once_per_machine(slow: Terminal) -> None:
    cache = str(slow.folder / "cache")
    assert NOTICE in look(slow, "list", XDG_CACHE_HOME=cache)
    assert NOTICE not in look(slow, "list", XDG_CACHE_HOME=cache)
