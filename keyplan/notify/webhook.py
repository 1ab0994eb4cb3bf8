"""Notices by webhook: one POST, tried a few times.

No URL may get into an error or a log, no redirect is followed, and the answer is never shown: it may quote the URL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import assert_never

import httpx

from keyplan.errors import NotificationError
from keyplan.model.manifest import Json
from keyplan.model.notice import Notice
from keyplan.net.http import Answer, Exchange, Failure, exchange, read_retry_after
from keyplan.net.retry import Again, Gate, Patience, Retrier
from keyplan.notify.targets import NotifyTarget, Shape
from keyplan.ports import Clock

PATIENCE = Patience(attempts=3, deadline=timedelta(seconds=60), longest_pause=timedelta(seconds=20))
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Implements `Notifier` with a POST, repeated while the failure may pass."""

    target: NotifyTarget
    client: Callable[[], httpx.Client]
    """Opens the connection for one notice."""
    clock: Clock
    jitter: Callable[[float], float]

    @property
    def name(self) -> str:
        """Scheme and host of the URL."""
        return self.target.name

    def notify(self, notice: Notice) -> None:
        """Send a notice. Raises NotificationError if the target did not take it."""
        retrier = Retrier(clock=self.clock, jitter=self.jitter, gate=Gate(self.clock), patience=PATIENCE)
        with self.client() as http:
            result = retrier.persist(lambda: self._post(http, self._body(notice)), self._decide_retry)
        if isinstance(result, Answer) and HTTPStatus.OK <= result.status < HTTPStatus.MULTIPLE_CHOICES:
            return
        fault = result.fault if result else None
        raise NotificationError(
            f"{self.name} did not take the notice: {_describe(result)}",
            advice=fault.advise("the URL") if fault else "check the URL with its issuer; it may have been revoked",
        )

    def _post(self, http: httpx.Client, body: Mapping[str, Json]) -> Exchange:
        return exchange(http, http.build_request("POST", self.target.url.reveal(), json=body), bearer=None)

    def _body(self, notice: Notice) -> Mapping[str, Json]:
        match self.target.shape:
            case Shape.JSON:
                return notice.document
            case Shape.SLACK:
                return notice.slack
            case Shape.APPRISE:
                raise AssertionError("such a target is not a webhook")
            case _:
                assert_never(self.target.shape)

    def _decide_retry(self, result: Exchange) -> Again | None:
        if isinstance(result, Failure):
            return Again() if result.passing else None
        if result.status in _PASSING or result.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            pause = read_retry_after(result.retry_after, self.clock.now())
            # Only a server that asks for a pause is throttling: `Retrier` does not count such attempts.
            return Again(throttled=pause is not None, retry_after=pause)
        return None


def _describe(result: Exchange | None) -> str:
    if result and result.fault:
        return result.fault.what
    if isinstance(result, Failure):
        return result.reason
    if result is None:
        return "the server asked for a longer pause than keyplan waits"
    return f"the server answered {result.status}"
