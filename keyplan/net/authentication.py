"""How a secret is presented to a server, where that is not as bearer token (`keyplan.net.http.Bearer`).

A secret goes into the request at the last moment and nowhere else: a request that is kept or logged before holds none.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Generator

import httpx

from keyplan.model.secret import Credential, RawKey


class Basic(httpx.Auth):
    """Sends one secret by HTTP Basic authentication (RFC 7617).

    Without a user name the secret holds both, as ``USERNAME:PASSWORD``.
    """

    def __init__(self, secret: Credential | RawKey, *, username: str = "") -> None:
        self._secret = secret
        self._username = username

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with its Authorization header."""
        request.headers["Authorization"] = _to_basic(self._username, self._secret.reveal())
        yield request


class HeaderSecret(httpx.Auth):
    """Sends one secret as it is, in a header of its own."""

    def __init__(self, secret: Credential | RawKey, *, name: str) -> None:
        self._secret = secret
        self._name = name

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with that header."""
        _set_header(request, self._name, self._secret.reveal())
        yield request


def _to_basic(username: str, secret: str) -> str:
    both = f"{username}:{secret}" if username else secret
    return f"Basic {b64encode(both.encode()).decode('ascii')}"


def _set_header(request: httpx.Request, name: str, value: str) -> None:
    request.headers[name] = value
