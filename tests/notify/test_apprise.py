"""Notices through apprise: what it is told, and that its log says nothing."""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, field

import pytest
from simulated.clock import SimulatedClock

from keyplan.errors import InputError, NotificationError
from keyplan.model.notice import Mood, Notice
from keyplan.notify import open_notifier
from keyplan.notify.apprise import AppriseNotifier, Sender
from keyplan.notify.targets import read_target
from keyplan.notify.webhook import Webhook
from keyplan.system.optional import require

SECRET = "s3cr3t-canary"
TARGET = read_target(f"discord://{SECRET}/{SECRET}")


@dataclass
class Scripted:
    """Implements `Sender`: takes or refuses, and keeps what it was told."""

    takes: bool = True
    sends: bool | Exception = True
    urls: list[str] = field(default_factory=list)
    sent: list[dict[str, str]] = field(default_factory=list)

    def add(self, servers: str) -> bool:
        self.urls.append(servers)
        return self.takes

    def notify(self, *, body: str, title: str, notify_type: str, body_format: str) -> object:
        self.sent.append({"body": body, "title": title, "type": notify_type, "format": body_format})
        if isinstance(self.sends, Exception):
            raise self.sends
        return self.sends


def open_with(sender: Sender) -> AppriseNotifier:
    return AppriseNotifier.of(TARGET, sender)


def test_apprise_gets_url_title_and_text(notice: Notice) -> None:
    sender = Scripted()
    notifier = open_with(sender)
    notifier.notify(notice)
    assert sender.urls == [f"discord://{SECRET}/{SECRET}"]
    assert sender.sent == [{"body": "a line", "title": "a title", "type": "warning", "format": "text"}]
    assert notifier.name == "discord://..."


def test_a_notice_without_lines_has_its_title_as_body() -> None:
    sender = Scripted()
    open_with(sender).notify(Notice(mood=Mood.CALM, title="all is well", text="", document={}, slack={}))
    assert sender.sent == [{"body": "all is well", "title": "", "type": "success", "format": "text"}]


@pytest.mark.parametrize("sends", [False, OSError(SECRET), TypeError(SECRET)], ids=["refused", "broken", "confused"])
def test_what_apprise_cannot_send_is_an_error_without_the_url(sends: bool | Exception, notice: Notice) -> None:
    with pytest.raises(NotificationError) as caught:
        open_with(Scripted(sends=sends)).notify(notice)
    assert caught.value.message == "discord://... did not take the notice"
    assert caught.value.__cause__ is None


def test_a_url_that_apprise_does_not_understand_is_refused() -> None:
    with pytest.raises(InputError, match=r"does not understand the notification target discord://\.\.\."):
        open_with(Scripted(takes=False))


def test_the_log_of_apprise_reaches_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    heard = io.StringIO()
    logging.getLogger().addHandler(listener := logging.StreamHandler(heard))
    open_with(Scripted())
    logging.getLogger("apprise").warning("unparseable: %s", SECRET)
    logging.getLogger().removeHandler(listener)
    assert (heard.getvalue(), capsys.readouterr().err) == ("", "")


def test_without_the_package_the_line_to_install_it_is_told() -> None:
    def missing(module: str, *, extra: str) -> object:
        return require(f"no_such_{module}", extra=extra)

    with pytest.raises(InputError) as caught:
        open_notifier(TARGET, clock=SimulatedClock(), jitter=lambda limit: limit, load=missing)
    assert caught.value.advice == "pip install 'keyplan[apprise]'"


def test_the_shape_of_a_target_chooses_the_notifier() -> None:
    module = type("Module", (), {"Apprise": Scripted})
    web = open_notifier(read_target("https://example.test"), clock=SimulatedClock(), jitter=lambda limit: limit)
    other = open_notifier(TARGET, clock=SimulatedClock(), jitter=lambda limit: limit, load=lambda *_, **__: module)
    assert (type(web), type(other)) == (Webhook, AppriseNotifier)
