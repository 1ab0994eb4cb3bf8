"""`keyplan calendar`."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cli.shell import MANIFEST, Shell
from syrupy.assertion import SnapshotAssertion

ROTATING = MANIFEST.replace("{name: ci,", "{name: ci, rotation: {every: 40d, overlap: 12h},")


@pytest.fixture
def rotating(shell: Shell) -> Shell:
    """Return a shell in which a manifest with a rotation is applied."""
    shell.write(ROTATING)
    shell("apply", "--auto-approve")
    return shell


def test_it_tells_what_falls_due_in_90_days(rotating: Shell, snapshot: SnapshotAssertion) -> None:
    done = rotating("calendar")
    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot


def test_it_looks_as_far_as_asked(rotating: Shell) -> None:
    events = json.loads(rotating("calendar", "keys.yaml", "--format", "json", "--days", "40").out)["events"]
    assert [event["event"] for event in events] == ["rotates"]


def test_ics_is_for_calendar_applications(rotating: Shell) -> None:
    lines = rotating("calendar", "--format", "ics").out.split("\r\n")
    assert (lines[0], lines[-2], lines.count("BEGIN:VEVENT")) == ("BEGIN:VCALENDAR", "END:VCALENDAR", 4)


def test_nothing_is_changed_and_nothing_is_locked(shell: Shell) -> None:
    shell.write(ROTATING)
    assert "creates   user/ci" in shell("calendar").out
    assert not shell.world.provider.records
    assert shell.world.ledger.held is None
    assert shell.wiring.closed == 1


@pytest.mark.parametrize("days", ["0", "-1", "3661", "x"])
def test_a_number_of_days_that_makes_no_sense_is_misuse(rotating: Shell, days: str) -> None:
    assert rotating("calendar", "--days", days).status == 64


@pytest.mark.parametrize(
    ("seconds", "warned"),
    [
        pytest.param(0, "", id="none"),
        pytest.param(60, "", id="a minute is the margin"),
        pytest.param(61, "about 1m ahead of", id="just over it"),
        pytest.param(-61, "about 1m behind", id="behind"),
        pytest.param(7200, "about 2h ahead of", id="hours"),
    ],
)
@pytest.mark.parametrize("command", [["plan"], ["apply", "--auto-approve"]])
def test_a_clock_that_is_off_is_a_warning_in_plan_and_apply(
    shell: Shell, command: list[str], seconds: int, warned: str
) -> None:
    shell.write()
    shell.world.provider.skew = timedelta(seconds=seconds)
    out = shell(*command).out
    assert (f"Warning: the provider's clock is {warned}" in out) if warned else ("Warning" not in out)


def test_a_provider_that_says_no_time_is_no_warning(shell: Shell) -> None:
    shell.write()
    shell.world.provider.clock_skew = lambda: None  # type: ignore[method-assign]  # stands in for the method
    assert "Warning" not in shell("plan").out


def test_a_warning_changes_no_digest(shell: Shell) -> None:
    shell.write()
    shell("plan", "--out", "plan.json")
    shell.world.provider.skew = timedelta(minutes=9)
    assert shell("apply", "plan.json").status == 0


def test_a_drawing_and_a_page_go_into_files(shell: Shell) -> None:
    shell.write()
    done = shell("calendar", "--format", "svg=keys.svg", "--format", "html=keys.html", "--format", "text")
    assert (done.status, "user/ci" in done.out) == (0, True)
    assert (shell.folder / "keys.svg").read_text().startswith("<svg ")
    assert (shell.folder / "keys.html").read_text().startswith("<!doctype html>")
    assert shell("calendar", "--format", "svg=keys.yaml").status == 64
