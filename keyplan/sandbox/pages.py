"""Limits and cursors: the part of a listing that a request asks for, and how the response names the next part.

The last page must never have a `next_cursor`: official clients continue as long as there is one (docs/arize-api.md,
A12).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from keyplan.sandbox.responses import ProblemError

_MAX_PAGE_SIZE = 100


class Numbered(Protocol):
    """Anything that is listed in the order of its number."""

    @property
    def number(self) -> int:
        """Its position."""
        ...


_N = TypeVar("_N", bound=Numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The start and size of a page."""

    after: int
    """Number of the last item of the previous page; 0 for the first page."""
    limit: int
    filters: str
    """A short digest of the listing and its filters; a cursor is valid with the same ones only."""

    @property
    def reach(self) -> int:
        """The number of items to read: one more than the page holds, to know whether there is another page."""
        return self.limit + 1


def read_page(query: Mapping[str, str], *, default_limit: int, what: str) -> Page:
    """Return the page that a query asks for; `what` is the name of the listing. Raises ProblemError 400."""
    # A cursor with other filters would skip items silently, so it carries a digest of its filters.
    kept = {name: value for name, value in query.items() if name not in {"limit", "cursor"}}
    filters = hashlib.sha256(json.dumps([what, kept], sort_keys=True).encode()).hexdigest()[:16]
    cursor = query.get("cursor")
    return Page(
        after=_after(cursor, filters) if cursor else 0,
        limit=_limit(query["limit"]) if "limit" in query else default_limit,
        filters=filters,
    )


def cut(items: Sequence[_N], page: Page) -> tuple[Sequence[_N], dict[str, object]]:
    """Return the items of a page, out of the `reach` items that were read, and its `pagination` object."""
    if len(items) <= page.limit:
        return items, {"has_more": False}
    # One item more than the page was read, so there is another page.
    held = items[: page.limit]
    token = json.dumps({"after": held[-1].number, "filters": page.filters}).encode()
    return held, {"has_more": True, "next_cursor": base64.b64encode(token).decode()}


def _limit(text: str) -> int:
    # Only plain digits: int() would take "1_0", " 5" and digits of other scripts too.
    plain = text.isascii() and text.isdecimal() and len(text) <= len(str(_MAX_PAGE_SIZE))
    if not plain or not 1 <= int(text) <= _MAX_PAGE_SIZE:
        raise ProblemError(400, f"limit must be a whole number from 1 to {_MAX_PAGE_SIZE}.")
    return int(text)


def _after(cursor: str, filters: str) -> int:
    try:
        token = json.loads(base64.b64decode(cursor.encode(), validate=True))
        after, belongs_to = int(token["after"]), token["filters"]
    except (ValueError, LookupError, TypeError):
        raise ProblemError(400, "cursor is not valid.") from None
    # Whether a real server checks this is unstated (docs/arize-api.md, A12); a client that mixes them up loses keys.
    if belongs_to != filters:
        raise ProblemError(400, "cursor belongs to a listing with other filters.")
    return after
