"""A proxy in front of a store, in this process: it counts requests, moves the clock, drops headers, and fails."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
SKEWED = b"<Error><Code>RequestTimeTooSkewed</Code><Message>Too skewed.</Message></Error>"
_REFUSALS = {"slow": (503, SLOW_DOWN), "denied": (403, DENIED), "skewed": (403, SKEWED)}
_OF_A_CONNECTION = ("connection", "content-length", "keep-alive", "server", "transfer-encoding")


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]


@dataclass
class Fault:
    """What happens to the next `times` requests that fit."""

    fits: Callable[[Request], bool]
    kind: str
    """`lost`: the store acts and its answer is dropped; `reset`: nothing reaches it; `slow`, `denied`: its answers."""
    times: int


@dataclass
class StoreProxy:
    upstream: str
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    shift: timedelta = timedelta(0)
    """How far the store's clock is ahead of what it answers; what is written keeps the time that it had then."""
    ignored: tuple[str, ...] = ()
    """Headers that never reach the store."""
    ignored_for_deletes: tuple[str, ...] = ()
    dropped_from_answers: tuple[str, ...] = ()
    before: Callable[[Request], None] | None = None
    """Called before a request reaches the store."""
    written: dict[str, datetime] = field(default_factory=dict)
    """When each object was written last, by the store's clock as it was then."""
    _turn: Any = field(default_factory=Lock)

    def fail(
        self, kind: str, *, times: int, method: str = "", path: str = "", fits: Callable[[Request], bool] | None = None
    ) -> None:
        """Let the next requests of a method, with a text in their path, or that `fits` chooses, fail."""
        chosen = fits or (lambda one: method in ("", one.method) and path in one.path)
        self.faults.append(Fault(chosen, kind, times))

    def take_fault(self, request: Request) -> str:
        with self._turn:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and fault.fits(request):
                    fault.times -= 1
                    return fault.kind
        return ""

    def reset(self) -> None:
        """Let everything pass from now on."""
        self.requests.clear()
        self.faults.clear()
        self.shift, self.before = timedelta(0), None
        self.ignored = self.ignored_for_deletes = self.dropped_from_answers = ()

    def count(self, method: str = "") -> int:
        return sum(method in ("", one.method) for one in self.requests)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    proxy: StoreProxy

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        proxy = self.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, {name.lower(): text for name, text in self.headers.items()})
        fault = proxy.take_fault(request)
        if fault in _REFUSALS:
            self._answer(_REFUSALS[fault][0], {}, _REFUSALS[fault][1])
            return
        if fault == "reset":
            self.close_connection = True
            return
        if proxy.before:
            proxy.before(request)
        answer = self._forward(body)
        if fault == "lost":
            self.close_connection = True
            return
        self._answer(*answer)

    do_PUT = do_DELETE = do_HEAD = do_POST = do_GET  # noqa: N815 - as http.server names them

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        target = urlsplit(self.proxy.upstream)
        dropped = (*self.proxy.ignored, *(self.proxy.ignored_for_deletes if self.command == "DELETE" else ()))
        ignored = {"connection", "expect", *(name.lower() for name in dropped)}
        headers = {name: text for name, text in self.headers.items() if name.lower() not in ignored}
        connection = http.client.HTTPConnection(str(target.hostname), target.port, timeout=30)
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        found = {name.lower(): text for name, text in answer.getheaders()}
        self._set_times(answer.status, found)
        return answer.status, found, content

    def _set_times(self, status: int, headers: dict[str, str]) -> None:
        proxy, name = self.proxy, urlsplit(self.path).path
        if self.command == "PUT" and status == http.client.OK:
            proxy.written[name] = proxy.now
        if "last-modified" in headers and name in proxy.written:
            headers["last-modified"] = format_datetime(proxy.written[name], usegmt=True)
        if "date" in headers:
            headers["date"] = format_datetime(parsedate_to_datetime(headers["date"]) + proxy.shift, usegmt=True)

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        has_body = status != http.client.NO_CONTENT
        self.send_response_only(status)
        for name, text in headers.items():
            if name not in (*_OF_A_CONNECTION, *self.proxy.dropped_from_answers):
                self.send_header(name, text)
        if has_body:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if has_body:
            self.wfile.write(content)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Say nothing: the client hung up."""


@contextmanager
def proxying(upstream: str) -> Iterator[StoreProxy]:
    """Run a proxy in front of a store while the block runs."""
    proxy = StoreProxy(upstream)
    server = Server(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
