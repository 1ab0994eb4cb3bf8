"""Gives the connections of httpx the allowance that all exchanges have (`keyplan.net.deadline`)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from keyplan.net.deadline import Allowance, ExchangeLimitError, ExchangeLimits


def bound_transport(transport: httpx.HTTPTransport, limits: ExchangeLimits | None = None) -> httpx.HTTPTransport:
    """Return the transport, every connection of which has an allowance from now on."""
    # httpx passes no network backend on to httpcore, which takes one in all its pools. A test holds these names.
    pool: Any = transport._pool  # noqa: SLF001 - as above
    pool._network_backend = _BoundedBackend(pool._network_backend, limits)  # noqa: SLF001 - as above
    return transport


class _BoundedBackend(httpcore.NetworkBackend):
    """Opens connections that have an allowance."""

    def __init__(self, backend: httpcore.NetworkBackend, limits: ExchangeLimits | None) -> None:
        self._backend = backend
        self._limits = limits

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Return a connection."""
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _BoundedStream(stream, Allowance(self._limits))

    def sleep(self, seconds: float) -> None:
        """Wait, between two attempts to connect."""
        self._backend.sleep(seconds)


class _BoundedStream(httpcore.NetworkStream):
    """A connection whose reads and writes share the allowance of one exchange."""

    def __init__(self, stream: httpcore.NetworkStream, allowance: Allowance) -> None:
        self._stream = stream
        self._allowance = allowance
        self._has_answer = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes next."""
        self._has_answer = True
        with self._bounded(timeout) as cut:
            received = self._stream.read(max_bytes, cut)
            self._allowance.take(received)
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send. What is sent after an answer is the next request: httpcore sends a whole one before it reads."""
        if self._has_answer:
            self._has_answer = False
            self._allowance.restart()
        with self._bounded(timeout) as cut:
            self._stream.write(buffer, cut)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return the connection with TLS, whose handshake has its timeout as a whole (_ssl.c, do_handshake)."""
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._allowance)

    def get_extra_info(self, info: str) -> Any:
        """Return what the connection knows."""
        return self._stream.get_extra_info(info)

    @contextmanager
    def _bounded(self, timeout: float | None) -> Iterator[float]:
        """Give the block its timeout; what goes beyond the allowance becomes a timeout of httpcore's."""
        try:
            yield self._allowance.bound(timeout)
        except ExchangeLimitError as error:
            raise httpcore.ReadTimeout(error) from error
        except httpcore.TimeoutException as error:
            if not self._allowance.is_over:
                raise
            raise httpcore.ReadTimeout(self._allowance.expired()) from error
