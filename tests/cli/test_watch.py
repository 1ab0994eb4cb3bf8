"""`keyplan watch` on the command line: options and log. What it does is tested in tests/app and tests/e2e."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from threading import Event

import pytest
from cli.shell import Shell
from plans import make_plan, make_report
from simulated.clock import SimulatedClock

from keyplan.cli.screen import Screen
from keyplan.cli.watch_log import WatchLog
from keyplan.documents import schemas
from keyplan.errors import RefusedError
from keyplan.model.watch import WatchEvent, WatchNews

USUAL = ("watch", "--listen", "off")


def test_it_runs_until_it_is_told_to_stop(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write()
    clock = shell.world.clock

    def stop_once_it_has_applied(duration: timedelta) -> None:
        # The threads of the pools are real ones.
        Event().wait(0.02)
        clock.advance(duration)
        if shell.world.ledger.entries:
            raise KeyboardInterrupt

    monkeypatch.setattr(clock, "sleep", stop_once_it_has_applied)
    done = shell(*USUAL, "--apply", "all")
    assert done.status == 130
    events = [json.loads(line) for line in done.err.splitlines() if line.startswith("{")]
    assert [one["watch"]["event"] for one in events if one["type"] == "watch"][:3] == ["started", "read", "leading"]
    assert done.out == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--every", "4s"], "'4s' is less than 5s", id="a pace that no provider bears"),
        pytest.param(["--lease", "1s"], "'1s' is less than 5s", id="a lease that a pause of a moment ends"),
        pytest.param(["--listen", "9857"], "is neither HOST:PORT, such as 127.0.0.1:9857, nor off", id="no host"),
        pytest.param(["--listen", "localhost:http"], "is neither HOST:PORT", id="no number"),
        pytest.param(["--listen", "localhost:70000"], "is neither HOST:PORT", id="no port"),
        pytest.param(["--apply", "some"], "'some' is not one of 'due', 'all', 'nothing'", id="no choice"),
    ],
)
def test_misuse_is_told(shell: Shell, arguments: list[str], says: str) -> None:
    shell.write()
    done = shell("watch", *arguments)
    assert (done.status, says in done.err) == (64, True)


def test_a_webhook_that_makes_no_sense_is_told_first(shell: Shell) -> None:
    shell.write()
    assert shell(*USUAL, "--notify", "example.test").status == 3


def test_reports_of_leaks_need_an_address(shell: Shell) -> None:
    shell.write()
    done = shell(*USUAL, "--leak-reports", "public_keys.json")
    assert (done.status, "--leak-reports needs an address in --listen" in done.err) == (64, True)


def test_reports_of_leaks_need_public_keys(shell: Shell) -> None:
    shell.write()
    done = shell("watch", "--listen", "127.0.0.1:0", "--leak-reports", "public_keys.json")
    assert (done.status, "public_keys.json does not exist" in done.err) == (3, True)
    assert "https://api.github.com/meta/public_keys/secret_scanning" in done.err


def log(as_format: str) -> tuple[WatchLog, io.StringIO]:
    """Return a log and what it writes to."""
    err = io.StringIO()
    screen = Screen(stdin=None, stdout=io.StringIO(), stderr=err, environment={})
    return WatchLog(screen, SimulatedClock().now, as_format=as_format), err


EVENT = WatchEvent(
    news=WatchNews.FAILED, message="503\x1b[2J", manifest="keys.yaml", is_error=True, advice="try\x1b[2J again"
)


def test_json_is_what_the_schema_says() -> None:
    import jsonschema  # noqa: PLC0415 - slow, and only this test needs it

    written, err = log("json")
    written.tell(EVENT)
    written.say("a line of an adapter")
    written.report_error(RefusedError("no", advice="yes"))
    validator = jsonschema.Draft202012Validator(schemas.load("event.v1"))
    lines = [json.loads(line) for line in err.getvalue().splitlines()]
    assert [list(validator.iter_errors(line)) for line in lines] == [[]] * 4
    assert [line["type"] for line in lines] == ["version", "watch", "log", "diagnostic"]
    assert (lines[1]["manifest"], lines[1]["watch"]["event"], lines[1]["@level"]) == ("keys.yaml", "failed", "error")


def test_text_is_a_harmless_line_for_each_event() -> None:
    written, err = log("text")
    written.tell(EVENT)
    _, line = err.getvalue().splitlines()
    assert line == r"2026-11-23T07:31:00+00:00 error: keys.yaml: 503\x1b[2J (try\x1b[2J again)"


def test_an_apply_tells_its_usual_events() -> None:
    written, err = log("json")
    with written.follow() as follow:
        follow(make_plan()).end(make_report())  # type: ignore[arg-type]  # a published plan is enough to be described
    assert [json.loads(line)["type"] for line in err.getvalue().splitlines()][-1] == "final"
