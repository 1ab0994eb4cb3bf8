"""Fits lines to the width of a terminal: between words only, and long ids are shortened in the middle.

A file or a pipe gets every line whole, because programs and searches read them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from keyplan.model.times import spell_distance
from keyplan.renderers.style import Palette, Reader, Style, Tone

INDENT = " " * 6
LABEL_WIDTH = 12

_ELLIPSIS = "…"
_NARROWEST = 20
_WORDS = re.compile(r"( *)([^ ]+)")
# A command in backquotes, or at the end of a sentence after a colon; all else in words.
_UNITS = re.compile(r"( *)(`[^`]+`[^ ]*|(?<=: )keyplan [^;]+|[^ ]+)")
_PAINT = re.compile("\x1b\\[[0-9;]*m")
_TIME = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of an answer, before it is fitted to a terminal."""

    prefix: str = ""
    """What is never wrapped, painted or not."""
    text: str = ""
    """Sanitized, on one line, and not painted."""
    hang: int = 0
    """Columns before each further line."""
    tone: Tone | None = None
    """Of the text."""
    is_pasted: bool = False
    """Whether users copy words of it: then no word is shortened, even one that is longer than the terminal is wide."""
    is_dated: bool = True
    """Whether times in it are ours, and not a stranger's."""


def make_label(label: str, text: str, *, is_pasted: bool = False, is_dated: bool = True) -> Line:
    """Return a line below a headline: a label and its text, the texts in one column."""
    prefix = f"{INDENT}{label:<{LABEL_WIDTH}} "
    return Line(prefix=prefix, text=text, hang=len(prefix), is_pasted=is_pasted, is_dated=is_dated)


def render_blocks(blocks: Iterable[Sequence[Line]], style: Style) -> str:
    """Return blocks of lines, an empty line between each two; an empty block is left out."""
    return "\n".join("".join(f"{line}\n" for line in fit_lines(block, style)) for block in blocks if block)


def fit_lines(lines: Iterable[Line], style: Style) -> Iterator[str]:
    """Yield the lines as they are shown: with the reader's times, painted, and no wider than the terminal."""
    for line in lines:
        text = _add_local_times(line.text, style.reader) if style.reader and line.is_dated else line.text
        parts = [text] if style.width is None else _wrap(line, text, max(style.width, _NARROWEST))
        for number, part in enumerate(parts):
            before = line.prefix if number == 0 else ""
            yield f"{before}{_paint(part, line.tone, style.palette)}".rstrip()


def measure_columns(text: str) -> int:
    """Return how many columns a terminal gives the text: wide characters take two (UAX 11), combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def measure_mark(painted: str) -> int:
    """Return the columns of text that is painted."""
    return measure_columns(_PAINT.sub("", painted))


def shorten_middle(text: str, columns: int) -> str:
    """Return the text in at most so many columns, an ellipsis in the middle if it is longer."""
    if measure_columns(text) <= columns:
        return text
    head, tail = "", ""
    for index in range(len(text)):
        # One from the front, one from the back: ids differ at their ends.
        longer = (head + text[index // 2], tail) if index % 2 == 0 else (head, text[-(index // 2) - 1] + tail)
        if measure_columns("".join(longer)) + 1 > columns:
            break
        head, tail = longer
    return f"{head}{_ELLIPSIS}{tail}"


def _paint(text: str, tone: Tone | None, palette: Palette) -> str:
    indent = len(text) - len(text.lstrip(" "))
    return text if tone is None or not text.strip() else text[:indent] + palette.paint(tone, text[indent:])


def _wrap(line: Line, text: str, width: int) -> list[str]:
    """Return the text in pieces, the first to follow the prefix, the others with their indentation."""
    used = measure_mark(line.prefix)
    hang = min(line.hang, width // 2)
    pieces, current, room = [], "", width - used
    for gap, word in _split_pasted(text, width) if line.is_pasted else _WORDS.findall(text):
        shown = word if line.is_pasted else shorten_middle(word, width - hang)
        if measure_columns(current + gap + shown) <= room:
            current += gap + shown
            continue
        if current or used:
            pieces.append(current)
        # Only a smaller indentation makes room for what may not be shortened.
        indent = min(hang, max(0, width - measure_columns(shown)))
        current, room = " " * indent + shown, width
    return [*pieces, current]


def _split_pasted(text: str, width: int) -> Iterator[tuple[str, str]]:
    """Yield words with the gap before each; a command is one word if the terminal is wide enough for it."""
    for gap, unit in _UNITS.findall(text):
        if measure_columns(unit) <= width:
            yield gap, unit
        else:
            yield from ((inner or gap, word) for inner, word in _WORDS.findall(unit))


def _add_local_times(text: str, reader: Reader) -> str:
    """Return the text with the reader's own time, and the distance from now, after each time in UTC."""

    def explain(found: re.Match[str]) -> str:
        try:
            instant = datetime.fromisoformat(found[0]).astimezone(UTC)
        except ValueError:
            return found[0]
        local, distance = reader.to_local(instant), spell_distance(instant, reader.now)
        if local.utcoffset() == instant.utcoffset():
            return f"{found[0]} ({distance})"
        day = "" if local.date() == instant.date() else f"{local:%Y-%m-%d} "
        return f"{found[0]} ({day}{local:%H:%M %Z}, {distance})"

    return _TIME.sub(explain, text)
