"""Every command that a page names exists, with each of its options, in a block or in a sentence.

Pages are executed as well: `test_command_pages.py`, `test_start_pages.py`, and `test_shell_blocks.py` for all others.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from keyplan.cli.main import cli

ROOT = Path(__file__).parents[2]
_CODE = re.compile(
    r"^(?P<fence>`{3,}).*?\n(?P<block>.*?)^(?P=fence)`*$|(?P<ticks>`+)(?P<span>.+?)(?P=ticks)", re.MULTILINE | re.DOTALL
)
_COMMAND = re.compile(r"(?:^|[;&|(] *|\$ )(?P<program>keyplan|make) (?P<rest>[^\n;&|`]*)")
_TARGET = re.compile(r"^(?P<name>[a-z][a-z-]*):", re.MULTILINE)
OLD = ("CHANGELOG.md", "docs/decisions/")
"""They say what was there once."""
MESSAGES = {"holds"}
"""The second word of what keyplan says, after its own name."""


def list_pages() -> list[str]:
    """Return every page that git keeps, but for what speaks of the past."""
    asked = ["git", "ls-files", "--cached", "*.md"]
    named = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [name for name in named if not name.startswith((*OLD, "tests/"))]


def list_commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield program and arguments of each command in the code of a page; a line that goes on in the next is one."""
    for code in _CODE.finditer(text):
        written = (code["block"] or code["span"] or "").replace("\\\n", " ")
        for line in written.splitlines():
            for found in _COMMAND.finditer(line.strip()):
                try:
                    words = shlex.split(found["rest"], comments=True)
                except ValueError:  # a quotation that goes on in the next line
                    words = found["rest"].split()
                yield found["program"], words


def find_mistakes(program: str, words: list[str]) -> Iterator[str]:
    """Yield what of a command does not exist."""
    if program == "make":
        targets = set(_TARGET.findall((ROOT / "Makefile").read_text()))
        yield from (f"make {word}" for word in words[:1] if re.fullmatch(r"[a-z][a-z-]*", word) and word not in targets)
        return
    command: click.Command = cli
    path = ["keyplan"]
    context = click.Context(cli, info_name="keyplan")
    for word in words:
        if word in MESSAGES:
            return
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            found = command.get_command(context, word)
            if found is None:
                yield f"{' '.join(path)} {word}"
                return
            command, context = found, click.Context(found, info_name=word, parent=context)
            path.append(word)
        elif word.startswith("--") and word != "--":
            # Not `get_params`: click remembers the option for help that it makes for a context such as this one.
            known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {"--help"}
            name = re.match(r"--[a-z-]+", word)
            if name and name[0] not in known:
                yield f"{' '.join(path)} {name[0]}"


@pytest.mark.parametrize("name", list_pages())
def test_every_command_of_a_page_exists_with_its_options(name: str) -> None:
    commands = list_commands((ROOT / name).read_text())
    assert [mistake for program, words in commands for mistake in find_mistakes(program, words)] == []


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        pytest.param("`keyplan aply`", "keyplan aply", id="a command"),
        pytest.param("```sh\n$ keyplan plan --rotat user/ci\n```", "keyplan plan --rotat", id="an option"),
        pytest.param("```sh\nkeyplan plan \\\n  --rotat user/ci\n```", "keyplan plan --rotat", id="on the next line"),
        pytest.param("`keyplan ledger shw`", "keyplan ledger shw", id="below a command"),
        pytest.param("```console\n$ cd x && make tset\n```", "make tset", id="a target"),
    ],
)
def test_a_command_that_does_not_exist_is_found(text: str, mistake: str) -> None:
    assert [one for command in list_commands(text) for one in find_mistakes(*command)] == [mistake]
