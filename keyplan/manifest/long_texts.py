"""Takes the texts, and commented lists, of several lines out of a YAML text, and puts them back at another indentation.

Block scalars and folded quotes are moved line by line, never read and written again: what they fold and keep stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from keyplan.manifest.comments import SCANNER, outline, span_of

_STAND_IN = "KeyplanLongText{}End"
_STAND_INS = re.compile("KeyplanLongText([0-9]+)End")
_STEP = 2
_BLOCK_STYLES = ("|", ">")


class LayoutError(Exception):
    """A text whose layout cannot be changed without a loss; half a sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongText:
    """A scalar, or a collection between brackets, of several lines."""

    first: str
    """What of it stands in the line in which it begins: the header of a block scalar."""
    rest: tuple[str, ...]
    """Its further lines, without their indentation."""


def take_out(text: str) -> tuple[str, tuple[LongText, ...]]:
    """Return a text in which one word stands for each scalar of several lines, and these scalars.

    Raises LayoutError if the text has such words of its own.
    """
    if _STAND_INS.search(text):
        raise LayoutError("it holds a word that keyplan needs for itself")
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    entries = [(0, 0), *((entry.line, entry.column) for entry in outline(text).entries)]
    parent = 0
    found: list[LongText] = []
    pieces: list[str] = []
    position = 0
    for region in _list_regions(text, lines):
        while parent + 1 < len(entries) and entries[parent + 1] <= (region.first, region.begin):
            parent += 1
        rest = [lines[line][: region.end if line == region.last else None] for line in region.further_lines()]
        pieces += [text[position : starts[region.first] + region.begin], _STAND_IN.format(len(found))]
        header = lines[region.first][region.begin : region.header_end]
        found.append(_make(header, rest, entries[parent][1], is_block=region.is_block))
        # A comment may stand behind the header.
        if region.is_block:
            pieces.append(lines[region.first][region.header_end :])
        position = starts[region.last] + region.end
    return "".join([*pieces, text[position:]]), tuple(found)


def put_back(text: str, texts: Sequence[LongText]) -> str:
    """Return a text with the scalars in the places of their words, each indented below its own entry."""
    lines = []
    columns: dict[int, int] = {}
    for entry in outline(text).entries:
        columns[entry.line] = max(columns.get(entry.line, 0), entry.column)
    column = 0
    for number, line in enumerate(text.split("\n")):
        column = columns.get(number, column)
        lines.append(_fill(line, texts, " " * (column + _STEP)))
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Region:
    """Where a scalar or a collection of several lines stands."""

    first: int
    begin: int
    header_end: int
    """Where its first line ends, without a comment."""
    last: int
    end: int
    is_block: bool

    def further_lines(self) -> range:
        """Return all of its lines but the first."""
        return range(self.first + 1, self.last + 1)

    @classmethod
    def of_scalar(cls, token: yaml.ScalarToken, lines: Sequence[str]) -> _Region:
        """Return that of a scalar."""
        (first, begin, header_end), *spans = span_of(token, lines)
        last, _, end = spans[-1] if spans else (first, begin, len(lines[first]))
        is_block = token.style in _BLOCK_STYLES
        return cls(first=first, begin=begin, header_end=header_end, last=last, end=end, is_block=is_block)


def _list_regions(text: str, lines: Sequence[str]) -> Iterator[_Region]:
    """Yield what is moved line by line: scalars of several lines, and collections between brackets with comments."""
    commented = {comment.line for comment in outline(text).comments}
    brackets: list[yaml.Mark] = []
    inner: list[_Region] = []
    for token in yaml.scan(text, Loader=SCANNER):
        if isinstance(token, (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)):
            brackets.append(token.start_mark)
        elif isinstance(token, (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)):
            start, end = brackets.pop(), token.end_mark
            if not brackets and not commented.isdisjoint(range(start.line, end.line)):
                inner = [_of_brackets(start, end, lines)]
        elif isinstance(token, yaml.ScalarToken) and _is_long(token):
            inner.append(_Region.of_scalar(token, lines))
        if not brackets:
            yield from inner
            inner = []


def _of_brackets(start: yaml.Mark, end: yaml.Mark, lines: Sequence[str]) -> _Region:
    return _Region(
        first=start.line,
        begin=start.column,
        header_end=len(lines[start.line]),
        last=end.line,
        end=end.column,
        is_block=False,
    )


def _is_long(token: yaml.ScalarToken) -> bool:
    return token.style in _BLOCK_STYLES or token.end_mark.line > token.start_mark.line


def _make(header: str, rest: Sequence[str], parent: int, *, is_block: bool) -> LongText:
    filled = [line for line in rest if line.strip(" ")]
    written = min((len(line) - len(line.lstrip(" ")) for line in filled[: 1 if is_block else None]), default=0)
    if not is_block:
        return LongText(
            first=header.rstrip(" \t"),
            rest=tuple(line[written:].rstrip(" \t") for line in rest[:-1])
            + tuple(line[written:] for line in rest[-1:]),
        )
    given = re.search("[1-9]", header)
    indentation = parent + int(given[0]) if given else written
    # An indentation that was given is that of the text below its entry.
    return LongText(first=re.sub("[1-9]", str(_STEP), header), rest=tuple(line[indentation:] for line in rest))


def _fill(line: str, texts: Sequence[LongText], indentation: str) -> str:
    found = _STAND_INS.search(line)
    if found is None:
        return line
    one = texts[int(found[1])]
    rest = [f"{indentation}{text}" if text else "" for text in one.rest]
    if one.first[:1] in _BLOCK_STYLES:
        return "\n".join([line[: found.start()] + one.first + line[found.end() :], *rest])
    *further, tail = [line[: found.start()] + one.first, *rest]
    return "\n".join([*further, tail + _fill(line[found.end() :], texts, indentation)])
