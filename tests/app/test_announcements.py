"""What is announced once per machine and version, and each time if that cannot be remembered."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.app.announcements import announce

TEXT = "the endpoints are in beta"


def say_twice(environment: dict[str, str], *texts: str) -> list[str]:
    said: list[str] = []
    for text in (*texts, *texts):
        announce(text, environment, said.append, version="1.0")
    return said


@pytest.mark.parametrize("variable", ["HOME", "XDG_CACHE_HOME"])
def test_a_machine_hears_each_text_once(tmp_path: Path, variable: str) -> None:
    assert say_twice({variable: str(tmp_path)}, TEXT, "another") == [TEXT, "another"]


def test_another_version_says_it_again(tmp_path: Path) -> None:
    said: list[str] = []
    for version in ("1.0", "1.1", "1.0"):
        announce(TEXT, {"HOME": str(tmp_path)}, said.append, version=version)
    assert said == [TEXT, TEXT]


def test_nothing_of_the_text_is_kept(tmp_path: Path) -> None:
    say_twice({"XDG_CACHE_HOME": str(tmp_path)}, TEXT)
    (stamp,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert stamp.read_bytes() == b""
    assert TEXT not in str(stamp)


@pytest.mark.parametrize("folder", ["", "relative", "/proc/nowhere", "/dev/null", "/\0"])
def test_without_a_cache_it_is_said_each_time_and_nothing_fails(folder: str) -> None:
    assert say_twice({"XDG_CACHE_HOME": folder}, TEXT) == [TEXT, TEXT]
