"""README and the pages of docs/start, followed as a new user would: each shows commands, and what they answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from documentation.pages import ANY, PAGES, Program, Reader, Typed, read_steps
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

FOLDER = PAGES.parent / "start"
README = PAGES.parent.parent / "README.md"
PATHS = {path.stem: path for path in (README, *sorted(FOLDER.glob("*.md")))}


@pytest.mark.parametrize("name", PATHS)
def test_a_page_shows_commands_and_something_of_each_answer(name: str) -> None:
    typed = [step for step in read_steps(PATHS[name].read_text()) if isinstance(step, Typed)]
    shown = [step for step in typed if step.answer is not None]
    assert [step for step in shown if step.command.startswith("keyplan ")] != []
    assert [step.command for step in shown if step.answer and not step.answer.replace(ANY, "").strip()] == []


@pytest.mark.e2e
@pytest.mark.enable_socket
@pytest.mark.parametrize("name", PATHS)
def test_what_a_page_shows_is_what_the_commands_answer(name: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    folder = tmp_path / "work"
    folder.mkdir()
    with running(SandboxOptions(api="beta")) as sandbox:
        reader = Reader(Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api="beta"))
        for step in read_steps(PATHS[name].read_text()):
            # The program in the README prints whole documents, which python.md shows.
            if isinstance(step, Program) and PATHS[name] == README:
                step = replace(step, output=f"{ANY}\n")  # noqa: PLW2901 - the same step, compared less
            reader.follow(step)
