"""Sends requests to the API and repeats them within the limits of `keyplan.net.retry`.

A create or refresh must never be sent twice if the first one may have had its effect.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlencode

import httpx

from keyplan.errors import (
    InDoubtError,
    InputError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from keyplan.model.secret import Credential, RawKey
from keyplan.net.http import Answer, Bearer, Exchange, Failure, exchange, read_http_date, read_retry_after
from keyplan.net.retry import Again, Patience, Retrier
from keyplan.ports import Clock
from keyplan.providers.answers import (
    JsonObject,
    ProviderWords,
    advise,
    describe,
    expect_success,
    is_success,
    parse_object,
)
from keyplan.providers.options import MAX_KEYS

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_AUTHENTICATED_BUT_REFUSED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderServer:
    """Which server is asked, and how."""

    base_url: str
    """Without trailing slash."""
    words: ProviderWords
    authenticate: Callable[[Credential | RawKey], Bearer] = Bearer
    """Makes what a secret is presented by: the credential, and each raw key that is verified."""


class ProviderReadClient:
    """Reads from one account of the API; has no method that changes anything. Shared by all threads of a run."""

    def __init__(
        self,
        *,
        http: httpx.Client,
        server: ProviderServer,
        fetch_credential: Callable[[], Credential],
        retrier: Retrier,
        open_another: Callable[[], httpx.Client] | None = None,
        max_keys: int = MAX_KEYS,
    ) -> None:
        """Take a first client, and a function that opens more of them; without it, all requests share the first."""
        self.base_url = server.base_url
        self.max_keys = max_keys
        """How many items one listing may have."""
        self.words = server.words
        self._http = http
        self._authenticate = server.authenticate
        self._open_another = open_another
        self._idle = [http]
        self._fetch_credential = fetch_credential
        self._retrier = retrier
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._skew: timedelta | None = None

    def credential(self) -> Credential:
        """Return the credential of this client, fetched when it is first needed.

        Raises:
            InputError: Its source cannot be read.
        """
        with self._lock:
            if self._credential is None:
                self._credential = self._fetch()
            return self._credential

    @property
    def clock(self) -> Clock:
        """The clock by which requests are repeated."""
        return self._retrier.clock

    def clock_skew(self) -> timedelta | None:
        """Return the server's time minus ours, the largest difference so far; None before the first answer."""
        with self._lock:
            return self._skew

    def close(self) -> None:
        """Close all connections."""
        for http in {self._http, *self._idle}:
            http.close()

    def get(
        self,
        what: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        patience: Patience | None = None,
    ) -> JsonObject:
        """Return the JSON object of a GET; `what` names the request in messages. Repeated on transient failures.

        `patience` bounds the repetitions in place of the client's own.

        Raises:
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused the request.
            ProviderUnavailableError: The retries are used up, or the answer is not a JSON object.
        """
        # The query is appended here: httpx would parse and rebuild the URL, 40 of the 400 µs of a request.
        query = f"?{urlencode(parameters)}" if parameters else ""
        request = self._http.build_request("GET", f"{self.base_url}{path}{query}")
        retrier = replace(self._retrier, patience=patience) if patience else self._retrier
        bearer = self._own_bearer()
        result = retrier.persist(lambda: self._send_once(request, bearer), self._judge_repeatable)
        answer = expect_success(what, result, ProviderUnavailableError, self.words)
        return parse_object(what, answer, ProviderUnavailableError, self.words)

    def _fetch(self) -> Credential:
        try:
            return self._fetch_credential()
        except InputError as error:
            raise InputError(error.message, advice=error.advice or self.words.missing_credential) from error

    def _own_bearer(self) -> Bearer:
        return self._authenticate(self.credential())

    def _send(
        self, request: httpx.Request, judge: Callable[[Exchange], Again | None], *, bearer: Bearer
    ) -> Exchange | None:
        return self._retrier.persist(lambda: self._send_once(request, bearer), judge)

    def _send_once(self, request: httpx.Request, bearer: Bearer) -> Exchange:
        with self._connection() as http:
            result = exchange(http, request, bearer=bearer)
        if isinstance(result, Answer):
            self._note_skew(result)
        return result

    @contextmanager
    def _connection(self) -> Iterator[httpx.Client]:
        """Give the block a client of its own: the one used last, or a new one if all are in use."""
        # One client for each thread: httpcore's pool walks over all its connections under one lock for each request,
        # which with 32 of them took a third of the time of an apply.
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
        if result.status in _TRANSIENT or result.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # A 503 with Retry-After is about the whole provider, like a 429: all threads pause.
            return self._throttled(result) if result.retry_after else Again()
        return None

    def _throttled(self, answer: Answer) -> Again:
        # Retry-After may be missing (docs/arize-api.md, A33); then the pause grows with each attempt.
        pause = read_retry_after(answer.retry_after, self._retrier.clock.now())
        return Again(throttled=True, retry_after=pause)


