"""A server of the API that costs nearly nothing: pages are serialised once, HTTP is parsed with three splits.

In: `--keys N --spaces N --latency SECONDS --state empty|full`. Out: on stdout the port; then answers, until stdin
ends. `GET /requests` tells how many requests of each kind there were since it was last asked. Never: a check of
anything; it serves benchmarks, and the sandbox serves truth.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import re
import sys
from collections import Counter
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from urllib.parse import parse_qsl, unquote, urlsplit

from benchmarks.accounts import ORGANIZATION, Account, key_id, numbers, raw_key, redacted_of, space_id

PAGE = 100
_PREFIX = re.compile(r"^/account-\d+(?=/)")
"""Stands before the path of one of several accounts, which hold the same keys."""
Listing = tuple[str, str]
"""Type word and space id, each empty for all."""


class Pages:
    """Every page of every listing, as bytes."""

    def __init__(self, account: Account) -> None:
        shown = [json.dumps(account.show(number)) for number in range(account.keys)]
        self._pages: dict[Listing, list[bytes]] = {
            ("USER", ""): _cut([shown[n] for n in numbers(account, service=False)]),
            ("SERVICE", ""): _cut([shown[n] for n in numbers(account, service=True)]),
            ("", ""): _cut(shown),
        }
        in_space: dict[str, list[str]] = {space_id(n): [] for n in range(account.spaces)}
        for number in numbers(account, service=True):
            in_space[account.space_of(number)].append(shown[number])
        for space, items in in_space.items():
            self._pages["SERVICE", space] = _cut(items)

    def get(self, wanted: dict[str, str]) -> bytes:
        """Return a page; a limit of 1 gets the shortest answer that there is."""
        if wanted.get("limit") == "1":
            return _join([], None)
        listing = wanted.get("key_type", "").upper(), wanted.get("space_id", "")
        return self._pages[listing][int(wanted.get("cursor", "0"))]


def _cut(items: list[str]) -> list[bytes]:
    starts = range(0, max(1, len(items)), PAGE)
    last = len(starts) - 1
    return [
        _join(items[start : start + PAGE], None if number == last else str(number + 1))
        for number, start in enumerate(starts)
    ]


def _join(items: list[str], cursor: str | None) -> bytes:
    pagination = {"has_more": cursor is not None, **({"next_cursor": cursor} if cursor else {})}
    return f'{{"api_keys": [{", ".join(items)}], "pagination": {json.dumps(pagination)}}}'.encode()


class Api:
    """Answers requests from memory."""

    def __init__(self, pages: Pages, *, first_free: int) -> None:
        self._pages = pages
        self._next = first_free
        self.counts: Counter[str] = Counter()

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, bytes]:
        """Return status and body."""
        url = urlsplit(target)
        path = _PREFIX.sub("", url.path)
        if path == "/requests":
            counted, self.counts = self.counts, Counter()
            return 200, json.dumps(counted).encode()
        if method == "GET" and path == "/v2/api-keys":
            wanted = dict(parse_qsl(url.query))
            self.counts["probe" if wanted.get("limit") == "1" else "page"] += 1
            return 200, self._pages.get(wanted)
        if method == "GET" and path.startswith("/v2/spaces/"):
            self.counts["space"] += 1
            space = unquote(path.removeprefix("/v2/spaces/"))
            return 200, json.dumps({"id": space, "name": space, "organization_id": ORGANIZATION}).encode()
        if method == "POST":
            return self._issue(path, json.loads(body or b"{}"))
        self.counts["delete"] += 1
        return 204, b""

    def _issue(self, path: str, body: dict[str, object]) -> tuple[int, bytes]:
        number, self._next = self._next, self._next + 1
        is_create = path == "/v2/api-keys"
        self.counts["create" if is_create else "refresh"] += 1
        item = {
            "id": key_id(number) if is_create else unquote(path.split("/")[3]),
            "key": raw_key(number),
            "redacted_key": redacted_of(number),
            "status": "ACTIVE",
            "created_at": datetime.now(UTC).isoformat(),
            **{name: body.get(name) for name in ("name", "key_type", "description", "expires_at")},
        }
        return 201 if is_create else 200, json.dumps(item).encode()


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, each answered after the latency."""

    def __init__(self, api: Api, latency: float) -> None:
        self._api = api
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where answers go."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer as soon as a request is whole."""
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = _read_length(head)
        if len(rest) < length:
            return
        self._received = rest[length:]
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        status, body = self._api.answer(method, target, rest[:length])
        answer = _head(status, len(body)) + body
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]  # a TCP transport


def _read_length(head: bytes) -> int:
    lower = head.lower()
    place = lower.find(b"\r\ncontent-length:")
    return int(lower[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def _head(status: int, length: int) -> bytes:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    return (
        f"HTTP/1.1 {status} OK\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


async def serve(account: Account, *, latency: float, is_empty: bool, port: int) -> None:
    """Serve until stdin ends."""
    pages = Pages(Account(0, account.spaces) if is_empty else account)
    # Pages live as long as the server: the collector need not look at them again.
    gc.freeze()
    api = Api(pages, first_free=account.keys)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Connection, api, latency), "127.0.0.1", port)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, required=True)
    parser.add_argument("--spaces", type=int, default=10)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--empty", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    asyncio.run(serve(Account(given.keys, given.spaces), latency=given.latency, is_empty=given.empty, port=given.port))


if __name__ == "__main__":
    main()
