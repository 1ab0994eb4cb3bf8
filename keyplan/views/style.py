"""How an answer is to look, where a format leaves a choice."""

from __future__ import annotations

from dataclasses import dataclass

from keyplan.views.palette import PLAIN, Palette

MARKDOWN_BYTES = 65_536
"""GitHub's limit of a comment is so many characters, and no character is shorter than a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a caller may choose about an answer."""

    palette: Palette = PLAIN
    digest: str = ""
    """Of all plans that the answer is about, where one digest stands for all."""
    version: str = ""
    """Of keyplan, for formats that name the tool."""
    markdown_bytes: int = MARKDOWN_BYTES
    """How long Markdown may be, in UTF-8."""
