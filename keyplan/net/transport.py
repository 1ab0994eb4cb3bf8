"""Sends the requests of an httpx client: each through the proxy that the environment names for it, or directly.

Plain http to `localhost` must not leave this machine, whatever a name server says about that name.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress

import httpx

from keyplan.net.proxies import ProxyRoute, find_own_urls, find_route, require_socks
from keyplan.net.streams import bound_transport
from keyplan.net.trust import make_tls_context

ROUTE = "keyplan.route"
"""The extension of a request under which its ProxyRoute stands, or None, once the request was sent."""


class RoutedTransport(httpx.BaseTransport):
    """Finds the way of each request on its own, so that one client may send to several hosts. Safe for threads."""

    def __init__(self, *, environment: Mapping[str, str], tls: ssl.SSLContext, limits: httpx.Limits) -> None:
        self._environment = environment
        self._tls = tls
        self._limits = limits
        self._lock = threading.Lock()
        self._transports: dict[ProxyRoute | None, httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request. Raises InputError if a proxy variable is wrong, and httpx's own errors."""
        url = str(request.url)
        route = find_route(url, self._environment)
        # For messages: `keyplan.net.trail` names the variable.
        request.extensions[ROUTE] = route
        transport = self._find(route)
        *others, last = [_readdress(request, own_url) for own_url in find_own_urls(url)] or [request]
        for attempt in others:
            # A failure to connect: nothing listens on that address, and nothing was sent.
            with suppress(httpx.ConnectError):
                return transport.handle_request(attempt)
        return transport.handle_request(last)

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for transport in self._transports.values():
                transport.close()
            self._transports.clear()

    def _find(self, route: ProxyRoute | None) -> httpx.HTTPTransport:
        with self._lock:
            if route not in self._transports:
                self._transports[route] = self._open(route)
            return self._transports[route]

    def _open(self, route: ProxyRoute | None) -> httpx.HTTPTransport:
        proxy = None if route is None else _to_proxy(route, self._environment)
        # trust_env: only the two readers of this package look at the environment.
        transport = httpx.HTTPTransport(verify=self._tls, limits=self._limits, proxy=proxy, trust_env=False)
        return bound_transport(transport)


def check_route(url: str, environment: Mapping[str, str]) -> None:
    """Raise InputError if the proxy for a URL cannot be used, because of its variable or a missing package."""
    if route := find_route(url, environment):
        require_socks(route, "socksio")


def _to_proxy(route: ProxyRoute, environment: Mapping[str, str]) -> httpx.Proxy:
    require_socks(route, "socksio")
    # To a proxy goes what any server gets: neither an adapter's own authorities nor its client certificate.
    tls = make_tls_context(environment=environment) if route.url.startswith("https:") else None
    # httpx 0.27 knows socks5 alone, and lets the proxy resolve names with both.
    return httpx.Proxy(route.url.replace("socks5h:", "socks5:", 1), ssl_context=tls)


def _readdress(request: httpx.Request, url: str) -> httpx.Request:
    # The header Host, which is among the headers by now, stays as it was.
    return httpx.Request(
        request.method, url, headers=request.headers, stream=request.stream, extensions=request.extensions
    )
