"""Lines that fit a terminal: broken between words alone, long ids shortened in the middle, times explained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyplan.renderers.style import ANSI, Reader, Style, Tone
from keyplan.renderers.text.layout import Line, fit_lines, make_label, measure_columns, render_blocks, shorten_middle

NOW = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)


def fit(line: Line, width: int | None, **style: object) -> list[str]:
    return list(fit_lines([line], Style(width=width, **style)))  # type: ignore[arg-type]  # fields by name


@given(text=st.text(), columns=st.integers(1, 40))
def test_a_shortened_text_has_room_and_keeps_both_ends(text: str, columns: int) -> None:
    short = shorten_middle(text, columns)
    assert measure_columns(short) <= columns or columns < 2
    assert short == text or "…" in short


def test_ids_are_shortened_in_the_middle() -> None:
    assert shorten_middle("QXBpS2V5OjE6YUFhYmNk", 9) == "QXBp…YmNk"
    assert shorten_middle("鍵鍵鍵鍵", 5) == "鍵…鍵"


def test_further_lines_hang_below_the_text() -> None:
    assert fit(make_label("then", "the old key works for 24h"), 38) == [
        "      then         the old key works",
        "                   for 24h",
    ]


def test_a_pipe_gets_every_line_whole() -> None:
    assert fit(Line(text="word " * 100 + "x" * 300), None) == ["word " * 100 + "x" * 300]


def test_painted_words_take_no_room_and_each_line_ends_its_colour() -> None:
    line = Line(prefix=ANSI.paint(Tone.ALARM, "mark  "), text="one two three four", hang=6, tone=Tone.STRONG)
    assert fit(line, 20, palette=ANSI) == [
        "\x1b[1;31mmark  \x1b[0m\x1b[1mone two three\x1b[0m",
        "      \x1b[1mfour\x1b[0m",
    ]


def test_a_command_is_neither_broken_nor_shortened() -> None:
    line = make_label("what to do", f"take it over: keyplan import user/ci {'k' * 29}", is_pasted=True)
    assert fit(line, 52) == ["      what to do   take it over:", f"keyplan import user/ci {'k' * 29}"]
    quoted = make_label("what to do", "fix it, then run `keyplan rotate 'user/ci'` again", is_pasted=True)
    assert fit(quoted, 50)[1].strip() == "`keyplan rotate 'user/ci'`"


def test_a_command_that_is_wider_than_the_terminal_is_broken_between_words() -> None:
    line = make_label("what to do", f"keep it: keyplan import user/{'n' * 40} {'k' * 40}", is_pasted=True)
    assert [part.split() for part in fit(line, 50)][-2:] == [[f"user/{'n' * 40}"], ["k" * 40]]


def test_a_line_without_a_prefix_does_not_begin_with_an_empty_one() -> None:
    assert fit(Line(text="x" * 60, is_pasted=True), 40) == ["x" * 60]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        pytest.param(0, "ends 2026-11-26T07:31:00Z (in 3 days)", id="UTC"),
        pytest.param(1, "ends 2026-11-26T07:31:00Z (08:31 CET, in 3 days)", id="the same day"),
        pytest.param(-9, "ends 2026-11-26T07:31:00Z (2026-11-25 22:31 CET, in 3 days)", id="another day"),
    ],
)
def test_a_terminal_shows_the_readers_time_and_the_distance(hours: int, expected: str) -> None:
    zone = timezone(timedelta(hours=hours), "CET")
    reader = Reader(now=NOW, to_local=lambda instant: instant.astimezone(zone))
    assert fit(Line(text="ends 2026-11-26T07:31:00Z"), 100, reader=reader) == [expected]


def test_what_only_looks_like_a_time_stays_as_it_is() -> None:
    reader = Reader(now=NOW, to_local=lambda instant: instant)
    assert fit(Line(text="2026-99-26T07:31:00Z"), 100, reader=reader) == ["2026-99-26T07:31:00Z"]


def test_empty_blocks_leave_no_empty_lines() -> None:
    assert render_blocks([[Line(text="a")], [], [Line(text="b")]], Style()) == "a\n\nb\n"