class ProviderClient(ProviderReadClient):
    """Reads and changes one account of the API."""

    def issue(
        self,
        what: str,
        path: str,
        body: JsonObject,
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> JsonObject:
        """Return the JSON object of the answer to a request that issues a raw key.

        Repeated only if nothing was sent, or the server answered 429: after a lost answer a key may exist whose raw key
        is lost (docs/arize-api.md, A19). `repeatable` says that the server answers the same request again in the same
        way, as by an idempotency key in `headers`; what it answers after an attempt in doubt resolves that doubt only
        if it is a success.

        Raises:
            InDoubtError: The server may have issued a raw key, but no whole answer arrived.
            ProviderDeniedError: The credential is not accepted or may not do this.
            ProviderRefusedError: The server refused the request.
            ProviderUnavailableError: Nothing was sent, or the server kept throttling.
        """
        request = self._http.build_request(method, f"{self.base_url}{path}", json=body, headers=headers)
        attempts = _Attempts(self._judge_repeatable if repeatable else self._judge_effect)
        result = self._send(request, attempts.judge, bearer=self._own_bearer())
        try:
            answer = expect_success(what, result, InDoubtError, self.words)
        except (ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError) as error:
            if not attempts.is_any_in_doubt:
                raise
            # A refused repetition says nothing of the attempt before: its key may be what the refusal is about.
            raise InDoubtError(f"{error.message}; an earlier answer was lost", advice=error.advice) from error
        return parse_object(what, answer, InDoubtError, self.words)

    def change(self, what: str, method: str, path: str, body: JsonObject) -> JsonObject:
        """Return the JSON object of the answer to a change that issues nothing and may be repeated.

        Raises the errors of `get`.
        """
        request = self._http.build_request(method, f"{self.base_url}{path}", json=body)
        result = self._send(request, self._judge_repeatable, bearer=self._own_bearer())
        answer = expect_success(what, result, ProviderUnavailableError, self.words)
        return parse_object(what, answer, ProviderUnavailableError, self.words)

    def end(self, what: str, method: str, path: str, body: JsonObject | None = None) -> None:
        """Delete or revoke something; if it does not exist (any more), that is a success. Repeated like `get`.

        Raises the errors of `get`.
        """
        request = self._http.build_request(method, f"{self.base_url}{path}", json=body)
        result = self._send(request, self._judge_repeatable, bearer=self._own_bearer())
        if isinstance(result, Answer) and result.status in _GONE and not result.fault:
            return
        # A 404 of a proxy, or of a web app in the server's place, does not say that a key is gone.
        expect_success(what, result, ProviderUnavailableError, self.words)

    def identify(self, what: str, path: str, raw: RawKey) -> JsonObject | None:
        """Return the JSON object that the server answers to a raw key as credential; None if it answers 401.

        Stricter than `authenticates`: a web page proves nothing, whatever its status; neither do 403 and 404.

        Raises:
            ProviderUnavailableError: The answer says nothing about the key.
        """
        request = self._http.build_request("GET", f"{self.base_url}{path}")
        result = self._send(request, self._judge_repeatable, bearer=self._authenticate(raw))
        if isinstance(result, Answer) and not result.fault:
            if result.status == HTTPStatus.UNAUTHORIZED:
                return None
            if is_success(result):
                return parse_object(what, result, ProviderUnavailableError, self.words)
        raise ProviderUnavailableError(f"{what}: {describe(result)}", advice=advise(result, self.words))

    def authenticates(self, what: str, path: str, raw: RawKey) -> bool:
        """Whether the server accepts this raw key as a credential: 401 is no; 403 and 404 are yes.

        Raises:
            ProviderUnavailableError: The answer says nothing about the key.
        """
        request = self._http.build_request("GET", f"{self.base_url}{path}")
        result = self._send(request, self._judge_repeatable, bearer=self._authenticate(raw))
        if isinstance(result, Answer):
            if result.status == HTTPStatus.UNAUTHORIZED:
                return False
            if is_success(result) or result.status in _AUTHENTICATED_BUT_REFUSED:
                return True
        raise ProviderUnavailableError(f"{what}: {describe(result)}", advice=advise(result, self.words))

    def _judge_effect(self, result: Exchange) -> Again | None:
        if isinstance(result, Failure):
            # Once sent, it may have had its effect: another attempt could issue a second key.
            return Again() if result.passing and not result.sent else None
        return self._throttled(result) if result.status == HTTPStatus.TOO_MANY_REQUESTS else None


class _Attempts:
    """Judges the attempts of one request, and remembers whether one of them may have had its effect."""

    def __init__(self, judge: Callable[[Exchange], Again | None]) -> None:
        self._judge = judge
        self.is_any_in_doubt = False
        """Whether the server may have acted on an attempt whose answer did not arrive, or said nothing."""

    def judge(self, result: Exchange) -> Again | None:
        """Return whether to repeat the request."""
        is_lost = result.sent if isinstance(result, Failure) else result.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        self.is_any_in_doubt = self.is_any_in_doubt or is_lost
        return self._judge(result)
