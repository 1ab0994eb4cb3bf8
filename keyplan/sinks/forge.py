"""Calls to a code forge (GitHub or GitLab), repeated within the limits of the retry policy.

Every call must be safe to repeat. A request body never appears in an error, and no pause is longer than a user would
wait at a prompt.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx

from keyplan.context import PluginContext
from keyplan.errors import SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.secret import Credential
from keyplan.net.http import Answer, Bearer, Exchange, Failure, exchange, open_client, read_retry_after
from keyplan.net.retry import Again, Gate, Patience, Retrier
from keyplan.system.secrets import read_source

# The applier repeats a failed step itself, so a long retry here would multiply the waiting time.
PATIENCE = Patience(attempts=3, deadline=timedelta(seconds=90))
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request."""

    what: str
    """How messages call it: ``acme/app: list secrets``."""
    method: str
    path: str
    """After the base URL, percent-encoded."""
    parameters: Mapping[str, str] | None = None
    body: Mapping[str, Json] | None = None


class Forge:
    """Talks to one forge with one token; safe for threads."""

    def __init__(
        self,
        *,
        http: httpx.Client,
        base_url: str,
        headers: Mapping[str, str],
        fetch_token: Callable[[], Credential],
        retrier: Retrier,
    ) -> None:
        self._http = http
        self._base_url = base_url
        self._headers = headers
        self._fetch_token = fetch_token
        self._retrier = retrier
        self._lock = threading.Lock()
        self._bearer: Bearer | None = None

    def ask(self, call: Call) -> Answer:
        """Return the answer, an error of the client's (4xx) included. Sent again if that can help.

        Raises SinkUnavailableError, and InputError if the token cannot be had.
        """
        bearer = self._present()
        request = self._http.build_request(
            call.method,
            f"{self._base_url}{call.path}",
            params=call.parameters,
            json=call.body,
            headers=dict(self._headers),
        )
        result = self._retrier.persist(lambda: exchange(self._http, request, bearer=bearer), self._judge)
        if isinstance(result, Answer) and result.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            if (pause := self._asked_pause(result)) is not None:
                raise _limited(call, self._retrier.clock.now() + pause)
            return result
        raise SinkUnavailableError(
            f"{call.what}: {_describe(result)}", advice="check the network and the server's status, then apply again"
        )

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def _present(self) -> Bearer:
        with self._lock:
            if self._bearer is None:
                self._bearer = Bearer(self._fetch_token())
            return self._bearer

    def _judge(self, result: Exchange) -> Again | None:
        if isinstance(result, Failure):
            return Again() if result.passing else None
        pause = self._asked_pause(result)
        if pause is not None:
            # GitHub's limit resets hourly. Report a long pause at once: a silent wait looks like a hang.
            is_short = pause <= self._retrier.patience.longest_pause
            return Again(throttled=True, retry_after=pause) if is_short else None
        if result.status in _PASSING or result.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Again()
        return None

    def _asked_pause(self, answer: Answer) -> timedelta | None:
        """Return how long the forge asks us to wait; None if it doesn't.

        docs.github.com/rest, "Rate limits": 403 or 429, with Retry-After, or with x-ratelimit-remaining 0 and the
        time of its reset in seconds since 1970. docs.gitlab.com, "Rate limits": 429 with Retry-After.
        """
        headers, now = answer.headers, self._retrier.clock.now()
        if answer.status not in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
            return None
        pause = read_retry_after(answer.retry_after, now)
        if pause is not None:
            return pause
        reset = headers.get("x-ratelimit-reset", "")
        if headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
            return max(timedelta(0), datetime.fromtimestamp(int(reset[:11]), UTC) - now)
        return timedelta(seconds=10) if answer.status == HTTPStatus.TOO_MANY_REQUESTS else None


def open_forge(base_url: str, options: Mapping[str, Json], context: PluginContext, headers: Mapping[str, str]) -> Forge:
    """Return the forge at a checked base URL, with the token that option `token` names; nothing is sent yet.

    Raises InputError if proxies or certificates of the environment cannot be used.
    """
    token: Any = options["token"]
    return Forge(
        http=open_client(),
        base_url=base_url,
        headers=headers,
        fetch_token=lambda: context.resolve(read_source(token)),
        retrier=Retrier(clock=context.clock, jitter=context.jitter, gate=Gate(context.clock), patience=PATIENCE),
    )


def read_json(call: Call, answer: Answer) -> Any:
    """Return the JSON of an answer. Raises SinkUnavailableError if it is none; quotes nothing of it."""
    try:
        return json.loads(answer.body)
    except ValueError:
        raise SinkUnavailableError(
            f"{call.what}: the answer is not JSON", advice="check that the URL is that of the API"
        ) from None


def read_objects(call: Call, values: object) -> tuple[Mapping[str, Any], ...]:
    """Return a list of JSON objects. Raises SinkUnavailableError if it is none."""
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise SinkUnavailableError(
            f"{call.what}: the answer has an unknown form", advice="check that the URL is that of the API"
        )
    return tuple(values)


def _describe(result: Exchange | None) -> str:
    if isinstance(result, Failure):
        return result.reason
    return f"the server answered {result.status}" if result else "the server keeps everybody waiting"


def _limited(call: Call, until: datetime) -> SinkUnavailableError:
    return SinkUnavailableError(
        f"{call.what}: the rate limit is used up until {until:%Y-%m-%d %H:%M:%S} UTC",
        advice="apply again then, with a lower --parallelism, or with a token that nothing else uses",
    )
