"""Sends one HTTP request and returns the answer or the failure as a value.

A client must never follow a redirect (the credential must not leave the host), keep a cookie (it could authenticate a
call that presents another key), wait or read without a limit, or log a header.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib import import_module
from typing import TypeAlias, cast

import httpx

from keyplan.errors import InputError
from keyplan.model.secret import Credential, RawKey
from keyplan.net.answers import decode_body
from keyplan.net.deadline import MAX_ANSWER_BYTES, ExchangeLimitError
from keyplan.net.faults import Fault, FaultKind, find_answer_fault, name_host
from keyplan.net.proxies import is_loopback
from keyplan.net.trail import Trail
from keyplan.net.transport import RoutedTransport, check_route
from keyplan.net.trust import make_plain_context, make_tls_context

_TIMEOUT_SECONDS = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=30.0)
# Idle connections are dropped before common servers drop theirs (uvicorn: after 5 s): a request sent
# into a connection that is just being closed is lost, and a lost create is in doubt.
_LIMITS = httpx.Limits(max_connections=128, max_keepalive_connections=64, keepalive_expiry=4.0)
_TEXT_LIMIT = 200
"""Characters of foreign text in a message."""
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A server's complete answer."""

    status: int
    content_type: str = ""
    retry_after: str | None = None
    """Header as sent, for `read_retry_after`."""
    date: str | None = None
    """Header as sent, for `read_http_date`."""
    headers: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)
    """All headers; names are not case-sensitive."""
    body: bytes = field(repr=False, default=b"")
    host: str = field(compare=False, default="")
    """Of the URL, as messages name it."""
    is_open_ended: bool = field(compare=False, default=False)
    """Whether it came over HTTP/1.0 without a length: then nothing shows that it is complete."""
    fault: Fault | None = field(compare=False, default=None)
    """Why another than the server seems to have answered; None if nothing says so."""

    def find_unreadable(self) -> Fault:
        """Return what a body means that is not the JSON which was asked for."""
        return Fault(kind=FaultKind.OLD_GATEWAY if self.is_open_ended else FaultKind.NOT_JSON, host=self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The reason why there is no complete answer."""

    reason: str
    """One line that quotes nothing of what was sent or received."""
    fault: Fault | None = field(compare=False, default=None)
    """The same for adapters, which add their own words; None if the network is not at fault."""
    sent: bool
    """Whether the server may have got the request."""
    passing: bool = True
    """Whether another attempt can succeed."""


Exchange: TypeAlias = Answer | Failure


class Bearer(httpx.Auth):
    """Sends one secret as bearer token."""

    def __init__(self, secret: Credential | RawKey) -> None:
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with its Authorization header."""
        # Set here, at the last moment: a request that is kept, repeated or logged before holds no secret.
        request.headers["Authorization"] = _to_header(self._secret.reveal())
        yield request


def _to_header(token: str) -> str:
    return f"Bearer {token}"


def check_base_url(url: str, *, whose: str = "the provider's base URL") -> str:
    """Return a base URL without trailing slash; `whose` is its name in messages.

    Raises:
        InputError: It is not a URL, holds a user name, a query or a fragment, or is plain http to another machine.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise InputError(f"{whose} is not a URL") from None
    if parsed.userinfo or parsed.query or parsed.fragment:
        # Not quoted in the message: a password or a token may be part of it.
        raise InputError(f"{whose} must hold no user name, password, query or fragment")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InputError(f"{whose} '{url}' must begin with https:// and a host")
    if parsed.port is not None and not 0 < parsed.port <= _HIGHEST_PORT:
        raise InputError(f"{whose} '{url}' names no port between 1 and {_HIGHEST_PORT}")
    if parsed.scheme == "http" and not is_loopback(parsed.host):
        raise InputError(
            f"{whose} '{url}' is plain http: raw keys could be read on the network",
            advice="use https; plain http is for this machine only (127.0.0.1, ::1, localhost)",
        )
    return str(parsed).rstrip("/")


OpenClient: TypeAlias = Callable[[], httpx.Client]
"""Returns a client; the tests give one that answers without a network."""


def open_client(
    *,
    environment: Mapping[str, str] | None = None,
    base_url: str = "https://any.invalid",
    transport: httpx.BaseTransport | None = None,
    ca_file: str = "",
    tls: ssl.SSLContext | None = None,
) -> httpx.Client:
    """Return a client that follows no redirect, keeps no cookie, and limits times and sizes. Nothing is sent yet.

    Proxies and certificates are those that the variables of `environment` name (`docs/networks.md`); None stands for
    the process's own. `ca_file` replaces the certificates, and `tls`, an adapter's own context, replaces both.
    The client may send to any URL; that there is a way to `base_url` is checked at once.

    Raises:
        InputError: A certificate bundle cannot be used, or the proxy.
    """
    _silence_loggers()
    known = _read_environment(environment)
    if transport is None:
        check_route(base_url, known)
        context = tls or make_tls_context(environment=known, ca_file=ca_file)
        transport = RoutedTransport(environment=known, tls=context, limits=_LIMITS)
    return httpx.Client(
        transport=transport,
        # Only the readers of this package look at the environment, and none at ~/.netrc.
        trust_env=False,
        timeout=_TIMEOUT_SECONDS,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={
            "User-Agent": _name_agent(),
            "Accept": "application/json, application/problem+json",
            # No compression: MAX_ANSWER_BYTES then bounds what is read and what is held alike.
            "Accept-Encoding": "identity",
        },
    )


def _read_environment(environment: Mapping[str, str] | None) -> Mapping[str, str]:
    # For plugins alone that were written before they could pass theirs; keyplan's own adapters always do.
    return dict(os.environ) if environment is None else environment


def _name_agent() -> str:
    """Return the User-Agent."""
    # By its name, for an import of the package would make a circle; `importlib.metadata` takes 5 ms to know the same.
    return f"keyplan/{import_module('keyplan').__version__}"


def make_opener(
    base_url: str, *, ca_file: str = "", variable: str = "", environment: Mapping[str, str] | None = None
) -> Callable[[], httpx.Client]:
    """Return a function that opens clients, as `open_client` does, for a base URL; they share one TLS context.

    `variable` is the variable for certificates that this client alone reads, such as ARIZE_SSL_CA_CERT.

    Raises:
        InputError: The certificate bundle cannot be used, or the proxy for this URL.
    """
    known = _read_environment(environment)
    check_route(base_url, known)
    # One context for all: to read the certificates can take 20 ms, and each thread has a client of its own.
    if base_url.startswith("http:") and not ca_file:
        # Plain http is for this machine alone, and needs none.
        tls = make_plain_context()
    else:
        tls = make_tls_context(environment=known, ca_file=ca_file, variable=variable)
    return lambda: open_client(environment=known, base_url=base_url, tls=tls)


def exchange(client: httpx.Client, request: httpx.Request, *, bearer: httpx.Auth | None) -> Exchange:
    """Send one request once and return the complete answer, or the reason why there is none. Raises nothing.

    `bearer` presents the secret: a `Bearer`, or one of `keyplan.net.authentication`; it is None if the client's
    certificate authenticates the request.
    """
    trail = Trail(request)
    request.extensions = {**request.extensions, "trace": trail.note}
    try:
        response = client.send(request, auth=bearer, stream=True, follow_redirects=False)
        with closing(response):
            return _read(response)
    except httpx.HTTPError as error:
        return _describe_failure(error, trail)


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Return how long a Retry-After header asks to wait, at least zero; None if it cannot be read."""
    if text is None:
        return None
    # RFC 9110 10.2.3: Retry-After is seconds or an HTTP date.
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text.strip()):
        return timedelta(seconds=float(text))
    date = read_http_date(text)
    return None if date is None else max(timedelta(0), date - now)


