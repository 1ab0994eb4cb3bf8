"""What can go wrong between this machine and a server, and how a user reads it: one wording for every client library.

Nothing of an answer, a request or a proxy's URL gets into the words but the names of hosts, a status, and what OpenSSL
says of a certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple
from urllib.parse import urlsplit

TRUST_VARIABLES: Final = "SSL_CERT_FILE, REQUESTS_CA_BUNDLE, ARIZE_SSL_CA_CERT, AWS_CA_BUNDLE or ca_file"
_PROXY_VARIABLES: Final = "HTTPS_PROXY or ALL_PROXY"
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_LONGEST_NAME: Final = 100
_WEB_PAGE_HEADS: Final = (b"<!doctype html", b"<html")
_PROXY_WANTS_CREDENTIALS: Final = 407


class FaultKind(Enum):
    """What happened."""

    DNS_FAILURE = auto()
    REFUSED = auto()
    RESET = auto()
    CLOSED = auto()
    """The connection ended before a whole answer."""
    NETWORK_UNREACHABLE = auto()
    HOST_UNREACHABLE = auto()
    NO_CONNECTION = auto()
    """Another reason of the operating system; the detail names it."""
    CONNECT_TIMEOUT = auto()
    ANSWER_TIMEOUT = auto()
    NOT_TLS = auto()
    TLS_FAILED = auto()
    CERTIFICATE_UNTRUSTED = auto()
    CERTIFICATE_EXPIRED = auto()
    CERTIFICATE_NOT_YET_VALID = auto()
    CERTIFICATE_WRONG_HOST = auto()
    CERTIFICATE_REJECTED = auto()
    """For a reason that has no kind of its own; the detail names it."""
    PROXY_CREDENTIALS = auto()
    PROXY_REFUSED = auto()
    PROXY_FAILED = auto()
    NOT_HTTP = auto()
    OLD_GATEWAY = auto()
    """An HTTP/1.0 answer without a length that is not what was asked for: it may have been cut off."""
    WEB_PAGE = auto()
    CAPTIVE_PORTAL = auto()
    """A web page with a status of success."""
    NOT_JSON = auto()
    REDIRECTED = auto()
    """To another host, port or scheme."""
    MOVED = auto()
    """A redirect to another path of the same host."""
    OVER_LIMIT = auto()
    """The server took more time or memory than an exchange may; the detail says which."""
    EXCHANGE_FAILED = auto()


class _Words(NamedTuple):
    what: str
    advice: str


_NETWORK: Final = f"check {{setting}}, the network, and whether a proxy is needed ({_PROXY_VARIABLES})"
_AGAIN: Final = "try again; if it happens again, look for a firewall or proxy that ends connections"
_TRUST: Final = f"trusted authorities come from the system, or from {TRUST_VARIABLES}"
_IN_BETWEEN: Final = "a proxy, a gateway or a login page answers in the server's place: check {setting} and HTTPS_PROXY"

_WORDS: Final[Mapping[FaultKind, _Words]] = {
    FaultKind.DNS_FAILURE: _Words("the host name cannot be resolved", _NETWORK),
    FaultKind.REFUSED: _Words("connection refused", "check {setting}, and that the server runs"),
    FaultKind.RESET: _Words("the connection was reset", _AGAIN),
    FaultKind.CLOSED: _Words("the connection ended without a whole answer", _AGAIN),
    FaultKind.NETWORK_UNREACHABLE: _Words("the network is unreachable", _NETWORK),
    FaultKind.HOST_UNREACHABLE: _Words("the host is unreachable", _NETWORK),
    FaultKind.NO_CONNECTION: _Words("no connection", _NETWORK),
    FaultKind.CONNECT_TIMEOUT: _Words("no connection in time", _NETWORK),
    FaultKind.ANSWER_TIMEOUT: _Words("no answer in time", "try again later; check the server and the network"),
    FaultKind.NOT_TLS: _Words("the server does not speak TLS on this port", "check scheme and port of {setting}"),
    FaultKind.TLS_FAILED: _Words("the TLS connection failed", "check {setting}, and which TLS versions the server has"),
    FaultKind.CERTIFICATE_UNTRUSTED: _Words(
        "the certificate is not trusted", f"name the authority's certificate: {_TRUST}"
    ),
    FaultKind.CERTIFICATE_EXPIRED: _Words(
        "the certificate has expired", f"renew it, or set this machine's clock; {_TRUST}"
    ),
    FaultKind.CERTIFICATE_NOT_YET_VALID: _Words(
        "the certificate is not valid yet", f"set this machine's clock; {_TRUST}"
    ),
    FaultKind.CERTIFICATE_WRONG_HOST: _Words(
        "the certificate is for another host", f"check the host in {{setting}}; {_TRUST}"
    ),
    FaultKind.CERTIFICATE_REJECTED: _Words(
        "the certificate is not accepted", f"have the server's certificate corrected; {_TRUST}"
    ),
    FaultKind.PROXY_CREDENTIALS: _Words(
        "credentials are missing or wrong",
        "put user name and password into {variable}: http://USER:PASSWORD@HOST:PORT, percent-encoded",
    ),
    FaultKind.PROXY_REFUSED: _Words(
        "refuses to connect to this host", "have the proxy allow {host}, or add it to NO_PROXY"
    ),
    FaultKind.PROXY_FAILED: _Words("cannot connect to this host", "check {setting}, or add {host} to NO_PROXY"),
    FaultKind.NOT_HTTP: _Words("the answer is not HTTP", "check scheme and port of {setting}"),
    FaultKind.OLD_GATEWAY: _Words(
        "a gateway answered over HTTP/1.0, and the answer is not complete", "have the gateway replaced or passed by"
    ),
    FaultKind.WEB_PAGE: _Words("a web page came in place of an answer", _IN_BETWEEN),
    FaultKind.CAPTIVE_PORTAL: _Words("a web page came in place of an answer", f"{_IN_BETWEEN}; log in to the network"),
    FaultKind.NOT_JSON: _Words("the answer is not JSON", _IN_BETWEEN),
    FaultKind.REDIRECTED: _Words("the server redirects, which keyplan does not follow", "check {setting}"),
    FaultKind.MOVED: _Words("what was asked for is at another path now", "check {setting}"),
    FaultKind.OVER_LIMIT: _Words("the answer was given up", "check {setting}, and what answers there"),
    FaultKind.EXCHANGE_FAILED: _Words("the exchange failed", _AGAIN),
}
_AT_PROXY: Final = "check {variable}; hosts that need no proxy belong into NO_PROXY"
OF_PROXY: Final = frozenset({FaultKind.PROXY_CREDENTIALS, FaultKind.PROXY_REFUSED, FaultKind.PROXY_FAILED})
_OF_CERTIFICATE: Final = frozenset(
    {
        FaultKind.CERTIFICATE_UNTRUSTED,
        FaultKind.CERTIFICATE_EXPIRED,
        FaultKind.CERTIFICATE_NOT_YET_VALID,
        FaultKind.CERTIFICATE_WRONG_HOST,
        FaultKind.CERTIFICATE_REJECTED,
    }
)
_OF_OTHER_SCHEME: Final = frozenset({FaultKind.RESET, FaultKind.CLOSED, FaultKind.NOT_HTTP})
"""What a server does that expects TLS and reads plain http."""
# Wrong credentials again and again lock a user out; the others depend on settings that a user has to change.
_LASTING: Final = _OF_CERTIFICATE | {
    FaultKind.NOT_TLS,
    FaultKind.PROXY_CREDENTIALS,
    FaultKind.REDIRECTED,
    FaultKind.MOVED,
    # A server that took all of its time once would take it each time.
    FaultKind.OVER_LIMIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, with what a user has to know of it."""

    kind: FaultKind
    host: str
    """Of the URL that was asked for, with its port unless that is the scheme's own."""
    proxy: str = ""
    """Host and port of the proxy at which it happened; empty if it did not happen there."""
    through: str = ""
    """Host and port of the proxy that had led to the server before it happened."""
    detail: str = ""
    """One clause without foreign text; empty if the kind says it all."""
    variable: str = ""
    """Which names the proxy; empty if that is not known."""
    is_plain: bool = False
    """Whether the URL is plain http."""

    @property
    def what(self) -> str:
        """What happened, without the URL's host."""
        subject = f"the proxy {self.proxy}: " if self.proxy else "the proxy: " if self.kind in OF_PROXY else ""
        through = f", through the proxy {self.through}" if self.through else ""
        return f"{subject}{_WORDS[self.kind].what}{f' ({self.detail})' if self.detail else ''}{through}"

    @property
    def reason(self) -> str:
        """Host, and what happened; one line without a final full stop."""
        return f"{self.host}: {self.what}"

    @property
    def is_lasting(self) -> bool:
        """Whether trying again is of no use, or does harm."""
        return self.kind in _LASTING

    @property
    def is_about_certificate(self) -> bool:
        """Whether a certificate was not accepted."""
        return self.kind in _OF_CERTIFICATE

    def advise(self, setting: str) -> str:
        """Return what to do; `setting` is where the user wrote the URL, such as ``provider.base_url``."""
        variable = self.variable or _PROXY_VARIABLES
        if self.proxy and self.kind not in OF_PROXY | _OF_CERTIFICATE:
            return _AT_PROXY.format(variable=variable)
        scheme = (
            f"; if the server expects TLS, write https:// in {setting}"
            if self.is_plain and self.kind in _OF_OTHER_SCHEME
            else ""
        )
        advice = _WORDS[self.kind].advice.format(setting=setting, host=self.host, variable=variable)
        return f"{advice}{scheme}"


