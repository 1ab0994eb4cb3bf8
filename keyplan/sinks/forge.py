"""Calls to a code forge (GitHub or GitLab), repeated within the limits of the retry policy.

Every call must be safe to repeat. A request body never appears in an error, and a rate limit is not a refusal.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx

from keyplan.context import PluginContext
from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.secret import Credential
from keyplan.net.answers import load_json
from keyplan.net.faults import FaultKind
from keyplan.net.http import Answer, Bearer, Exchange, Failure, exchange, make_opener, read_retry_after
from keyplan.net.retry import Again, Retrier
from keyplan.sinks.answers import MAX_KEYS, Listing, read_max_keys
from keyplan.sinks.patience import explain_fault, explain_throttled, open_retrier
from keyplan.system.secrets import read_source

_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
_LIMITING = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
# GitHub's words, of today and of before 2021; go-github recognizes this limit by the page, Octokit by the message.
_SECONDARY_MESSAGE = re.compile(r"\bsecondary rate limit|\babuse detection", re.IGNORECASE)
_SECONDARY_PAGE = re.compile(r"#(about-)?secondary-rate-limits$|#abuse-rate-limits$")
_SECONDARY_PAUSE = timedelta(minutes=1)
_PAUSE = timedelta(seconds=10)
"""For a limit without any hint."""


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
        max_keys: int = MAX_KEYS,
    ) -> None:
        self._http = http
        self._max_keys = max_keys
        self._base_url = base_url
        self._headers = headers
        self._fetch_token = fetch_token
        self._retrier = retrier
        self._lock = threading.Lock()
        self._bearer: Bearer | None = None

    def ask(self, call: Call) -> Answer:
        """Return the answer, an error of the client's (4xx) included. Sent again if that can help.

        Raises SinkUnavailableError, SinkDeniedError if another than the forge answers, and InputError if the token
        cannot be had.
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
        limit = self._find_limit(result) if isinstance(result, Answer) else None
        if result is None or limit:
            raise explain_throttled(call.what, self._retrier, limit)
        # What has moved within the forge is for the caller, who knows what it is.
        is_forge = result.fault is None or result.fault.kind is FaultKind.MOVED
        if isinstance(result, Answer) and result.status < HTTPStatus.INTERNAL_SERVER_ERROR and is_forge:
            return result
        raise self._explain(call, result)

    def list_pages(self, what: str) -> Listing:
        """Return what counts the pages of one listing; `what` names it in messages."""
        return Listing(f"{what}: {self._base_url}", max_keys=self._max_keys)

    def close(self) -> None:
        """Let go of all connections."""
        self._http.close()

    def _explain(self, call: Call, result: Exchange) -> SinkError:
        if result.fault is None:
            text, advice = _describe(result), "check the network and the server's status, then apply again"
            return SinkUnavailableError(f"{call.what}: {text}", advice=advice)
        explained = explain_fault(call.what, result.fault, f"the URL of {self._retrier.name}")
        if isinstance(result, Answer) and result.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return SinkDeniedError(explained.message, advice=explained.advice)
        return explained

    def _present(self) -> Bearer:
        with self._lock:
            if self._bearer is None:
                self._bearer = Bearer(self._fetch_token())
            return self._bearer

    def _judge(self, result: Exchange) -> Again | None:
        if isinstance(result, Failure):
            return Again() if result.passing else None
        if limit := self._find_limit(result):
            return limit
        if result.status in _PASSING or result.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Again()
        return None

    def _find_limit(self, answer: Answer) -> Again | None:
        """Return how long a rate limit asks to wait; None if the answer is about none.

        docs.github.com/rest, "Rate limits for the REST API": 403 or 429, with Retry-After, or with
        x-ratelimit-remaining 0 and the time of its reset in seconds since 1970; the secondary limit also without any of
        them, and then at least a minute, growing. docs.gitlab.com, "Rate limits": 429 with Retry-After.
        """
        if answer.status not in _LIMITING:
            return None
        headers, now = answer.headers, self._retrier.clock.now()
        pause = read_retry_after(answer.retry_after, now)
        reset = headers.get("x-ratelimit-reset", "")
        if pause is None and headers.get("x-ratelimit-remaining") == "0" and reset.isascii() and reset.isdigit():
            pause = max(timedelta(0), datetime.fromtimestamp(int(reset[:11]), UTC) - now)
        if pause is not None:
            return Again(throttled=True, retry_after=pause)
        if _is_secondary(answer):
            return Again(throttled=True, at_least=_SECONDARY_PAUSE)
        return Again(throttled=True, at_least=_PAUSE) if answer.status == HTTPStatus.TOO_MANY_REQUESTS else None


def open_forge(
    base_url: str, options: Mapping[str, Json], context: PluginContext, headers: Mapping[str, str], *, name: str
) -> Forge:
    """Return the forge at a checked base URL, with the token that option `token` names; nothing is sent yet.

    `name`: how the user calls the sink. Raises InputError if proxies or certificates of the environment cannot be used.
    """
    token: Any = options["token"]
    return Forge(
        http=make_opener(base_url, environment=context.environment)(),
        base_url=base_url,
        headers=headers,
        fetch_token=lambda: context.resolve(read_source(token)),
        retrier=open_retrier(options, context, name=name),
        max_keys=read_max_keys(options),
    )


def read_json(call: Call, answer: Answer) -> Any:
    """Return the JSON of an answer. Raises SinkUnavailableError if it is none; quotes nothing of it."""
    try:
        return load_json(answer.body, is_text_safe=True)
    except ValueError:
        raise SinkUnavailableError(
            f"{call.what}: {answer.host}: the answer is not JSON", advice="check that the URL is that of the API"
        ) from None


def read_objects(call: Call, values: object) -> tuple[Mapping[str, Any], ...]:
    """Return a list of JSON objects. Raises SinkUnavailableError if it is none."""
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise SinkUnavailableError(
            f"{call.what}: the answer has an unknown form", advice="check that the URL is that of the API"
        )
    return tuple(values)


def _is_secondary(answer: Answer) -> bool:
    """Whether GitHub refuses because of its secondary limit, which comes as a 403 or 429 without any header."""
    try:
        document = load_json(answer.body)
        message, page = str(document.get("message")), str(document.get("documentation_url"))
    except (ValueError, AttributeError):
        return False
    return bool(_SECONDARY_MESSAGE.search(message) or _SECONDARY_PAGE.search(page))


def _describe(result: Answer | Failure) -> str:
    return result.reason if isinstance(result, Failure) else f"the server answered {result.status}"
