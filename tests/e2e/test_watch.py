"""`keyplan watch` as a real process: leadership, takeover, probes, metrics and signals, on one SQLite ledger."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from e2e.terminal import Terminal
from prometheus_client.parser import text_string_to_metric_families

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

LEASE = 5
"""Seconds; all that these tests need of the lease is that a takeover takes two lengths of it at most."""
BOUND = 30
"""Seconds within which anything here happens on a slow machine, unless a test says otherwise."""
SHORT = "keys:\n  - {name: ci, key_type: user, expires_in: 1h, rotation: {overlap: 0s}}\n"
LONG = "keys:\n  - {{name: ci, key_type: user, expires_in: 90d, rotation: {{before_expiry: {before}s, overlap: 0s}}}}\n"
"""The next key lives long, so that what falls due does so once."""
USUAL = ("--every", "5s", "--lease", f"{LEASE}s", "--listen", "127.0.0.1:0")
CALM = "keys:\n  - {name: ci, key_type: user}\n"


def eventually(holds: Callable[[], Any], within: float = BOUND) -> Any:
    """Return what `holds` returns as soon as that is true."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not come true within {within} s")


@dataclass
class Service:
    """One `keyplan watch`, with its log and its pages."""

    process: subprocess.Popen[str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            # A second signal is told as everywhere, after the last event.
            if line.startswith("{"):
                self.events.append(json.loads(line))

    def news(self) -> list[str]:
        """Return what it told of itself so far."""
        return [event["watch"]["event"] for event in list(self.events) if event["type"] == "watch"]

    def await_news(self, name: str, within: float = BOUND) -> None:
        """Wait until it tells that."""
        eventually(lambda: name in self.news(), within)

    @property
    def url(self) -> str:
        """Where its pages are."""

        def find() -> str:
            told = " ".join(str(event["@message"]) for event in list(self.events))
            found = re.search(r"metrics on (\S+)", told)
            return f"http://{found[1]}" if found else ""

        return str(eventually(find))

    def get(self, page: str) -> httpx.Response:
        """Return a page."""
        return httpx.get(f"{self.url}{page}", timeout=10)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric's samples with these labels."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = [one for family in families for one in family.samples if one.name == name]
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    def stop(self) -> int:
        """Tell it to stop, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(BOUND)

    def end(self) -> None:
        """End it if it still runs, and read the rest of its log."""
        if self.process.poll() is None:
            self.kill()
        self._reader.join(BOUND)
        assert self.process.stderr
        self.process.stderr.close()

    def kill(self) -> None:
        """Kill it, as a node that dies does."""
        self.process.kill()
        self.process.wait(BOUND)


Start = Callable[..., Service]


@pytest.fixture
def start(beta: Terminal) -> Iterator[Start]:
    """Return a function that starts a watch, which ends with the test."""
    with ExitStack() as stack:

        def begin(*arguments: str) -> Service:
            process = beta.start("watch", *USUAL, *arguments, stdout=subprocess.DEVNULL)
            service = Service(process)
            stack.callback(service.end)
            return service

        yield begin


@pytest.fixture
def applied(beta: Terminal) -> Terminal:
    """Return a terminal whose one key was just made, and expires in an hour."""
    beta.write(SHORT)
    assert beta.apply().returncode == 0
    return beta


def due_after(seconds: int) -> str:
    """Return keys as they were, but that the present one falls due so long after it was made."""
    return LONG.format(before=3600 - seconds)


def changed(terminal: Terminal, before: str) -> bool:
    """Whether the consumer holds another raw key, which works."""
    raw = terminal.delivered("ci")
    return raw != before and terminal.is_valid(raw)


def test_it_rotates_what_falls_due_and_leaves_the_rest(applied: Terminal, start: Start) -> None:
    before = applied.delivered("ci")
    applied.write(due_after(6) + "  - {name: new, key_type: user}\n")
    # It plans once before the key falls due, and then wakes for it.
    watch = start("--every", "1h")
    eventually(lambda: "planned" in watch.news())
    assert applied.delivered("ci") == before
    eventually(lambda: changed(applied, before))
    eventually(lambda: "applied" in watch.news())
    assert applied.live_names() == ["ci"]
    assert watch.metric("keyplan_actions_left", manifest="keys.yaml") == 1
    assert watch.metric("keyplan_actions_total", action="replace", result="done") >= 1
    assert watch.metric("keyplan_applies_total", result="complete") >= 1
    assert watch.metric("keyplan_leader") == 1
    assert watch.metric("keyplan_lease_number") >= 1
    assert watch.metric("keyplan_keys", type="user", status="active") >= 1
    assert watch.stop() == 0


def test_the_leader_is_killed_and_the_other_rotates_within_two_lease_lengths(applied: Terminal, start: Start) -> None:
    leader = start()
    leader.await_news("leading")
    standby = start()
    standby.await_news("standing_by")
    eventually(lambda: standby.get("/readyz").status_code == 200)
    assert (leader.metric("keyplan_leader"), standby.metric("keyplan_leader")) == (1, 0)
    number = leader.metric("keyplan_lease_number")
    leader.kill()
    killed = time.monotonic()
    before = applied.delivered("ci")
    applied.write(due_after(1))
    eventually(lambda: changed(applied, before), within=2 * LEASE)
    took = time.monotonic() - killed
    assert took < 2 * LEASE, took
    assert standby.metric("keyplan_lease_number") > number
    assert standby.stop() == 0


def test_a_leader_killed_in_the_middle_of_a_key_is_finished_by_the_other(beta: Terminal, start: Start) -> None:
    beta.write(CALM)
    beta.break_requests("POST", "/v2/api-keys$", action="delay", nth=1, seconds=60, when="after")
    leader = start("--apply", "all")
    beta.await_held()
    standby = start("--apply", "all")
    standby.await_news("standing_by")
    leader.kill()
    eventually((beta.folder / "secrets" / "ci.key").exists)
    eventually(lambda: "applied" in standby.news())
    assert (beta.live_names(), beta.is_valid(beta.delivered("ci"))) == (["ci"], True)
    assert standby.metric("keyplan_intents_open") == 0
    assert standby.metric("keyplan_orphans") == 0


def test_a_leader_that_is_told_to_stop_hands_over_at_once(applied: Terminal, start: Start) -> None:
    leader = start()
    leader.await_news("leading")
    standby = start()
    standby.await_news("standing_by")
    assert leader.stop() == 0
    standby.await_news("leading", within=LEASE)


def test_keyplan_rotate_finds_its_turn_beside_a_running_leader(applied: Terminal, start: Start) -> None:
    watch = start()
    watch.await_news("leading")
    for _ in range(3):
        done = applied.run("rotate", "user/ci", "--auto-approve", "--lock-timeout", "20s")
        assert done.returncode == 0, done.stderr
    assert applied.is_valid(applied.delivered("ci"))
    assert watch.stop() == 0


def test_the_probes_answer_and_nothing_else_does(applied: Terminal, start: Start) -> None:
    watch = start()
    eventually(lambda: watch.get("/readyz").status_code == 200)
    assert (watch.get("/healthz").status_code, watch.get("/healthz").text) == (200, "ok\n")
    assert watch.get("/").status_code == 404
    assert httpx.post(f"{watch.url}/metrics", timeout=10).status_code == 501
    raw = applied.delivered("ci")
    assert raw not in watch.get("/metrics").text
    assert raw not in json.dumps(watch.events)


def test_a_process_whose_manifest_is_broken_is_alive_and_not_ready(beta: Terminal, start: Start) -> None:
    beta.write("keys:\n  - {name: ci, key_type: nobody}\n")
    watch = start()
    watch.await_news("unreadable")
    assert watch.get("/healthz").status_code == 200
    assert (watch.get("/readyz").status_code, watch.get("/readyz").text) == (503, "keys.yaml is not read\n")
    beta.write(CALM)
    eventually(lambda: watch.get("/readyz").status_code == 200)


def test_a_changed_manifest_and_sighup_are_read_again(beta: Terminal, start: Start) -> None:
    beta.write(CALM)
    watch = start("--apply", "all")
    eventually(lambda: beta.live_names() == ["ci"])
    beta.write(CALM + "  - {name: new, key_type: user}\n")
    eventually(lambda: beta.live_names() == ["ci", "new"])
    read = watch.news().count("read")
    watch.process.send_signal(signal.SIGHUP)
    eventually(lambda: watch.news().count("read") == read + 1)
    assert "reloading" in watch.news()
    assert watch.stop() == 0


def test_sigterm_finishes_the_key_under_way_and_ends_with_0(beta: Terminal, start: Start) -> None:
    beta.write("keys:\n" + "".join(f"  - {{name: k{number}, key_type: user}}\n" for number in range(4)))
    beta.break_requests("POST", "/v2/api-keys$", action="delay", nth=2, seconds=3, when="after")
    watch = start("--apply", "all", "--parallelism", "1")
    beta.await_held()
    assert watch.stop() == 0
    eventually(lambda: "stopped" in watch.news())
    # What was begun is delivered and works, and nothing else was begun.
    names = beta.live_names()
    assert 2 <= len(names) < 4
    assert all(beta.is_valid(beta.delivered(name)) for name in names)
    beta.control("DELETE", "faults")
    assert beta.apply().returncode == 0
    assert beta.live_names() == ["k0", "k1", "k2", "k3"]


def test_a_second_signal_ends_it_at_once(beta: Terminal, start: Start) -> None:
    beta.write(CALM)
    beta.break_requests("POST", "/v2/api-keys$", action="delay", seconds=60, when="after")
    watch = start("--apply", "all")
    beta.await_held()
    watch.process.send_signal(signal.SIGTERM)
    watch.await_news("stopping")
    assert watch.stop() == 128 + signal.SIGTERM


def test_nothing_to_watch_is_3(beta: Terminal) -> None:
    done = beta.run("watch", "--listen", "off")
    assert (done.returncode, "no manifest" in done.stderr) == (3, True)


def test_a_port_that_is_taken_is_3(beta: Terminal, start: Start) -> None:
    beta.write(CALM)
    watch = start()
    done = beta.run("watch", "--listen", watch.url.removeprefix("http://"))
    assert (done.returncode, "impossible to listen" in done.stderr) == (3, True)


def test_text_is_for_people(beta: Terminal) -> None:
    beta.write(CALM)
    process = beta.start("watch", "--listen", "off", "--log-format", "text", stdout=subprocess.DEVNULL)
    assert process.stderr
    lines = [process.stderr.readline() for _ in range(4)]
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 0
    assert any(re.fullmatch(r"20\S+ keys.yaml: read the manifest\n", line) for line in lines), lines
