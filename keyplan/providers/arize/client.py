"""Calls to the API, each within the retry law.

In: what to call a request in messages, its path, parameters and body. Out: JSON, or one of our errors.
Never: a create or refresh sent twice where the first may have had its effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

import httpx

from keyplan.errors import InDoubtError, InputError, ProviderUnavailableError
from keyplan.model.secret import Credential, RawKey
from keyplan.net.http import Answer, Bearer, Exchange, Failure, exchange, read_http_date, read_retry_after
from keyplan.net.retry import Again, Retrier
from keyplan.providers.arize.errors import JsonObject, describe, expect_success, is_success, parse_object

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_KNOWN_BUT_REFUSED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


class ReadingClient:
    """Asks one account of the API; has no way to change anything. Shared by all threads of a run."""

    def __init__(
        self,
        *,
        http: httpx.Client,
        base_url: str,
        fetch_credential: Callable[[], Credential],
        retrier: Retrier,
        open_another: Callable[[], httpx.Client] | None = None,
    ) -> None:
        """Take a first connection, and what opens more of them; without that, all requests share the first."""
        self.base_url = base_url
        self._http = http
        self._open_another = open_another
        self._idle = [http]
        self._fetch_credential = fetch_credential
        self._retrier = retrier
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._skew: timedelta | None = None

    def credential(self) -> Credential:
        """Return what this client presents, fetched when it is first needed. Raises InputError."""
        with self._lock:
            if self._credential is None:
                self._credential = self._fetch()
            return self._credential

    def clock_skew(self) -> timedelta | None:
        """Return the server's time minus ours, from the answer where it differed most; None before any."""
        with self._lock:
            return self._skew

    def close(self) -> None:
        """Let go of all connections."""
        for http in {self._http, *self._idle}:
            http.close()

    def read(self, what: str, path: str, parameters: Mapping[str, str] | None = None) -> JsonObject:
        """Return what a GET answers. Repeated on every failure that may pass.

        Raises ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        # One text: httpx would take a URL apart and put it together for its parameters, 40 of the 400 µs of a request.
        query = f"?{urlencode(parameters)}" if parameters else ""
        request = self._http.build_request("GET", f"{self.base_url}{path}{query}")
        result = self._persist(request, self._judge_repeatable, bearer=self._own_bearer())
        answer = expect_success(what, result, ProviderUnavailableError)
        return parse_object(what, answer, ProviderUnavailableError)

    def _fetch(self) -> Credential:
        try:
            return self._fetch_credential()
        except InputError as error:
            advice = error.advice or "set ARIZE_API_KEY, or provider.credential in the manifest"
            raise InputError(error.message, advice=advice) from error

    def _own_bearer(self) -> Bearer:
        return Bearer(self.credential())

    def _persist(
        self, request: httpx.Request, judge: Callable[[Exchange], Again | None], *, bearer: Bearer
    ) -> Exchange | None:
        return self._retrier.persist(lambda: self._ask(request, bearer), judge)

    def _ask(self, request: httpx.Request, bearer: Bearer) -> Exchange:
        with self._connection() as http:
            result = exchange(http, request, bearer=bearer)
        if isinstance(result, Answer):
            self._note_skew(result)
        return result

    @contextmanager
    def _connection(self) -> Iterator[httpx.Client]:
        """Give a client to nobody else: the one used last, or a new one while all are in use.

        httpcore's pool looks at each of its connections under one lock, for each request: with 32 of them that took
        a third of the time of an apply.
        """
        if self._open_another is None:
            yield self._http
            return
        with self._lock:
            http = self._idle.pop() if self._idle else None
        http = http or self._open_another()
        try:
            yield http
        finally:
            with self._lock:
                self._idle.append(http)

    def _note_skew(self, answer: Answer) -> None:
        date = read_http_date(answer.date)
        if date is None:
            return
        skew = date - self._retrier.clock.now()
        with self._lock:
            self._skew = max(skew, self._skew or skew, key=abs)

    def _judge_repeatable(self, result: Exchange) -> Again | None:
        if isinstance(result, Failure):
            return Again() if result.passing else None
        if result.status == HTTPStatus.TOO_MANY_REQUESTS:
            return self._throttled(result)
        if result.status in _PASSING or result.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # A 503 that names a time speaks for the whole provider, like a 429.
            return self._throttled(result) if result.retry_after else Again()
        return None

    def _throttled(self, answer: Answer) -> Again:
        pause = read_retry_after(answer.retry_after, self._retrier.clock.now())
        return Again(throttled=True, retry_after=pause)


class Client(ReadingClient):
    """Talks to one account of the API: asks it, and changes it."""

    def issue(self, what: str, path: str, body: JsonObject) -> JsonObject:
        """Return what a POST that issues a raw key answers.

        Repeated only where nothing was sent, or where the server refused with 429: after a lost answer a key may exist
        whose raw key nobody has (docs/arize-api.md, A19). Raises InDoubtError,
        ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        request = self._http.build_request("POST", f"{self.base_url}{path}", json=body)
        result = self._persist(request, self._judge_effect, bearer=self._own_bearer())
        return parse_object(what, expect_success(what, result, InDoubtError), InDoubtError)

    def end(self, what: str, method: str, path: str) -> None:
        """Make something end; that it is not there, or not any more, is success. Repeated like `read`.

        Raises ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError.
        """
        request = self._http.build_request(method, f"{self.base_url}{path}")
        result = self._persist(request, self._judge_repeatable, bearer=self._own_bearer())
        if isinstance(result, Answer) and result.status in _GONE:
            return
        expect_success(what, result, ProviderUnavailableError)

    def authenticates(self, what: str, path: str, raw: RawKey) -> bool:
        """Whether the server knows who presents this raw key: 401 is no; 403 and 404 are yes.

        Raises ProviderUnavailableError where the answer says nothing about the key.
        """
        request = self._http.build_request("GET", f"{self.base_url}{path}")
        result = self._persist(request, self._judge_repeatable, bearer=Bearer(raw))
        if isinstance(result, Answer):
            if result.status == HTTPStatus.UNAUTHORIZED:
                return False
            if is_success(result) or result.status in _KNOWN_BUT_REFUSED:
                return True
        raise ProviderUnavailableError(f"{what}: {describe(result)}")

    def _judge_effect(self, result: Exchange) -> Again | None:
        if isinstance(result, Failure):
            return Again() if result.passing and not result.sent else None
        return self._throttled(result) if result.status == HTTPStatus.TOO_MANY_REQUESTS else None
