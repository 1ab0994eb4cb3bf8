"""The shell blocks of pages: which there are, the commands of each, and the programs that those start."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from documentation.test_every_command import list_pages
from release.pins import read_switch, write_places

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>sh|bash|shell|console)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_CONTINUED = re.compile(r"(?<=\\)\n|(?<=\|)\n")
_COMMENT = re.compile(r"(?:^|\s)#\s*(.*)$")
_EXIT_STATUS = re.compile(r"exit status (\d+)(?! for| if)")
_COUNTS = re.compile(r"\b\d+ to (?:add|change|destroy)\b")
_BETWEEN = frozenset({"|", "&&", "||", ";", "&"})
_ASSIGNED = re.compile(r"\w+=")
_SUBSTITUTED = re.compile(r"\$\((\S+)")
_WITH_ANSWERS = re.compile(r"README\.md|docs/(?:start|commands)/.*|docs/reading-a-plan\.md")
"""The pages whose blocks of `console` are followed elsewhere, with their answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as the page has it, with the lines in which it goes on and its comment."""

    text: str

    @property
    def comment(self) -> str:
        """What the page says beside it, or nothing."""
        found = _COMMENT.search(self.text)
        return found[1] if found else ""

    @property
    def exit_status(self) -> int:
        """The exit status that the comment names; 0 unless it names one."""
        found = _EXIT_STATUS.search(self.comment)
        return int(found[1]) if found else 0

    @property
    def claims(self) -> list[str]:
        """What of the comment the command has to say, too."""
        return _COUNTS.findall(self.comment)

    @property
    def programs(self) -> list[str]:
        """The program of each part of the command, without its folder."""
        lexer = shlex.shlex(self.text.replace("\\\n", " "), posix=True, punctuation_chars=";|&")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        programs, is_first = [], True
        for word in lexer:
            if word in _BETWEEN:
                is_first = True
            elif is_first and word == "export":
                programs.extend(_SUBSTITUTED.findall(self.text))
                is_first = False
            elif is_first and not _ASSIGNED.match(word):
                programs.append(word.rpartition("/")[2] or word)
                is_first = False
        return programs


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of a page that shows commands to type in a shell, or a script."""

    page: str
    is_console: bool
    """Whether each command has a `$` before it, and its answer may be below."""
    title: str | None
    """The name of the file that it is, or None for commands to type."""
    text: str
    place: int
    """Where in the page it begins."""

    @property
    def commands(self) -> list[Command]:
        """The commands in their order; a file has none."""
        if self.title:
            return []
        if self.is_console:
            return [Command(text=text) for text in _read_prompts(self.text)]
        text = "\n".join(line for line in self.text.splitlines() if line.strip() and not line.startswith("#"))
        joined = _CONTINUED.sub("\0", text)
        return [Command(text=line.replace("\0", "\n")) for line in joined.splitlines()]

    @property
    def key(self) -> str:
        """What the table of rows calls it: its file, or its first command without the comment."""
        return self.title or re.sub(r"\s+#.*", "", self.commands[0].text.partition("\n")[0])


def find_blocks(page: str, text: str) -> Iterator[Block]:
    """Yield the blocks of a page in their order, without their indentation."""
    for found in _BLOCK.finditer(text):
        plain = re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
        is_console = found["kind"] == "console"
        if not (is_console and _WITH_ANSWERS.fullmatch(page)):
            yield Block(page=page, is_console=is_console, title=found["title"], text=plain, place=found.start())


def _read_prompts(text: str) -> Iterator[str]:
    """Yield what stands after each prompt, up to the end of a quotation that goes on in the next lines."""
    for typed in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command = ""
        for line in typed.splitlines():
            command += line
            if _is_complete(command):
                break
            command += "\n"
        yield command


def _is_complete(command: str) -> bool:
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return False
    return True


def read_page(page: str) -> str:
    """Return the text of a page as it is while no release is out: no index has the version under test."""
    return write_places((ROOT / page).read_text(), page, replace(read_switch(ROOT), release={}))


def list_blocks() -> list[Block]:
    """Return the blocks of all pages that git keeps."""
    return [block for page in list_pages() for block in find_blocks(page, read_page(page))]
