"""The files of a source tree as one value, so that a rule runs on the real tree and on one with a planted mistake."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
_COMMENT = re.compile(r"(?m)(?<![^ \t\n])# .*$")
_READ = {
    "keyplan": (".py",),
    "tests": (".py",),
    "benchmarks": (".py",),
    "examples": (".py", ".md"),
    "docs": (".md",),
    "charts": (".md",),
    "schemas": (),
    "action": (),
}
"""Top-level folders, and the suffixes of the files in them that rules read; of all others they know the name only."""


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One place that breaks a rule."""

    path: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.problem}"


class Tree:
    """Texts by path; paths are relative to the root, with slashes."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts
        """Empty for a file that no rule reads."""
        self._folders = {str(folder) for path in texts for folder in PurePosixPath(path).parents}

    @classmethod
    def read(cls, root: Path = ROOT) -> Tree:
        """Return the tree below a folder."""
        texts = {
            path.name: path.read_text() if path.suffix == ".md" else "" for path in root.iterdir() if path.is_file()
        }
        for folder, suffixes in _READ.items():
            for path in sorted((root / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    name = path.relative_to(root).as_posix()
                    texts[name] = path.read_text() if path.suffix in suffixes else ""
        return cls(texts)

    def plant(self, path: str, text: str) -> Tree:
        """Return a tree with one more file, or with another text in it."""
        return Tree({**self.texts, path: text})

    def modules(self, folder: str = "keyplan") -> Iterator[Module]:
        """Yield the Python modules below a folder, sorted by path."""
        for path in sorted(self.texts):
            if path.startswith(f"{folder}/") and path.endswith(".py"):
                yield Module(path, self.texts[path])

    def has(self, path: str) -> bool:
        """Whether there is such a file or folder."""
        return path in self.texts or path.rstrip("/") in self._folders


@dataclass(frozen=True, slots=True)
class Module:
    """One Python module."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """Its dotted name; a package's own module has the package's name."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        """The package of `keyplan` that it is in, or the module itself if it is in none."""
        return ".".join(self.name.split(".")[:2])

    @property
    def stem(self) -> str:
        """The last part of its path without suffix."""
        return PurePosixPath(self.path).stem

    @property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes of its syntax tree."""
        return _walk(self.text)

    @property
    def prose(self) -> tuple[tuple[int, str], ...]:
        """Every comment and docstring, with the line that it begins at."""
        return _list_prose(self.text)

    def imports(self) -> Iterator[tuple[int, str]]:
        """Yield line and dotted name of all that it imports, `from a import b` as ``a.b``, lazily and by name too."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Call) and (imported := _imported_by_call(node)):
                yield node.lineno, imported


def _imported_by_call(call: ast.Call) -> str | None:
    """Return what `import_module("x")` imports, or a call that names an extra, such as `require("x", extra=...)`."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    is_import = name in ("import_module", "__import__") or any(keyword.arg == "extra" for keyword in call.keywords)
    first = call.args[0] if call.args else None
    is_literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
    return first.value if is_import and is_literal else None  # type: ignore[union-attr,return-value]  # seen by is_literal


@cache
def _walk(text: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(text)))


@cache
def _list_prose(text: str) -> tuple[tuple[int, str], ...]:
    # Not by `tokenize`, which takes ten times as long: what looks like a comment inside a string is read, too.
    comments = [(text.count("\n", 0, found.start()) + 1, found.group()) for found in _COMMENT.finditer(text)]
    docstrings = [
        (node.lineno, node.value.value)
        for node in _walk(text)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    ]
    return tuple(sorted(comments + docstrings))
