"""Texts that users read contain none of the words of `tests/house/words.toml`; each entry there has its reason."""

from __future__ import annotations

import ast
import json
import re
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from house.tree import ROOT

from keyplan.cli.main import cli

Text = tuple[str, int, str]
"""The name of a source, a line in it, and a text that begins there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """An entry of the list."""

    pattern: re.Pattern[str]
    instead: str
    reason: str
    unless: re.Pattern[str] | None = field(default=None)

    def find(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield the offset and the words of each hit."""
        meant = [found.span() for found in self.unless.finditer(text)] if self.unless else []
        for found in self.pattern.finditer(text):
            if not any(start <= found.start() < end for start, end in meant):
                yield found.start(), found[0]


@cache
def read_words() -> tuple[Word, ...]:
    """Return the list."""
    entries = tomllib.loads((ROOT / "tests/house/words.toml").read_text())["words"]
    return tuple(
        Word(
            pattern=_compile(entry["not"]),
            instead=entry["but"],
            reason=entry["why"],
            unless=_compile("|".join(entry["unless"])) if "unless" in entry else None,
        )
        for entry in entries
    )


def _compile(pattern: str) -> re.Pattern[str]:
    # A text may be wrapped, and its lines start with a comment sign.
    return re.compile(pattern.replace(" ", r"(?:[\s#>*]|\\n)+"), re.IGNORECASE)


def _list_files(*globs: str) -> Iterator[Path]:
    for glob in globs:
        yield from (path for path in sorted(ROOT.glob(glob)) if path.is_file())


def read_help() -> Iterator[Text]:
    """Yield the help of every command."""

    def walk(command: click.Command, context: click.Context) -> Iterator[Text]:
        yield f"{context.command_path} --help", 1, command.get_help(context)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                found = command.get_command(context, name)
                assert found is not None
                yield from walk(found, click.Context(found, info_name=name, parent=context, max_content_width=100))

    yield from walk(cli, click.Context(cli, info_name="keyplan", max_content_width=100))


def _read_whole(*globs: str) -> Callable[[], Iterator[Text]]:
    def read() -> Iterator[Text]:
        for path in _list_files(*globs):
            yield str(path.relative_to(ROOT)), 1, path.read_text()

    return read


def read_changelog() -> Iterator[Text]:
    """Yield what is new since the last release."""
    text = (ROOT / "CHANGELOG.md").read_text()
    start = text.index("## Unreleased") if "## Unreleased" in text else text.index("Unreleased")
    end = text.find("\n## ", start + 3)
    yield "CHANGELOG.md", text.count("\n", 0, start) + 1, text[start : end if end > 0 else None]


def read_schemas() -> Iterator[Text]:
    """Yield the texts of the schemas for people."""
    for path in _list_files("schemas/*.json"):
        for text in _find_descriptions(json.loads(path.read_text())):
            yield f"{path.relative_to(ROOT)}: {text[:60]}", 1, text


def _find_descriptions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from (text for name in ("title", "description", "$comment") if isinstance(text := node.get(name), str))
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _find_descriptions(value)


def _find_docstrings(tree: ast.AST) -> Iterator[ast.Constant]:
    for node in ast.walk(tree):
        for statement in getattr(node, "body", None) or () if not isinstance(node, ast.Lambda | ast.IfExp) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                yield statement.value


def read_messages() -> Iterator[Text]:
    """Yield the texts in the code that are no docstrings: all messages are among them."""
    for path in _list_files("keyplan/**/*.py"):
        tree = ast.parse(path.read_text())
        docstrings = {id(constant) for constant in _find_docstrings(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield str(path.relative_to(ROOT)), node.lineno, node.value


def read_docstrings() -> Iterator[Text]:
    """Yield the docstrings and comments of the code."""
    for path in _list_files("keyplan/**/*.py"):
        name = str(path.relative_to(ROOT))
        for constant in _find_docstrings(ast.parse(path.read_text())):
            if isinstance(constant.value, str):
                yield name, constant.lineno, constant.value
        with path.open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT:
                    yield name, token.start[0], token.string


SOURCES: dict[str, Callable[[], Iterator[Text]]] = {
    "the help of every command": read_help,
    "what the commands answer": _read_whole("tests/**/__snapshots__/*.ambr", "tests/goldens/*.json"),
    "messages": read_messages,
    "descriptions in schemas": read_schemas,
    "docstrings and comments": read_docstrings,
    "pages": _read_whole(
        *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md", "GOVERNANCE.md"),
        *(".github/**/*.md", ".github/**/*.yml", "docs/**/*.md"),
    ),
    "examples": _read_whole(*(f"examples/**/*.{suffix}" for suffix in ("md", "py", "service", "toml", "yaml", "yml"))),
    "the chart": _read_whole("charts/**/*.md", "charts/**/*.yaml", "charts/**/*.json", "charts/**/*.t[px][lt]"),
    "what is new": read_changelog,
}


def find(texts: Iterator[Text]) -> Iterator[str]:
    """Yield a line for each hit: where it is, the words, and what to write instead."""
    for name, line, text in texts:
        for word in read_words():
            for offset, hit in word.find(text):
                place = line + text.count("\n", 0, offset)
                yield f"{name}:{place}: {' '.join(hit.split())!r}: write {word.instead}"


@pytest.mark.parametrize("source", SOURCES)
def test_no_text_uses_a_word_of_the_list(source: str) -> None:
    assert list(find(SOURCES[source]())) == []


@pytest.mark.parametrize(
    "text",
    [
        "keys that nobody declared, left as they are",
        "the plan of now is not the expected one",
        "Ask nobody.",
        "x is no region",
        "no key yet",
        "see to network, proxy\n  and endpoint",
        "it ends by itself",
        "from begin to end",
    ],
)
def test_the_list_notices_what_it_is_for(text: str) -> None:
    assert list(find(iter([("planted", 1, text)]))) != []


def test_a_word_in_its_plain_meaning_is_not_noticed() -> None:
    fine = "there is no key, it is no longer there, 3 is no more than 4"
    assert list(find(iter([("planted", 1, fine)]))) == []
