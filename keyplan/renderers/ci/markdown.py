"""Sheets as Markdown for a comment under a pull request: what matters most first, within a budget of bytes.

A row is shown whole or not at all, and what is left out is always counted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from keyplan.renderers.ci.markdown_escape import escape_cell, format_block, format_code, format_words
from keyplan.renderers.sanitize import sanitize
from keyplan.renderers.sheet import (
    Row,
    Sheet,
    Subject,
    format_details,
    format_headline,
    format_location,
    list_details,
)
from keyplan.renderers.words import format_count, join_words

_TITLES: Mapping[Subject, str] = {
    Subject.PLAN: "Plan",
    Subject.APPLY: "Apply",
    Subject.DRIFT: "Drift",
    Subject.VALIDATE: "Validation",
}
_TABLE_HEAD = "| What | Key | Why | Where |\n|---|---|---|---|"
_SHELL_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,300}")
_NAMES_SHOWN = 20
_WORDS_COUNTED = 8


class _Portion(Enum):
    """What a section is made of, the most important first: the budget is spent in this order."""

    HEAD = "head"
    FOOT = "foot"
    ROW = "row"
    REMARK = "remark"
    UNMANAGED = "unmanaged"
    DETAILS = "details"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A sheet, in pieces of Markdown."""

    sheet: Sheet
    head: str
    foot: tuple[str, ...]
    rows: tuple[str, ...]
    details: tuple[tuple[str, ...], ...]
    """Lines of each row; empty for rows without any."""
    remarks: tuple[str, ...]
    unmanaged: tuple[Row, ...]
    """Keys that are only listed."""


_Counts = Counter[_Portion]
"""How many pieces of each kind a section shows."""


def render_markdown(sheets: Sequence[Sheet], *, budget_bytes: int = 65_536, digest: str = "") -> str:
    """Return the sheets as Markdown of at most so many bytes in UTF-8.

    What does not fit is left out whole, and counted: details first, then remarks, then rows from the least dangerous
    end, over all sheets alike. Each sheet keeps its summary as long as possible. A budget below some hundred bytes gets
    the shortest honest text, which may be longer. `digest` is that of all plans together, if there are several.
    """
    are_together = bool(digest) and len(sheets) > 1
    sections = [_build_section(replace(sheet, digest="") if are_together else sheet) for sheet in sheets]
    ranking = _rank(sections)
    last = _format_command(digest, [sheet.manifest for sheet in sheets]) if are_together else []

    def compose(level: int) -> str:
        if level == 0:
            return _format_shortest(sheets)
        counts = [_Counts() for _ in sections]
        for index, part in ranking[:level]:
            counts[index][part] += 1
        return _compose(sections, counts, last)

    return fit_budget(compose, most=len(ranking), budget_bytes=budget_bytes)


def fit_budget(compose: Callable[[int], str], *, most: int, budget_bytes: int) -> str:
    """Return ``compose(most)`` if it fits in UTF-8 bytes, else the longest lower one that is found to fit.

    Each level is expected to be longer than the one before. ``compose(0)`` is returned even if it is too long.
    """
    whole = compose(most)
    if _fits(whole, budget_bytes):
        return whole
    # A binary search: composing once per row would make a plan of 10,000 keys quadratic.
    fitting, text, too_long = 0, compose(0), most
    while too_long - fitting > 1:
        middle = (fitting + too_long) // 2
        candidate = compose(middle)
        if _fits(candidate, budget_bytes):
            fitting, text = middle, candidate
        else:
            too_long = middle
    return text


def _fits(text: str, budget_bytes: int) -> bool:
    return len(text.encode()) <= budget_bytes


def _rank(sections: Sequence[_Section]) -> list[tuple[int, _Portion]]:
    """Return all pieces by their section and part, the most important first."""
    ranked: list[tuple[tuple[int, int, int], int, _Portion]] = []
    for index, section in enumerate(sections):
        dangers = [row.danger for row in section.sheet.rows]
        worst = -max(dangers, default=-1)
        ranked += [((worst, 0, index), index, part) for part in (_Portion.HEAD, _Portion.FOOT)]
        for part in (_Portion.ROW, _Portion.DETAILS):
            # Sheets take turns if their rows are equally dangerous: no manifest may push out the others.
            ranked += [((-danger, turn, index), index, part) for turn, danger in enumerate(dangers)]
        ranked += [((0, turn, index), index, _Portion.REMARK) for turn in range(len(section.remarks))]
        ranked += [((0, turn, index), index, _Portion.UNMANAGED) for turn in range(len(section.unmanaged))]
    parts = list(_Portion)
    return [(index, part) for key, index, part in sorted(ranked, key=lambda entry: (parts.index(entry[2]), entry[0]))]


def _compose(sections: Sequence[_Section], counts: Sequence[_Counts], last: Sequence[str]) -> str:
    blocks: list[str] = []
    hidden: list[Sheet] = []
    for section, count in zip(sections, counts, strict=True):
        if count[_Portion.HEAD]:
            blocks += _compose_section(section, count)
        else:
            hidden.append(section.sheet)
    blocks += [_describe_hidden(hidden)] if hidden else []
    return "\n\n".join([*blocks, *last]) + "\n"