class ForeignAnswerError(Exception):
    """Another than the server has answered. Raised in the hooks of SDKs, which would read the answer as their own."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


def name_host(url: str) -> str:
    """Return host and port of a URL for messages: never a user name or a password, no port if it is the scheme's own.

    Characters that no host has are shown as ``?``.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "(no host)"
    # A server writes the target of a redirect, so that it may be anything.
    plain = "".join(char if char.isascii() and (char.isalnum() or char in "-._:") else "?" for char in host)
    plain = plain[:_LONGEST_NAME]
    named = f"[{plain}]" if ":" in plain else plain
    return f"{named or '(no host)'}{f':{port}' if port and port != _DEFAULT_PORTS.get(parts.scheme) else ''}"


def find_answer_fault(url: str, *, status: int, content_type: str, location: str, body: bytes) -> Fault | None:
    """Return what is wrong with a complete answer, from whichever sender; None if a server of an API may answer so.

    `location` is the header of a redirect. Whether a body is JSON is for the caller to find out.
    """
    host = name_host(url)
    if status == _PROXY_WANTS_CREDENTIALS:
        return Fault(kind=FaultKind.PROXY_CREDENTIALS, host=host, detail=f"status {status}")
    if 300 <= status < 400 and location:  # noqa: PLR2004 - RFC 9110 15.4
        return _describe_redirect(url, location)
    if not is_web_page(content_type, body):
        return None
    kind = FaultKind.CAPTIVE_PORTAL if 200 <= status < 300 else FaultKind.WEB_PAGE  # noqa: PLR2004 - RFC 9110 15.3
    return Fault(kind=kind, host=host, detail=f"status {status}")


