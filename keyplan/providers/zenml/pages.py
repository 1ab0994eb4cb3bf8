"""Reads all pages of a listing. A listing must never be silently incomplete: missing keys would be created again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from math import ceil

from keyplan.errors import ProviderRefusedError, ProviderUnavailableError
from keyplan.providers.answers import JsonObject
from keyplan.providers.client import ProviderReadClient

PAGE_SIZE = 100
"""With descriptions of the greatest length, such a page is just below the largest answer that is read."""
_MOST_STARTS = 5


def fetch_all(client: ProviderReadClient, what: str, path: str, parameters: Mapping[str, str]) -> list[JsonObject]:
    """Return the items of all pages, each at least once, oldest first as far as nothing changes meanwhile.

    Items that others add or delete while pages are read may be missing or there; all others are there.

    Raises:
        ProviderDeniedError: The credential is not accepted or may not do this.
        ProviderRefusedError: The server refused the listing.
        ProviderUnavailableError: The server cannot be reached; its pages cannot be understood, hold more than the
            client's `max_keys`, or changed each time that they were read.
    """
    listing = _PagedList(client=client, what=what, path=path, parameters=parameters)
    for _ in range(_MOST_STARTS):
        items = listing.read()
        if items is not None:
            return items
    raise ProviderUnavailableError(
        f"{what}: {client.base_url}: the list changed each of the {_MOST_STARTS} times that it was read",
        advice="try again when no other program is changing keys",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """One page, and what it says of the listing."""

    items: list[JsonObject]
    total: int
    """Items of all pages."""
    pages: int

    def is_whole(self, number: int) -> bool:
        """Whether a page of that number holds what its own total says."""
        expected = PAGE_SIZE if number < self.pages else self.total - PAGE_SIZE * (self.pages - 1)
        return len(self.items) == expected


@dataclass(frozen=True, slots=True, kw_only=True)
class _PagedList:
    """One listing, which can be read several times."""

    client: ProviderReadClient
    what: str
    path: str
    parameters: Mapping[str, str]

    def read(self) -> list[JsonObject] | None:
        """Return all items; None if the pages changed so that some may be missing."""
        first = self._fetch(1)
        if first is None or not first.is_whole(1):
            return None
        if first.pages == 1:
            return first.items
        found: list[JsonObject] = []
        # From the last page to the first, again: a deleted item moves all newer ones to the front, so that read in
        # the other direction they would be skipped. New items come behind the last page.
        for number in range(first.pages, 0, -1):
            page = self._fetch(number)
            if page is None or not page.is_whole(number):
                return None
            found = [*page.items, *found]
        return found

    def _fetch(self, number: int) -> _Page | None:
        """Return a page; None if the listing has become shorter than that."""
        asked = {**self.parameters, "sort_by": "asc:created", "size": str(PAGE_SIZE), "page": str(number)}
        try:
            answer = self.client.get(self.what, self.path, asked)
        except ProviderRefusedError as error:
            # A page beyond the last one is an error here, not an empty page.
            if number > 1 and error.status == HTTPStatus.BAD_REQUEST:
                return None
            raise
        return self._read_page(answer)

    def _read_page(self, answer: JsonObject) -> _Page:
        items, total, pages = answer.get("items"), answer.get("total"), answer.get("total_pages")
        if not isinstance(items, list) or not isinstance(total, int) or not isinstance(pages, int):
            raise self._fail("the answer is not a page of a list")
        if answer.get("max_size") != PAGE_SIZE or pages != max(1, ceil(total / PAGE_SIZE)):
            raise self._fail("the answer is a page of another size than asked for")
        if total > self.client.max_keys:
            raise ProviderUnavailableError(
                f"{self.what}: {self.client.base_url} lists more than {self.client.max_keys}",
                advice="check the address; if there are so many, raise provider.max_keys in the manifest",
            )
        return _Page(items=[item for item in items if isinstance(item, Mapping)], total=total, pages=pages)

    def _fail(self, why: str) -> ProviderUnavailableError:
        return ProviderUnavailableError(f"{self.what}: {self.client.base_url}: {why}", advice="check provider.base_url")
