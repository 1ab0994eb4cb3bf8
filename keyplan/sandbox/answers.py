"""An answer held back before it is sent: so that a fault can replace it, cut it, or lose it.

In: an ASGI application and a request. Out: the whole answer. Never: streaming; the sandbox's answers are small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from keyplan.sandbox.faults import Filling
from keyplan.sandbox.problems import MEDIA_TYPE, problem_body

_NO_CONTENT = 204
_HTML = b"<html><head><title>Bad gateway</title></head><body><h1>Something went wrong</h1></body></html>"
_GARBAGE = b'{"key": "ak-'


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, headers and a body."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def rewritten(self, pattern: re.Pattern[str], replacement: str) -> Answer:
        """Return the same answer with what a pattern finds in its body replaced."""
        body = pattern.sub(lambda _found: replacement, self.body.decode()).encode()
        headers = tuple(pair for pair in self.headers if pair[0] != b"content-length")
        return replace(self, headers=(*headers, (b"content-length", str(len(body)).encode())), body=body)

    async def send(self, send: Send) -> None:
        """Send all of it."""
        await self._start(send)
        await send({"type": "http.response.body", "body": self.body})

    async def send_half(self, send: Send) -> None:
        """Send headers that promise the whole body, and the first half of the body."""
        await self._start(send)
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})


async def collect(app: ASGIApp, scope: Scope, receive: Receive) -> Answer:
    """Let an application handle a request, and return what it would have sent."""
    started: list[Message] = []
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    (start,) = started
    return Answer(status=start["status"], headers=tuple(start["headers"]), body=b"".join(parts))


def problem_answer(status: int, detail: str, *, type_base: str, headers: Mapping[str, str]) -> Answer:
    """Return a problem document as an answer."""
    return _answer(status, MEDIA_TYPE, problem_body(status, detail, type_base=type_base), headers)


def filled_answer(status: int, filling: Filling, *, type_base: str, headers: Mapping[str, str]) -> Answer:
    """Return what a `status` fault sends. A 204 never has a body (RFC 9110 15.3.5)."""
    if status == _NO_CONTENT:
        return Answer(status=status, headers=_encoded(headers), body=b"")
    match filling:
        case Filling.PROBLEM:
            return problem_answer(status, "A fault was ordered for this request.", type_base=type_base, headers=headers)
        case Filling.HTML:
            return _answer(status, "text/html; charset=utf-8", _HTML, headers)
        case Filling.EMPTY:
            return _answer(status, "application/json", b"", headers)
        case Filling.GARBAGE:
            return _answer(status, "application/json", _GARBAGE, headers)
        case _:
            assert_never(filling)


def _answer(status: int, media_type: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    own = {"content-type": media_type, "content-length": str(len(body))}
    return Answer(status=status, headers=_encoded(own | dict(headers)), body=body)


def _encoded(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
