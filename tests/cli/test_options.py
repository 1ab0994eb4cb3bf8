"""Options: their environment forms and their types."""

from __future__ import annotations

import json
from datetime import timedelta

import click
import pytest
from cli.shell import Shell

from keyplan.cli.options import Duration, argument, option, process_environment

pytestmark = pytest.mark.usefixtures("manifest")


def test_the_environment_sets_an_option(shell: Shell) -> None:
    shell.environment["KEYPLAN_FORMAT"] = "json"
    assert json.loads(shell("plan").out)


def test_a_flag_is_stronger_than_the_environment(shell: Shell) -> None:
    shell.environment["KEYPLAN_FORMAT"] = "json"
    assert shell("plan", "--format", "text").out.startswith("Keys of")


def test_an_empty_variable_says_nothing(shell: Shell) -> None:
    shell.environment["KEYPLAN_FORMAT"] = ""
    assert shell("plan").out.startswith("Keys of")


def test_a_wrong_variable_is_misuse(shell: Shell) -> None:
    shell.environment["KEYPLAN_FORMAT"] = "xml"
    assert shell("plan").status == 64


def test_a_flag_has_an_environment_form_too(shell: Shell) -> None:
    shell.environment["KEYPLAN_AUTO_APPROVE"] = "true"
    assert shell("apply").status == 0


def test_a_repeatable_option_takes_several_words_of_a_variable(shell: Shell) -> None:
    shell.environment["KEYPLAN_TARGET"] = "user/ci service/*"
    assert json.loads(shell("plan", "--format", "json").out)["request"]["targets"] == ["service/*", "user/ci"]


def test_the_process_s_own_environment_is_not_looked_at(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYPLAN_FORMAT", "json")
    assert shell("plan").out.startswith("Keys of")


def test_the_environment_of_the_process_is_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYPLAN_X", "before")
    environment = process_environment()
    monkeypatch.setenv("KEYPLAN_X", "after")
    assert environment["KEYPLAN_X"] == "before"


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("45s", timedelta(seconds=45)),
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_durations_are_written_as_in_manifests(text: str, duration: timedelta) -> None:
    assert Duration().convert(text, None, None) == duration
    assert Duration().convert(duration, None, None) == duration


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "1.5h", "5 s", "5y", "9999999999s", "٣s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration such as"):
        Duration().convert(text, None, None)


def test_without_a_session_only_flags_and_defaults_count() -> None:
    @click.command()
    @argument("what", required=False)
    @option("--how", default="so")
    def command(what: str | None, how: str) -> tuple[str | None, str]:
        return what, how

    assert command.main([], standalone_mode=False) == (None, "so")
