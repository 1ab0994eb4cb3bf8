"""What every CI format tells of a row, in the same words and order.

In: rows, with their raw text. Out: lines that are inert for a terminal and a log. Never: the marks of one format.
"""

from __future__ import annotations

from collections.abc import Sequence

from keyplan.renderers.ci.sheet import Row
from keyplan.renderers.sanitize import inert

_LONG = 1000


def say_headline(row: Row) -> str:
    """Return ``! delete (blocked)  user/old``."""
    return f"{inert(row.mark, width=8)} {inert(row.word, width=60)}  {inert(row.subject)}"


def say_location(row: Row) -> str:
    """Return ``keys.yaml:12``, or nothing for what is declared nowhere."""
    return f"{say_path(row.place.file)}:{row.place.line}" if row.place else ""


def say_path(path: str) -> str:
    """Return a path as forges name files of a repository: without ``./`` before it."""
    return inert(path.removeprefix("./"))


def list_lines(row: Row) -> list[tuple[str, str]]:
    """Return label and text of every further line, what to do as the first one; none of them twice."""
    told = [*([("what to do", row.advice)] if row.advice else []), *row.details]
    return list(dict.fromkeys((inert(label, width=40), inert(text, width=_LONG)) for label, text in told))


def write_lines(rows: Sequence[tuple[str, str]], *, indent: str = "") -> list[str]:
    """Return labelled lines as a plan's text has them, the texts below each other."""
    return [f"{indent}{label:<12} {text}" for label, text in rows]