def read_http_date(text: str | None) -> datetime | None:
    """Return the aware UTC instant of a header such as Date; None if it is not an HTTP date."""
    try:
        date = parsedate_to_datetime(text or "")
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def show_safely(text: str, *, limit: int = _TEXT_LIMIT) -> str:
    """Return foreign text as one line without control characters, cut at `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def _silence_loggers() -> None:
    # httpcore logs headers at DEBUG, httpx URLs at INFO. A program that turns on debug logging for all libraries must
    # not write the credential to its log.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _read(response: httpx.Response) -> Exchange:
    raw = bytearray()
    # As it comes: httpx decodes a chunk as a whole, and one of 32 KiB may become gigabytes.
    for chunk in cast(httpx.SyncByteStream, response.stream):
        raw += chunk
        if len(raw) > MAX_ANSWER_BYTES:
            return _give_up(response, f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    try:
        body = decode_body(bytes(raw), response.headers.get("Content-Encoding", ""))
    except ExchangeLimitError as error:
        return _give_up(response, error.reason)
    fault = find_answer_fault(
        str(response.request.url),
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        location=response.headers.get("Location", ""),
        body=body,
    )
    if fault and fault.kind is FaultKind.CAPTIVE_PORTAL:
        # A success that no API sends: taken for one, a write that never arrived would count as done.
        # Who reads gets it at once; a change that can be repeated is, because it may have arrived behind that page.
        is_read = response.request.method == "GET"
        return Failure(reason=fault.reason, fault=fault, sent=True, passing=not is_read)
    return Answer(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        retry_after=response.headers.get("Retry-After"),
        date=response.headers.get("Date"),
        headers=response.headers,
        body=body,
        host=name_host(str(response.request.url)),
        is_open_ended=response.http_version == "HTTP/1.0" and "Content-Length" not in response.headers,
        fault=fault,
    )


def _give_up(response: httpx.Response, reason: str) -> Failure:
    fault = Fault(kind=FaultKind.OVER_LIMIT, host=name_host(str(response.request.url)), detail=reason)
    return Failure(reason=fault.reason, fault=fault, sent=True, passing=False)


def _describe_failure(error: httpx.HTTPError, trail: Trail) -> Failure:
    known = next(failure for kind, failure in _FAILURES if isinstance(error, kind))
    sent = known.sent and not trail.proves_unsent
    if known.reason:
        return replace(known, sent=sent)
    fault = trail.find_fault(error)
    return Failure(reason=fault.reason, fault=fault, sent=sent, passing=not fault.is_lasting)


# `sent=False` only for failures which prove that no server got the request: httpcore 1.0 raises them while connecting
# or while waiting for a connection. The first class that fits counts. One with a reason is not about the network.
_FAILURES: tuple[tuple[type[httpx.HTTPError], Failure], ...] = (
    (httpx.ConnectTimeout, Failure(reason="", sent=False)),
    (httpx.PoolTimeout, Failure(reason="no free connection within 30 s", sent=False)),
    (httpx.ProxyError, Failure(reason="", sent=False)),
    (httpx.ConnectError, Failure(reason="", sent=False)),
    (httpx.UnsupportedProtocol, Failure(reason="the protocol is not supported", sent=False, passing=False)),
    (httpx.DecodingError, Failure(reason="the answer cannot be decompressed", sent=True, passing=False)),
    (httpx.HTTPError, Failure(reason="", sent=True)),
)
