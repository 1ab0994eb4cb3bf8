"""Events as they happen: in order, in whole lines, whatever becomes of the stream."""

from __future__ import annotations

import io
import json
import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from cli.shell import Shell
from plans import CREATE, DELETE, DONE, FAILED, FULL, NOT_TRIED, make_plan, make_report
from samples import make_declaration
from scenario import Scenario, Silent, Telling
from simulated.clock import SimulatedClock
from simulator import Fault

from keyplan.app.progress import Silence
from keyplan.applier.apply import apply
from keyplan.cli.events import EventFollower, EventLog, Events, open_events
from keyplan.cli.session import Session
from keyplan.errors import InputError, KeyplanError, RefusedError
from keyplan.model.identity import Address
from keyplan.model.report import Report


def read(text: str) -> list[dict[str, Any]]:
    """Return the events in a stream."""
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def kinds(text: str) -> list[str]:
    return [event["type"] for event in read(text)]


def run(scenario: Scenario, log: EventLog) -> Report:
    """Plan and apply, as a command with events does."""
    plan, silent = scenario.plan(), Silent()
    follower = EventFollower(log, plan, Silence())
    report = apply(plan, digest="test", ports=scenario.bench(), parallelism=1, progress=follower, stop=silent)
    follower.end(report)
    return report


