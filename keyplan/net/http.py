"""One HTTP exchange, safely: a client that leaks nothing, and an answer or a failure as a value.

In: a base URL to check, a request to send with a secret as its bearer. Out: `Answer`, or `Failure` that
tells whether the server may have got the request. Never: a redirect followed (the credential must not
leave the host), a cookie kept (it could authenticate a call that presents another key), an exchange
without a time limit or of unlimited size, a header in a log.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from ipaddress import ip_address
from typing import TypeAlias

import httpx

from keyplan.errors import InputError
from keyplan.model.secret import Credential, RawKey

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_TIMEOUT_SECONDS = httpx.Timeout(connect=10.0, read=30.0, write=30.0, pool=30.0)
# Idle connections are dropped before common servers drop theirs (uvicorn: after 5 s): a request sent
# into a connection that is just being closed is lost, and a lost create is in doubt.
_LIMITS = httpx.Limits(max_connections=128, max_keepalive_connections=64, keepalive_expiry=4.0)
_TEXT_LIMIT = 200
_HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered, whole."""

    status: int
    content_type: str = ""
    retry_after: str | None = None
    """Header as sent; `read_retry_after` understands it."""
    date: str | None = None
    """Header as sent; `read_http_date` understands it."""
    headers: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)
    """All headers; names are found in any case."""
    body: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why there is no whole answer."""

    reason: str
    """One line, quoting nothing that was sent or received."""
    sent: bool
    """Whether the server may have got the request."""
    passing: bool = True
    """Whether trying again can help."""


Exchange: TypeAlias = Answer | Failure


class Bearer(httpx.Auth):
    """Presents one secret as bearer token; it enters the request at the last moment and no log."""

    def __init__(self, secret: Credential | RawKey) -> None:
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with its Authorization header."""
        request.headers["Authorization"] = f"Bearer {self._secret.reveal()}"
        yield request


def check_base_url(url: str, *, whose: str = "the provider's base URL") -> str:
    """Return a base URL without trailing slash; messages name it as `whose`.

    Raises InputError where it is no URL, holds a user name, a query or a fragment, or is plain http to
    anything but this machine.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise InputError(f"{whose} is not a URL") from None
    if parsed.userinfo or parsed.query or parsed.fragment:
        # Not quoted: what stands there may be a secret.
        raise InputError(f"{whose} must hold no user name, password, query or fragment")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InputError(f"{whose} '{url}' must begin with https:// and a host")
    if parsed.port is not None and not 0 < parsed.port <= _HIGHEST_PORT:
        raise InputError(f"{whose} '{url}' names no port between 1 and {_HIGHEST_PORT}")
    if parsed.scheme == "http" and not is_loopback(parsed.host):
        raise InputError(
            f"{whose} '{url}' is plain http: everyone on the way could read the raw keys",
            advice="use https; plain http is for this machine only (127.0.0.1, ::1, localhost)",
        )
    return str(parsed).rstrip("/")


def open_client(
    *, transport: httpx.BaseTransport | None = None, ca_file: str = "", tls: ssl.SSLContext | None = None
) -> httpx.Client:
    """Return a client that follows no redirect, keeps no cookie and has a limit on everything.

    Proxies and certificate bundles come from HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE; `ca_file` goes before
    the latter, and `tls`, an adapter's own context, before both. Nothing is sent yet.

    Raises InputError where one of these cannot be used.
    """
    _silence_loggers()
    with _translated():
        return httpx.Client(
            transport=transport,
            verify=tls or (ssl.create_default_context(cafile=ca_file) if ca_file else True),
            trust_env=True,
            timeout=_TIMEOUT_SECONDS,
            limits=_LIMITS,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            headers={
                "User-Agent": _name_agent(),
                "Accept": "application/json, application/problem+json",
                "Accept-Encoding": "identity",
            },
        )


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the certificate bundle cannot be read: {error.strerror or 'it holds no certificate'}",
            advice="check SSL_CERT_FILE, SSL_CERT_DIR and ARIZE_SSL_CA_CERT",
        ) from error
    except (ValueError, httpx.InvalidURL):
        # From None: the cause quotes the proxy's URL, which may hold a password.
        raise InputError(
            "a proxy URL in the environment cannot be used", advice="check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY"
        ) from None


@lru_cache(maxsize=1)
def _name_agent() -> str:
    """Return what requests say about who asks. Each time would take 1 ms, and a listing opens 18 clients."""
    return f"keyplan/{version('keyplan')}"


def make_opener(base_url: str, *, ca_file: str = "") -> Callable[[], httpx.Client]:
    """Return what opens clients like `open_client`'s for a base URL; they share one TLS context.

    To read all certificates anew takes 20 ms for each client. Raises InputError where they cannot be used.
    """
    with _translated():
        if ca_file:
            tls = ssl.create_default_context(cafile=ca_file)
        elif base_url.startswith("http:"):
            # Plain http, for this machine alone: a context that trusts nobody spares these 20 ms.
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            tls = httpx.create_ssl_context()
    return lambda: open_client(tls=tls)


def exchange(client: httpx.Client, request: httpx.Request, *, bearer: Bearer | None) -> Exchange:
    """Send one request once and return the whole answer, or why there is none. Raises nothing.

    `bearer` is None where the client's certificate authenticates it.
    """
    try:
        response = client.send(request, auth=bearer, stream=True, follow_redirects=False)
        with closing(response):
            return _read(response)
    except httpx.ConnectError as error:
        return _describe_connect_error(error)
    except httpx.HTTPError as error:
        return next(failure for kind, failure in _FAILURES if isinstance(error, kind))


def read_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """Return how long a Retry-After header asks to wait, at least zero; None where it says nothing usable."""
    if text is None:
        return None
    # RFC 9110 10.2.3: Retry-After is seconds or an HTTP date.
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text.strip()):
        return timedelta(seconds=float(text))
    date = read_http_date(text)
    return None if date is None else max(timedelta(0), date - now)


def read_http_date(text: str | None) -> datetime | None:
    """Return the aware UTC instant of a header such as Date; None where it is none."""
    try:
        date = parsedate_to_datetime(text or "")
        return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def show_safely(text: str, *, limit: int = _TEXT_LIMIT) -> str:
    """Return foreign text as one line without control characters, cut at `limit` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


