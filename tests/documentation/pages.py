"""The pages of commands and of the Python API, read as a user would follow them.

Files to write, commands to type, programs to run, answers to expect.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from e2e.terminal import COMMAND, Terminal

PAGES = Path(__file__).parents[2] / "docs" / "commands"
PYTHON_PAGE = PAGES.parent / "python.md"

_FENCE = re.compile(
    r'^```yaml title="(?P<file>[^"]+)"\n(?P<text>.*?)^```$'
    r"|^```console\n(?P<console>.*?)^```$"
    r"|^```python\n(?P<program>.*?)^```$(?:\n+^```text\n(?P<output>.*?)^```$)?"
    r"|^<!-- run: (?P<hidden>.+?) -->$"
    r"|^<!-- key: (?P<key>\S+)(?: in (?P<space>\S+))? -->$",
    re.MULTILINE | re.DOTALL,
)
ANY = "..."
_NOTICE = re.compile(r"^the API-keys endpoints of Arize are in beta; .*\n", re.MULTILINE)
"""What each command says of a provider in beta; the pages leave it out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that the page shows: a fenced block with a title."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """A command and its answer, stdout and stderr together; `...` stands for what varies."""

    command: str
    answer: str | None
    """None for a command that the page hides in a comment: it only has to end with 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A Python program, and what it prints; it has to end with 0."""

    text: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandMade:
    """A key that exists without keyplan; the commands after it find it as $KEY_ID and $RAW_KEY."""

    name: str
    space: str | None


Step: TypeAlias = File | Typed | Program | HandMade


def read_steps(text: str) -> list[Step]:
    """Return what a page asks for, in its order."""
    return [step for _, step in find_steps(text)]


def find_steps(text: str) -> Iterator[tuple[int, Step]]:
    """Yield what a page asks for, in its order, each with its place in the text."""
    for found in _FENCE.finditer(text):
        place = found.start()
        if found["file"]:
            yield place, File(name=found["file"], text=found["text"])
        elif found["program"]:
            yield place, Program(text=found["program"], output=found["output"] or "")
        elif found["hidden"]:
            yield place, Typed(command=found["hidden"], answer=None)
        elif found["key"]:
            yield place, HandMade(name=found["key"], space=found["space"])
        else:
            yield from ((place, step) for step in _read_console(found["console"]))


def _read_console(text: str) -> list[Step]:
    blocks = re.split(r"^\$ ", text, flags=re.MULTILINE)
    if blocks[0]:
        raise ValueError(f"a console block must begin with a command: {blocks[0]!r}")
    return [Typed(command=line, answer=answer) for line, _, answer in (block.partition("\n") for block in blocks[1:])]


def drop_notice(answer: str) -> str:
    """Return an answer without what each command says of a provider in beta."""
    return _NOTICE.sub("", answer)


def fits(answer: str, expected: str) -> bool:
    """Whether an answer is as the page shows it: `...` alone on a line is any lines, inside a line any text of it."""
    pattern = "".join(
        r"(?:.*\n)*?" if line == ANY else r"[^\n]*".join(map(re.escape, line.split(ANY))) + "\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, answer if not answer or answer.endswith("\n") else answer + "\n") is not None


class Reader:
    """Follows a page in an empty folder, beside a sandbox that answers as the Arize API."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.folder = terminal.folder
        self._status = 0
        host = terminal.url.removeprefix("http://")
        self.variables = {
            "PATH": f"{COMMAND.parent}:/usr/bin:/bin",
            "HOME": str(terminal.folder / "home"),
            "ARIZE_API_KEY": terminal.credential,
            "ARIZE_API_HOST": host,
            "ARIZE_API_SCHEME": "http",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    def follow(self, step: Step) -> None:
        """Do one step; raises AssertionError with both answers if the command's is not as the page shows it."""
        if isinstance(step, File):
            (self.folder / step.name).write_text(step.text)
        elif isinstance(step, HandMade):
            self._make(step)
        elif isinstance(step, Program):
            self._run(step)
        else:
            self._type(step)

    def _make(self, key: HandMade) -> None:
        body: dict[str, object] = {"name": key.name, "key_type": "USER"}
        if key.space:
            spaces = self._terminal.call("GET", "spaces")["spaces"]
            space = next(space for space in spaces if space["name"] == key.space)
            inside = {"org_id": space["organization_id"], "spaces": [{"space_id": space["id"]}]}
            body |= {"key_type": "SERVICE", "organizations": [inside]}
        made = self._terminal.call("POST", "api-keys", body)
        self.variables |= {"KEY_ID": made["id"], "RAW_KEY": made["key"]}

    def _type(self, step: Typed) -> None:
        # `echo $?` after a command shows that command's status, as in one shell.
        ended = self.start("bash", "-c", f"(exit {self._status})\n{step.command}")
        self._status = ended.returncode
        answer = drop_notice(ended.stdout)
        shown = f"$ {step.command}\n{answer}\n(exit status {ended.returncode})"
        if step.answer is None:
            assert ended.returncode == 0, shown
        else:
            assert fits(answer, step.answer), f"{shown}\n--- the page shows:\n{step.answer}"

    def _run(self, step: Program) -> None:
        (self.folder / "program.py").write_text(step.text)
        ended = self.start(sys.executable, "program.py")
        shown = f"{step.text}\n{ended.stdout}\n(exit status {ended.returncode})"
        assert ended.returncode == 0, shown
        assert fits(ended.stdout, step.output), f"{shown}\n--- the page shows:\n{step.output}"

    def start(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Return what a program said on both streams, in the order in which it said it."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
