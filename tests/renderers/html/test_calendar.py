"""A calendar as a drawing and as a page: every address with its dates, and nothing but text from outside."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest
from attacks import ATTACKS
from calendars import CREATES, FULL, ROTATES, make_calendar
from judges import list_controls
from plans import NOW
from renderers.html.overviews import ASSETS
from renderers.html.tags import list_tags, list_texts, read_page
from syrupy.assertion import SnapshotAssertion

from keyplan.model.calendar import Calendar
from keyplan.model.identity import Address, KeyId
from keyplan.renderers.html.calendar import render_calendar_page, render_svg
from keyplan.renderers.style import Style


def spoil(text: str) -> Calendar:
    """Return a calendar with a text in each place where one comes from outside."""
    events = tuple(
        replace(event, address=Address(text), note=text, key_id=event.key_id and KeyId(text)) for event in FULL.events
    )
    return replace(make_calendar(*events), owner=text, manifest=text)


def render_page(calendar: Calendar) -> str:
    return render_calendar_page(calendar, style=Style(assets=ASSETS, version="1.2.3"))


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - what we have written ourselves


def draw(element: ET.Element) -> tuple[object, ...]:
    """Return an XML element with its texts taken out."""
    return element.tag, sorted(element.attrib), [draw(child) for child in element]


def test_the_drawing_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_svg(FULL).replace("><", ">\n<") == snapshot


def test_the_drawing_has_a_line_for_each_address_the_next_to_change_first() -> None:
    root = parse(render_svg(FULL))
    labels = [element.text for element in root.iter() if element.get("class") == "key"]
    assert labels == ["user/new", "user/ci", "service/production/ingest"]


def test_a_long_address_keeps_both_of_its_ends() -> None:
    address = "service/" + "a" * 90 + "/ingest-of-metrics"
    root = parse(render_svg(make_calendar(replace(ROTATES, address=Address(address)))))
    (label,) = [element.text or "" for element in root.iter() if element.get("class") == "key"]
    assert len(label) <= 45
    assert (label[:8], label[-18:]) == ("service/", "/ingest-of-metrics")


def test_the_page_counts_what_happens_and_has_the_dates_of_each_address() -> None:
    texts = read_page(render_page(FULL)).texts
    assert "Calendar of ml-platform" in texts
    assert "rotates key key-1: due for rotation; overlap 12h; replace: the manifest says so" in texts
    assert [texts[texts.index(words) - 1] for words in ("blocked", "rotations", "expire without renewal")] == [
        "1",
        "2",
        "1",
    ]


def test_a_page_has_the_date_of_its_calendar() -> None:
    assert "As of 2026-11-23T07:31:00Z" in render_page(FULL)
    later = render_calendar_page(FULL, style=Style(made_at=NOW + timedelta(days=1)))
    assert "As of 2026-11-24T07:31:00Z" in later


def test_an_empty_calendar_says_that_nothing_is_due() -> None:
    assert "Nothing is due." in render_svg(make_calendar())
    assert "Nothing is due." in read_page(render_page(make_calendar())).texts


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_changes_texts_and_nothing_else(attack: str) -> None:
    assert list_tags(render_page(spoil(attack))) == list_tags(render_page(spoil("harmless")))
    assert draw(parse(render_svg(spoil(attack)))) == draw(parse(render_svg(spoil("harmless"))))
    own = [ASSETS.css, ASSETS.js]
    assert [text for text in list_texts(render_page(spoil(attack))) if text not in own and list_controls(text)] == []


def test_nothing_leads_out_of_the_drawing() -> None:
    root = parse(render_svg(make_calendar(CREATES)))
    found = [name for element in root.iter() for name in element.attrib]
    assert {name for name in found if "href" in name or name.startswith("on")} == set()
    assert "url(" not in render_svg(FULL)
    assert "@import" not in render_svg(FULL)