def _compose_section(section: _Section, count: _Counts) -> Iterator[str]:
    yield section.head
    rows = section.rows[: count[_Portion.ROW]]
    if rows:
        yield "\n".join((_TABLE_HEAD, *rows))
    details = [lines for lines in section.details[: count[_Portion.DETAILS]] if lines]
    if details:
        block = format_block(line for lines in details for line in lines)
        yield f"<details><summary>Details of {format_count(len(details), 'key')}</summary>\n\n{block}\n\n</details>"
    yield from _compose_unmanaged(section.unmanaged, count)
    remarks = section.remarks[: count[_Portion.REMARK]]
    if remarks:
        yield "\n".join(remarks)
    yield from _describe_left_out(section, count)
    if count[_Portion.FOOT]:
        yield from section.foot


def _compose_unmanaged(rows: Sequence[Row], count: _Counts) -> Iterator[str]:
    """Yield how many keys are unmanaged, and below it those for which there is room, folded away."""
    if not rows:
        return
    told = f"{format_count(len(rows), 'unmanaged key')} (not touched)"
    shown = rows[: count[_Portion.UNMANAGED]]
    if not shown:
        yield f"{told}."
        return
    lines = [f"{sanitize(row.subject)}  {sanitize(row.reason)}" for row in shown]
    left = len(rows) - len(shown)
    block = format_block([*lines, *([f"and {left} more"] if left else [])])
    yield f"<details><summary>{told}</summary>\n\n{block}\n\n</details>"


def _describe_left_out(section: _Section, count: _Counts) -> Iterator[str]:
    """Yield a sentence about the pieces that do not fit, if there are any."""
    words = Counter(row.word for row in section.sheet.rows[count[_Portion.ROW] :])
    named = [f"{number} {format_words(word, width=40)}" for word, number in words.most_common(_WORDS_COUNTED)]
    other = words.total() - sum(number for _, number in words.most_common(_WORDS_COUNTED))
    more = [f"{other} of other kinds"] if other else []
    # A row that is left out is counted already; its details are not counted again.
    detailed = sum(bool(lines) for lines in section.details[count[_Portion.DETAILS] : count[_Portion.ROW]])
    more += [f"details of {format_count(detailed, 'key')}"] if detailed else []
    hidden_remarks = len(section.remarks) - count[_Portion.REMARK]
    more += [format_count(hidden_remarks, "remark")] if hidden_remarks else []
    if named or more:
        yield f"Left out for lack of space: {join_words([*named, *more])}."


def _describe_hidden(hidden: Sequence[Sheet]) -> str:
    different = sum(sheet.is_different for sheet in hidden)
    return f"{format_count(len(hidden), 'more manifest')} left out, {different or 'none'} with differences."


def _format_shortest(sheets: Sequence[Sheet]) -> str:
    different = sum(sheet.is_different for sheet in sheets)
    if not sheets:
        return "No manifests.\n"
    return f"{format_count(len(sheets), 'manifest')}, {different or 'none'} with differences. No space for more.\n"


def _build_section(sheet: Sheet) -> _Section:
    owner = f" ({format_code(sheet.owner, width=60)})" if sheet.owner else ""
    listed = tuple(row for row in sheet.rows if row.is_only_listed)
    sheet = replace(sheet, rows=tuple(row for row in sheet.rows if not row.is_only_listed))
    title = f"### {_TITLES[sheet.about]}: {format_code(sheet.manifest, width=120)}{owner}"
    return _Section(
        sheet=sheet,
        head=f"{title}\n\n{format_words(sheet.summary, width=200)}",
        foot=tuple(_list_foot(sheet)),
        rows=tuple(_format_row(row) for row in sheet.rows),
        details=tuple(_list_row_details(row) for row in sheet.rows),
        remarks=tuple(f"- {format_words(remark, width=1000)}" for remark in sheet.remarks),
        unmanaged=listed,
    )


def _list_foot(sheet: Sheet) -> Iterator[str]:
    # A drift already counts these in its remarks, beside what is accepted.
    if sheet.unchanged and sheet.about is not Subject.DRIFT:
        yield f"{len(sheet.unchanged)} unchanged."
    if sheet.digest and sheet.about is Subject.PLAN:
        yield from _format_command(sheet.digest, [sheet.manifest])


def _format_command(digest: str, manifests: Sequence[str]) -> list[str]:
    """Return how to apply exactly what was planned; without names that a shell would interpret."""
    if not _SHELL_SAFE.fullmatch(digest):
        return []
    are_plain = len(manifests) <= _NAMES_SHOWN and all(_SHELL_SAFE.fullmatch(name) for name in manifests)
    names = manifests if are_plain else []
    return ["To apply exactly this:", format_block([" ".join(("keyplan apply --expect", digest, *names))])]


def _format_row(row: Row) -> str:
    cells = (
        f"{format_code(row.mark, width=8)} {format_words(row.word, width=60)}",
        format_code(row.subject),
        format_words("; ".join(filter(None, (row.reason, row.advice or row.effect)))),
        format_code(format_location(row)) if row.place else "",
    )
    return f"| {' | '.join(escape_cell(cell) for cell in cells)} |"


def _list_row_details(row: Row) -> tuple[str, ...]:
    lines = list_details(row)
    return (format_headline(row), *format_details(lines, indent="    ")) if lines else ()
