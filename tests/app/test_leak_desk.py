"""Reported tokens in a watch: looked for in the account of each manifest, told, and never changed anything for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from email.message import Message
from pathlib import Path

import pytest
from app.watched import MINUTE, Process, pass_time
from cli.shell import Shell
from jsonschema import Draft202012Validator
from signed_reports import URL, Scanner, report, write_body
from simulator import Fault, World
from two_providers import ARIZE, PairShell, make_applied

from keyplan.app.leak_receiver import LeakReceiver
from keyplan.app.watch_pages import list_pages
from keyplan.documents import schemas
from keyplan.model.leak import LeakStanding
from keyplan.model.leak_report import SearchResult
from keyplan.model.mask import forget_secrets, hide
from keyplan.model.watch import WatchEvent
from keyplan.net.probes import PostedMessage
from keyplan.renderers.machine.watch import describe_watch

MANIFEST = """\
version: 1
owner: ml-platform
id: k7f3a9c2
sinks: {local: {type: file, path: "{name}.key"}}
defaults: {sink: local}
keys:
  - {name: ci, key_type: user}
"""
STRANGE = "ak-0" + "9" * 49
"""No key of the account."""


class Receiving(Process):
    """A watch that takes reports of one scanner."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.scanner = Scanner()
        self.scanner.write_keys(self.folder / "keys.json")
        self.written: list[str] = []
        ports = self.watch._ports
        self.receiver = LeakReceiver(Path("keys.json"), ports.context, self.tell)
        self.watch._ports = replace(ports, leaks=self.receiver, tell=self.tell)

    def tell(self, event: WatchEvent) -> None:
        """Keep an event, and what would be written of it now."""
        self.events.append(event)
        self.written.append(hide(event.message))

    def post(self, *tokens: str, **fields: str) -> int:
        """Report tokens; return the status of the answer."""
        body = write_body(*(report(token, **fields) for token in tokens))
        headers = Message()
        for name, value in self.scanner.sign(body).items():
            headers[name] = value
        return self.receiver.receive(PostedMessage(headers=headers, body=body)).status

    def told(self, news: str) -> list[WatchEvent]:
        """Return the events of that kind."""
        return [event for event in self.events if event.news.value == news]


