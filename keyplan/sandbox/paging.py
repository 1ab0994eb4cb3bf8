"""Limits and cursors: which part of a listing a request asks for, and how the answer names the next part.

In: query parameters. Out: a Page, and the `pagination` object. Never: a `next_cursor` on the last page, since
official clients go on for as long as there is one (docs/arize-api.md, A12).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from keyplan.sandbox.problems import Problem

_LARGEST_PAGE = 100


class Numbered(Protocol):
    """Anything that is listed in the order of its number."""

    @property
    def number(self) -> int:
        """The place in the order."""
        ...


_N = TypeVar("_N", bound=Numbered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where a page starts and how much it holds."""

    after: int
    """Number of the last item of the page before; 0 for the first page."""
    limit: int
    filters: str
    """What the listing is filtered by, as a short digest; a cursor goes with its filters only."""

    @property
    def reach(self) -> int:
        """How many items to read: one more than the page holds, which tells whether there is another page."""
        return self.limit + 1


def read_page(query: Mapping[str, str], *, default_limit: int, what: str) -> Page:
    """Return the page that a query asks for; `what` names the listing. Raises Problem 400."""
    kept = {name: value for name, value in query.items() if name not in {"limit", "cursor"}}
    filters = hashlib.sha256(json.dumps([what, kept], sort_keys=True).encode()).hexdigest()[:16]
    cursor = query.get("cursor")
    return Page(
        after=_after(cursor, filters) if cursor else 0,
        limit=_limit(query["limit"]) if "limit" in query else default_limit,
        filters=filters,
    )


def cut(items: Sequence[_N], page: Page) -> tuple[Sequence[_N], dict[str, object]]:
    """Return what a page holds of the items that its `reach` read, and its `pagination` object."""
    if len(items) <= page.limit:
        return items, {"has_more": False}
    held = items[: page.limit]
    token = json.dumps({"after": held[-1].number, "filters": page.filters}).encode()
    return held, {"has_more": True, "next_cursor": base64.b64encode(token).decode()}


def _limit(text: str) -> int:
    # Only plain digits: int() would take "1_0", " 5" and digits of other scripts too.
    plain = text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST_PAGE))
    if not plain or not 1 <= int(text) <= _LARGEST_PAGE:
        raise Problem(400, f"limit must be a whole number from 1 to {_LARGEST_PAGE}.")
    return int(text)


def _after(cursor: str, filters: str) -> int:
    try:
        token = json.loads(base64.b64decode(cursor.encode(), validate=True))
        after, belongs_to = int(token["after"]), token["filters"]
    except (ValueError, LookupError, TypeError):
        raise Problem(400, "cursor is not valid.") from None
    if belongs_to != filters:
        raise Problem(400, "cursor belongs to a listing with other filters.")
    return after
