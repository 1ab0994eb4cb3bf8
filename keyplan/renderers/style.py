"""What formats need to know beside what they show: how it is to look, and what is missing in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keyplan.errors import KeyplanError
from keyplan.renderers.palette import PLAIN, Palette

MARKDOWN_BYTES = 65_536
"""GitHub's limit of a comment is so many characters, and no character is shorter than a byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a format may need beside its noun."""

    palette: Palette = PLAIN
    failures: Sequence[tuple[str, KeyplanError]] = ()
    """Manifests for which nothing came out, and why."""
    digest: str = ""
    """Of all plans that the answer is about, where one digest stands for all."""
    version: str = ""
    """Of keyplan, for formats that name the tool."""
    markdown_bytes: int = MARKDOWN_BYTES
    """How long Markdown may be, in UTF-8."""
