"""An explanation as text, word for word."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

import pytest
from explanations import BARE, FULL
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import InputError
from keyplan.model.explanation import DeclaredField, Evidence, PlaceState, SubjectStanding, TableRow, ValueSource
from keyplan.model.receipt import UNKNOWN_TIME
from keyplan.renderers.formats import EXPLANATION_FORMATS, render_explanation
from keyplan.renderers.style import ANSI
from keyplan.renderers.text.explanation import render_explanation as render_text
from keyplan.renderers.words import EVIDENCES, PLACE_STATES, ROWS, STANDINGS

HOSTILE = "x\r\n\x1b[31m\u202e::error::"


@pytest.mark.parametrize("as_format", EXPLANATION_FORMATS)
def test_an_explanation_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_explanation(FULL, as_format=as_format) == snapshot


@pytest.mark.parametrize("as_format", EXPLANATION_FORMATS)
def test_a_bare_explanation_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_explanation(BARE, as_format=as_format) == snapshot


def test_a_coloured_explanation_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_text(FULL, ANSI) == snapshot


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="format 'xml' is unknown; known are: text, json"):
        render_explanation(FULL, as_format="xml")


def test_what_the_provider_does_not_show_is_left_out() -> None:
    assert FULL.key
    key = replace(FULL.key.key, key_type=None, redacted="", created_at=UNKNOWN_TIME, active=False)
    text = render_text(replace(FULL, key=replace(FULL.key, key=key, creator="")))  # type: ignore[arg-type]  # a UserId
    assert "type         unknown\n" in text
    assert "status       revoked\n" in text
    assert "creator      not shown by the provider\n" in text
    assert "1970" not in text


def test_no_text_of_others_comes_out_raw() -> None:
    assert FULL.key
    field = DeclaredField(name="name", value=HOSTILE, source=ValueSource.DECLARATION, place=FULL.fields[0].place)
    hostile = replace(
        FULL,
        subject=HOSTILE,
        manifest=HOSTILE,
        fields=(field,),
        key=replace(FULL.key, key=replace(FULL.key.key, name=HOSTILE, redacted=HOSTILE), creator=HOSTILE),  # type: ignore[arg-type]  # a UserId
        places=(replace(FULL.places[0], location=HOSTILE, detail=HOSTILE),),
        history=(replace(FULL.history[0], detail=HOSTILE),),
    )
    text = render_text(hostile)
    assert not any(sign in text for sign in ("\x1b", "\r", "\u202e"))
    assert [line for line in text.splitlines() if line.lstrip().startswith("::")] == []


@pytest.mark.parametrize(
    ("words", "known"),
    [(ROWS, TableRow), (STANDINGS, SubjectStanding), (EVIDENCES, Evidence), (PLACE_STATES, PlaceState)],
)
def test_every_word_has_a_text(words: dict[Enum, str], known: type[Enum]) -> None:
    assert set(words) == set(known)
