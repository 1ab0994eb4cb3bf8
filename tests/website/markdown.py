"""Markdown that is made of text from code and schemas, which knows nothing of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~$])")


def escape(text: str) -> str:
    """Return a text that Markdown shows as it is; line breaks become spaces. A `quoted` part stays code."""
    pieces = re.split(r"(`[^`\n]+`)", " ".join(text.split()))
    return "".join(piece if number % 2 else _SPECIAL.sub(r"\\\1", piece) for number, piece in enumerate(pieces))


def code(text: str) -> str:
    """Return a text as code, also inside a table."""
    marks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    edge = " " if "`" in text else ""
    return f"{marks}{edge}{text.replace('|', chr(92) + '|')}{edge}{marks}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def indent(text: str, by: str = "  ") -> str:
    """Return a text with each line moved to the right, so that it belongs to the entry above it."""
    return "\n".join(f"{by}{line}" if line else "" for line in text.splitlines())
