"""Reads all pages of a listing. A listing must never be silently incomplete: missing keys would be created again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from keyplan.errors import ProviderUnavailableError
from keyplan.model.manifest import Json
from keyplan.providers.answers import JsonObject
from keyplan.providers.client import ProviderReadClient
from keyplan.providers.http.definition import ListRequest
from keyplan.providers.http.page_rules import ListedPage, PageError
from keyplan.providers.http.pointers import Source, resolve
from keyplan.providers.http.templates import fill_path, fill_query

_WHAT = "list keys"


def fetch_items(
    client: ProviderReadClient, listing: ListRequest, key_id: Source, words: Mapping[str, Json]
) -> Iterator[tuple[str, JsonObject]]:
    """Yield the object of every key with its id, in the server's order, each id once.

    Raises:
        ProviderDeniedError: The credential is not accepted or may not do this.
        ProviderRefusedError: The server refused a page.
        ProviderUnavailableError: The server cannot be reached; or an answer is not what the definition says; or the
            pages repeat, or hold more than the client's `max_keys`.
    """
    path, query = fill_path(listing.path, words), fill_query(listing.query, words)
    parameters, walk = listing.pages.begin(), _PageWalk(client, key_id)
    while True:
        answer = client.get_value(_WHAT, path, {**query, **parameters})
        page, items = walk.take(answer, resolve(answer, listing.items))
        yield from items
        try:
            following = listing.pages.follow(page)
        except PageError as error:
            raise walk.fail(f"page {page.number}: {error}") from None
        if following is None:
            return
        walk.go_on(page, len(items))
        parameters = following


@dataclass(slots=True)
class _PageWalk:
    """How far a listing has come."""

    client: ProviderReadClient
    key_id: Source
    number: int = 0
    seen: int = 0
    known: set[str] = field(default_factory=set)

    def take(self, answer: object, items: object) -> tuple[ListedPage, list[tuple[str, JsonObject]]]:
        """Return a page, and those of its keys that no page before had."""
        self.number += 1
        if not isinstance(items, list):
            raise self.fail(f"page {self.number}: the answer has no list where 'list.items' says")
        self.seen += len(items)
        if self.seen > self.client.max_keys:
            raise self.fail(
                f"there are more than {self.client.max_keys}",
                advice="check the address; if there are so many, raise provider.max_keys in the manifest",
            )
        ids = [self._identify(item) for item in items]
        new = {key_id: item for key_id, item in zip(ids, items, strict=True) if key_id not in self.known}
        self.known |= new.keys()
        page = ListedPage(
            answer=answer, number=self.number, items=len(items), seen=self.seen, last_id=ids[-1] if ids else ""
        )
        return page, list(new.items())

    def go_on(self, page: ListedPage, new: int) -> None:
        """Return if another page may be asked for. Raises ProviderUnavailableError if pages repeat or are empty."""
        # A server that does not know the parameter answers the first page for ever.
        if not new:
            what = "repeats keys" if page.items else "is empty, and not the last one"
            raise self.fail(f"page {page.number} {what}", advice="check 'list.pages' of the definition")

    def fail(self, reason: str, *, advice: str = "check 'list' of the definition") -> ProviderUnavailableError:
        """Return the error that says why the listing cannot be used."""
        return ProviderUnavailableError(f"{_WHAT}: {self.client.base_url}: {reason}", advice=advice)

    def _identify(self, item: object) -> str:
        if not isinstance(item, dict):
            raise self.fail(f"page {self.number}: a key is not a JSON object")
        # Left out, the key would count as gone.
        key_id = self.key_id.find_text(item)
        if not key_id:
            raise self.fail(f"page {self.number}: a key has no id at '{self.key_id.text}'")
        return key_id
