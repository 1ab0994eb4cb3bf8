"""How an answer looks: colours and limits, chosen by the caller. No renderer asks a terminal or the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from keyplan.errors import KeyplanError
from keyplan.model.identity import ProviderName

MARKDOWN_BYTES = 65_536
"""GitHub's limit of a comment is so many characters, and no character is shorter than a byte."""


class Tone(Enum):
    """What a piece of text is about; a palette decides what that looks like."""

    ADD = "add"
    CHANGE = "change"
    DESTROY = "destroy"
    ALARM = "alarm"
    """Blocked, failed, in doubt."""
    STRONG = "strong"
    FAINT = "faint"


@dataclass(frozen=True, slots=True)
class Palette:
    """Paints text; colour is never the only carrier of a meaning."""

    codes: Mapping[Tone, str] = field(default_factory=dict)
    """Parameters of the escape sequence SGR (ECMA-48 8.3.117) by tone; a tone without one stays plain."""

    def paint(self, tone: Tone, text: str) -> str:
        """Return the text in that tone, and the terminal as it was before."""
        code = self.codes.get(tone)
        return f"\x1b[{code}m{text}\x1b[0m" if code else text


PLAIN = Palette()
ANSI = Palette(
    {
        Tone.ADD: "32",
        Tone.CHANGE: "33",
        Tone.DESTROY: "31",
        Tone.ALARM: "1;31",
        Tone.STRONG: "1",
        Tone.FAINT: "2",
    }
)
ANSI_256 = Palette(
    {
        # Of the 6x6x6 colour cube and the greys (xterm, ctlseqs, "SGR"): readable on a light and on a dark ground.
        Tone.ADD: "38;5;34",
        Tone.CHANGE: "38;5;172",
        Tone.DESTROY: "38;5;167",
        Tone.ALARM: "1;38;5;160",
        Tone.STRONG: "1",
        Tone.FAINT: "38;5;245",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who looks at a terminal, and when. A file has no such reader: its times are in UTC alone."""

    now: datetime
    to_local: Callable[[datetime], datetime]
    """Returns an instant in the reader's time zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """Style and script of every page for a browser, from files of the package."""

    css: str = ""
    js: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a format may need beside the object that it renders."""

    palette: Palette = PLAIN
    width: int | None = None
    """Columns of the terminal; None for a file or a pipe, in which no line is wrapped and no id shortened."""
    is_verbose: bool = False
    """Whether every row is shown on its own, however many are alike."""
    reader: Reader | None = None
    """None if the answer does not go to a terminal."""
    failures: Sequence[tuple[str, KeyplanError]] = ()
    """Manifests without a result, and why."""
    providers: Mapping[ProviderName, str] = field(default_factory=dict)
    """What users call each of several providers; empty if there is one, which is not shown."""
    digest: str = ""
    """Of all plans in the answer together; empty if each plan has only its own digest."""
    version: str = ""
    """Of keyplan, for formats that name the tool."""
    assets: Assets = Assets()
    """For formats that are pages."""
    made_at: datetime | None = None
    """The date of a page; None if it shows none."""
    markdown_bytes: int = MARKDOWN_BYTES
    """Upper bound of a Markdown answer, in UTF-8."""
