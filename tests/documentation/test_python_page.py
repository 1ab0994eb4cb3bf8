"""docs/python.md shows each function of the Python API at work, and its programs print what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documentation.pages import PYTHON_PAGE, Program, Reader, read_steps
from e2e.terminal import Terminal

import keyplan
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

FUNCTIONS = [name for name in dir(keyplan) if not name.endswith("Error") and not name.startswith("_")]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_page_shows_each_function_at_work(name: str) -> None:
    programs = [step.text for step in read_steps(PYTHON_PAGE.read_text()) if isinstance(step, Program)]
    assert [text for text in programs if re.search(rf"\bkeyplan\.{name}\(", text)] != []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_page_has_a_row_for_each_function(name: str) -> None:
    assert len(re.findall(rf"^\| `{name}` \|", PYTHON_PAGE.read_text(), re.MULTILINE)) == 1


@pytest.mark.e2e
@pytest.mark.enable_socket
def test_the_programs_print_what_the_page_shows(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    folder = tmp_path / "work"
    folder.mkdir()
    with running(SandboxOptions(api="beta")) as sandbox:
        reader = Reader(Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api="beta"))
        for step in read_steps(PYTHON_PAGE.read_text()):
            reader.follow(step)
