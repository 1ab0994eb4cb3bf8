"""What becomes of a message about leaked keys, before anything is looked for."""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import Message
from pathlib import Path

import pytest
from cli.shell import Shell
from signed_reports import Scanner, report, write_body

from keyplan.app.leak_receiver import PATH, LeakReceiver
from keyplan.errors import InputError
from keyplan.model.leak_report import LeakMessage, ReportFate
from keyplan.model.watch import WatchEvent
from keyplan.net.probes import PostedMessage

TOKEN = "ak-5e2c77a1-Zq9Zq9Zq9Zq9"
BODY = write_body(report(TOKEN))


@dataclass
class Shelf:
    """A desk that keeps what it takes."""

    messages: list[LeakMessage] = field(default_factory=list)
    is_full: bool = False

    def put(self, message: LeakMessage) -> bool:
        if not self.is_full:
            self.messages.append(message)
        return not self.is_full


class Bench:
    """A receiver with one desk, and what it tells."""

    def __init__(self, shell: Shell) -> None:
        self.scanner = Scanner()
        self.events: list[WatchEvent] = []
        self.file = shell.folder / "keys.json"
        self.scanner.write_keys(self.file)
        self.clock = shell.world.clock
        context = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
        self.receiver = LeakReceiver(Path("keys.json"), context, self.events.append)
        self.shelf = Shelf()
        self.receiver.join(self.shelf)

    def post(self, body: bytes = BODY, by: Scanner | None = None, **changes: str | None) -> tuple[int, str]:
        """Post a message, with some headers changed or left out; return status and text of the answer."""
        headers = Message()
        for name, value in {**(by or self.scanner).sign(BODY if changes else body), **changes}.items():
            if value is not None:
                headers[name] = value
        page = self.receiver.receive(PostedMessage(headers=headers, body=body))
        return page.status, page.text

    def count(self, fate: ReportFate) -> int:
        return self.receiver.counts()[fate]


@pytest.fixture
def bench(shell: Shell) -> Bench:
    return Bench(shell)


def test_a_signed_message_is_accepted_and_handed_to_every_desk(bench: Bench) -> None:
    other = Shelf()
    bench.receiver.join(other)
    assert bench.post() == (202, "accepted\n")
    assert [len(shelf.messages) for shelf in (bench.shelf, other)] == [1, 1]
    bench.receiver.leave(other)
    assert bench.post() == (202, "accepted\n")
    assert [len(shelf.messages) for shelf in (bench.shelf, other)] == [2, 1]
    assert bench.receiver.counts() == {fate: 2 * (fate is ReportFate.ACCEPTED) for fate in ReportFate}
    assert list(bench.receiver.list_intakes()) == [PATH]


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        pytest.param(BODY + b" ", {"X": "1"}, id="a changed body"),
        pytest.param(b"<html>", {"X": "1"}, id="HTML with a signature of something else"),
        pytest.param(BODY, {"Github-Public-Key-Signature": None}, id="no signature"),
        pytest.param(BODY, {"Github-Public-Key-Identifier": None}, id="no identifier"),
        pytest.param(BODY, {"Github-Public-Key-Identifier": "scanner-2"}, id="an unknown identifier"),
        pytest.param(BODY, {"Github-Public-Key-Signature": "x"}, id="no base64"),
    ],
)
def test_what_no_known_key_signed_is_refused_unread(bench: Bench, body: bytes, changes: dict[str, str | None]) -> None:
    assert bench.post(body, **changes) == (403, "no known key signed this message\n")
    assert (bench.shelf.messages, bench.count(ReportFate.UNSIGNED)) == ([], 1)


def test_another_key_of_the_same_name_is_refused(bench: Bench) -> None:
    assert bench.post(by=Scanner())[0] == 403


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(b"<html></html>", "the message is not JSON\n", id="HTML"),
        pytest.param(b'{"token": "x"}', "the message is not an array of objects\n", id="an object"),
        pytest.param(b'[{"url": "x"}]', "a report has no token of up to 1000 characters\n", id="no token"),
    ],
)
def test_a_signed_message_of_another_form_is_refused(bench: Bench, body: bytes, says: str) -> None:
    assert bench.post(body) == (400, says)
    assert (bench.shelf.messages, bench.count(ReportFate.INVALID)) == ([], 1)


def test_if_a_desk_is_full_the_sender_is_asked_to_come_again(bench: Bench) -> None:
    bench.shelf.is_full = True
    assert bench.post() == (503, "try again later\n")
    assert bench.count(ReportFate.BUSY) == 1


def test_without_a_manifest_and_at_the_end_nothing_is_acknowledged(bench: Bench) -> None:
    bench.receiver.leave(bench.shelf)
    assert bench.post()[0] == 503
    bench.receiver.join(bench.shelf)
    bench.receiver.close()
    assert bench.post()[0] == 503
    assert bench.shelf.messages == []


def test_a_refusal_is_told_once_a_minute_and_quotes_nothing_of_the_message(bench: Bench) -> None:
    for _ in range(3):
        bench.post(**{"Github-Public-Key-Identifier": "\x1b[2J" + TOKEN})
    bench.clock.advance(timedelta(minutes=1))
    bench.post(BODY + b" ", X="1")
    _, unknown, changed = bench.events
    assert unknown.message == "a report of leaked keys was refused: no key in keys.json has its identifier"
    assert "send SIGHUP" in unknown.advice
    assert changed.message == "a report of leaked keys was refused: its signature does not fit it"
    assert TOKEN not in repr(bench.events)


def test_keys_are_read_again_and_stay_if_the_file_is_spoilt(bench: Bench) -> None:
    second = Scanner("scanner-2")
    assert bench.post(by=second)[0] == 403
    bench.scanner.write_keys(bench.file, second)
    bench.receiver.read_keys()
    assert (bench.post(by=second)[0], bench.post()[0]) == (202, 202)
    bench.file.write_text("<html>")
    bench.receiver.read_keys()
    assert (bench.events[-1].news.value, bench.events[-1].is_error) == ("unreadable", True)
    assert bench.post(by=second)[0] == 202


def test_a_missing_file_is_told(shell: Shell) -> None:
    context = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    with pytest.raises(InputError, match=r"absent\.json does not exist") as told:
        LeakReceiver(Path("absent.json"), context, lambda _: None)
    assert "https://api.github.com/meta/public_keys/secret_scanning" in told.value.advice


def test_without_the_extra_the_line_that_installs_it_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("cryptography", "keyplan.net.report_signatures"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(InputError, match="'leak-reports' needs a package that is not installed") as told:
        bench.receiver._load_keys()
    assert told.value.advice == "pip install 'keyplan[leak-reports]'"