def is_web_page(content_type: str, body: bytes) -> bool:
    """Whether a body is HTML. The header alone proves nothing: many frameworks call every text HTML."""
    head = body[:200].removeprefix(b"\xef\xbb\xbf").lstrip()[:15].lower()
    return head.startswith(_WEB_PAGE_HEADS) or ("html" in content_type.lower() and head.startswith(b"<"))


def classify_proxy_status(status: int) -> FaultKind:
    """Return what a proxy means that refuses CONNECT with this status."""
    if status == _PROXY_WANTS_CREDENTIALS:
        return FaultKind.PROXY_CREDENTIALS
    return FaultKind.PROXY_FAILED if status >= 500 else FaultKind.PROXY_REFUSED  # noqa: PLR2004 - RFC 9110 15.6


def _describe_redirect(url: str, location: str) -> Fault:
    target = _origin(location)
    if target is None or target == _origin(url):
        return Fault(kind=FaultKind.MOVED, host=name_host(url))
    scheme = "http" if target[0] == "http" else "https"
    return Fault(kind=FaultKind.REDIRECTED, host=name_host(url), detail=f"to {scheme}://{name_host(location)}")


def _origin(url: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return ("", "", 0)
    return (parts.scheme, (parts.hostname or "").lower(), port) if parts.netloc else None
