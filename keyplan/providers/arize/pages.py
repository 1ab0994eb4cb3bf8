"""Reads all pages of a listing. A listing must never be silently incomplete: missing keys would be created again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from keyplan.errors import ProviderUnavailableError
from keyplan.providers.answers import JsonObject
from keyplan.providers.client import ProviderReadClient

PAGE_SIZE = 100
"""The largest page that the API allows (docs/arize-api.md, A9)."""
_LEAST_PER_PAGE = 10
"""Of the items that pages have on average; a server may give fewer than it is asked for."""
_SPARE_PAGES = 100
"""How many pages more a listing may have: a server that filters may give empty ones."""


def fetch_all(
    client: ProviderReadClient, what: str, path: str, parameters: Mapping[str, str], field: str
) -> list[JsonObject]:
    """Return the items of all pages in the server's order; items that are not JSON objects are left out.

    Raises:
        ProviderDeniedError: The credential is not accepted or may not do this.
        ProviderRefusedError: The server refused a page.
        ProviderUnavailableError: The server cannot be reached; or its pages repeat, do not end, hold no list, or hold
            more than the client's `max_keys`.
    """
    pages = fetch_pages(client, what, lambda wanted: client.get(what, path, wanted), parameters, field)
    return [item for page in pages for item in page]


def fetch_pages(
    client: ProviderReadClient,
    what: str,
    ask: Callable[[Mapping[str, str]], JsonObject],
    parameters: Mapping[str, str],
    field: str,
) -> Iterator[list[JsonObject]]:
    """Yield the items that `fetch_all` returns, one page in memory at a time; `ask` gets the answer of one page.

    Raises the errors of `fetch_all`, at any page.
    """
    # Page by page: the JSON values of 100,000 keys take 300 MB.
    # Filters are repeated with every cursor: whether they must be is not stated (docs/arize-api.md, A12).
    wanted = with_page_size(parameters)
    ceiling = _Ceiling(client, what)
    while True:
        answer = ask(wanted)
        items = answer.get(field)
        if not isinstance(items, list):
            raise ProviderUnavailableError(f"{what}: the answer of {client.base_url} has no list '{field}'")
        ceiling.add(len(items))
        yield [item for item in items if isinstance(item, dict)]
        cursor = _next_cursor(what, answer)
        if cursor is None:
            return
        ceiling.go_on(cursor)
        wanted["cursor"] = cursor


def with_page_size(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of the first page of a listing."""
    return {**parameters, "limit": str(PAGE_SIZE)}


class _Ceiling:
    """How far a listing has come, and may still go."""

    def __init__(self, client: ProviderReadClient, what: str) -> None:
        self._what = f"{what}: {client.base_url}"
        self._most = client.max_keys
        self._items = 0
        self._cursors: set[str] = set()

    def add(self, number: int) -> None:
        """Count a page's items. Raises ProviderUnavailableError if there are more than allowed."""
        self._items += number
        if self._items > self._most:
            raise ProviderUnavailableError(
                f"{self._what} lists more than {self._most}",
                advice="check the address; if there are so many, raise provider.max_keys in the manifest",
            )

    def go_on(self, cursor: str) -> None:
        """Note the cursor of the next page. Raises ProviderUnavailableError if the pages have no end."""
        # A server that repeats a cursor, or whose pages are empty, would keep keyplan here for ever.
        if cursor in self._cursors or len(self._cursors) >= _SPARE_PAGES + self._most // _LEAST_PER_PAGE:
            raise ProviderUnavailableError(f"{self._what}: the pages have no end (page {len(self._cursors) + 2})")
        self._cursors.add(cursor)


def _next_cursor(what: str, answer: JsonObject) -> str | None:
    pagination = answer.get("pagination")
    if pagination is None:
        return None
    if not isinstance(pagination, Mapping):
        raise ProviderUnavailableError(f"{what}: the server's 'pagination' is not a JSON object")
    cursor = pagination.get("next_cursor")
    if pagination.get("has_more") is False or (not cursor and not pagination.get("has_more")):
        return None
    if isinstance(cursor, str) and cursor:
        return cursor
    # More keys are announced but cannot be reached. Half a listing would make the planner create keys that exist.
    raise ProviderUnavailableError(f"{what}: the server announces more pages without a cursor")
