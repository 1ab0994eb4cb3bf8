"""Notices through apprise, which knows services that are no plain webhook: mail, Discord, Teams, Matrix, PagerDuty.

In: a target, a notice. Out: apprise says that it was sent, or NotificationError. Never: a word of apprise's own log,
which may quote parts of the URL.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from keyplan.errors import InputError, NotificationError
from keyplan.model.notice import Mood, Notice
from keyplan.notify.targets import Target

_TYPES = {Mood.FAILED: "failure", Mood.DRIFT: "warning", Mood.CALM: "success"}
"""apprise's words (apprise.NotifyType), by which services choose a colour or an icon."""


class Sender(Protocol):
    """What is used of `apprise.Apprise`."""

    def add(self, servers: str) -> bool:
        """Take a URL; false where it makes no sense."""
        ...

    def notify(self, *, body: str, title: str, notify_type: str, body_format: str) -> object:
        """Send to every URL; something false where that failed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughApprise:
    """Implements `Notifier` with apprise."""

    target: Target
    sender: Sender
    """Has taken the target's URL."""

    @classmethod
    def of(cls, target: Target, sender: Sender) -> ThroughApprise:
        """Return a notifier for that target alone. Raises InputError where apprise does not understand the URL."""
        _silence()
        if not sender.add(target.url.reveal()):
            raise InputError(
                f"apprise does not understand the target of notices {target.name}",
                advice="its documentation lists the form of URL for each service",
            )
        return cls(target=target, sender=sender)

    @property
    def name(self) -> str:
        """The scheme of the URL."""
        return self.target.name

    def notify(self, notice: Notice) -> None:
        """Send a notice. Raises NotificationError where apprise says that it failed."""
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


def _silence() -> None:
    log = logging.getLogger("apprise")
    log.addHandler(logging.NullHandler())
    log.propagate = False
