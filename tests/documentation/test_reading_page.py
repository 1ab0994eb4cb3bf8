"""docs/reading-a-plan.md: five questions, each answered by the first screen of a command, as a terminal shows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documentation.pages import PAGES, Typed, read_steps
from documentation.screens import COLUMNS, LINES, ScreenReader, count_rows
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

PAGE = (PAGES.parent / "reading-a-plan.md").read_text()
ANSWERS = [step for step in read_steps(PAGE) if isinstance(step, Typed) and step.answer is not None]
QUESTIONS = {
    "Which keys stop working today?": r"delete +user/old(.|\n)*!! +refresh +user/ci",
    "Why is this blocked?": r"guard +protect\n +what to do",
    "What did the last apply do?": r"create user/ci \(absent\)",
    "Is production covered?": r"backfill(.|\n)*looked for in production",
    "What do I paste to take this key over?": r"`import: ",
}


def test_the_page_has_these_questions_and_one_command_for_each() -> None:
    assert re.findall("^## (.+)$", PAGE, re.MULTILINE) == list(QUESTIONS)
    assert len(ANSWERS) == len(QUESTIONS)


@pytest.mark.parametrize(("step", "answer"), list(zip(ANSWERS, QUESTIONS.values(), strict=True)), ids=QUESTIONS)
def test_the_answer_is_on_the_first_screen(step: Typed, answer: str) -> None:
    assert step.answer
    found = re.search(answer, step.answer)
    assert found
    assert count_rows(step.answer[: found.end()]) < LINES, "one line is the prompt"


def test_rows_are_counted_as_a_terminal_wraps_them() -> None:
    assert count_rows("a\n\n" + "b" * COLUMNS + "\n" + "c" * (COLUMNS + 1)) == 5


@pytest.mark.e2e
@pytest.mark.enable_socket
def test_what_the_page_shows_is_what_a_terminal_shows(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    folder = tmp_path / "work"
    folder.mkdir()
    with running(SandboxOptions(api="beta")) as sandbox:
        reader = ScreenReader(Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api="beta"))
        for step in read_steps(PAGE):
            reader.follow(step)
