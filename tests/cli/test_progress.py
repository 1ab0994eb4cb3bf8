"""Progress: drawn on a terminal, nothing anywhere else."""

from __future__ import annotations

import io

import pytest
from cli.shell import Shell, Terminal
from plans import CREATE

from keyplan.cli.progress import Silence, show_progress, show_waiting
from keyplan.cli.screen import Screen
from keyplan.model.identity import Address

CI, INGEST = Address("user/ci"), Address("service/x/\x1b[2Jingest")


class Gone(Terminal):
    """A terminal that was closed."""

    def write(self, _text: str) -> int:
        raise OSError(5, "Input/output error")

    def flush(self) -> None:
        raise OSError(5, "Input/output error")


def make_screen(stderr: io.StringIO) -> Screen:
    return Screen(stdin=None, stdout=None, stderr=stderr, environment={"TERM": "xterm", "COLUMNS": "100"})


def draw(stderr: io.StringIO) -> None:
    screen = make_screen(stderr)
    with show_waiting(screen, "Looking"):
        pass
    with show_progress(screen) as progress:
        progress.begin(2)
        progress.start(CREATE)
        progress.step(CI, "verify")
        progress.step(INGEST, "deliver")
        progress.finish(CI, None)
        progress.finish(INGEST, None)


def test_steps_are_drawn_on_a_terminal_with_inert_names() -> None:
    terminal = Terminal()
    draw(terminal)
    assert "Looking" in terminal.getvalue()
    assert r"\x1b[2Jingest" in terminal.getvalue()
    assert "2/2" in terminal.getvalue()


def test_nothing_is_drawn_elsewhere() -> None:
    pipe = io.StringIO()
    draw(pipe)
    assert pipe.getvalue() == ""


def test_a_terminal_that_is_gone_is_no_trouble() -> None:
    terminal = Gone()
    draw(terminal)
    assert terminal.getvalue() == ""


def test_nothing_is_drawn_where_nothing_is_to_do() -> None:
    terminal = Terminal()
    with show_progress(make_screen(terminal)) as progress:
        progress.begin(0)
        progress.step(CI, "annotate")
        progress.finish(CI, None)
    assert "annotate" not in terminal.getvalue()


def test_silence_says_nothing() -> None:
    silence = Silence()
    assert [silence.begin(1), silence.start(CREATE), silence.step(CI, "x"), silence.finish(CI, None)] == [None] * 4  # type: ignore[func-returns-value]  # that they return nothing is the test


@pytest.mark.usefixtures("manifest")
def test_a_plan_on_a_terminal_shows_that_it_is_looking(shell: Shell) -> None:
    assert "Looking at the keys that exist" in shell("plan", typed="").err
