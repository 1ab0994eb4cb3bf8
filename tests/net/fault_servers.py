"""Servers and proxies on loopback that fail in one way each, with real sockets and real TLS."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TypeAlias

import trustme

Handler: TypeAlias = Callable[[socket.socket], None]
SOUND = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
PAGE = b"<!DOCTYPE html><title>Log in to the network</title>"
_LONGEST_SECONDS = 5


@contextmanager
def serve(handler: Handler, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """Give the block a port at which each connection is handled, after a TLS handshake if there is a context."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        ended = threading.Event()
        listener.settimeout(0.05)
        accepting = threading.Thread(target=_accept, args=(listener, handler, tls, ended))
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            ended.set()
            accepting.join()


def _accept(listener: socket.socket, handler: Handler, tls: ssl.SSLContext | None, ended: threading.Event) -> None:
    threads = []
    while not ended.is_set():
        try:
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        threads.append(threading.Thread(target=_handle, args=(connection, handler, tls)))
        threads[-1].start()
    for thread in threads:
        thread.join()


def _handle(connection: socket.socket, handler: Handler, tls: ssl.SSLContext | None) -> None:
    connection.settimeout(_LONGEST_SECONDS)
    try:
        wrapped = tls.wrap_socket(connection, server_side=True) if tls else connection
    except OSError:
        connection.close()
        return
    with wrapped, suppress(OSError):
        handler(wrapped)


@contextmanager
def dead_port(host: str = "127.0.0.1") -> Iterator[int]:
    """Give the block a port that refuses connections: bound, so that no other program gets it, and not listened at."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as holder:
        holder.bind((host, 0))
        yield holder.getsockname()[1]


def answer(data: bytes) -> Handler:
    """Return what reads a request's head and answers with these bytes, then closes."""

    def handle(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)

    return handle


def greet(data: bytes) -> Handler:
    """Return what sends these bytes once the client has begun, whatever the client says."""

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return handle


def respond(status: str, body: bytes = b"", *headers: str, version: str = "1.1", length: bool = True) -> Handler:
    """Return what answers with a status such as ``302 Found``."""
    sized = (f"Content-Length: {len(body)}",) if length else ()
    head = "\r\n".join([f"HTTP/{version} {status}", *sized, *headers, "Connection: close", "", ""])
    return answer(head.encode() + body)


def close(connection: socket.socket) -> None:
    """Read the head of a request, and end the connection without an answer."""
    read_request(connection)


def reset(connection: socket.socket) -> None:
    """Break the connection with RST."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stay_silent(connection: socket.socket) -> None:
    """Answer nothing until the client goes."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline and connection.recv(65536):
        pass


def read_request(connection: socket.socket) -> bytes:
    """Return a whole request: a server that closes before it has read all breaks the connection with RST."""
    read = b""
    while b"\r\n\r\n" not in read and (part := connection.recv(65536)):
        read += part
    head, _, body = read.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]) and (part := connection.recv(65536)):
        body += part
    return head


class Authority:
    """A certificate authority, and servers' contexts with its certificates."""

    def __init__(self) -> None:
        self.ca = trustme.CA()

    def serve_as(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """Return a server's context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ended_at = datetime(2020, 1, 1, tzinfo=UTC) if expired else None
        self.ca.issue_cert(*names, not_after=ended_at).configure_cert(context)
        return context

    def trust(self) -> ssl.SSLContext:
        """Return a client's context that trusts this authority alone."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        return context
