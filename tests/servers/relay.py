"""A relay before a real server, which breaks one request: its sender is killed, or its answer is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR

import httpx

_OF_THE_HOP = frozenset({"connection", "host"})
_OF_THE_ANSWER = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"})


class Break(Enum):
    """How a request is broken."""

    KILL_BEFORE = "killed before the request arrives"
    KILL_AFTER = "killed after the server has answered"
    ANSWER_LOST = "the answer is lost"


@dataclass(kw_only=True)
class Relay:
    """Passes requests on, and notes those that change something."""

    target: str
    url: str = ""
    victim: int | None = None
    """The process that a break kills."""
    changes: int = 0
    """How many requests that change something have arrived since the last `arm`."""
    _armed: tuple[int, Break] | None = None

    def arm(self, nth: int, how: Break, *, victim: int | None = None) -> None:
        """Break the nth request from now on that changes something."""
        self.victim, self.changes, self._armed = victim, 0, (nth, how)

    def disarm(self) -> bool:
        """Break nothing; return whether the armed break has happened."""
        has_happened = self._armed is None
        self._armed, self.changes = None, 0
        return has_happened

    def meets(self, method: str) -> Break | None:
        """Count a request; return how it is to be broken."""
        if method == "GET":
            return None
        self.changes += 1
        if self._armed is None or self._armed[0] != self.changes:
            return None
        _, how = self._armed
        self._armed = None
        return how

    def kill(self) -> None:
        """End the victim as a crash would."""
        if self.victim is not None:
            with suppress(ProcessLookupError):
                os.kill(self.victim, signal.SIGKILL)


@contextmanager
def relaying(target: str) -> Iterator[Relay]:
    """Run a relay to a server while the block runs."""
    relay = Relay(target=target)
    with httpx.Client(base_url=target, timeout=60, trust_env=False) as client:
        handler = type("BoundHandler", (_Handler,), {"relay": relay, "client": client})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        relay.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield relay
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    relay: Relay
    client: httpx.Client

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        how = self.relay.meets(self.command)
        if how is Break.KILL_BEFORE:
            self.relay.kill()
            self._hang_up()
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_THE_HOP}
        answer = self.client.request(self.command, self.path, content=body, headers=headers)
        if how is Break.KILL_AFTER:
            self.relay.kill()
        if how is not None:
            self._hang_up()
            return
        # A killed command has hung up.
        with suppress(OSError):
            self._answer(answer)

    def _answer(self, answer: httpx.Response) -> None:
        self.send_response_only(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in _OF_THE_ANSWER:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(SHUT_RDWR)

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the names of http.server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of http.server
        pass
