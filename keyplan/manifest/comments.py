"""Finds the comments of a YAML text, and which of its lines belong to the content of a scalar.

PyYAML's scanner passes over comments; what is between its tokens shows where they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

BLANKS = " \t"
"""What is white space in YAML (1.2, section 5.5); Python knows more, such as a no-break space, which is text."""
SCANNER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """One comment, from its `#` to the end of its line."""

    line: int
    column: int
    text: str
    is_alone: bool
    """Whether only blanks are before it in its line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockEntry:
    """The first character of an item or a field of a block list or block mapping."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What a text consists of, by lines that count from 0."""

    lines: tuple[str, ...]
    comments: tuple[Comment, ...]
    entries: tuple[BlockEntry, ...]
    """In the order of the text; none of those between brackets."""
    inner_lines: frozenset[int]
    """Lines that begin inside a scalar, blank ones included."""

    @property
    def free_lines(self) -> frozenset[int]:
        """Lines that hold nothing, or a comment and nothing else."""
        blank = {
            number
            for number, line in enumerate(self.lines)
            if not line.strip(BLANKS) and number not in self.inner_lines
        }
        return frozenset(blank | {comment.line for comment in self.comments if comment.is_alone})


def outline(text: str) -> Outline:
    """Return the outline of a YAML text that can be parsed; its lines end with a line feed alone."""
    lines = tuple(text.split("\n"))
    scalars: dict[int, list[tuple[int, int]]] = {}
    inner: set[int] = set()
    entries: list[BlockEntry] = []
    depth = 0
    for token in yaml.scan(text, Loader=SCANNER):
        if isinstance(token, (yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken)):
            depth += 1
        elif isinstance(token, (yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)):
            depth -= 1
        elif isinstance(token, (yaml.KeyToken, yaml.BlockEntryToken)) and depth == 0:
            entries.append(BlockEntry(line=token.start_mark.line, column=token.start_mark.column))
        elif isinstance(token, yaml.ScalarToken):
            for line, begin, end in span_of(token, lines):
                scalars.setdefault(line, []).append((begin, end))
                if line != token.start_mark.line:
                    inner.add(line)
    comments = tuple(_find_comments(lines, scalars))
    return Outline(lines=lines, comments=comments, entries=tuple(entries), inner_lines=frozenset(inner))


def span_of(token: yaml.ScalarToken, lines: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Yield line, first column and end of what a scalar takes of each of its lines."""
    start, end = token.start_mark, token.end_mark
    first, last, is_block = start.line, end.line, token.style in ("|", ">")
    if is_block:
        header = lines[first][start.column :].partition("#")[0].rstrip(BLANKS)
        yield first, start.column, start.column + len(header)
        last -= 1 if end.column == 0 or not lines[last][: end.column].strip(BLANKS) else 0
        # Without "keep", blank lines at the end are not part of the value.
        while "+" not in header and last > first and not lines[last].strip(BLANKS):
            last -= 1
    for line in range(first + is_block, last + 1):
        begin = start.column if line == first else 0
        yield line, begin, end.column if line == end.line and not is_block else len(lines[line])


def _find_comments(lines: tuple[str, ...], scalars: dict[int, list[tuple[int, int]]]) -> Iterator[Comment]:
    for number, line in enumerate(lines):
        taken = scalars.get(number, ())
        column = line.find("#")
        while column >= 0:
            is_inside = any(begin <= column < end for begin, end in taken)
            if not is_inside and (column == 0 or line[column - 1] in " \t"):
                text = line[column:].rstrip(BLANKS)
                yield Comment(line=number, column=column, text=text, is_alone=not line[:column].strip(BLANKS))
                break
            column = line.find("#", column + 1)