def make_session(shell: Shell) -> tuple[Session, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    return shell.session(stdin=io.StringIO(), out=out, err=err), out, err


def test_an_apply_is_told_from_its_plan_to_its_end() -> None:
    stream, scenario = io.StringIO(), Scenario()
    scenario.declare(make_declaration())
    run(scenario, EventLog(stream, scenario.world.clock.now))
    told = read(stream.getvalue())
    assert [event["type"] for event in told if event["type"] != "apply_progress"] == [
        "version",
        "planned_change",
        "change_summary",
        "apply_start",
        "apply_complete",
        "change_summary",
        "final",
    ]
    steps = [event["hook"]["step"] for event in told if event["type"] == "apply_progress"]
    assert steps == ["intend", "create", "verify", "deliver", "record"]
    assert {event.get("manifest") for event in told[1:]} == {"keys.yaml"}


def test_no_event_holds_a_raw_key() -> None:
    stream, scenario = io.StringIO(), Scenario()
    scenario.declare(make_declaration())
    run(scenario, EventLog(stream, scenario.world.clock.now))
    (record,) = scenario.world.provider.records.values()
    assert record.raw not in stream.getvalue()


def test_what_was_forgotten_or_deleted_begins_and_ends_too() -> None:
    stream, scenario = io.StringIO(), Scenario()
    scenario.declare(make_declaration())
    scenario.run()
    scenario.declare()
    run(scenario, EventLog(stream, scenario.world.clock.now))
    assert kinds(stream.getvalue())[-4:] == ["apply_start", "apply_complete", "change_summary", "final"]


def test_a_failure_is_told_once_and_what_was_not_tried_with_the_report() -> None:
    stream, scenario = io.StringIO(), Scenario()
    scenario.declare(make_declaration("old"))
    scenario.run()
    scenario.declare(make_declaration("ci"))
    scenario.world.effects.inject(Fault.ERROR, "provider.create")
    run(scenario, EventLog(stream, scenario.world.clock.now))
    ends = [event["hook"] for event in read(stream.getvalue()) if event["type"] == "apply_errored"]
    assert [(end["resource"]["addr"], end["status"]) for end in ends] == [
        ("user/ci", "failed"),
        ("user/old", "not_tried"),
    ]


def test_an_action_that_broke_is_told_with_the_report() -> None:
    stream = io.StringIO()
    events = Events(EventLog(stream, SimulatedClock().now), manifest="keys.yaml")
    events.start(FAILED.action)
    events.finish(FAILED.action.address, None)
    events.conclude(make_report(FAILED))
    assert kinds(stream.getvalue()) == [
        "version",
        "apply_start",
        "apply_errored",
        "diagnostic",
        "change_summary",
        "final",
    ]


def test_steps_of_what_never_began_are_not_told() -> None:
    stream = io.StringIO()
    Events(EventLog(stream, SimulatedClock().now), manifest="keys.yaml").step(Address("user/calm"), "annotate")
    assert kinds(stream.getvalue()) == ["version"]


def test_what_comes_after_the_end_is_not_told() -> None:
    stream = io.StringIO()
    events = Events(EventLog(stream, SimulatedClock().now), manifest="keys.yaml")
    events.start(CREATE)
    events.conclude(make_report(NOT_TRIED))
    events.finish(CREATE.address, DONE)
    assert kinds(stream.getvalue())[-1] == "final"


def test_an_error_is_told_in_place_of_the_end() -> None:
    stream = io.StringIO()
    events = Events(EventLog(stream, SimulatedClock().now), manifest="keys.yaml")
    events.plan(make_plan(DELETE))
    events.fail(RefusedError("not approved"))
    assert kinds(stream.getvalue()) == ["version", "planned_change", "change_summary", "diagnostic"]


def test_lines_of_many_threads_stay_whole() -> None:
    stream = io.StringIO()
    log = EventLog(stream, SimulatedClock().now)
    threads = [threading.Thread(target=lambda: [log.write({"type": "x" * 500}) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read(stream.getvalue())) == 201


class Full(io.StringIO):
    """A stream whose device is full after a number of lines."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.left = lines

    def write(self, text: str) -> int:
        if not self.left:
            raise OSError(28, "No space left on device")
        self.left -= 1
        return super().write(text)


def test_a_stream_that_fails_is_left_alone_and_says_why() -> None:
    stream = Full(2)
    log = EventLog(stream, SimulatedClock().now)
    for _ in range(3):
        log.write({"type": "x"})
    assert log.failure == "No space left on device"
    assert kinds(stream.getvalue()) == ["version", "x"]


def test_a_stream_that_was_closed_is_no_error() -> None:
    stream = io.StringIO()
    log = EventLog(stream, SimulatedClock().now)
    stream.close()
    log.write({"type": "x"})
    assert log.failure == "it is closed"


def test_progress_is_passed_on_to_what_is_shown() -> None:
    class Shown(Telling):
        def end(self, result: Report | KeyplanError) -> None:
            self.words.append("ended")

    shown, stream = Shown(), io.StringIO()
    follower = EventFollower(EventLog(stream, SimulatedClock().now), FULL, shown)
    follower.begin(1)
    follower.start(CREATE)
    follower.step(CREATE.address, "verify")
    follower.finish(CREATE.address, DONE)
    assert shown.words == ["begin 1", "user/ci verify", "user/ci finished"]


def test_a_file_is_appended_to_and_private(shell: Shell) -> None:
    session, _, err = make_session(shell)
    for _ in range(2):
        with open_events(session, SimulatedClock().now, "events.jsonl") as log:
            log.write({"type": "x"})
    path = shell.folder / "events.jsonl"
    assert kinds(path.read_text()) == ["version", "x"] * 2
    assert (stat.S_IMODE(path.stat().st_mode), err.getvalue()) == (0o600, "")


def test_events_can_go_to_stdout(shell: Shell) -> None:
    session, out, _ = make_session(shell)
    with open_events(session, SimulatedClock().now, "-") as log:
        log.write({"type": "x"})
    assert kinds(out.getvalue()) == ["version", "x"]


def test_events_can_go_through_a_pipe(shell: Shell) -> None:
    session, _, _ = make_session(shell)
    reader, writer = os.pipe()
    with open_events(session, SimulatedClock().now, f"/dev/fd/{writer}"):
        os.close(writer)
    with open(reader, encoding="ascii") as file:  # noqa: PTH123 - a descriptor, not a path
        assert kinds(file.read()) == ["version"]


def test_nothing_is_written_once_the_log_is_closed(shell: Shell) -> None:
    session, _, _ = make_session(shell)
    with open_events(session, SimulatedClock().now, "events.jsonl") as log:
        pass
    log.write({"type": "late"})
    assert kinds((shell.folder / "events.jsonl").read_text()) == ["version"]


def test_a_full_device_is_told_at_the_end(shell: Shell) -> None:
    session, _, err = make_session(shell)
    with open_events(session, SimulatedClock().now, "/dev/full"):
        pass
    assert err.getvalue() == "warning: the events in /dev/full are not complete: No space left on device\n"


def test_a_file_that_cannot_be_opened_is_told_first(shell: Shell, tmp_path: Path) -> None:
    session, _, _ = make_session(shell)
    with (
        pytest.raises(InputError, match="cannot be written: No such file or directory"),
        open_events(session, SimulatedClock().now, "no/x"),
    ):
        pass
