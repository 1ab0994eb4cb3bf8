"""From a target to what sends notices there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

from keyplan.adapters.http import open_client
from keyplan.adapters.notifying.targets import Shape, Target
from keyplan.adapters.notifying.through_apprise import ThroughApprise
from keyplan.adapters.notifying.webhook import Webhook
from keyplan.adapters.optional import require
from keyplan.ports import Clock, Notifier


def open_notifier(
    target: Target,
    *,
    clock: Clock,
    jitter: Callable[[float], float],
    client: Callable[[], httpx.Client] = open_client,
    load: Callable[..., Any] = require,
) -> Notifier:
    """Return what sends notices to a target; nothing is sent yet.

    Raises InputError, with the pip line, where apprise is needed and missing, or does not understand the URL.
    """
    if target.shape is Shape.APPRISE:
        return ThroughApprise.of(target, load("apprise", extra="apprise").Apprise())
    return Webhook(target=target, client=client, clock=clock, jitter=jitter)
