"""Gives the connections of urllib3, which requests and botocore use, the allowance that all exchanges have.

Nothing here sends, and nothing here is imported without an SDK that needs it.
"""

from __future__ import annotations

import io
from typing import Any

from urllib3 import HTTPResponse, PoolManager
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

from keyplan.net.answers import decode_body
from keyplan.net.deadline import Allowance, ExchangeLimits

_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that speak of the body as it was sent, and not as it is given on."""


def bound_manager(manager: PoolManager, limits: ExchangeLimits | None = None) -> None:
    """Give every connection that a manager opens from now on an allowance; one for a proxy likewise."""
    by_scheme = manager.pool_classes_by_scheme
    manager.pool_classes_by_scheme = {scheme: _bound_pool(pool, limits) for scheme, pool in by_scheme.items()}


def read_bounded(response: Any) -> HTTPResponse:
    """Return an answer of urllib3 with its body read and decoded, so that no SDK decodes it without a limit.

    Raises AnswerError if that cannot be done, and the errors of urllib3.
    """
    body = decode_body(response.read(decode_content=False), response.headers.get("Content-Encoding", ""))
    headers = {name: value for name, value in response.headers.items() if name.lower() not in _OF_THE_WIRE}
    return HTTPResponse(
        io.BytesIO(body),
        headers,
        response.status,
        reason=response.reason,
        version=response.version,
        preload_content=False,
    )


class LimitedConnection(HTTPConnection):
    """A connection whose reads and writes share the allowance of one exchange."""

    limits: ExchangeLimits | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._allowance = Allowance(self.limits)

    def request(self, *args: Any, **kwargs: Any) -> None:
        """Send a request, which begins an exchange."""
        # Not where the first byte is sent: botocore sends a body after a 100, which is still the same exchange.
        self._allowance.restart()
        super().request(*args, **kwargs)

    def connect(self) -> None:
        """Connect. The handshake of TLS has its timeout as a whole (_ssl.c, do_handshake)."""
        super().connect()
        self.sock: Any = _BoundedSocket(self.sock, self._allowance)


def _bound_pool(pool: type[HTTPConnectionPool], limits: ExchangeLimits | None) -> type[HTTPConnectionPool]:
    kind = pool.ConnectionCls
    connection = type(f"Bounded{kind.__name__}", (LimitedConnection, kind), {"limits": limits})
    return type(f"Bounded{pool.__name__}", (pool,), {"ConnectionCls": connection})


class _BoundedSocket:
    """A socket as http.client uses one: it sends everything, and reads through a file."""

    def __init__(self, sock: Any, allowance: Allowance) -> None:
        self._sock = sock
        self._allowance = allowance

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def sendall(self, data: Any) -> None:
        """Send everything."""
        former = self._sock.gettimeout()
        self._sock.settimeout(self._allowance.bound(former))
        self._sock.sendall(data)
        self._sock.settimeout(former)

    def makefile(self, mode: str, buffering: int = -1) -> io.BufferedIOBase | io.RawIOBase:
        """Return what answers are read from; http.client never writes to one."""
        raw = _BoundedFile(self._sock, self._sock.makefile(mode, buffering=0), self._allowance)
        return raw if buffering == 0 else io.BufferedReader(raw)


class _BoundedFile(io.RawIOBase):
    """What comes from a socket, unbuffered."""

    def __init__(self, sock: Any, raw: Any, allowance: Allowance) -> None:
        super().__init__()
        self._sock = sock
        self._raw = raw
        self._allowance = allowance

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what comes next, within what is left of the exchange."""
        former = self._sock.gettimeout()
        self._sock.settimeout(self._allowance.bound(former))
        try:
            number: int = self._raw.readinto(buffer)
        except TimeoutError as error:
            if self._allowance.is_over:
                raise self._allowance.expired() from error
            raise
        self._sock.settimeout(former)
        self._allowance.take(bytes(memoryview(buffer)[:number]))
        return number

    def close(self) -> None:
        """Close the file; the socket lives on while its connection does."""
        self._raw.close()
        super().close()
