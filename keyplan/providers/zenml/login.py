"""Logs in at ZenML with the password of an admin user, once per run. Neither password nor token is stored.

No cookie is kept: the server would prefer it to the header, and so to a raw key that is verified.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode

import httpx

from keyplan.errors import KeyplanError, ProviderDeniedError, ProviderUnavailableError
from keyplan.model.secret import Credential
from keyplan.net.http import Answer, Exchange, exchange, read_retry_after
from keyplan.net.retry import Again, Retrier
from keyplan.providers.answers import ProviderWords, expect_success, parse_object
from keyplan.system.secrets import is_header_safe

_WHAT = "log in"
_PATH = "/api/v1/login"
_ADVICE = (
    "check provider.credential and its username; after a few attempts a server may refuse for a while, "
    "and one that was never activated refuses always"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginServer:
    """Where and how to log in."""

    base_url: str
    words: ProviderWords
    retrier: Retrier
    open_http: Callable[[], httpx.Client]


class PasswordLogin:
    """Exchanges a password for a token, when it is first needed. Safe for threads."""

    def __init__(self, server: LoginServer, username: str, fetch_password: Callable[[], Credential]) -> None:
        self._server = server
        self._username = username
        self._fetch_password = fetch_password
        self._lock = threading.Lock()
        self._failure: KeyplanError | None = None

    def fetch_token(self) -> Credential:
        """Return a token, which the caller keeps.

        Raises:
            InputError: The source of the password cannot be read.
            ProviderDeniedError: The server does not accept the password.
            ProviderRefusedError: The server refused the request.
            ProviderUnavailableError: The server cannot be reached, or its answer holds no token.
        """
        with self._lock:
            # A refused password is not tried again by each thread: servers lock users who fail too often.
            if self._failure is not None:
                raise self._failure
            try:
                return self._log_in()
            except KeyplanError as error:
                self._failure = error
                raise

    def _log_in(self) -> Credential:
        server, password = self._server, self._fetch_password()
        with server.open_http() as http:
            request = http.build_request(
                "POST",
                f"{server.base_url}{_PATH}",
                content=_write_form(self._username, password.reveal()),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            result = server.retrier.persist(lambda: exchange(http, request, bearer=None), self._judge)
        try:
            answer = expect_success(_WHAT, result, ProviderUnavailableError, server.words)
        except ProviderDeniedError as error:
            raise ProviderDeniedError(error.message, advice=_ADVICE) from error
        token = parse_object(_WHAT, answer, ProviderUnavailableError, server.words).get("access_token")
        if not isinstance(token, str) or not token or not is_header_safe(token):
            raise ProviderUnavailableError(f"{_WHAT}: {answer.host}: the answer holds no token")
        return Credential(token)

    def _judge(self, result: Exchange) -> Again | None:
        if not isinstance(result, Answer):
            return Again() if result.passing else None
        if result.status == HTTPStatus.TOO_MANY_REQUESTS:
            pause = read_retry_after(result.retry_after, self._server.retrier.clock.now())
            return Again(throttled=True, retry_after=pause)
        return Again() if result.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None


def _write_form(username: str, password: str) -> bytes:
    return urlencode({"grant_type": "password", "username": username, "password": password}).encode()
