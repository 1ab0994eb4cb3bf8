"""Reads all pages of a listing. A listing must never be silently incomplete: missing keys would be created again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.errors import ProviderUnavailableError
from keyplan.providers.arize.client import ArizeReadClient
from keyplan.providers.arize.errors import JsonObject

PAGE_SIZE = 100
"""The largest page that the API allows (docs/arize-api.md, A9)."""
_MAX_PAGES = 100_000


def fetch_all(
    client: ArizeReadClient, what: str, path: str, parameters: Mapping[str, str], field: str
) -> list[JsonObject]:
    """Return the items of all pages in the server's order; items that are not JSON objects are left out.

    Raises:
        ProviderDeniedError: The credential is not accepted or may not do this.
        ProviderRefusedError: The server refused a page.
        ProviderUnavailableError: The server cannot be reached; or its pages repeat, do not end, or hold no list.
    """
    return [item for page in fetch_pages(client, what, path, parameters, field) for item in page]


def fetch_pages(
    client: ArizeReadClient, what: str, path: str, parameters: Mapping[str, str], field: str
) -> Iterator[list[JsonObject]]:
    """Yield the items that `fetch_all` returns, one page in memory at a time.

    Raises the errors of `fetch_all`, at any page.
    """
    # Page by page: the JSON values of 100,000 keys take 300 MB.
    # Filters are repeated with every cursor: whether they must be is not stated (docs/arize-api.md, A12).
    wanted = {**parameters, "limit": str(PAGE_SIZE)}
    seen: set[str] = set()
    while True:
        answer = client.get(what, path, wanted)
        items = answer.get(field)
        if not isinstance(items, list):
            raise ProviderUnavailableError(f"{what}: the server's answer has no list '{field}'")
        yield [item for item in items if isinstance(item, dict)]
        cursor = _next_cursor(what, answer)
        if cursor is None:
            return
        # A server that repeats a cursor would keep keyplan here for ever.
        if cursor in seen or len(seen) >= _MAX_PAGES:
            raise ProviderUnavailableError(f"{what}: the server's pages have no end (page {len(seen) + 2})")
        seen.add(cursor)
        wanted["cursor"] = cursor


def _next_cursor(what: str, answer: JsonObject) -> str | None:
    pagination = answer.get("pagination")
    if not isinstance(pagination, Mapping):
        return None
    cursor = pagination.get("next_cursor")
    if pagination.get("has_more") is False or (not cursor and not pagination.get("has_more")):
        return None
    if isinstance(cursor, str) and cursor:
        return cursor
    # More keys are announced but cannot be reached. Half a listing would make the planner create keys that exist.
    raise ProviderUnavailableError(f"{what}: the server announces more pages without a cursor")
