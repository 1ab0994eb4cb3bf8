"""Each command has a page, and what the pages show is what the commands answer. Real processes, a real HTTP server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from documentation.pages import PAGES, Reader, Typed, fits, read_steps
from e2e.terminal import Terminal

from keyplan.cli.main import cli
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

NAMES = sorted(path.stem for path in PAGES.glob("*.md"))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    (tmp_path / "home").mkdir()
    folder = tmp_path / "work"
    folder.mkdir()
    with running(SandboxOptions(api="beta")) as sandbox:
        yield Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api="beta")


def test_each_command_has_a_page_and_each_page_a_command() -> None:
    commands = cli.list_commands(click.Context(cli))
    assert sorted(commands) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_its_command_and_shows_it_at_work(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text()
    assert text.startswith(f"# keyplan {name}\n")
    shown = [step.command for step in read_steps(text) if isinstance(step, Typed) and step.answer is not None]
    assert [line for line in shown if re.search(rf"\bkeyplan {name}\b", line)] != []


@pytest.mark.e2e
@pytest.mark.enable_socket
@pytest.mark.parametrize("name", NAMES)
def test_what_a_page_shows_is_what_the_commands_answer(name: str, terminal: Terminal) -> None:
    reader = Reader(terminal)
    for step in read_steps((PAGES / f"{name}.md").read_text()):
        reader.follow(step)


@pytest.mark.parametrize(
    ("answer", "expected", "is_fit"),
    [
        pytest.param("a\nb\n", "a\nb\n", True, id="the same lines"),
        pytest.param("a\nb\n", "a\n", False, id="a line that the page does not show"),
        pytest.param("a\n", "a\nb\n", False, id="a line that only the page shows"),
        pytest.param("a\nb\nc\n", "a\n...\nc\n", True, id="any lines between"),
        pytest.param("a\nc\n", "a\n...\nc\n", True, id="no lines between"),
        pytest.param("id abc made\n", "id ... made\n", True, id="any text inside a line"),
        pytest.param("id abc\nmade\n", "id ... made\n", False, id="a line break inside that text"),
        pytest.param("", "", True, id="no answer"),
        pytest.param("a.c\n", "abc\n", False, id="a dot is a dot"),
    ],
)
def test_dots_stand_for_what_varies_and_for_nothing_else(answer: str, expected: str, *, is_fit: bool) -> None:
    assert fits(answer, expected) is is_fit
