"""What an exception of a client library means: one reading for httpx, urllib3, requests, botocore, azure and google.

None of these packages is imported: most are extras. An exception is known by the names of its classes.
"""

from __future__ import annotations

import errno
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Final

from keyplan.net.deadline import ExchangeLimitError
from keyplan.net.faults import OF_PROXY, Fault, FaultKind, ForeignAnswerError, classify_proxy_status, name_host

_LONGEST_MESSAGE: Final = 100
_URL_HOLDERS: Final = frozenset({"requests.exceptions.RequestException"})
_ERRNOS: Final[Mapping[int, FaultKind]] = {
    errno.ECONNREFUSED: FaultKind.REFUSED,
    errno.ECONNRESET: FaultKind.RESET,
    errno.ECONNABORTED: FaultKind.RESET,
    errno.EPIPE: FaultKind.RESET,
    errno.ENETUNREACH: FaultKind.NETWORK_UNREACHABLE,
    errno.ENETDOWN: FaultKind.NETWORK_UNREACHABLE,
    errno.EADDRNOTAVAIL: FaultKind.NETWORK_UNREACHABLE,
    errno.EHOSTUNREACH: FaultKind.HOST_UNREACHABLE,
    errno.EHOSTDOWN: FaultKind.HOST_UNREACHABLE,
    errno.ETIMEDOUT: FaultKind.CONNECT_TIMEOUT,
}
# openssl/x509_vfy.h; the rest of its codes has no kind of its own.
_VERIFY_CODES: Final[Mapping[int, FaultKind]] = {
    9: FaultKind.CERTIFICATE_NOT_YET_VALID,
    10: FaultKind.CERTIFICATE_EXPIRED,
    18: FaultKind.CERTIFICATE_UNTRUSTED,
    19: FaultKind.CERTIFICATE_UNTRUSTED,
    20: FaultKind.CERTIFICATE_UNTRUSTED,
    21: FaultKind.CERTIFICATE_UNTRUSTED,
    62: FaultKind.CERTIFICATE_WRONG_HOST,
    64: FaultKind.CERTIFICATE_WRONG_HOST,
}
# openssl/sslerr.h: what OpenSSL reports for bytes that are not a TLS record.
_NOT_TLS_REASONS: Final = frozenset(
    {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER"}
)
# By name: most of these packages are extras, and some modules of the standard library open connections.
_FACTS: Final[Mapping[str, FaultKind]] = {
    "socket.gaierror": FaultKind.DNS_FAILURE,
    "urllib3.util.ssl_match_hostname.CertificateError": FaultKind.CERTIFICATE_WRONG_HOST,
    "http.client.RemoteDisconnected": FaultKind.CLOSED,
    "http.client.IncompleteRead": FaultKind.CLOSED,
    "http.client.BadStatusLine": FaultKind.NOT_HTTP,
    "http.client.LineTooLong": FaultKind.NOT_HTTP,
    # httpx reads the target of a redirect even if it does not follow it.
    "httpx.InvalidURL": FaultKind.REDIRECTED,
    "h11._util.RemoteProtocolError": FaultKind.NOT_HTTP,
}
# What the library's own exceptions say, if nothing beneath says more. The first that fits counts.
_CLASSES: Final[Mapping[str, FaultKind]] = {
    "httpx.ConnectTimeout": FaultKind.CONNECT_TIMEOUT,
    "urllib3.exceptions.ConnectTimeoutError": FaultKind.CONNECT_TIMEOUT,
    "botocore.exceptions.ConnectTimeoutError": FaultKind.CONNECT_TIMEOUT,
    "requests.exceptions.ConnectTimeout": FaultKind.CONNECT_TIMEOUT,
    "httpx.ReadTimeout": FaultKind.ANSWER_TIMEOUT,
    "urllib3.exceptions.ReadTimeoutError": FaultKind.ANSWER_TIMEOUT,
    "botocore.exceptions.ReadTimeoutError": FaultKind.ANSWER_TIMEOUT,
    "requests.exceptions.Timeout": FaultKind.ANSWER_TIMEOUT,
    "builtins.TimeoutError": FaultKind.ANSWER_TIMEOUT,
    "requests.exceptions.SSLError": FaultKind.TLS_FAILED,
    "urllib3.exceptions.SSLError": FaultKind.TLS_FAILED,
    "botocore.exceptions.SSLError": FaultKind.TLS_FAILED,
    "httpx.ProxyError": FaultKind.PROXY_REFUSED,
    "urllib3.exceptions.NameResolutionError": FaultKind.DNS_FAILURE,
    "httpx.ConnectError": FaultKind.NO_CONNECTION,
    "urllib3.exceptions.NewConnectionError": FaultKind.NO_CONNECTION,
    "httpx.NetworkError": FaultKind.CLOSED,
    "httpx.ProtocolError": FaultKind.CLOSED,
    "urllib3.exceptions.ProtocolError": FaultKind.CLOSED,
    "requests.exceptions.ConnectionError": FaultKind.NO_CONNECTION,
    "botocore.exceptions.EndpointConnectionError": FaultKind.NO_CONNECTION,
    "botocore.exceptions.ConnectionClosedError": FaultKind.CLOSED,
    "botocore.exceptions.ResponseStreamingError": FaultKind.CLOSED,
    "azure.core.exceptions.ServiceRequestTimeoutError": FaultKind.CONNECT_TIMEOUT,
    "azure.core.exceptions.ServiceResponseTimeoutError": FaultKind.ANSWER_TIMEOUT,
    "azure.core.exceptions.ServiceResponseError": FaultKind.CLOSED,
}
_PROXY_CLASSES: Final = frozenset(
    {"urllib3.exceptions.ProxyError", "requests.exceptions.ProxyError", "botocore.exceptions.ProxyConnectionError"}
)
_READ_CLASSES: Final = frozenset({"httpx.ReadError", "httpx.WriteError", "urllib3.exceptions.ProtocolError"})
# httpcore: "407 Proxy Authentication Required"; http.client and urllib3: "Tunnel connection failed: 407 ...".
_PROXY_STATUS: Final = re.compile(r"(?:Tunnel connection failed: )?([1-9][0-9]{2})\b")
_TUNNEL_CLASSES: Final = frozenset({"httpcore.ProxyError", "httpx.ProxyError", "builtins.OSError"})
_LINKS: Final = ("__cause__", "__context__", "reason", "original_error", "inner_exception")


def find_fault(error: BaseException, url: str, *, proxy: str = "", is_at_proxy: bool | None = None) -> Fault:
    """Return what an exception of a client library means, or of anything that it was raised from.

    `proxy` is host and port of the proxy that leads to the URL, and `is_at_proxy` whether it happened there; None is
    for the exception to say. Decided by classes, error numbers and OpenSSL's codes; by text only where a proxy's status
    stands nowhere else.
    """
    chain = tuple(_walk(error))
    for link in chain:
        if isinstance(link, ForeignAnswerError):
            return link.fault
        if isinstance(link, ExchangeLimitError):
            return Fault(kind=FaultKind.OVER_LIMIT, host=name_host(url), through=proxy, detail=link.reason)
    names = frozenset(name for link in chain for name in _name_classes(link))
    kind, detail = next(filter(None, (_classify(link, names) for link in chain)), None) or _classify_last(error, names)
    if is_at_proxy is None:
        is_at_proxy = kind in OF_PROXY or bool(names & _PROXY_CLASSES)
    proxy = proxy or _find_proxy_name(chain)
    return Fault(
        kind=kind,
        host=name_host(url),
        proxy=proxy if is_at_proxy else "",
        through="" if is_at_proxy else proxy,
        detail=detail,
        is_plain=url.startswith("http:"),
    )


def find_url(error: BaseException) -> str:
    """Return the URL of the request of `requests` that an exception was raised from; empty if there is none."""
    for link in _walk(error):
        if _URL_HOLDERS & frozenset(_name_classes(link)):
            return str(getattr(getattr(link, "request", None), "url", None) or "")
    return ""


def _walk(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it was raised from, each once, the outermost first."""
    waiting, met = [error], set[int]()
    while waiting:
        link = waiting.pop(0)
        if id(link) in met:
            continue
        met.add(id(link))
        yield link
        # Not every library chains: azure and botocore keep the cause in an attribute or among the arguments.
        found = [*(getattr(link, name, None) for name in _LINKS), *link.args, *_values(getattr(link, "kwargs", None))]
        waiting += [value for value in found if isinstance(value, BaseException)]


def _values(kwargs: object) -> tuple[object, ...]:
    return tuple(kwargs.values()) if isinstance(kwargs, Mapping) else ()


def _name_classes(error: BaseException) -> Iterator[str]:
    for kind in type(error).__mro__:
        yield f"{kind.__module__}.{kind.__qualname__}"


def _classify(error: BaseException, names: frozenset[str]) -> tuple[FaultKind, str] | None:
    """Return what one exception proves on its own; `names` are the classes of the whole chain."""
    if isinstance(error, ssl.SSLError):
        return _classify_tls(error, names)
    own = frozenset(_name_classes(error))
    if own & _TUNNEL_CLASSES and (found := _PROXY_STATUS.match(str(error))):
        return classify_proxy_status(int(found[1])), f"status {found[1]}"
    if kind := next((kind for name, kind in _FACTS.items() if name in own), None):
        return kind, ""
    if isinstance(error, OSError) and error.errno:
        kind = _ERRNOS.get(error.errno, FaultKind.NO_CONNECTION)
        return kind, os.strerror(error.errno) if kind is FaultKind.NO_CONNECTION else ""
    return None


def _classify_last(error: BaseException, names: frozenset[str]) -> tuple[FaultKind, str]:
    """Return what the library's own exceptions say, since nothing beneath says more."""
    kind = next((kind for name, kind in _CLASSES.items() if name in names), None)
    return (kind, "") if kind else (FaultKind.EXCHANGE_FAILED, type(error).__name__)


def _classify_tls(error: ssl.SSLError, names: frozenset[str]) -> tuple[FaultKind, str] | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        code, said = getattr(error, "verify_code", 0), str(getattr(error, "verify_message", ""))
        kind = _VERIFY_CODES.get(code, FaultKind.CERTIFICATE_REJECTED)
        is_named = kind in (FaultKind.CERTIFICATE_UNTRUSTED, FaultKind.CERTIFICATE_REJECTED)
        return kind, "".join(char for char in said if char.isprintable())[:_LONGEST_MESSAGE] if is_named else ""
    if error.reason in _NOT_TLS_REASONS:
        return FaultKind.NOT_TLS, ""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        if names & _READ_CLASSES:
            return FaultKind.CLOSED, ""
        return FaultKind.TLS_FAILED, "the other side ended it"
    return (FaultKind.TLS_FAILED, error.reason.lower().replace("_", " ")) if error.reason else None


def _find_proxy_name(chain: tuple[BaseException, ...]) -> str:
    """Return host and port of the proxy that a pool of urllib3 in the chain has; empty if there is none."""
    for link in chain:
        # Not of every exception: urllib3 warns at the `pool` of some.
        pool = getattr(link, "pool", None) if "urllib3.exceptions.PoolError" in _name_classes(link) else None
        proxy = getattr(pool, "proxy", None)
        if proxy is not None and proxy.host:
            return name_host(f"{proxy.scheme}://{proxy.host}:{proxy.port}")
    return ""
