"""Judges of what keyplan writes: they read it as terminals, runners and forges do, and say what those make of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import cmarkgfm
from cmarkgfm.cmark import Options
from markdown_it import MarkdownIt

# What actions/runner registers: src/Runner.Worker/ActionCommandManager.cs.
_COMMANDS = {
    "set-env",
    "set-output",
    "save-state",
    "add-mask",
    "add-path",
    "add-matcher",
    "remove-matcher",
    "debug",
    "warning",
    "error",
    "notice",
    "group",
    "endgroup",
    "echo",
    "stop-commands",
}
_UNESCAPED_DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
_UNESCAPED_PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_OTHER_RUNNERS = re.compile(r"##(vso|teamcity)?\[")
_HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# What forges read into words beside Markdown: mentions, references, commits, tickets, addresses, emoji, mathematics.
_READ_INTO = re.compile(
    r"(?<!\w)@\w|(?<!\w)[#!$&~%]\w|\b[A-Z]{2,}-\d|\b[0-9a-f]{7,40}\b|://|\b(?i:www)\.|:\w+:|[$<>\[\]]|^\s*/\w",
    re.MULTILINE,
)
_BREAKS = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
"""Whatever anybody takes for the end of a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command, as the runner understands it."""

    name: str
    properties: dict[str, str] = field(default_factory=dict)
    data: str = ""


def read_command(line: str) -> Command | None:
    """Return the command in a line of a log, as actions/runner does: src/Runner.Common/ActionCommand.cs."""
    return _read_command_v2(line) or _read_command_v1(line)


def _read_command_v2(line: str) -> Command | None:
    message = line.lstrip()
    if not message.startswith("::") or (end := message.find("::", 2)) < 0:
        return None
    name, _, written = message[2:end].partition(" ")
    if name.lower() not in _COMMANDS:
        return None
    pairs = [pair.split("=", 1) for pair in written.strip().split(",") if pair]
    properties = {pair[0]: _unescape(pair[1], _UNESCAPED_PROPERTY) for pair in pairs if len(pair) > 1 and pair[1]}
    return Command(name=name, properties=properties, data=_unescape(message[end + 2 :], _UNESCAPED_DATA))


def _read_command_v1(line: str) -> Command | None:
    begin = line.find("##[")
    end = line.find("]", begin)
    if begin < 0 or end < 0:
        return None
    name, _, written = line[begin + 3 : end].partition(" ")
    return Command(name=name, properties={"": written}) if name.lower() in _COMMANDS else None


def _unescape(text: str, escapes: tuple[tuple[str, str], ...]) -> str:
    for escaped, meant in escapes:
        text = text.replace(escaped, meant)
    return text


def list_commands(text: str) -> list[str]:
    """Return lines of a log that a runner, GitHub's or another, would take for a command."""
    return [line for line in _BREAKS.split(text) if read_command(line) or _OTHER_RUNNERS.search(line)]


def read_outputs(text: str) -> dict[str, str]:
    """Return what the runner takes from ``$GITHUB_OUTPUT``: src/Runner.Worker/FileCommandManager.cs."""
    return dict(_read_pairs(text.split("\n")))


def _read_pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    rest = iter(lines)
    for line in filter(None, rest):
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = line.partition("=")
            yield name, value
        else:
            name, delimiter = line.split("<<", 1)
            yield name, "\n".join(iter(rest.__next__, delimiter))


def list_controls(text: str) -> set[str]:
    """Return characters that a terminal obeys or nobody sees; line feeds are none."""
    return {one for one in set(text) if unicodedata.category(one) in _HARMFUL and one != "\n"}


def list_markup(markdown: str) -> list[str]:
    """Return all that GitHub's own parser makes of Markdown but code and the text itself."""
    return _read_gfm(markdown).tags


def list_tokens(markdown: str) -> list[str]:
    """Return what another parser, CommonMark with tables, makes of it."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    inner = [child for token in tokens for child in token.children or ()]
    return [token.type for token in tokens] + [
        token.type for token in inner if token.type not in ("code_inline", "text")
    ]


def list_readings(markdown: str) -> list[str]:
    """Return what a forge would read into the text that stands outside of code."""
    return _READ_INTO.findall("\n".join(_read_gfm(markdown).loose))


def list_code(markdown: str) -> list[str]:
    """Return the texts that stand in code."""
    return _read_gfm(markdown).code


def _read_gfm(markdown: str) -> _Reading:
    html = cmarkgfm.markdown_to_html_with_extensions(
        markdown,
        options=Options.CMARK_OPT_UNSAFE | Options.CMARK_OPT_FOOTNOTES,
        extensions=["table", "autolink", "strikethrough", "tasklist"],
    )
    reading = _Reading()
    reading.feed(html)
    reading.close()
    return reading


class _Reading(HTMLParser):
    """Sorts HTML into tags, text in code, and loose text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.loose: list[str] = []
        self.code: list[str] = []
        self._is_code = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_code = self._is_code or tag == "code"
        if tag == "code":
            self.code.append("")
        else:
            self.tags.append(f"{tag} {attrs}")

    def handle_endtag(self, tag: str) -> None:
        self._is_code = self._is_code and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._is_code:
            self.code[-1] += data
        else:
            self.loose.append(data)

    def handle_comment(self, data: str) -> None:
        self.tags.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.tags.append("declaration")

    def unknown_decl(self, data: str) -> None:
        self.tags.append("declaration")

    def handle_pi(self, data: str) -> None:
        self.tags.append("instruction")
