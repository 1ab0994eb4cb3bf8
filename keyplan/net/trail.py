"""How far one request of httpx got: which host was connected to, through which proxy, and whether anything was sent.

It reads events of httpcore and keeps names of hosts and a status, never a header or a body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from keyplan.net.causes import find_fault
from keyplan.net.faults import Fault, FaultKind, classify_proxy_status, name_host
from keyplan.net.proxies import ProxyRoute
from keyplan.net.transport import ROUTE

_CONNECT = b"CONNECT"


class Trail:
    """The trail of one request; a function for the extension ``trace`` of httpx (httpcore, "Extensions")."""

    def __init__(self, request: httpx.Request) -> None:
        self._request = request
        self._has_begun = False
        """False for a transport that reports nothing, such as one of a test."""
        self._is_sent = False
        self._proxy = ""
        self._is_through = False
        """Whether the proxy has opened a way to the server."""
        self._refusal = 0
        """The status with which the proxy refused that; 0 if it did not."""
        self._has_head = False
        """Whether status and headers of an answer have come."""

    def note(self, event: str, info: Mapping[str, Any]) -> None:
        """Take an event, such as ``connection.connect_tcp.started``."""
        self._has_begun = True
        match event.partition(".")[2]:
            case "connect_tcp.started":
                self._note_host(str(info["host"]), int(info["port"]))
            case "setup_socks5_connection.complete":
                self._is_through = True
            case "send_request_headers.started":
                self._is_sent = info["request"].method != _CONNECT
                if not self._is_sent:
                    _write_brackets(info["request"])
            case "receive_response_headers.complete":
                self._note_status(info["return_value"][1])

    @property
    def proves_unsent(self) -> bool:
        """Whether nothing of the request can have been sent: not if nothing is known."""
        return self._has_begun and not self._is_sent

    @property
    def proxy(self) -> str:
        """Host and port of the proxy; empty if the server was connected to directly, or before."""
        return self._proxy

    def find_fault(self, error: BaseException) -> Fault:
        """Return what an exception means that ended the request."""
        route = self._request.extensions.get(ROUTE)
        variable = route.variable if isinstance(route, ProxyRoute) else ""
        return replace(self._find_fault(error, str(self._request.url)), variable=variable)

    def _find_fault(self, error: BaseException, url: str) -> Fault:
        if self._refusal:
            kind = classify_proxy_status(self._refusal)
            return Fault(kind=kind, host=name_host(url), proxy=self._proxy, detail=f"status {self._refusal}")
        fault = find_fault(error, url, proxy=self._proxy, is_at_proxy=bool(self._proxy) and not self._is_through)
        if fault.kind is FaultKind.NOT_HTTP and self._has_head:
            # h11 uses one class for bytes that are not HTTP and for a body that ends early.
            return replace(fault, kind=FaultKind.CLOSED)
        limits = self._request.extensions.get("timeout", {})
        seconds = limits.get("connect" if fault.kind is FaultKind.CONNECT_TIMEOUT else "read")
        is_timeout = fault.kind in (FaultKind.CONNECT_TIMEOUT, FaultKind.ANSWER_TIMEOUT)
        return replace(fault, detail=f"{seconds:g} s") if is_timeout and seconds else fault

    def _note_host(self, host: str, port: int) -> None:
        url = self._request.url
        if url.scheme == "https" and (host, port) != (url.raw_host.decode("ascii").strip("[]"), url.port or 443):
            self._proxy = name_host(f"//[{host}]:{port}" if ":" in host else f"//{host}:{port}")

    def _note_status(self, status: int) -> None:
        if self._is_sent:
            self._has_head = True
        elif 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 9.3.6
            self._is_through = True
        else:
            self._refusal = status


def _write_brackets(request: Any) -> None:
    """Have CONNECT name an IPv6 address in brackets, as RFC 9112 3.2.3 wants it and httpcore 1.0 does not write it."""
    host, _, port = request.url.target.rpartition(b":")
    if b":" not in host or host.startswith(b"["):
        return
    target = b"[%b]:%b" % (host, port)
    request.url.target = target
    request.headers = [(name, target if name.lower() == b"host" else value) for name, value in request.headers]
