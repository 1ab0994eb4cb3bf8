"""A chart of weeks: what stands in which column, at every width, and that no text of strangers breaks it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from attacks import ATTACKS
from calendars import BLOCKED, CREATES, DAY, EXPIRES, FULL, RETIRES, ROTATES, make_calendar
from judges import list_controls
from plans import NOW
from syrupy.assertion import SnapshotAssertion

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.identity import Address
from keyplan.renderers.style import ANSI
from keyplan.renderers.text.weeks import draw_weeks

WIDTHS = (60, 80, 100, 200)


def draw(calendar: Calendar, width: int = 80) -> list[str]:
    return list(draw_weeks(calendar, width=width))


def find_row(address: str, *events: Event) -> str:
    """Return the cells of an address in a chart of these events."""
    lines = draw(make_calendar(*events))
    return next(line for line in lines if line.strip().startswith(address)).split(maxsplit=1)[1]


def at(event: Event, days: float) -> Event:
    return replace(event, at=NOW + days * DAY)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_chart_reads_like_this(width: int, snapshot: SnapshotAssertion) -> None:
    assert "\n".join(draw(FULL, width)) == snapshot


@pytest.mark.parametrize("width", [*WIDTHS, 40])
@pytest.mark.parametrize("days", [1, 90, 3660])
def test_no_line_is_wider_than_the_terminal(width: int, days: int) -> None:
    calendar = replace(
        make_calendar(
            *(replace(event, address=Address(f"service/{'a' * 90}/b")) for event in FULL.events), *FULL.events
        ),
        until=NOW + days * DAY,
    )
    assert max(map(len, draw(calendar, width))) <= width


def test_each_event_stands_in_its_week() -> None:
    assert find_row("user/ci", at(ROTATES, 0), at(RETIRES, 7), at(ROTATES, 20)) == (
        "R  x  R  .  .  .  .  .  .  .  .  .  ."
    )


def test_the_last_instant_is_in_the_last_week() -> None:
    assert find_row("user/ci", at(ROTATES, 90)).endswith(".  R")


def test_a_week_with_more_shows_what_matters_most() -> None:
    happenings = (Happening.CREATES, Happening.RETIRES, Happening.ROTATES, Happening.EXPIRES)
    events = [replace(ROTATES, happening=one) for one in happenings]
    assert find_row("user/ci", *events).startswith("ER ")
    assert find_row("user/ci", *events, replace(ROTATES, guard=BLOCKED.guard)).startswith("!E ")


def test_the_same_event_twice_in_a_week_is_one_letter() -> None:
    assert find_row("user/ci", at(ROTATES, 1), at(ROTATES, 2)).startswith("R  .")


def test_the_legend_explains_what_is_met_and_nothing_else() -> None:
    assert draw(make_calendar(CREATES))[-1] == "  C created  a column is a week"
    assert "blocked" in draw(make_calendar(BLOCKED))[-1]
    assert draw(replace(make_calendar(EXPIRES), until=NOW + 3660 * DAY))[-1].endswith("a column is 31 weeks")


def test_many_addresses_are_counted_beyond_thirty() -> None:
    lines = draw(make_calendar(*(replace(ROTATES, address=Address(f"user/{number:03}")) for number in range(100))))
    assert sum("user/" in line for line in lines) == 30
    assert "  and 70 more addresses, listed below" in lines


def test_an_empty_calendar_has_no_chart() -> None:
    assert draw(make_calendar()) == []


def test_colours_move_no_column() -> None:
    painted = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in draw_weeks(FULL, width=80, palette=ANSI)]
    assert painted == draw(FULL)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_text_of_strangers_stays_in_its_column(attack: str) -> None:
    lines = draw(make_calendar(replace(ROTATES, address=Address(attack))))
    assert len(lines) == len(["months", "days", "the address", "", "the legend"])
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if list_controls(line)] == []
