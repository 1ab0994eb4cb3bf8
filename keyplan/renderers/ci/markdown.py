"""Sheets as Markdown, for a comment under a pull request: what matters most first, within a budget of bytes.

In: sheets. Out: Markdown that fits. Never: half a row, a row that is left out without a word about it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from keyplan.renderers.ci.markdown_text import write_block, write_cell, write_code, write_words
from keyplan.renderers.ci.sheet import Row, Sheet, Subject
from keyplan.renderers.ci.summary import list_lines, say_headline, say_location, write_lines
from keyplan.renderers.words import fit, join_words, say_count

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


class _Part(Enum):
    """What a section is made of, the dearest first: room is given in this order."""

    HEAD = "head"
    FOOT = "foot"
    ROW = "row"
    REMARK = "remark"
    DETAILS = "details"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A sheet, in pieces of Markdown."""

    sheet: Sheet
    head: str
    foot: tuple[str, ...]
    rows: tuple[str, ...]
    details: tuple[tuple[str, ...], ...]
    """Lines of each row; empty for rows that have no more to say."""
    remarks: tuple[str, ...]


_Counts = Counter[_Part]
"""How many pieces of each kind a section shows."""


def render_markdown(sheets: Sequence[Sheet], *, budget_bytes: int = 65_536, digest: str = "") -> str:
    """Return the sheets as Markdown of at most so many bytes in UTF-8.

    What does not fit is left out whole, and counted: details first, then remarks, then rows from the least dangerous
    end, over all sheets alike. Each sheet keeps its summary as long as it can. A budget below some hundred bytes gets
    the shortest honest text, which may be longer. `digest` is that of all plans together, where there are several.
    """
    are_together = bool(digest) and len(sheets) > 1
    sections = [_draw(replace(sheet, digest="") if are_together else sheet) for sheet in sheets]
    ranking = _rank(sections)
    last = _say_command(digest, [sheet.manifest for sheet in sheets]) if are_together else []

    def compose(level: int) -> str:
        if level == 0:
            return _say_least(sheets)
        counts = [_Counts() for _ in sections]
        for index, part in ranking[:level]:
            counts[index][part] += 1
        return _compose(sections, counts, last)

    return fit(compose, most=len(ranking), budget_bytes=budget_bytes)


def _rank(sections: Sequence[_Section]) -> list[tuple[int, _Part]]:
    """Return all pieces by their section and part, the dearest first."""
    ranked: list[tuple[tuple[int, int, int], int, _Part]] = []
    for index, section in enumerate(sections):
        dangers = [row.danger for row in section.sheet.rows]
        worst = -max(dangers, default=-1)
        ranked += [((worst, 0, index), index, part) for part in (_Part.HEAD, _Part.FOOT)]
        for part in (_Part.ROW, _Part.DETAILS):
            # Sheets take turns where their rows are equally dangerous.
            ranked += [((-danger, turn, index), index, part) for turn, danger in enumerate(dangers)]
        ranked += [((0, turn, index), index, _Part.REMARK) for turn in range(len(section.remarks))]
    parts = list(_Part)
    return [(index, part) for key, index, part in sorted(ranked, key=lambda entry: (parts.index(entry[2]), entry[0]))]


def _compose(sections: Sequence[_Section], counts: Sequence[_Counts], last: Sequence[str]) -> str:
    blocks: list[str] = []
    hidden: list[Sheet] = []
    for section, count in zip(sections, counts, strict=True):
        if count[_Part.HEAD]:
            blocks += _compose_section(section, count)
        else:
            hidden.append(section.sheet)
    blocks += [_say_hidden(hidden)] if hidden else []
    return "\n\n".join([*blocks, *last]) + "\n"


