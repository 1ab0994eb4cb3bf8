"""Palettes."""

from __future__ import annotations

from keyplan.renderers.style import PLAIN, Tone


def test_a_plain_palette_paints_nothing() -> None:
    assert PLAIN.paint(Tone.ALARM, "x") == "x"
