"""What streams can do, and what happens when they can't."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest
from cli.shell import Terminal

from keyplan.cli.screen import Screen
from keyplan.renderers.style import ANSI, ANSI_256, PLAIN, Palette, Tone

NOW = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)


def make_screen(*, terminal: bool = True, **environment: str) -> Screen:
    kind = Terminal if terminal else io.StringIO
    return Screen(stdin=kind("typed\n"), stdout=kind(), stderr=kind(), environment=environment)


@pytest.mark.parametrize(
    ("terminal", "environment", "palette"),
    [
        pytest.param(True, {}, ANSI, id="a terminal is coloured"),
        pytest.param(False, {}, PLAIN, id="a file is not"),
        pytest.param(True, {"NO_COLOR": "1"}, PLAIN, id="unless NO_COLOR says no"),
        pytest.param(True, {"NO_COLOR": ""}, ANSI, id="an empty NO_COLOR says nothing"),
        pytest.param(True, {"TERM": "dumb"}, PLAIN, id="nor a dumb terminal"),
        pytest.param(False, {"FORCE_COLOR": "1"}, ANSI, id="FORCE_COLOR colours a file"),
        pytest.param(False, {"FORCE_COLOR": "0"}, PLAIN, id="FORCE_COLOR=0 says nothing"),
        pytest.param(True, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, PLAIN, id="no is stronger"),
        pytest.param(True, {"CI": "true"}, ANSI, id="CI says nothing about colour"),
        pytest.param(True, {"TERM": "xterm-256color"}, ANSI_256, id="a terminal of 256 colours"),
        pytest.param(True, {"TERM": "xterm", "COLORTERM": "truecolor"}, ANSI_256, id="a terminal of more colours"),
        pytest.param(True, {"TERM": "xterm-256color", "NO_COLOR": "1"}, PLAIN, id="no is stronger than 256"),
        pytest.param(False, {"TERM": "xterm-256color"}, PLAIN, id="TERM colours no file"),
        pytest.param(False, {"FORCE_COLOR": "2"}, ANSI_256, id="FORCE_COLOR=2 is 256 colours"),
        pytest.param(False, {"FORCE_COLOR": "true"}, ANSI, id="FORCE_COLOR without a number is 16 colours"),
    ],
)
def test_colour_follows_the_conventions(terminal: bool, environment: dict[str, str], palette: Palette) -> None:
    screen = make_screen(terminal=terminal, **environment)
    assert (screen.palette, screen.talk_palette) == (palette, palette)


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"),
    [(True, {}, True), (False, {}, False), (True, {"CI": "1"}, False), (True, {"TERM": "dumb"}, False)],
)
def test_progress_shows_on_a_live_terminal_only(terminal: bool, environment: dict[str, str], expected: bool) -> None:
    assert make_screen(terminal=terminal, **environment).shows_progress is expected


@pytest.mark.parametrize(
    ("terminal", "environment", "expected"), [(True, {}, True), (False, {}, False), (True, {"CI": "1"}, False)]
)
def test_a_person_is_asked_at_a_terminal_only(terminal: bool, environment: dict[str, str], expected: bool) -> None:
    assert make_screen(terminal=terminal, **environment).can_ask is expected


def test_a_person_is_not_asked_where_the_question_could_not_be_read() -> None:
    screen = Screen(stdin=Terminal(), stdout=Terminal(), stderr=io.StringIO(), environment={})
    assert not screen.can_ask


def test_a_question_goes_to_stderr_and_its_answer_comes_without_its_line_end() -> None:
    stderr = Terminal()
    screen = Screen(stdin=Terminal(" yes \n"), stdout=None, stderr=stderr, environment={})
    assert screen.ask("Well? ") == "yes"
    assert stderr.getvalue() == "Well? "


def test_a_line_of_talk_ends_once() -> None:
    stderr = io.StringIO()
    screen = Screen(stdin=None, stdout=None, stderr=stderr, environment={})
    screen.say("one")
    screen.say("two\n")
    assert stderr.getvalue() == "one\ntwo\n"


def test_streams_that_are_not_there_are_no_trouble() -> None:
    screen = Screen(stdin=None, stdout=None, stderr=None, environment={})
    screen.answer("x")
    screen.say("x")
    assert screen.ask("x") == ""
    assert (screen.can_ask, screen.shows_progress, screen.failure, screen.talk) == (False, False, None, None)


def test_streams_that_are_closed_are_no_trouble() -> None:
    closed = io.StringIO()
    closed.close()
    screen = Screen(stdin=closed, stdout=closed, stderr=closed, environment={})
    screen.say("x")
    assert screen.ask("x") == ""
    assert screen.palette is PLAIN
    screen.answer("x")
    assert screen.failure == "it is closed"


def test_after_a_broken_pipe_nothing_is_left_for_the_interpreter_to_complain_of() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stdout:  # noqa: PTH123 - a descriptor, not a path
        screen = Screen(stdin=None, stdout=stdout, stderr=None, environment={})
        screen.answer("x")
        screen.answer("y")
        stdout.flush()
    assert screen.failure is None


def test_talk_that_nobody_hears_any_longer_does_not_become_the_exit_status() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w", encoding="utf-8") as stderr:  # noqa: PTH123 - a descriptor, not a path
        screen = Screen(stdin=None, stdout=None, stderr=stderr, environment={})
        screen.say("x")
        screen.say("y")
        stderr.flush()
    assert screen.talk is None


def test_a_disk_without_space_is_told() -> None:
    with Path("/dev/full").open("w") as stdout:
        screen = Screen(stdin=None, stdout=stdout, stderr=None, environment={})
        screen.answer("x")
    assert screen.failure == "No space left on device"


def test_every_tone_has_a_colour_in_each_palette() -> None:
    assert [set(palette.codes) for palette in (ANSI, ANSI_256)] == [set(Tone)] * 2


@pytest.mark.parametrize(
    ("terminal", "environment", "width"),
    [
        pytest.param(True, {"COLUMNS": "60"}, 60, id="COLUMNS says it"),
        pytest.param(True, {}, 80, id="a terminal that does not say it"),
        pytest.param(True, {"COLUMNS": "many"}, 80, id="COLUMNS is no number"),
        pytest.param(True, {"COLUMNS": "0"}, 80, id="COLUMNS is zero"),
        pytest.param(False, {"COLUMNS": "60"}, None, id="a pipe has no width"),
    ],
)
def test_only_a_terminal_has_a_width(terminal: bool, environment: dict[str, str], width: int | None) -> None:
    screen = make_screen(terminal=terminal, **environment)
    assert (screen.choose_style().width, screen.choose_talk_style().width) == (width, width)


def test_the_readers_zone_is_the_one_that_tz_names() -> None:
    reader = make_screen(TZ="Asia/Tokyo").choose_style(now=NOW).reader
    assert reader
    assert reader.to_local(NOW).isoformat() == "2026-11-23T16:31:00+09:00"


@pytest.mark.parametrize("zone", ["", "nowhere/at-all", "../etc/passwd", "\0"])
def test_a_zone_that_is_not_known_is_the_machines(zone: str) -> None:
    reader = make_screen(TZ=zone).choose_style(now=NOW).reader
    assert reader
    assert reader.to_local(NOW) == NOW


def test_a_file_has_no_reader() -> None:
    assert make_screen(terminal=False).choose_style(now=NOW).reader is None


class Display:
    """A live display that notes on a stream when it is drawn and when it is gone."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    def start(self) -> None:
        self._stream.write("<")

    def stop(self) -> None:
        self._stream.write(">")


def test_what_is_written_during_a_live_display_stands_apart_from_it() -> None:
    stream = Terminal()
    screen = Screen(stdin=None, stdout=stream, stderr=stream, environment={})
    with screen.showing(Display(stream)):
        screen.say("talk")
        screen.answer("answer\n")
    screen.say("later")
    assert stream.getvalue() == "<>talk\n<>answer\n<>later\n"


def test_a_line_is_written_although_another_thread_does_not_finish_its_own() -> None:
    stream, busy, is_over = Terminal(), Event(), Event()
    screen = Screen(stdin=None, stdout=None, stderr=stream, environment={})

    class Stuck(Display):
        def stop(self) -> None:
            busy.set()
            is_over.wait(10)

    with screen.showing(Stuck(stream)):
        other = Thread(target=screen.say, args=("held",))
        other.start()
        busy.wait(10)
        screen.say("at once")
        assert "at once" in stream.getvalue()
        assert "held" not in stream.getvalue()
        is_over.set()
        other.join()
