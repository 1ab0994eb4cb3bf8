"""All pages of a listing, however many there are, and never a listing that is silently incomplete.

In: a client, a path, parameters, the name of the field that holds the items. Out: every item.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from keyplan.errors import ProviderUnavailableError
from keyplan.providers.arize.client import ReadingClient
from keyplan.providers.arize.errors import JsonObject

PAGE_SIZE = 100
"""The most that the API allows (docs/arize-api.md, A9)."""
_MOST_PAGES = 100_000


def fetch_all(
    client: ReadingClient, what: str, path: str, parameters: Mapping[str, str], field: str
) -> list[JsonObject]:
    """Return the items of all pages in the server's order; what is no object among them is left out.

    Raises ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError; the last one also where
    pages go round in circles, end without an end, or hold no list.
    """
    return [item for page in fetch_pages(client, what, path, parameters, field) for item in page]


def fetch_pages(
    client: ReadingClient, what: str, path: str, parameters: Mapping[str, str], field: str
) -> Iterator[list[JsonObject]]:
    """Yield what `fetch_all` returns, a page in memory at a time: 100,000 keys are 300 MB of JSON values.

    Raises what `fetch_all` raises, at any page.
    """
    # Filters are repeated with every cursor: whether they must be is not stated (docs/arize-api.md, A12).
    wanted = {**parameters, "limit": str(PAGE_SIZE)}
    seen: set[str] = set()
    while True:
        answer = client.read(what, path, wanted)
        items = answer.get(field)
        if not isinstance(items, list):
            raise ProviderUnavailableError(f"{what}: the server's answer has no list '{field}'")
        yield [item for item in items if isinstance(item, dict)]
        cursor = _next_cursor(what, answer)
        if cursor is None:
            return
        if cursor in seen or len(seen) >= _MOST_PAGES:
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
    # Going on with half a listing would create keys that exist.
    raise ProviderUnavailableError(f"{what}: the server says there is more, and not where")
