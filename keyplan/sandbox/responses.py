"""Refusals as RFC 9457 problem documents, and whole responses that the middleware holds back before they are sent.

Nothing here streams: the sandbox's responses are small. No problem document quotes a raw key or a request body.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"

# The slugs that the vendor's specification names (docs/arize-api.md, A32).
_SLUGS: Mapping[int, str] = {
    400: "invalid-request",
    401: "authentication-required",
    403: "access-forbidden",
    404: "resource-not-found",
    409: "resource-conflict",
    422: "unprocessable-entity",
    429: "rate-limit-exceeded",
    503: "service-unavailable",
}


class ProblemError(Exception):
    """A request is refused with this status, and has changed nothing."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        """HTTP status."""
        self.detail = detail
        """The reason, one sentence."""
        self.headers = dict(headers or {})
        """Headers that belong to the status, such as Retry-After."""


def problem_body(status: int, detail: str, *, type_base: str) -> bytes:
    """Return the JSON of a problem document; `type_base` is what the generation writes before the slug."""
    slug = _SLUGS.get(status)
    return json.dumps(
        {
            "type": f"{type_base}{slug}" if slug else "about:blank",
            "title": _title(status),
            "status": status,
            "detail": detail,
        }
    ).encode()


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown status"


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferedResponse:
    """A complete response that has not been sent yet."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    @classmethod
    def of(cls, status: int, media_type: str, body: bytes, headers: Mapping[str, str]) -> BufferedResponse:
        """Return a response with its content type and length, and further headers."""
        own = {"content-type": media_type, "content-length": str(len(body))}
        return cls(status=status, headers=encode_headers(own | dict(headers)), body=body)

    def with_replaced(self, pattern: re.Pattern[str], replacement: str) -> BufferedResponse:
        """Return the same response with each match of a pattern in its body replaced."""
        # A function, because a replacement text could refer to groups; the replacement is literal.
        body = pattern.sub(lambda _found: replacement, self.body.decode()).encode()
        headers = tuple(pair for pair in self.headers if pair[0] != b"content-length")
        return replace(self, headers=(*headers, (b"content-length", str(len(body)).encode())), body=body)

    async def send(self, send: Send) -> None:
        """Send all of it."""
        await self._start(send)
        await send({"type": "http.response.body", "body": self.body})

    async def send_half(self, send: Send) -> None:
        """Send headers that announce the whole body, and the first half of the body."""
        await self._start(send)
        await send({"type": "http.response.body", "body": self.body[: len(self.body) // 2], "more_body": True})

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})


async def collect(app: ASGIApp, scope: Scope, receive: Receive) -> BufferedResponse:
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
    return BufferedResponse(status=start["status"], headers=tuple(start["headers"]), body=b"".join(parts))


def problem_response(status: int, detail: str, *, type_base: str, headers: Mapping[str, str]) -> BufferedResponse:
    """Return a problem document as a response."""
    return BufferedResponse.of(status, MEDIA_TYPE, problem_body(status, detail, type_base=type_base), headers)


def encode_headers(headers: Mapping[str, str]) -> tuple[tuple[bytes, bytes], ...]:
    """Return headers in the form that ASGI wants: pairs of bytes with lower-case names."""
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())