def is_loopback(host: str) -> bool:
    """Whether a host can only be this machine, so that plain http tells nobody else anything."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _silence_loggers() -> None:
    # httpcore logs header lists at DEBUG, httpx every URL at INFO: a program that turns on debug logging
    # for everything must not thereby write down what we send.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _read(response: httpx.Response) -> Exchange:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            return Failure(reason=f"the answer is larger than {MAX_ANSWER_BYTES} bytes", sent=True, passing=False)
    return Answer(
        status=response.status_code,
        content_type=response.headers.get("Content-Type", ""),
        retry_after=response.headers.get("Retry-After"),
        date=response.headers.get("Date"),
        headers=response.headers,
        body=bytes(body),
    )


def _describe_connect_error(error: httpx.ConnectError) -> Failure:
    # The text comes from the operating system or OpenSSL: "[Errno 111] Connection refused".
    reason = show_safely(str(error)) or "no connection"
    return Failure(reason=reason, sent=False, passing=not _is_about_certificate(error))


def _is_about_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


# Which failures prove that no server got the request (httpcore 1.0: these are raised while connecting or
# while waiting for a connection); of all others nobody knows. First that fits. Texts are fixed, because
# a protocol error quotes what was sent or received.
_FAILURES: tuple[tuple[type[httpx.HTTPError], Failure], ...] = (
    (httpx.ConnectTimeout, Failure(reason="no connection within 10 s", sent=False)),
    (httpx.PoolTimeout, Failure(reason="no free connection within 30 s", sent=False)),
    (httpx.ProxyError, Failure(reason="the proxy refused the connection", sent=False)),
    (httpx.UnsupportedProtocol, Failure(reason="the protocol is not supported", sent=False, passing=False)),
    (httpx.ReadTimeout, Failure(reason="no answer within 30 s", sent=True)),
    (httpx.WriteTimeout, Failure(reason="the request could not be sent within 30 s", sent=True)),
    (httpx.DecodingError, Failure(reason="the answer cannot be decompressed", sent=True, passing=False)),
    (httpx.NetworkError, Failure(reason="the connection broke", sent=True)),
    (httpx.ProtocolError, Failure(reason="the connection ended without a whole answer", sent=True)),
    (httpx.HTTPError, Failure(reason="the exchange failed", sent=True)),
)
