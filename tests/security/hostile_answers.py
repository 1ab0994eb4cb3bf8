"""Answers of another shape, made from honest ones: the whole body replaced, or one field of it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx
from security.hostile_server import Asked, Reply

Twist = Callable[[Reply], Reply]
CANARY = "hostile-canary-5c1f"
"""Stands in bodies that no message may quote; a field may be shown, such as the id of a key."""
_NOT_PASSED_ON = {"host", "content-length", "connection", "expect", "transfer-encoding", "accept-encoding"}
_NOT_PASSED_BACK = {"content-length", "connection", "transfer-encoding", "content-encoding"}

BODIES: Mapping[str, bytes] = {
    "null": b"null",
    "an empty list": b"[]",
    "an empty object": b"{}",
    "a text": b'"hostile-canary-5c1f"',
    "a number": b"7",
    "true": b"true",
    "NaN": b"NaN",
    "a number of 5,000 digits": b"1" * 5000,
    "a list of lists": b"[[[]]]",
    "nothing": b"",
    "HTML": b"<!DOCTYPE html><html><body>hostile-canary-5c1f</body></html>",
    "other XML": b"<?xml version='1.0'?><hostile><canary>hostile-canary-5c1f</canary></hostile>",
    "cut off": b'{"data": {"hostile-canary-5c1f": ',
    "not UTF-8": b'{"message": "\xff\xfe"}',
    "nested too deeply": b"[" * 50_000 + b"]" * 50_000,
    "objects nested too deeply": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
}
VALUES: tuple[Any, ...] = (
    None,
    [],
    {},
    [[]],
    [None],
    {"another value": {}},
    "",
    "another value",
    "\ud83d",
    True,
    -1,
    10**400,
    1e308,
)
MISSING = object()


def replace_body(body: bytes) -> Twist:
    """Return what answers with another body, and the same status."""
    return lambda reply: replace(reply, body=body, status=200 if reply.status == 204 else reply.status)


def replace_status(status: int, body: bytes = b'{"hostile-canary-5c1f": []}') -> Twist:
    """Return what answers with another status."""
    return lambda reply: replace(reply, body=body, status=status)


def change_fields(reply: Reply) -> Iterator[tuple[str, Twist]]:
    """Yield, by their names, all twists that replace, remove or repeat one value of a reply of JSON."""
    try:
        document = json.loads(reply.body)
    except ValueError:
        return
    for path in _paths(document):
        named = ".".join(map(str, path))
        for value in VALUES:
            yield f"{named} is {_show(value)}", _twist(path, value)
        yield f"{named} is missing", _twist(path, MISSING)
        if isinstance(_at(document, path), list):
            yield f"{named} twice", _twist(path, [*_at(document, path)] * 2)


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) < 40 else f"{text[:30]}..."


def _paths(value: Any, before: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*before, key)
        yield from _paths(member, (*before, key))


def _at(document: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _twist(path: tuple[str | int, ...], value: object) -> Twist:
    def twist(reply: Reply) -> Reply:
        try:
            document = copy.deepcopy(json.loads(reply.body))
            parent = _at(document, path[:-1])
            if value is MISSING:
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
        except (ValueError, LookupError, TypeError):
            # The same request has got another answer this time.
            return reply
        return replace(reply, body=json.dumps(document).encode())

    return twist


class Forwarder:
    """Answers as an honest server does that it asks, but for one request."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.Client(timeout=30, trust_env=False)
        self.number: int | None = None
        """Which request gets the twisted answer; counts from `reset`."""
        self.twist: Twist = lambda reply: reply
        self.replies: list[Reply] = []
        self._count = 0

    def reset(self, number: int | None = None, twist: Twist = lambda reply: reply) -> None:
        """Begin another run."""
        self.number, self.twist, self.replies, self._count = number, twist, [], 0

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __call__(self, asked: Asked) -> Reply:
        """Answer a request."""
        headers = {name: value for name, value in asked.headers.items() if name not in _NOT_PASSED_ON}
        response = self._client.request(asked.method, f"{self._url}{asked.path}", headers=headers, content=asked.body)
        passed = {name: value for name, value in response.headers.items() if name not in _NOT_PASSED_BACK}
        reply = Reply(body=response.content, status=response.status_code, headers=passed)
        self.replies.append(reply)
        self._count += 1
        return self.twist(reply) if self._count - 1 == self.number else reply
