"""A calendar in each format, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from calendars import FULL, ROTATES, make_calendar
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import InputError
from keyplan.model.calendar import Calendar
from keyplan.model.identity import Address, KeyId
from keyplan.renderers.formats import CALENDAR_FORMATS, render_calendar
from keyplan.renderers.style import ANSI, Style
from keyplan.renderers.text.calendar import render_calendar as render_text

HOSTILE = 'x\r\nBEGIN:VALARM\n\x1b[31m;,\\"\u202e\u2028'


@pytest.mark.parametrize("as_format", CALENDAR_FORMATS)
def test_a_calendar_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_calendar(FULL, as_format=as_format) == snapshot


@pytest.mark.parametrize("as_format", CALENDAR_FORMATS)
def test_an_empty_calendar_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render_calendar(make_calendar(), as_format=as_format) == snapshot


def test_a_coloured_calendar_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_text(FULL, style=Style(palette=ANSI)) == snapshot


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="format 'xml' is unknown; known are: text, json, ics"):
        render_calendar(FULL, as_format="xml")


def hostile_calendar() -> Calendar:
    return make_calendar(replace(ROTATES, address=Address(HOSTILE), note=HOSTILE))


@pytest.mark.parametrize("as_format", CALENDAR_FORMATS)
def test_somebody_elses_text_is_inert(as_format: str) -> None:
    text = render_calendar(hostile_calendar(), as_format=as_format)
    assert not set(text.replace("\r\n", "\n")) & set("\r\x1b\u202e\u2028")


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    ids = [replace(event, key_id=KeyId("QXBpS2V5OjEwMDI6YzgyMA==")) for event in FULL.events]
    text = render_text(make_calendar(*ids), style=Style(width=width))
    assert max(map(len, text.splitlines())) <= width
    assert "service/production/ingest" in text
