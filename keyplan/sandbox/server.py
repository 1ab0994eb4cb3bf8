"""The sandbox on a loopback port: for a person until a signal, for a test or the demo while a block runs.

In: SandboxOptions. Out: a URL and the first credential. Never: an address other than 127.0.0.1.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from keyplan.sandbox.application import Sandbox, open_sandbox
from keyplan.sandbox.options import SandboxError, SandboxOptions

_HOST = "127.0.0.1"
_BACKLOG = 512
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSandbox:
    """A sandbox that answers."""

    url: str
    """Where, without a trailing slash."""
    credential: str = field(repr=False)
    """The first user's raw key; empty where an existing state was opened without naming it."""
    credential_is_new: bool
    """Whether that raw key was made just now, and so has to be told."""
    second_credential: str = field(repr=False)
    """The second user's raw key; empty where there is none."""


def serve(options: SandboxOptions, *, announce: Callable[[str, str], None]) -> None:
    """Serve until SIGINT or SIGTERM; call `announce` with URL and first credential once requests are answered.

    The credential is empty where an existing state file is served, whose credential was announced when it was made.
    Must be called on the main thread. Raises SandboxError where the sandbox cannot start.
    """
    stop = threading.Event()
    with _stopping_on_signals(stop), running(options) as sandbox:
        announce(sandbox.url, sandbox.credential if sandbox.credential_is_new else "")
        stop.wait()


@contextmanager
def running(options: SandboxOptions) -> Iterator[RunningSandbox]:
    """Serve on a background thread while the block runs. Raises SandboxError where the sandbox cannot start."""
    connections = _Connections()
    sandbox = open_sandbox(options, hang_up=connections.close)
    try:
        with _listening(options.port) as listener:
            server = _Server(_config(sandbox))
            connections.watch(server)
            with _threaded(server, listener):
                yield RunningSandbox(
                    url=f"http://{_HOST}:{listener.getsockname()[1]}",
                    credential=sandbox.credentials.first,
                    credential_is_new=sandbox.credentials.first_is_new,
                    second_credential=sandbox.credentials.second,
                )
    finally:
        sandbox.database.close()


class _Server(uvicorn.Server):
    """Tells when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to end; whoever waits for the start is let go even if there is none."""
        try:
            super().run(sockets)
        finally:
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then say so."""
        await super().startup(sockets)
        self.ready.set()


class _Connections:
    """Closes connections of a server by the request that came in on them."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None

    def watch(self, server: uvicorn.Server) -> None:
        """Name the server."""
        self._server = server

    def close(self, scope: Scope) -> None:
        """Close the connection of a request, after sending what was written to it."""
        for connection in self._server.server_state.connections if self._server else ():
            if isinstance(connection, H11Protocol) and connection.client == scope["client"]:
                connection.transport.close()


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        sandbox.app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        # The gate sets Date by the sandbox's own clock.
        date_header=False,
        server_header=False,
        # A request held back by a fault must not hold up the end.
        timeout_graceful_shutdown=1,
    )


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # asyncio sets TCP_NODELAY only where the protocol number says TCP; without it each answer waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
            listener.listen(_BACKLOG)
        except OSError as error:
            raise SandboxError(f"sandbox option port: {_HOST}:{port}: {error.strerror}") from error
        yield listener


@contextmanager
def _threaded(server: _Server, listener: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=server.run, args=([listener],), name="keyplan-sandbox", daemon=True)
    thread.start()
    try:
        server.ready.wait()
        if not server.started:
            raise SandboxError("the sandbox did not start")
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    former = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
