"""Sends notifications about unattended runs: to webhooks, and to everything that apprise reaches.

`open_notifier` is the only door; the port is `keyplan.ports.Notifier`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from keyplan.net.http import open_client
from keyplan.notify.apprise import AppriseNotifier
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
    client: Callable[[], httpx.Client] = open_client,
    load: Callable[..., Any] = require,
) -> Notifier:
    """Return what sends notices to a target; nothing is sent yet.

    Raises InputError if apprise is needed and missing (with the line for pip), or does not understand the URL.
    """
    if target.shape is Shape.APPRISE:
        return AppriseNotifier.of(target, load("apprise", extra="apprise").Apprise())
    return Webhook(target=target, client=client, clock=clock, jitter=jitter)
