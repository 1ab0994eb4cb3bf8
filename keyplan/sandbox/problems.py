"""Refusals, and how each generation writes them as RFC 9457 problem documents.

In: a status and a sentence. Out: an exception that the endpoints raise, and its JSON. Never: a raw key or a
request body in either.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"

# docs/arize-api.md, A32: the slugs that the vendor's specification names.
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


class Problem(Exception):  # noqa: N818 - the wire's own word; it is an answer as much as an error
    """A request is refused with this status; nothing was changed."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        """HTTP status."""
        self.detail = detail
        """What was wrong, one sentence."""
        self.headers = dict(headers or {})
        """Headers that go with the status, such as Retry-After."""


def problem_body(status: int, detail: str, *, type_base: str) -> bytes:
    """Return the JSON of a problem document; `type_base` is what the generation puts before the slug."""
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
