"""Colour as a choice of the caller: the same view is plain or coloured, never asking a terminal itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


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
