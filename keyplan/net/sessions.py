"""Sessions of requests, for the SDKs that are built on it: each request takes the way that the environment names.

Importing this module needs requests, which extras bring. A session must not read the environment or ~/.netrc itself.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as UnreachableError
from urllib3.exceptions import HTTPError, NewConnectionError

from keyplan.net.deadline import ExchangeLimitError, ExchangeLimits
from keyplan.net.faults import ForeignAnswerError, find_answer_fault
from keyplan.net.pools import bound_manager, read_bounded
from keyplan.net.proxies import find_own_urls, find_route, require_socks
from keyplan.net.trust import make_tls_context

AnySession = TypeVar("AnySession", bound=Session)
_TURN = threading.Lock()
_ANY_URL = "https://any.invalid"
_KEPT_HOSTS = 10
"""For how many hosts connections are kept."""


def open_session(
    *,
    environment: Mapping[str, str],
    base_url: str,
    tls: ssl.SSLContext | None = None,
    connections: int = 10,
    limits: ExchangeLimits | None = None,
) -> Session:
    """Return a session that finds proxies as `find_proxy` does; it trusts what `tls` says, or the environment.

    `connections` are kept for one host, `limits` are those of each exchange. That there is a way to `base_url` is
    checked at once; nothing is sent yet.

    Raises:
        InputError: A certificate bundle cannot be used, or the proxy.
    """
    return lead(Session(), environment=environment, base_url=base_url, tls=tls, connections=connections, limits=limits)


def lead(
    session: AnySession,
    *,
    environment: Mapping[str, str],
    base_url: str,
    tls: ssl.SSLContext | None = None,
    connections: int = 10,
    limits: ExchangeLimits | None = None,
) -> AnySession:
    """Return a session of an SDK, which is from now on one as `open_session` opens. Raises InputError like it."""
    if route := find_route(base_url, environment):
        require_socks(route, "socks")
    session.trust_env = False
    adapter = RoutedAdapter(
        environment=environment,
        tls=tls or make_tls_context(environment=environment),
        connections=connections,
        limits=limits,
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


@contextmanager
def lead_new_sessions(environment: Mapping[str, str]) -> Iterator[None]:
    """Let every session that is made in the block be led, for a library that makes sessions and takes none.

    Other threads that make sessions meanwhile get such ones, too. Raises InputError if a certificate bundle cannot be
    used.
    """
    tls = make_tls_context(environment=environment)

    class LedSession(Session):
        def __init__(self) -> None:
            super().__init__()
            lead(self, environment=environment, base_url=_ANY_URL, tls=tls)

    # `requests.post` and its like look the class up in the first, callers of `requests.Session()` in the second.
    places = (requests.sessions.__dict__, requests.__dict__)
    with _TURN:
        before = [place["Session"] for place in places]
        for place in places:
            place["Session"] = LedSession
        try:
            yield
        finally:
            for place, session in zip(places, before, strict=True):
                place["Session"] = session


def refuse_foreign_answers(session: Session) -> None:
    """Have a session raise ForeignAnswerError for what another than the server answers, before a redirect is followed.

    An SDK reads a web page as an answer without fields, and sends a raw key to the target of any redirect.
    """

    def check(response: Response, *_: Any, **__: Any) -> None:
        fault = find_answer_fault(
            str(response.url),
            status=response.status_code,
            content_type=response.headers.get("Content-Type", ""),
            location=response.headers.get("Location", ""),
            body=response.content,
        )
        if fault:
            raise ForeignAnswerError(fault)

    session.hooks["response"].append(check)


class RoutedAdapter(HTTPAdapter):
    """Finds the way of each request on its own. Safe for threads as far as HTTPAdapter is."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        tls: ssl.SSLContext,
        connections: int,
        limits: ExchangeLimits | None = None,
    ) -> None:
        self._limits = limits
        self._environment = environment
        self._tls = tls
        super().__init__(pool_connections=_KEPT_HOSTS, pool_maxsize=connections)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Make the pool of direct connections, with our certificates."""
        super().init_poolmanager(*arguments, **options, ssl_context=self._tls)
        bound_manager(self.poolmanager, self._limits)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Return the pool of a proxy, with our certificates for the servers behind it."""
        if proxy in self.proxy_manager:
            return self.proxy_manager[proxy]
        if proxy.startswith("https:"):
            # To a proxy goes what any server gets: neither an SDK's own authorities nor its client certificate.
            options["proxy_ssl_context"] = make_tls_context(environment=self._environment)
        manager = super().proxy_manager_for(proxy, **options, ssl_context=self._tls)
        bound_manager(manager, self._limits)
        return manager

    def cert_verify(self, conn: Any, *_: Any, **__: Any) -> None:
        """Let the context alone decide: requests would add the authorities of certifi to it."""
        conn.cert_reqs = "CERT_REQUIRED"

    def send(self, request: PreparedRequest, stream: Any = None, timeout: Any = None, *_: Any, **__: Any) -> Response:
        """Send one request. What else requests passes counts for nothing: `verify`, `cert` and `proxies`.

        Raises InputError if a proxy variable is wrong, and the errors of requests.
        """
        url = str(request.url)
        route = find_route(url, self._environment)
        if route:
            require_socks(route, "socks")
        # No compression: the limit of an answer then bounds what is read and what is held alike.
        request.headers["Accept-Encoding"] = "identity"
        options: dict[str, Any] = {"stream": bool(stream), "timeout": timeout, "verify": True, "cert": None}
        proxy = {"all": route.url} if route else {}
        *others, last = [_readdress(request, own_url) for own_url in find_own_urls(url)] or [request]
        for attempt in others:
            try:
                return super().send(attempt, **options, proxies=proxy)
            except UnreachableError as error:
                if not _was_refused(error):
                    raise
        return super().send(last, **options, proxies=proxy)

    def build_response(self, req: PreparedRequest, resp: Any) -> Response:
        """Return an answer whose body has been read as a whole: within its time, and no larger than allowed."""
        try:
            read = read_bounded(resp)
        except (HTTPError, ExchangeLimitError) as error:
            raise UnreachableError(error, request=req) from error
        return super().build_response(req, read)


def _readdress(request: PreparedRequest, url: str) -> PreparedRequest:
    copy = request.copy()
    copy.headers.setdefault("Host", urlsplit(str(request.url)).netloc)
    copy.url = url
    return copy


def _was_refused(error: UnreachableError) -> bool:
    """Whether nothing was sent because nothing listens there."""
    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
