"""The picture of a session shows what the commands say today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pictures.session import COMMANDS, WIDTH, draw_session, read_session, run_session

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "session.svg"
AGAIN = "the commands say something else than the picture shows: make pictures"


@pytest.mark.e2e
@pytest.mark.enable_socket
def test_the_picture_shows_what_the_commands_say() -> None:
    fresh = draw_session(run_session())
    assert read_session(fresh) == read_session(PICTURE.read_text()), AGAIN


def test_it_shows_each_command_after_a_prompt() -> None:
    lines = read_session(PICTURE.read_text()).splitlines()
    assert tuple(line[2:] for line in lines if line.startswith("$ ")) == COMMANDS
    assert max(map(len, lines)) <= WIDTH


def test_it_loads_nothing() -> None:
    picture = PICTURE.read_text()
    assert re.findall(r"url\((?!#)[^)]*\)|@import|@font-face|href=|<script", picture) == []


def test_colours_are_those_of_the_terminal() -> None:
    picture = draw_session("\x1b[32m+\x1b[0m   create   user/ci")
    assert read_session(picture) == "+   create   user/ci"
    assert len(set(re.findall(r"fill: (#[0-9a-f]{6})", picture))) > 1


def test_what_differs_between_two_runs_counts_as_the_same() -> None:
    one = draw_session("key QXBpS2V5OjEwMDI6YzgyMA== at http://127.0.0.1:4711, 2026-11-29T02:34:00Z, head 0123456789ab")
    other = draw_session(
        "key QXBpS2V5OjEwMDM6ZGRkMQ== at http://127.0.0.1:815, 2026-12-01T12:00:00Z, head ba9876543210"
    )
    assert read_session(one) == read_session(other) == "key ID at http://SANDBOX, TIME, head DIGEST"
