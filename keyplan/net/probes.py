"""A small HTTP server for probes and metrics: it answers GET and HEAD of a few pages, and nothing else.

A slow or hostile client must not hold up the others: there is a limit to how long a connection is silent, and to how
many are open; of too many, the oldest is closed. Nothing is read but the request's head, which the standard library
bounds (http.server: 65,536 bytes a line, 100 headers).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, SHUT_RDWR, socket
from socketserver import TCPServer
from typing import Any

from keyplan.errors import InputError

TEXT = "text/plain; charset=utf-8"
_MOST_CONNECTIONS = 16
_SILENCE_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePage:
    """What is answered to a request."""

    text: str
    status: int = 200
    content_type: str = TEXT


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where to listen."""

    host: str
    port: int
    """0 for any that is free."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


Pages = Mapping[str, Callable[[], ProbePage]]
"""What is served under each path. Called in a thread of the request's own."""


@contextmanager
def serve_pages(address: ListenAddress, pages: Pages) -> Iterator[ListenAddress]:
    """Serve the pages while the block runs, and yield where. Raises InputError if it is impossible to listen there."""
    try:
        server = _ProbeServer(address, pages)
    except OSError as error:
        raise InputError(
            f"it is impossible to listen on {address}: {error.strerror or error}",
            advice="name another address with --listen HOST:PORT, or say --listen off",
        ) from error
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.2), name="probes", daemon=True)
    thread.start()
    try:
        yield ListenAddress(address.host, server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _ProbeServer(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, address: ListenAddress, pages: Pages) -> None:
        self.pages = pages
        self._turn = threading.Lock()
        self._connections: dict[int, socket] = {}
        self.address_family = AF_INET6 if _is_version_6(address.host) else AF_INET
        super().__init__((address.host, address.port), _Handler)

    def server_bind(self) -> None:
        """Bind, without the look for the machine's name that http.server does, which may wait for a name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin to answer; of too many connections the oldest is closed, so that a probe gets through."""
        with self._turn:
            self._connections[id(request)] = request
            if len(self._connections) > _MOST_CONNECTIONS:
                oldest = self._connections.pop(next(iter(self._connections)))
                with suppress(OSError):
                    oldest.shutdown(SHUT_RDWR)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._turn:
            self._connections.pop(id(request), None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is none of the user's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _ProbeServer
    timeout = _SILENCE_SECONDS
    server_version = "keyplan"
    sys_version = ""
    error_content_type = TEXT
    error_message_format = "%(code)d %(message)s\n"

    def do_GET(self) -> None:
        """Answer with a page."""
        self._answer(has_body=True)

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self._answer(has_body=False)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: probes come every few seconds."""

    def _answer(self, *, has_body: bool) -> None:
        show = self.server.pages.get(self.path.partition("?")[0])
        page = show() if show else ProbePage(text="there is no such page\n", status=404)
        body = page.text.encode()
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if has_body:
            self.wfile.write(body)


def _is_version_6(host: str) -> bool:
    try:
        return ip_address(host).version == 6  # noqa: PLR2004 - the version's name is its number
    except ValueError:
        return False
