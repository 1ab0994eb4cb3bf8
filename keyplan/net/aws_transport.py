"""Sends what AWS's SDK wants to send, in place of the SDK: each request takes the way that the environment names.

The SDK has one proxy for each scheme, no option for a TLS context, and reads variables by rules of its own. Importing
this module needs urllib3, which the SDK brings. Nothing of a request is logged.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from keyplan.net.deadline import ExchangeLimits
from keyplan.net.pools import bound_manager
from keyplan.net.proxies import ProxyRoute, find_own_urls, find_route, require_socks
from keyplan.net.trust import make_tls_context

AWS_CA_BUNDLE = "AWS_CA_BUNDLE"
_METADATA = ("iam-role", "container-role")
"""Names of the SDK's providers of credentials that send requests by sessions of their own."""


def lead_aws(
    session: Any,
    *,
    environment: Mapping[str, str],
    timeout: tuple[float, float],
    connections: int = 10,
    limits: ExchangeLimits | None = None,
) -> None:
    """Let a session of botocore send every request the way that the environment names, those for credentials, too.

    `timeout`: seconds for connecting, and between two parts of an answer. `connections` are kept for one host.
    `limits` are those of each exchange. Nothing is sent yet.

    Raises:
        InputError: A certificate bundle cannot be used.
        botocore.exceptions.BotoCoreError: The profile does not exist.
    """
    tls = _make_tls(session, environment)
    transport = AwsTransport(environment=environment, tls=tls, timeout=timeout, connections=connections, limits=limits)
    # An answer of a handler of this event takes the place of a request of the SDK's own. All clients of the session get
    # it, those that its providers of credentials make (STS, SSO) included.
    session.register("before-send", lambda request, **_: transport.send(request))
    seconds = float(session.get_config_variable("metadata_service_timeout"))
    nearby = AwsTransport(environment=environment, tls=tls, timeout=(seconds, seconds), connections=1)
    resolver = session.get_component("credential_provider")
    for name in _METADATA:
        provider = resolver.get_provider(name)
        fetcher = getattr(provider, "_role_fetcher", None) or provider._fetcher  # noqa: SLF001 - has no option for it
        fetcher._session = nearby  # noqa: SLF001 - as above


def _make_tls(session: Any, environment: Mapping[str, str]) -> ssl.SSLContext:
    # The variable counts above the profile, as for the SDK (its documentation, "Configuration").
    of_profile = "" if environment.get(AWS_CA_BUNDLE) else str(session.get_scoped_config().get("ca_bundle") or "")
    return make_tls_context(
        environment=environment,
        ca_file=of_profile,
        named="ca_bundle of the AWS profile",
        variable=AWS_CA_BUNDLE,
    )


class AwsTransport:
    """Stands where botocore has an HTTP session. Safe for threads."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        tls: ssl.SSLContext,
        timeout: tuple[float, float],
        connections: int,
        limits: ExchangeLimits | None = None,
    ) -> None:
        self._limits = limits
        self._environment = environment
        self._options: dict[str, Any] = {
            "ssl_context": tls,
            "timeout": urllib3.Timeout(connect=timeout[0], read=timeout[1]),
            "maxsize": connections,
        }
        self._errors: Any = import_module("botocore.exceptions")
        self._make_answer: Callable[..., Any] = import_module("botocore.awsrequest").AWSResponse
        self._lock = threading.Lock()
        self._managers: dict[ProxyRoute | None, urllib3.PoolManager] = {}

    def send(self, request: Any) -> Any:
        """Return the answer to a prepared request of botocore.

        Raises InputError if a proxy variable is wrong, and the errors that botocore's own session raises.
        """
        route = find_route(request.url, self._environment)
        manager = self._find(route)
        *others, last = find_own_urls(request.url) or (request.url,)
        for url in others:
            try:
                return self._exchange(manager, request, url, route)
            except self._errors.EndpointConnectionError:
                # Nothing listens on that address, so nothing was sent.
                request.reset_stream()
        return self._exchange(manager, request, last, route)

    def close(self) -> None:
        """Let go of all connections."""
        with self._lock:
            for manager in self._managers.values():
                manager.clear()

    def _exchange(self, manager: urllib3.PoolManager, request: Any, url: str, route: ProxyRoute | None) -> Any:
        headers = {name: _to_text(value) for name, value in request.headers.items()}
        headers.setdefault("Host", urlsplit(request.url).netloc)
        with self._translated(request, route):
            raw = manager.urlopen(
                request.method,
                url,
                body=request.body,
                headers=headers,
                chunked=headers.get("Transfer-Encoding", "").lower() == "chunked",
                # Repeating and following is for the SDK and the adapters to decide.
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
            answer = self._make_answer(request.url, raw.status, raw.headers, raw)
            if not request.stream_output:
                # Read now: a connection that breaks meanwhile is an error of this request.
                answer.content  # noqa: B018 - reads
            return answer

    def _find(self, route: ProxyRoute | None) -> urllib3.PoolManager:
        with self._lock:
            if route not in self._managers:
                self._managers[route] = self._open(route)
                bound_manager(self._managers[route], self._limits)
            return self._managers[route]

    def _open(self, route: ProxyRoute | None) -> urllib3.PoolManager:
        if route is None:
            return urllib3.PoolManager(**self._options)
        require_socks(route, "socks")
        parts = urlsplit(route.url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if route.is_socks:
            socks = import_module("urllib3.contrib.socks")
            manager: urllib3.PoolManager = socks.SOCKSProxyManager(
                route.url, username=user or None, password=password if user else None, **self._options
            )
            return manager
        # To a proxy goes what any server gets, not the authorities of an AWS profile.
        tls = make_tls_context(environment=self._environment) if parts.scheme == "https" else None
        login = urllib3.make_headers(proxy_basic_auth=f"{user}:{password}") if user else None
        return urllib3.ProxyManager(route.where, proxy_headers=login, proxy_ssl_context=tls, **self._options)

    @contextmanager
    def _translated(self, request: Any, route: ProxyRoute | None) -> Iterator[None]:
        """Raise errors as botocore's own session does; adapters and retries know those."""
        errors, url = self._errors, request.url
        try:
            yield
        except SSLError as error:
            raise errors.SSLError(endpoint_url=url, error=error) from error
        except NewConnectionError as error:
            raise errors.EndpointConnectionError(endpoint_url=url, error=error) from error
        except ProxyError as error:
            raise errors.ProxyConnectionError(proxy_url=route.where if route else "", error=error) from error
        except ConnectTimeoutError as error:
            raise errors.ConnectTimeoutError(endpoint_url=url, error=error) from error
        except ReadTimeoutError as error:
            raise errors.ReadTimeoutError(endpoint_url=url, error=error) from error
        except ProtocolError as error:
            raise errors.ConnectionClosedError(error=error, request=request, endpoint_url=url) from error
        except (HTTPError, OSError) as error:
            raise errors.HTTPClientError(error=error) from error


def _to_text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
