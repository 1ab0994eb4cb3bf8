"""Serves the sandbox on a loopback port: until a signal, or while a block runs in a test or the demo.

It must never listen on an address other than 127.0.0.1, because its control endpoints need no credential.
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
    """A sandbox that is being served."""

    url: str
    """Its address, without a trailing slash."""
    credential: str = field(repr=False)
    """The first user's raw key; empty if an existing state was opened without naming it."""
    credential_is_new: bool
    """Whether that raw key was just created, and so has to be shown."""
    second_credential: str = field(repr=False)
    """The second user's raw key; empty if there is no second user."""


def serve(options: SandboxOptions, *, announce: Callable[[str, str], None]) -> None:
    """Serve until SIGINT or SIGTERM; call `announce` with URL and first credential once requests are answered.

    The credential is empty for an existing state file: it was announced when the file was created. Must be called on
    the main thread.

    Raises:
        SandboxError: The sandbox cannot start.
    """
    stop = threading.Event()
    with _stopping_on_signals(stop), running(options) as sandbox:
        announce(sandbox.url, sandbox.credential if sandbox.credential_is_new else "")
        stop.wait()


@contextmanager
def running(options: SandboxOptions) -> Iterator[RunningSandbox]:
    """Serve on a background thread while the block runs.

    Raises:
        SandboxError: The sandbox cannot start.
    """
    # The application needs to close connections of a server that needs the application: tied together afterwards.
    connections = _Connections()
    sandbox = open_sandbox(options, close_connection=connections.close)
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
    """A server that signals when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until stopped; `ready` is set even if the start fails, so that no thread waits for ever."""
        try:
            super().run(sockets)
        finally:
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then signal it."""
        await super().startup(sockets)
        self.ready.set()


class _Connections:
    """Closes the connection of a request."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None

    def watch(self, server: uvicorn.Server) -> None:
        """Set the server, which does not exist yet when the application is built."""
        self._server = server

    def close(self, scope: Scope) -> None:
        """Close the connection of a request, after sending what was already written to it."""
        for connection in self._server.server_state.connections if self._server else ():
            if isinstance(connection, H11Protocol) and connection.client == scope["client"]:
                connection.transport.close()


def _config(sandbox: Sandbox) -> uvicorn.Config:
    return uvicorn.Config(
        sandbox.app,
        # Fixed, so that an installed uvloop or httptools does not change how connections are closed.
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        # The middleware sets Date from the sandbox's own clock.
        date_header=False,
        server_header=False,
        # A request that a fault delays must not delay the end.
        timeout_graceful_shutdown=1,
    )


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # asyncio sets TCP_NODELAY only if the protocol number is TCP's; without it each response waits 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        # A sandbox that is restarted on its port need not wait for old connections in TIME_WAIT.
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
        # Set even if the start fails, see `_Server.run`.
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

    # Restored afterwards, because a caller may have handlers of its own.
    former = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
