"""Makes untrusted text harmless for Markdown as GitHub, GitLab and other forges read it.

No text may bring a link, an image, HTML, a mention, a reference to an issue or commit, a column or a line with it.

There are two ways only. Forges interpret nothing in code, as a span or a block; and a word stays a word if it is so
plain that it has no other meaning. Escaping each dangerous character instead needs a list of all that forges add to
Markdown (``@name``, ``#1``, ``!1``, ``GH-1``, ``:tada:``, ``$x$``, ``www.``), and that list grows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby

from keyplan.renderers.sanitize import sanitize

# Words of letters, with marks between them or after; a small number with its unit. No full stop after a number, which
# begins a list.
_PLAIN = re.compile(r"\(?(?:[A-Za-z]+(?:['_-][A-Za-z]+)*[.,;:!)]{0,3}|[0-9]{1,5}[a-z]?[,;)]?)")
# Seven hex digits may name a commit, and GitHub makes a link of "www." even alone.
_NEVER_PLAIN = re.compile(r"[a-f]{7}|www\.", re.IGNORECASE)
_TICKS = re.compile("`+")


def format_words(text: str, *, width: int = 500) -> str:
    """Return the text on one line, plain words as they are, all others in code."""
    words = sanitize(text, width=width).split()
    runs = groupby(words, key=_is_plain)
    return " ".join(" ".join(run) if is_plain else _format_span(" ".join(run)) for is_plain, run in runs)


def format_code(text: str, *, width: int = 256) -> str:
    """Return the text as a code span, as `sanitize` shows it, a backtick as an escape."""
    return _format_span(sanitize(text, width=width)) if text else "(none)"


def escape_cell(markdown: str) -> str:
    r"""Return Markdown of this module as the cell of a table, in which ``\|`` is a bar of the text even in code."""
    # A backslash before a bar would be read as another one's escape by some parsers, and as itself by others.
    return markdown.replace("\\|", r"\x5c|").replace("|", r"\|")


def format_block(lines: Iterable[str]) -> str:
    """Return lines, which must be sanitized, as a block of code."""
    text = "\n".join(lines)
    fence = max(["``", *_TICKS.findall(text)], key=len) + "`"
    return f"{fence}text\n{text}\n{fence}"


def _is_plain(word: str) -> bool:
    return bool(_PLAIN.fullmatch(word)) and not _NEVER_PLAIN.search(word)


def _format_span(text: str) -> str:
    # No longer run of backticks around it, as CommonMark 6.1 has it: cmark, which GitHub uses, takes none beyond 80.
    text = text.replace("`", r"\x60")
    # CommonMark strips one space on each side if both are there; without these two, the text's own would go.
    return f"` {text} `" if text.startswith(" ") and text.strip(" ") else f"`{text}`"
