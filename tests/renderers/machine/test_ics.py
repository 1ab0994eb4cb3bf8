"""A calendar as iCalendar, and what a calendar program relies on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from calendars import DAY, FULL, RETIRES, ROTATES, make_calendar
from hypothesis import given
from hypothesis import strategies as st

from keyplan.model.calendar import Calendar
from keyplan.model.identity import Address
from keyplan.renderers.machine.ics import fold, render_ics

HOSTILE = 'x\r\nBEGIN:VALARM\n\x1b[31m;,\\"\u202e\u2028'


def unfold(text: str) -> list[str]:
    """Return content lines as a reader puts them together (RFC 5545 3.1)."""
    assert text.endswith("\r\n")
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def values(calendar: Calendar, name: str) -> list[str]:
    return [line.partition(":")[2] for line in unfold(render_ics(calendar)) if line.startswith(f"{name}:")]


def hostile_calendar() -> Calendar:
    return make_calendar(replace(ROTATES, address=Address(HOSTILE), note=HOSTILE))


def test_somebody_elses_text_starts_no_line_of_its_own() -> None:
    names = [line.partition(":")[0] for line in unfold(render_ics(hostile_calendar()))]
    assert names == [line.partition(":")[0] for line in unfold(render_ics(make_calendar(ROTATES)))]


def test_text_is_escaped_as_the_standard_asks() -> None:
    (summary,) = values(make_calendar(replace(ROTATES, address=Address("a;b,c\\d"))), "SUMMARY")
    assert summary == r"a\;b\,c\\d rotates"


def test_each_event_has_a_uid_of_its_own() -> None:
    uids = values(FULL, "UID")
    assert len(set(uids)) == len(FULL.events)


def test_the_uid_of_a_key_that_exists_stays_when_the_time_moves() -> None:
    later = replace(ROTATES, at=ROTATES.at + DAY)
    assert values(make_calendar(ROTATES), "UID") == values(make_calendar(later), "UID")


def test_the_uid_of_a_key_that_does_not_exist_yet_goes_by_its_time() -> None:
    unborn = replace(ROTATES, key_id=None)
    again = replace(unborn, at=unborn.at + DAY)
    assert len(set(values(make_calendar(unborn, again), "UID"))) == 2


def test_the_stamp_is_the_time_of_the_run() -> None:
    made = make_calendar(RETIRES)
    later = replace(made, since=made.since + timedelta(hours=1))
    assert (values(made, "DTSTAMP"), values(later, "DTSTAMP")) == (["20261123T073100Z"], ["20261123T083100Z"])


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_folded_lines_are_short_and_unfold_to_the_same(line: str) -> None:
    pieces = list(fold(line))
    assert all(len(piece.encode()) <= 75 for piece in pieces)
    assert pieces[0] + "".join(piece.removeprefix(" ") for piece in pieces[1:]) == line
    assert all(piece.startswith(" ") for piece in pieces[1:])
