"""Serves a stand-in of a vendor on a free port of this machine, for commands that open their own connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import httpx

Answer = Callable[[httpx.Request], httpx.Response]
_LOCK = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    """Turns each request into that of a client, and its answer back."""

    protocol_version = "HTTP/1.1"
    answer: ClassVar[Answer]

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = httpx.Request(
            self.command, f"http://127.0.0.1{self.path}", headers=dict(self.headers), content=content
        )
        # The stand-ins are not made for threads.
        with _LOCK:
            response = type(self).answer(request)
        self.send_response_only(response.status_code)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(response.content)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Write nothing."""


@contextmanager
def serve(answer: Answer) -> Iterator[str]:
    """Serve while the block runs; gives the base URL."""
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
