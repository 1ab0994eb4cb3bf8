"""What comments, docstrings and documents refer to has to be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath

from house.tree import Tree, Violation

_PATH = re.compile(r"(?<![\w./~{}<>*-])(?:\.\./)*[A-Za-z_][\w-]*(?:/[\w.-]+)*/[\w-]+\.(?:py|md)\b")
_DECISION = re.compile(r"docs/decisions/(\d{4})(?![\w-])")
_LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)")
_PRIVATE = re.compile(r"\b(?:DESIGN|STYLE)\b|\barize-api (?:section )?\d|\bissue #?\d+\b")
"""Documents that are not in the repository."""


def find_dangling_references(tree: Tree) -> Iterator[Violation]:
    """Yield files, decisions and documents that are named and are not there.

    A path counts from the root, from `keyplan`, from `tests`, or from the folder of the file that names it.
    """
    for path, line, text in _list_prose(tree):
        for offset, part in enumerate(text.splitlines()):
            yield from (Violation(path, line + offset, problem) for problem in _judge(tree, path, part))


def _judge(tree: Tree, path: str, text: str) -> Iterator[str]:
    paths, decisions, links, private = _find_names(text)
    yield from (f"there is no {name}" for name in paths if not _is_there(tree, path, name))
    yield from (f"there is no decision {number}" for number in decisions if not _is_decided(tree, number))
    yield from (f"{name} is not in the repository" for name in private)
    if path.endswith(".md"):
        folder = PurePosixPath(path).parent
        yield from (f"there is nothing at {target}" for target in links if not tree.has(_normalize(folder / target)))


def _is_decided(tree: Tree, number: str) -> bool:
    return any(name.startswith(f"docs/decisions/{number}-") for name in tree.texts)


@cache
def _find_names(text: str) -> tuple[tuple[str, ...], ...]:
    paths = _PATH.findall(text) if ".py" in text or ".md" in text else ()
    return tuple(paths), *(tuple(pattern.findall(text)) for pattern in (_DECISION, _LINK, _PRIVATE))


def _list_prose(tree: Tree) -> Iterator[tuple[str, int, str]]:
    """Yield path, line and text of all that is written for people."""
    for folder in ("keyplan", "tests", "benchmarks", "examples"):
        for module in tree.modules(folder):
            yield from ((module.path, line, text) for line, text in module.prose)
    for path, text in sorted(tree.texts.items()):
        # The changelog speaks of former versions, which had other files.
        if path.endswith(".md") and path != "CHANGELOG.md":
            yield path, 1, text


def _is_there(tree: Tree, path: str, named: str) -> bool:
    folders = ("", "keyplan", "tests", str(PurePosixPath(path).parent))
    return any(tree.has(_normalize(PurePosixPath(folder) / named)) for folder in folders)


def _normalize(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
