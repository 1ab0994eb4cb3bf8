"""A server that answers as badly as a server can: too slowly, without an end, too large, or in another shape.

It speaks over plain sockets, because every library of HTTP refuses to send what is sent here.
"""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

_SILENCE_SECONDS = 120
_READ = 65_536


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request, as it was sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    number: int
    """Counts requests to the server, from 0."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer with its own length."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})

    def to_bytes(self) -> bytes:
        """Return it as it is sent."""
        lines = [f"HTTP/1.1 {self.status} Answer", f"Content-Length: {len(self.body)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


Behaviour = Callable[[Asked], Iterator[bytes | float]]
"""Yields what is sent, and for how many seconds nothing is; the connection ends with it, and lives on after a Reply."""


class HostileServer:
    """Runs while a block does; `url` leads to it."""

    def __init__(self, behave: Behaviour | Callable[[Asked], Reply], *, tls: ssl.SSLContext | None = None) -> None:
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._ended = threading.Event()
        self._threads: list[threading.Thread] = []
        self._connections: list[socket.socket] = []
        self._turn = threading.Lock()
        self._count = 0
        self.asked: list[Asked] = []

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(_SILENCE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError, ssl.SSLError), _closing(connection, self._tls) as stream:
            pending = bytearray()
            while not self._ended.is_set() and (asked := self._read(stream, pending)):
                answer = self._behave(asked)
                if isinstance(answer, Reply):
                    stream.sendall(answer.to_bytes())
                    continue
                for part in answer:
                    if isinstance(part, bytes):
                        stream.sendall(part)
                    elif self._ended.wait(part):
                        return
                return

    def _read(self, stream: socket.socket, pending: bytearray) -> Asked | None:
        while b"\r\n\r\n" not in pending:
            if not self._more(stream, pending):
                return None
        head, _, rest = bytes(pending).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if headers.get("expect") == "100-continue":
            stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        length = int(headers.get("content-length", "0"))
        del pending[: len(pending) - len(rest)]
        while len(pending) < length:
            if not self._more(stream, pending):
                return None
        body = bytes(pending[:length])
        del pending[:length]
        with self._turn:
            asked = Asked(method=method, path=path, headers=headers, body=body, number=self._count)
            self._count += 1
            self.asked.append(asked)
        return asked

    def _more(self, stream: socket.socket, pending: bytearray) -> bool:
        received = stream.recv(_READ)
        pending += received
        return bool(received)


@contextmanager
def _closing(connection: socket.socket, tls: ssl.SSLContext | None) -> Iterator[socket.socket]:
    stream = connection
    try:
        stream = tls.wrap_socket(connection, server_side=True) if tls else connection
        yield stream
    finally:
        stream.close()


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def drip_body(pause: float) -> Behaviour:
    """Send a body of one byte after the other."""

    def behave(_: Asked) -> Iterator[bytes | float]:
        yield _HEAD + b"Content-Length: 1000000\r\n\r\n"
        while True:
            yield b" "
            yield pause

    return behave


def drip_headers(pause: float) -> Behaviour:
    """Send a header of one byte after the other."""

    def behave(_: Asked) -> Iterator[bytes | float]:
        yield _HEAD + b"X-Slow: "
        while True:
            yield b"x"
            yield pause

    return behave


def drip_chunks(pause: float) -> Behaviour:
    """Send a body in chunks of one byte."""

    def behave(_: Asked) -> Iterator[bytes | float]:
        yield _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
        while True:
            yield b"1\r\n \r\n"
            yield pause

    return behave


def drip_informational(pause: float) -> Behaviour:
    """Send 1xx answers and no other, slowly."""

    def behave(_: Asked) -> Iterator[bytes | float]:
        while True:
            yield b"HTTP/1.1 100 Continue\r\n\r\n"
            yield pause

    return behave


def flood_informational(_: Asked) -> Iterator[bytes | float]:
    """Send 1xx answers and no other, as fast as they are taken."""
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n" * 2000


def flood_headers(_: Asked) -> Iterator[bytes | float]:
    """Send headers without an end."""
    yield _HEAD
    while True:
        yield b"X-More: " + b"x" * 60_000 + b"\r\n"


def flood_body(_: Asked) -> Iterator[bytes | float]:
    """Send a body without an end."""
    yield _HEAD + b"Connection: close\r\n\r\n"
    while True:
        yield b" " * 60_000


def flood_trailers(_: Asked) -> Iterator[bytes | float]:
    """Send a body in chunks, and trailers without an end after it."""
    yield _HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
    while True:
        yield b"X-More: " + b"x" * 10_000 + b"\r\n"


def compress(layers: int, size: int) -> Behaviour:
    """Send zeros, compressed so many times that a few kilobytes become that many bytes."""
    packed = gzip.compress(bytes(size), 9)
    for _ in range(layers - 1):
        packed = gzip.compress(packed, 9)
    encoding = ", ".join(["gzip"] * layers)
    return lambda _: iter([Reply(body=packed, headers={"Content-Encoding": encoding}).to_bytes()])


TOO_MUCH: Mapping[str, Behaviour] = {
    "1xx answers without an end": flood_informational,
    "headers without an end": flood_headers,
    "a body without an end": flood_body,
    "trailers without an end": flood_trailers,
    "gzip of 300 MB": compress(1, 300_000_000),
    "gzip, gzip of 300 MB": compress(2, 300_000_000),
    "two million empty lists": lambda _: iter([Reply(body=b"[" + b"[]," * 2_000_000 + b"[]]").to_bytes()]),
}
"""Answers that end once their limit of bytes is reached."""


def too_slow(pause: float) -> Mapping[str, Behaviour]:
    """Return answers that end once their time is over; `pause` stands between two parts of one."""
    return {
        "a body byte by byte": drip_body(pause),
        "a header byte by byte": drip_headers(pause),
        "chunks byte by byte": drip_chunks(pause),
        "1xx answers one by one": drip_informational(pause),
    }