def _compose_section(section: _Section, count: _Counts) -> Iterator[str]:
    yield section.head
    rows = section.rows[: count[_Part.ROW]]
    if rows:
        yield "\n".join((_TABLE_HEAD, *rows))
    details = [lines for lines in section.details[: count[_Part.DETAILS]] if lines]
    if details:
        block = write_block(line for lines in details for line in lines)
        yield f"<details><summary>Details of {say_count(len(details), 'key')}</summary>\n\n{block}\n\n</details>"
    remarks = section.remarks[: count[_Part.REMARK]]
    if remarks:
        yield "\n".join(remarks)
    yield from _say_left_out(section, count)
    if count[_Part.FOOT]:
        yield from section.foot


def _say_left_out(section: _Section, count: _Counts) -> Iterator[str]:
    """Yield a sentence about the pieces that found no room, if there are any."""
    words = Counter(row.word for row in section.sheet.rows[count[_Part.ROW] :])
    named = [f"{number} {write_words(word, width=40)}" for word, number in words.most_common(_WORDS_COUNTED)]
    other = words.total() - sum(number for _, number in words.most_common(_WORDS_COUNTED))
    more = [f"{other} of other kinds"] if other else []
    # Who misses a row misses its details as well.
    silent = sum(bool(lines) for lines in section.details[count[_Part.DETAILS] : count[_Part.ROW]])
    more += [f"details of {say_count(silent, 'key')}"] if silent else []
    unsaid = len(section.remarks) - count[_Part.REMARK]
    more += [say_count(unsaid, "remark")] if unsaid else []
    if named or more:
        yield f"Left out for want of room: {join_words([*named, *more])}."


def _say_hidden(hidden: Sequence[Sheet]) -> str:
    different = sum(sheet.is_different for sheet in hidden)
    return f"{say_count(len(hidden), 'more manifest')} found no room here, {different or 'none'} with differences."


def _say_least(sheets: Sequence[Sheet]) -> str:
    different = sum(sheet.is_different for sheet in sheets)
    if not sheets:
        return "No manifests.\n"
    return f"{say_count(len(sheets), 'manifest')}, {different or 'none'} with differences. No room here for more.\n"


def _draw(sheet: Sheet) -> _Section:
    owner = f" ({write_code(sheet.owner, width=60)})" if sheet.owner else ""
    title = f"### {_TITLES[sheet.about]}: {write_code(sheet.manifest, width=120)}{owner}"
    return _Section(
        sheet=sheet,
        head=f"{title}\n\n{write_words(sheet.summary, width=200)}",
        foot=tuple(_draw_foot(sheet)),
        rows=tuple(_draw_row(row) for row in sheet.rows),
        details=tuple(_draw_details(row) for row in sheet.rows),
        remarks=tuple(f"- {write_words(remark, width=1000)}" for remark in sheet.remarks),
    )


def _draw_foot(sheet: Sheet) -> Iterator[str]:
    # A drift counts what is in order among its remarks, beside what is accepted.
    if sheet.unchanged and sheet.about is not Subject.DRIFT:
        yield f"{len(sheet.unchanged)} unchanged."
    if sheet.digest and sheet.about is Subject.PLAN:
        yield from _say_command(sheet.digest, [sheet.manifest])


def _say_command(digest: str, manifests: Sequence[str]) -> list[str]:
    """Return how to apply exactly what was planned; without names that a shell would read something into."""
    if not _SHELL_SAFE.fullmatch(digest):
        return []
    are_plain = len(manifests) <= _NAMES_SHOWN and all(_SHELL_SAFE.fullmatch(name) for name in manifests)
    names = manifests if are_plain else []
    return ["To apply exactly this:", write_block([" ".join(("keyplan apply --expect", digest, *names))])]


def _draw_row(row: Row) -> str:
    cells = (
        f"{write_code(row.mark, width=8)} {write_words(row.word, width=60)}",
        write_code(row.subject),
        write_words("; ".join(filter(None, (row.reason, row.advice or row.effect)))),
        write_code(say_location(row)) if row.place else "",
    )
    return f"| {' | '.join(write_cell(cell) for cell in cells)} |"


def _draw_details(row: Row) -> tuple[str, ...]:
    lines = list_lines(row)
    return (say_headline(row), *write_lines(lines, indent="    ")) if lines else ()
