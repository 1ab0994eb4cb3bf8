"""Makes untrusted text harmless for Markdown as GitHub, GitLab and other forges read it.

No text may bring a link, an image, HTML, a mention, a reference to an issue or commit, a column or a line with it.

There are two ways only. Forges interpret nothing in code, as a span or a block; and a word stays a word if it is so
plain that it has no other meaning. Escaping each dangerous character instead needs a list of all that forges add to
Markdown (``@name``, ``#1``, ``!1``, ``GH-1``, ``:tada:``, ``$x$``, ``www.``), and that list grows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from keyplan.renderers.sanitize import sanitize

# Words of letters, with marks between them or after; a small number with its unit. No full stop after a number, which
# begins a list.
_PLAIN = re.compile(r"\(?(?:[A-Za-z]+(?:['_-][A-Za-z]+)*[.,;:!)]{0,3}|[0-9]{1,5}[a-z]?[,;)]?)")
# Seven hex digits may name a commit, and GitHub makes a link of "www." even alone.
_NEVER_PLAIN = re.compile(r"[a-f]{7}|www\.", re.IGNORECASE)
# What ends a sentence or a clause. None of them has a meaning beside code and before a blank.
_MARKS = "(),;:."
_OPENING = re.compile(r"(?<!\S)\(\Z")
_CLOSING = re.compile(r"\A[),;:.]+(?!\S)")
_TICKS = re.compile("`+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Span:
    """A piece of a text: words that are inert, or what is inert in code alone."""

    text: str
    is_code: bool
    before: str = ""
    after: str = ""
    """Marks that stand outside the code."""


def format_words(text: str, *, width: int = 500) -> str:
    """Return the text on one line: plain words as they are, what stands in backquotes and all other words in code."""
    parts = _join_code([part for piece in _split_quoted(sanitize(text, width=width)) for part in piece])
    return " ".join(
        f"{part.before}{_format_span(part.text) if part.is_code else part.text}{part.after}" for part in parts
    )


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


def _split_quoted(text: str) -> Iterator[Iterator[_Span]]:
    """Yield the parts of a text; what stands between two backquotes is code, no matter who wrote it."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0 or not all(map(str.strip, pieces[1::2])):
        # A backquote without a partner, or with nothing between, is a stranger's, and stays in the word that has it.
        yield map(_classify, text.split())
        return
    for number in range(0, len(pieces), 2):
        # Marks that touch the quoted text belong to it, and stand outside its code.
        words = _OPENING.sub("", _CLOSING.sub("", pieces[number]) if number else pieces[number])
        yield map(_classify, words.split())
        if number + 1 < len(pieces):
            before, after = _OPENING.search(pieces[number]), _CLOSING.search(pieces[number + 2])
            quoted = pieces[number + 1].strip()
            yield iter(
                [_Span(text=quoted, is_code=True, before="(" if before else "", after=after[0] if after else "")]
            )


def _classify(word: str) -> _Span:
    """Return a word; marks around one that goes into code are the sentence's, not the word's."""
    if _is_plain(word):
        return _Span(text=word, is_code=False)
    core = word.strip(_MARKS)
    before, _, after = word.partition(core) if core else ("", "", "")
    # Before a word only a bracket, and after it no brackets that it opened itself.
    if not core or before not in ("", "(") or "(" in core or ")" in core:
        return _Span(text=word, is_code=True)
    return _Span(text=core, is_code=True, before=before, after=after)


def _join_code(parts: Sequence[_Span]) -> list[_Span]:
    """Return the parts, neighbours in code as one: two spans must not touch."""
    joined: list[_Span] = []
    for part in parts:
        last = joined[-1] if joined else None
        if last and last.is_code and part.is_code and not last.after and not part.before:
            joined[-1] = replace(last, text=f"{last.text} {part.text}", after=part.after)
        else:
            joined.append(part)
    return joined


def _is_plain(word: str) -> bool:
    return bool(_PLAIN.fullmatch(word)) and not _NEVER_PLAIN.search(word)


def _format_span(text: str) -> str:
    # No longer run of backticks around it, as CommonMark 6.1 has it: cmark, which GitHub uses, takes none beyond 80.
    text = text.replace("`", r"\x60")
    # CommonMark strips one space on each side if both are there; without these two, the text's own would go.
    return f"` {text} `" if text.startswith(" ") and text.strip(" ") else f"`{text}`"
