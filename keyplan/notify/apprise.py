"""Notices through apprise, for services that have no plain webhook: mail, Discord, Teams, Matrix, PagerDuty.

apprise's own log must not reach a user: it may quote parts of the URL, which is a secret.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from keyplan.errors import InputError, NotificationError
from keyplan.model.notice import Mood, Notice
from keyplan.notify.targets import NotifyTarget
from keyplan.system.optional import importing

_TYPES = {Mood.FAILED: "failure", Mood.DRIFT: "warning", Mood.CALM: "success"}
"""apprise's words (apprise.NotifyType), by which services choose a colour or an icon."""


class Sender(Protocol):
    """The part of `apprise.Apprise` that keyplan uses."""

    def add(self, servers: str) -> bool:
        """Take a URL; false if apprise does not understand it."""
        ...

    def notify(self, *, body: str, title: str, notify_type: str, body_format: str) -> object:
        """Send to every URL; something false if that failed."""
        ...


@dataclass(frozen=True, slots=True)
class LedSender:
    """Sends by apprise; its requests take the way that the environment names. Mail and MQTT know no such ways."""

    sender: Sender
    environment: Mapping[str, str] = field(repr=False)

    def add(self, servers: str) -> bool:
        """Take a URL; false if apprise does not understand it."""
        return self.sender.add(servers)

    def notify(self, *, body: str, title: str, notify_type: str, body_format: str) -> object:
        """Send to every URL; something false if that failed. Raises InputError if certificates can't be used."""
        with importing("apprise"):
            from keyplan.net.sessions import lead_new_sessions  # noqa: PLC0415 - needs requests, which apprise brings
        with lead_new_sessions(self.environment):
            return self.sender.notify(body=body, title=title, notify_type=notify_type, body_format=body_format)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppriseNotifier:
    """Implements `Notifier` with apprise."""

    target: NotifyTarget
    sender: Sender
    """Has taken the target's URL."""

    @classmethod
    def of(cls, target: NotifyTarget, sender: Sender) -> AppriseNotifier:
        """Return a notifier for that target alone. Raises InputError if apprise does not understand the URL."""
        _silence_log()
        if not sender.add(target.url.reveal()):
            raise InputError(
                f"apprise does not understand the notification target {target.name}",
                advice="its documentation lists the form of URL for each service",
            )
        return cls(target=target, sender=sender)

    @property
    def name(self) -> str:
        """The scheme of the URL."""
        return self.target.name

    def notify(self, notice: Notice) -> None:
        """Send a notice. Raises NotificationError if apprise reports a failure."""
        try:
            # As text: otherwise a service may take names of keys for its markup.
            is_sent = bool(
                self.sender.notify(
                    body=notice.text or notice.title,
                    title=notice.title if notice.text else "",
                    notify_type=_TYPES[notice.mood],
                    body_format="text",
                )
            )
        except (OSError, ValueError, TypeError):
            is_sent = False
        if not is_sent:
            raise NotificationError(
                f"{self.name} did not take the notice",
                advice="try the URL with apprise's own command: apprise -vv -b test",
            )


def _silence_log() -> None:
    log = logging.getLogger("apprise")
    log.addHandler(logging.NullHandler())
    log.propagate = False
