"""Untrusted text made harmless for Markdown as GitHub, GitLab and other forges read it.

In: any text. Out: Markdown that shows it. Never: a link, an image, HTML, a mention, a reference to an issue or a
commit, a column or line that came with the text.

There are two ways only. Text in code, as a span or a block, is read by no forge; and a word stays a word where it is so
plain that there is nothing to read into it. Escaping each dangerous character instead would need a list of all that
forges add to Markdown (``@name``, ``#1``, ``!1``, ``GH-1``, ``:tada:``, ``$x$``, ``www.``), and theirs grows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from keyplan.renderers.sanitize import inert

# Words of letters, with marks between them or after; a small number with its unit. No full stop after a number, which
# begins a list.
_PLAIN = re.compile(r"\(?(?:[A-Za-z]+(?:['_-][A-Za-z]+)*[.,;:!)]{0,3}|[0-9]{1,5}[a-z]?[,;)]?)")
# Seven hex digits may name a commit, and GitHub makes a link of "www." even alone.
_NEVER_PLAIN = re.compile(r"[a-f]{7}|www\.", re.IGNORECASE)
_TICKS = re.compile("`+")


def write_words(text: str, *, width: int = 500) -> str:
    """Return the text on one line, plain words as they are, all others in code."""
    words = inert(text, width=width).split()
    runs = groupby(words, key=_is_plain)
    return " ".join(" ".join(run) if is_plain else _span(" ".join(run)) for is_plain, run in runs)


def write_code(text: str, *, width: int = 256) -> str:
    """Return the text as a code span, as `inert` shows it, a backtick as an escape."""
    return _span(inert(text, width=width)) if text else "(none)"


def write_cell(markdown: str) -> str:
    r"""Return Markdown of this module as the cell of a table, where ``\|`` is a bar of the text even in code."""
    # A backslash before a bar would be read as another one's escape by some parsers, and as itself by others.
    return markdown.replace("\\|", r"\x5c|").replace("|", r"\|")


def write_block(lines: Iterable[str]) -> str:
    """Return lines, inert ones, as a block of code."""
    text = "\n".join(lines)
    fence = max(["``", *_TICKS.findall(text)], key=len) + "`"
    return f"{fence}text\n{text}\n{fence}"


def _is_plain(word: str) -> bool:
    return bool(_PLAIN.fullmatch(word)) and not _NEVER_PLAIN.search(word)


def _span(text: str) -> str:
    # No longer run of backticks around it, as CommonMark 6.1 has it: cmark, which GitHub uses, takes none beyond 80.
    text = text.replace("`", r"\x60")
    # A space on each side is stripped, where both are and there is more than spaces.
    return f"` {text} `" if text.startswith(" ") and text.strip(" ") else f"`{text}`"
