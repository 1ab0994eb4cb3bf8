"""A small HTTP server for probes, metrics and reports: it answers GET and HEAD of a few pages, and POST where asked to.

A slow or hostile client must not hold up the others: there is a limit to how long a connection is silent, and to how
many are open; of too many, the oldest is closed. The standard library bounds a request's head (http.server: 65,536
bytes a line, 100 headers). A body is read only for an intake, and bounded in size, in time and in number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socket import AF_INET, AF_INET6, SHUT_RDWR, SHUT_WR, socket
from socketserver import TCPServer
from typing import Any

from keyplan.errors import InputError
from keyplan.net.deadline import Allowance, ExchangeLimits

TEXT = "text/plain; charset=utf-8"
_MOST_CONNECTIONS = 16
_SILENCE_SECONDS = 5
_BODY_SECONDS = 10.0
"""For a body as a whole."""
_MOST_BODIES = 4
"""So many are read at once: their senders are not known yet, and each may take its most bytes of memory."""
_LEFTOVER_SECONDS = 1.0
_PIECE = 64 * 1024
_MOST_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePage:
    """What is answered to a request."""

    text: str
    status: int = 200
    content_type: str = TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedMessage:
    """What was posted."""

    headers: Message = field(repr=False)
    body: bytes = field(repr=False)

    def header(self, name: str) -> str:
        """Return the value of a header; an empty text unless it is there exactly once."""
        found = self.headers.get_all(name, [])
        return str(found[0]) if len(found) == 1 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What takes the bodies that are posted to one path. Called in a thread of the request's own."""

    take: Callable[[PostedMessage], ProbePage]
    most_bytes: int
    note_refusal: Callable[[], None]
    """Called for a request whose body is not given to `take`."""


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
Intakes = Mapping[str, Intake]
"""What takes the bodies that are posted, by path."""


@contextmanager
def serve_pages(address: ListenAddress, pages: Pages, intakes: Intakes | None = None) -> Iterator[ListenAddress]:
    """Serve the pages while the block runs, and yield where. Raises InputError if it is impossible to listen there."""
    try:
        server = _ProbeServer(address, pages, intakes or {})
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

    def __init__(self, address: ListenAddress, pages: Pages, intakes: Intakes) -> None:
        self.pages, self.intakes = pages, intakes
        self.bodies = threading.BoundedSemaphore(_MOST_BODIES)
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

    def do_POST(self) -> None:
        """Give the body to the intake of the path."""
        path = self._path
        if intake := self.server.intakes.get(path):
            self._take(intake)
        elif path in self.server.pages:
            self.send_error(HTTPStatus.NOT_IMPLEMENTED, "Unsupported method ('POST')")
        else:
            self._send(_NO_PAGE)
            self._skip_rest()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Say nothing: probes come every few seconds."""

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _answer(self, *, has_body: bool) -> None:
        if self._path in self.server.intakes:
            self._send(_refuse(HTTPStatus.METHOD_NOT_ALLOWED, "only POST"), has_body=has_body, allow="POST")
            return
        show = self.server.pages.get(self._path)
        self._send(show() if show else _NO_PAGE, has_body=has_body)

    def _send(self, page: ProbePage, *, has_body: bool = True, **headers: str) -> None:
        body = page.text.encode()
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name.title(), value)
        self.end_headers()
        if has_body:
            self.wfile.write(body)

    def _take(self, intake: Intake) -> None:
        with ExitStack() as stack:
            body = self._read_body(intake, stack)
            if isinstance(body, bytes):
                self._send(intake.take(PostedMessage(headers=self.headers, body=body)))
                return
        intake.note_refusal()
        self._send(body)
        self._skip_rest()

    def _read_body(self, intake: Intake, stack: ExitStack) -> bytes | ProbePage:
        """Return the body, or what to answer instead; the stack gives its place back."""
        length = self._read_length(intake.most_bytes)
        if isinstance(length, ProbePage):
            return length
        if not self.server.bodies.acquire(blocking=False):
            return _refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once")
        stack.callback(self.server.bodies.release)
        allowance, pieces = Allowance(ExchangeLimits(seconds=_BODY_SECONDS)), list[bytes]()
        try:
            while length:
                self.connection.settimeout(allowance.bound(_SILENCE_SECONDS))
                pieces.append(self.rfile.read1(min(length, _PIECE)))
                if not pieces[-1]:
                    return _refuse(HTTPStatus.BAD_REQUEST, "the body is shorter than its Content-Length")
                length -= len(pieces[-1])
        except TimeoutError:
            return _refuse(HTTPStatus.REQUEST_TIMEOUT, "the body took too long")
        return b"".join(pieces)

    def _read_length(self, most: int) -> int | ProbePage:
        """Return how long the body is, as the one Content-Length says; otherwise what to answer."""
        lengths = self.headers.get_all("Content-Length", [])
        # A body of any other framing has a length that nothing bounds.
        if len(lengths) != 1 or "Transfer-Encoding" in self.headers:
            return _refuse(HTTPStatus.LENGTH_REQUIRED, "one Content-Length is needed, and no Transfer-Encoding")
        text = str(lengths[0]).strip()
        if not (text.isascii() and text.isdigit()):
            return _refuse(HTTPStatus.BAD_REQUEST, "the Content-Length is not a number")
        if len(text) > _MOST_DIGITS or int(text) > most:
            return _refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body has at most {most} bytes")
        return int(text)

    def _skip_rest(self) -> None:
        # What was sent and is never read makes the kernel reset the connection, and the client loses the answer.
        self.close_connection = True
        allowance = Allowance(ExchangeLimits(seconds=_LEFTOVER_SECONDS))
        with suppress(OSError):
            self.connection.shutdown(SHUT_WR)
            while True:
                self.connection.settimeout(allowance.bound(None))
                if not self.connection.recv(_PIECE):
                    return


def _refuse(status: HTTPStatus, reason: str) -> ProbePage:
    return ProbePage(text=f"{reason}\n", status=status)


_NO_PAGE = _refuse(HTTPStatus.NOT_FOUND, "there is no such page")


def _is_version_6(host: str) -> bool:
    try:
        return ip_address(host).version == 6  # noqa: PLR2004 - the version's name is its number
    except ValueError:
        return False
