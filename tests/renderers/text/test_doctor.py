"""An examination as text and JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from examinations import BROKEN, FINE, FULL, HELD, make_examination
from syrupy.assertion import SnapshotAssertion

from keyplan.model.identity import SinkName
from keyplan.renderers.formats import render_examination
from keyplan.renderers.style import ANSI


@pytest.mark.parametrize(
    "examination",
    [pytest.param(FULL, id="of each kind"), pytest.param(make_examination(FINE), id="all fine")],
)
def test_text(examination: object, snapshot: SnapshotAssertion) -> None:
    assert render_examination(examination, as_format="text") == snapshot  # type: ignore[arg-type]  # a row of the table


def test_colour_never_stands_alone() -> None:
    text = render_examination(FULL, as_format="text", palette=ANSI)
    assert "\x1b[1;31mbroken" in text
    assert "\x1b[2m?" in text


def test_words_from_elsewhere_are_inert() -> None:
    hostile = replace(BROKEN, detail="\x1b[2J", advice="\x07", sink=SinkName("\x1b"))
    text = render_examination(replace(make_examination(hostile, HELD), owner="\x1b]0;x"), as_format="text")
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_finding_without_a_word_has_its_line() -> None:
    assert "ok       credential" in render_examination(make_examination(replace(FINE, detail="")), as_format="text")


def test_json_is_the_published_document() -> None:
    assert json.loads(render_examination(FULL, as_format="json"))["format_version"] == "1.0"
