"""Sends notifications about unattended runs: to webhooks, and to everything that apprise reaches.

`open_notifier` is the only door; the port is `keyplan.ports.Notifier`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx

from keyplan.net.http import open_client
from keyplan.notify.apprise import AppriseNotifier, LedSender
from keyplan.notify.targets import NotifyTarget, Shape
from keyplan.notify.webhook import Webhook
from keyplan.ports import Clock, Notifier
from keyplan.system.optional import require

__all__ = ["open_notifier"]


def open_notifier(
    target: NotifyTarget,
    *,
    clock: Clock,
    jitter: Callable[[float], float],
    environment: Mapping[str, str] | None = None,
    client: Callable[[], httpx.Client] | None = None,
    load: Callable[..., Any] = require,
) -> Notifier:
    """Return what sends notices to a target; nothing is sent yet.

    `environment` names proxies and certificates; None is an empty one. `client` opens the connections of a webhook.

    Raises InputError if apprise is needed and missing (with the line for pip), or does not understand the URL.
    """
    if target.shape is Shape.APPRISE:
        sender = LedSender(load("apprise", extra="apprise").Apprise(), environment or {})
        return AppriseNotifier.of(target, sender)
    opener = client or partial(open_client, environment=environment or {})
    return Webhook(target=target, client=opener, clock=clock, jitter=jitter)