def raw_of(world: World, sink: str = "local") -> str:
    """Return the one raw key that is delivered."""
    (value,) = world.sinks[sink].values().values()  # type: ignore[index]  # a name of a sink
    return value


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world with one delivered key."""
    made = World()
    shell = Shell(tmp_path, made)
    shell.write(MANIFEST)
    assert shell("apply", "--auto-approve").status == 0
    return made


@pytest.fixture
def process(tmp_path: Path, world: World) -> Receiving:
    """Return a watch that has looked once."""
    started = Receiving(tmp_path, world)
    started.watch.turn()
    return started


def test_a_key_of_the_manifest_is_found_and_told_without_its_value(process: Receiving, world: World) -> None:
    raw = raw_of(world)
    before = len(world.ledger.entries)
    assert process.post(STRANGE, raw) == 202
    process.watch.turn()
    (event,) = process.told("key_leaked")
    (key_id,) = (record.id for record in world.provider.records.values() if record.active)
    assert event.message == (
        f"reported as leaked (certain): key {key_id} (user/ci), the current key of its declaration; seen at {URL}"
    )
    assert event.advice == (
        "renew it, so that the leaked one stops at once: keyplan rotate user/ci --now --manifest keys.yaml"
    )
    assert (event.is_error, event.manifest) == (True, "keys.yaml")
    assert [one.message for one in process.told("leaks_searched")] == ["looked for 2 reported tokens: 1 key found"]
    assert raw not in repr(process.events)
    # It reports, and does nothing.
    assert len(world.ledger.entries) == before
    assert raw_of(world) == raw
    assert process.sender.sent == [f"watch leaked {key_id}"]


def test_the_event_is_what_the_schema_says(process: Receiving, world: World) -> None:
    process.post(raw_of(world), url=URL + "\x1b[2J", type="t")
    process.watch.turn()
    (event,) = process.told("key_leaked")
    line = describe_watch(event) | {"@timestamp": "2026-11-23T07:31:00+00:00"}
    assert list(Draft202012Validator(schemas.load("event.v1")).iter_errors(json.loads(json.dumps(line)))) == []
    leak = line["leak"]
    assert isinstance(leak, dict)
    assert (leak["address"], leak["owner"], leak["standing"], leak["proof"]) == (
        "user/ci",
        "ml-platform",
        "current",
        "fingerprint",
    )
    assert leak["sightings"] == [{"type": "t", "url": URL + r"\x1b[2J", "source": "commit"}]


def test_a_process_that_stands_by_looks_too(tmp_path: Path, world: World) -> None:
    leader, standby = Receiving(tmp_path, world), Receiving(tmp_path, world, host="node-2")
    pass_time(world, MINUTE, leader, standby)
    assert standby.news()[-1] == "standing_by"
    standby.post(raw_of(world))
    pass_time(world, MINUTE, leader, standby)
    assert (len(standby.told("key_leaked")), len(leader.told("key_leaked"))) == (1, 0)


def test_tokens_that_fit_no_key_are_never_presented(process: Receiving, world: World) -> None:
    process.post(STRANGE, "x")
    process.watch.turn()
    assert [one.message for one in process.told("leaks_searched")] == ["looked for 2 reported tokens: 0 keys found"]
    assert "provider.verify" not in world.effects.names(reads=True)[-10:]


def test_all_that_waits_is_looked_for_at_once(process: Receiving, world: World) -> None:
    for number in range(20):
        process.post(f"ak-{number:050d}")
    before = world.effects.names(reads=True).count("provider.list_keys")
    process.watch.turn()
    assert [one.message for one in process.told("leaks_searched")] == ["looked for 20 reported tokens: 0 keys found"]
    assert world.effects.names(reads=True).count("provider.list_keys") == before + 1


def test_each_manifest_is_asked_and_one_that_fails_stops_no_other(tmp_path: Path, world: World) -> None:
    other = World()
    (tmp_path / "search").mkdir()
    shell = Shell(tmp_path / "search", other)
    shell.write(MANIFEST.replace("ml-platform", "search"))
    assert shell("apply", "--auto-approve").status == 0
    process = Receiving(tmp_path, world, others={"search": other}, sources=("keys.yaml", "search"))
    process.watch.turn()
    fail_listings(other, 1)
    process.post(raw_of(other), raw_of(world))
    process.watch.turn()
    assert [event.manifest for event in process.told("key_leaked")] == ["keys.yaml"]
    pass_time(world, timedelta(seconds=6), process)
    assert [event.manifest for event in process.told("key_leaked")] == ["keys.yaml", "search/keys.yaml"]


def test_the_same_report_again_is_found_again_and_notified_once(process: Receiving, world: World) -> None:
    for _ in range(2):
        process.post(raw_of(world))
        process.watch.turn()
    assert (len(process.told("key_leaked")), len(process.sender.sent)) == (2, 1)
    process.post(raw_of(world), url=URL + "?2")
    process.watch.turn()
    assert len(process.sender.sent) == 2


def fail_listings(world: World, times: int) -> None:
    """Let the next searches fail."""
    world.effects.inject(Fault.ERROR, "provider.list_keys", times=times)


def test_a_search_that_fails_is_told_and_tried_again(process: Receiving, world: World) -> None:
    process.post(raw_of(world))
    fail_listings(world, 1)
    process.watch.turn()
    assert process.told("key_leaked") == []
    (failed,) = process.told("failed")
    assert failed.message.startswith("the search for reported tokens failed, and is tried again: ")
    process.watch.turn()
    assert process.told("key_leaked") == []
    pass_time(world, timedelta(seconds=6), process)
    assert len(process.told("key_leaked")) == 1
    assert (process.status().leak_searches, process.status().leaked_keys) == (
        {SearchResult.FAILURE: 1, SearchResult.SUCCESS: 1},
        {LeakStanding.CURRENT: 1},
    )


def test_a_search_that_keeps_on_failing_is_given_up_and_the_next_message_is_looked_for(
    process: Receiving, world: World
) -> None:
    process.post(STRANGE)
    fail_listings(world, 1)
    process.watch.turn()
    process.post(raw_of(world))
    # Rounds list keys, too, and may fail; what counts is that searches do.
    fail_listings(world, 10_000)
    while not process.told("reports_lost"):
        pass_time(world, MINUTE, process)
    (lost,) = process.told("reports_lost")
    assert lost.message.startswith("1 reported token will not be looked for: ")
    assert "keyplan leak" in lost.advice
    world.effects.heal()
    pass_time(world, MINUTE, process)
    assert len(process.told("key_leaked")) == 1


def test_what_waits_when_it_is_told_to_stop_is_looked_for_once_more(process: Receiving, world: World) -> None:
    process.post(raw_of(world))
    fail_listings(world, 1)
    process.watch.turn()
    process.stop_signal = 15
    process.watch.run()
    assert len(process.told("key_leaked")) == 1
    assert process.post(STRANGE) == 503
    assert process.events[-1].news.value == "stopped"


def test_if_the_last_search_fails_it_is_told_and_the_watch_ends(process: Receiving, world: World) -> None:
    process.post(raw_of(world))
    fail_listings(world, 100)
    process.watch.turn()
    process.stop_signal = 15
    process.watch.run()
    assert [event.news.value for event in process.events[-2:]] == ["reports_lost", "stopped"]
    assert process.status().leak_searches[SearchResult.LOST] == 1


def test_what_waits_for_a_manifest_that_is_gone_is_told(process: Receiving, world: World, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    process.post(STRANGE)
    process.watch._drop("keys.yaml")
    (lost,) = process.told("reports_lost")
    assert lost.message == "1 reported token will not be looked for: its manifest is not watched any longer"
    assert process.post(STRANGE) == 503


def test_too_much_that_waits_is_refused(process: Receiving) -> None:
    process.searches.is_held = True
    statuses = [process.post(STRANGE) for _ in range(257)]
    assert (statuses[:256], statuses[256]) == ([202] * 256, 503)


def test_too_many_small_reports_that_wait_are_refused(process: Receiving) -> None:
    process.searches.is_held = True
    tokens = [STRANGE] * 20_000
    assert [process.post(*tokens, type="", url="", source="") for _ in range(6)] == [202] * 5 + [503]


def test_a_bug_in_a_search_is_told_and_what_waited_is_lost(
    process: Receiving, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError(raw_of(world))

    process.post(raw_of(world))
    monkeypatch.setattr(world.provider, "list_keys", fail)
    process.watch.turn()
    process.watch.turn()
    assert len(process.told("reports_lost")) == 1
    assert "this is a bug in keyplan: ZeroDivisionError" in process.told("failed")[0].message
    assert raw_of(world) not in repr(process.events)


def test_another_token_of_the_message_is_hidden_where_a_url_quotes_it(process: Receiving, world: World) -> None:
    forget_secrets()
    process.post(STRANGE)
    process.post(raw_of(world), url=f"{URL}/{STRANGE}")
    process.watch.turn()
    (line,) = [line for line in process.written if line.startswith("reported as leaked")]
    assert STRANGE not in line
    # It is a secret of an unknown party: nothing keeps it.
    assert hide(STRANGE) == STRANGE


def test_the_metrics_count_what_came_of_it_from_zero_on(process: Receiving, world: World) -> None:
    def show() -> str:
        return list_pages(process.board, process.receiver.counts)["/metrics"]().text

    labels = 'manifest="keys.yaml",owner="ml-platform"'
    assert 'keyplan_leak_reports_total{result="accepted"} 0' in show()
    assert f'keyplan_leaked_keys_total{{{labels},standing="current"}} 0' in show()
    process.post(raw_of(world))
    process.watch.turn()
    assert 'keyplan_leak_reports_total{result="accepted"} 1' in show()
    assert f'keyplan_leak_searches_total{{{labels},result="success"}} 1' in show()
    assert f'keyplan_leaked_keys_total{{{labels},standing="current"}} 1' in show()
    assert "keyplan_leak" not in list_pages(process.board)["/metrics"]().text


@pytest.fixture
def pair(tmp_path: Path) -> tuple[PairShell, Receiving]:
    """Return a shell with two providers, and a watch on its manifest that has looked once."""
    shell = make_applied(tmp_path, ARIZE)
    started = Receiving(tmp_path, shell.world)
    started.wiring.provider = shell.wiring.provider  # type: ignore[method-assign]  # the same two providers
    started.wiring.key_reader = shell.wiring.key_reader  # type: ignore[method-assign]  # the same two providers
    started.watch.turn()
    return shell, started


def test_tokens_are_looked_for_at_every_provider_and_shown_to_none_but_their_own(
    pair: tuple[PairShell, Receiving],
) -> None:
    shell, process = pair
    first, second = (one.person_creates("by hand") for one in (shell.first, shell.second))
    shell.first.shown.clear()
    shell.second.shown.clear()
    assert process.post(first.raw, second.raw, STRANGE) == 202
    process.watch.turn()
    assert [event.message.split(",")[0] for event in process.told("key_leaked")] == [
        f"reported as leaked (certain): key {first.id} (by hand)",
        f"reported as leaked (certain): key zen:{second.id} (by hand)",
    ]
    assert process.told("key_leaked")[1].advice == f"end it: keyplan revoke zen:{second.id} --manifest keys.yaml"
    assert (shell.first.shown, shell.second.shown) == ([first.raw], [second.raw])


def test_a_provider_that_is_down_is_named_and_the_search_goes_on_when_it_is_back(
    pair: tuple[PairShell, Receiving],
) -> None:
    shell, process = pair
    (key,) = shell.first.live()
    shell.second.is_denied = True
    process.post(key.raw)
    process.watch.turn()
    failed = process.told("failed")[-1].message
    assert failed.startswith("the search for reported tokens failed, and is tried again: provider 'zen' (")
    shell.second.is_denied = False
    pass_time(shell.world, MINUTE, process)
    assert [event.leak.leaked.key.id for event in process.told("key_leaked") if event.leak] == [key.id]
