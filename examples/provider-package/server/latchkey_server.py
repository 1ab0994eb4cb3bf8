"""Latchkey, an invented service of API keys: an HTTP server that keeps them in memory, on loopback.

    GET    /keys?after=ID    {"keys": [...], "next": ID or null}, two on each page
    POST   /keys             {"name", "note", "expires"}: a key with its secret, which is shown this once
    PATCH  /keys/ID          {"note"}: the key
    DELETE /keys/ID          204, or 404
    GET    /caller           {"id"} of the key that is presented, or 401

All but `/caller` ask for the administrator's key.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 2


class Latchkey(ThreadingHTTPServer):
    """A running server and its keys."""

    def __init__(self, admin_key: str, *, port: int = 0) -> None:
        """Listen on that port of loopback, or on a free one."""
        super().__init__(("127.0.0.1", port), LatchkeyHandler)
        self.admin_key = admin_key
        self.keys: dict[str, dict[str, Any]] = {}
        self.faults: deque[int] = deque()
        """Statuses of the next answers to the administrator, for tests; 0: act, then close without an answer."""
        self.requests: list[str] = []
        """Method and path of every request, in order."""
        self.lock = Lock()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def find_caller(self, raw: str) -> str | None:
        """Return the id of the live key with that secret."""
        now = time.time()
        return next((k for k, v in self.keys.items() if v["secret"] == raw and (v["expires"] or now + 1) > now), None)


@contextmanager
def running(admin_key: str) -> Iterator[Latchkey]:
    """Serve while the block runs."""
    with Latchkey(admin_key) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class LatchkeyHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Latchkey

    def _serve(self) -> None:
        path, raw = urlsplit(self.path).path, (self.headers["Authorization"] or "").removeprefix("Bearer ")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
        with self.server.lock:
            self.server.requests.append(f"{self.command} {path}")
            if path == "/caller":
                caller = self.server.find_caller(raw)
                return self.send_answer(200 if caller else 401, {"id": caller})
            if raw != self.server.admin_key:
                return self.send_answer(401, {"title": "not the administrator"})
            fault = self.server.faults.popleft() if self.server.faults else None
            if fault:
                return self.send_answer(fault, {"title": "a fault"})
            status, answer = self._act(path, body)
            return None if fault == 0 else self.send_answer(status, answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - names that BaseHTTPRequestHandler calls

    def _act(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        keys, key_id = self.server.keys, path.removeprefix("/keys").removeprefix("/")
        match self.command:
            case "GET":
                after = parse_qs(urlsplit(self.path).query).get("after", [""])[0]
                ids = [each for each in sorted(keys) if each > after]
                page = [_show(keys[each]) for each in ids[:PAGE]]
                return 200, {"keys": page, "next": ids[PAGE - 1] if len(ids) > PAGE else None}
            case "POST":
                key = {"id": f"k{secrets.token_hex(8)}", "created": int(time.time()), "note": "", "expires": None}
                key |= {name: body[name] for name in ("name", "note", "expires")}
                keys[key["id"]] = key | {"secret": f"lk_{secrets.token_urlsafe(32)}"}
                return 201, keys[key["id"]]
            case _ if key_id not in keys:
                return 404, {"title": "no such key"}
            case "PATCH":
                keys[key_id]["note"] = body["note"]
                return 200, _show(keys[key_id])
        del keys[key_id]
        return 204, None

    def send_answer(self, status: int, values: object) -> None:
        """Send a status, and values as JSON unless they are None."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if values is not None:
            self.wfile.write(json.dumps(values).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _show(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name != "secret"}


if __name__ == "__main__":
    latchkey = Latchkey(os.environ["LATCHKEY_ADMIN_KEY"], port=int(sys.argv[1]) if sys.argv[1:] else 0)
    print(latchkey.url, flush=True)
    latchkey.serve_forever()
