"""Walks several listings at the same time and makes one list of keys of them. Nothing is left out silently.

A page goes into the catalogue as it arrives, so that no listing is held in memory as JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from keyplan.errors import ProviderRefusedError
from keyplan.model.identity import ScopeId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation
from keyplan.net.http import show_safely
from keyplan.providers.answers import JsonObject
from keyplan.providers.arize.catalogue import KeyCatalogue
from keyplan.providers.arize.detection import NOT_UNDERSTOOD
from keyplan.providers.arize.dialects import KEYS_PATH, Dialect
from keyplan.providers.arize.pages import fetch_pages
from keyplan.providers.arize.parser import KeyParser
from keyplan.providers.arize.spaces import MAX_PARALLEL_REQUESTS
from keyplan.providers.client import ProviderReadClient


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyListing:
    """The filters of one listing."""

    key_type: KeyType | None
    space_id: ScopeId | None = None
    active: bool = True

    @property
    def what(self) -> str:
        """Its name in messages."""
        kind = f"{self.key_type.value} keys" if self.key_type else "keys"
        return f"list {kind} of space {show_safely(self.space_id)}" if self.space_id else f"list {kind}"


class ListingRun:
    """Listings under way; as a context manager, none of them goes on once the block is left."""

    def __init__(self, client: ProviderReadClient, dialect: Dialect, parser: KeyParser) -> None:
        self._client = client
        self._dialect = dialect
        self._catalogue = KeyCatalogue(parser)
        self._begun: list[Future[None]] = []
        self._stack = ExitStack()
        self._is_left = False

    def __enter__(self) -> Self:
        pool = ThreadPoolExecutor(max_workers=MAX_PARALLEL_REQUESTS, thread_name_prefix="arize")
        self._pool = self._stack.enter_context(pool)
        self._stack.callback(self._leave)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _leave(self) -> None:
        self._is_left = True
        for future in self._begun:
            future.cancel()

    def begin(self, listings: Iterable[KeyListing], first: JsonObject | None = None) -> None:
        """Begin to walk listings; `first` is the first page of the first of them, if it is there already."""
        for number, listing in enumerate(listings):
            self._begun.append(self._pool.submit(self._walk, listing, None if number else first))

    def finish(self) -> tuple[Observation, ...]:
        """Wait for all listings and return their keys, each id once, sorted by id.

        Raises the error of the first listing, in the order in which they were begun, that failed.
        """
        for future in self._begun:
            future.result()
        return self._catalogue.observations()

    def _walk(self, listing: KeyListing, first: JsonObject | None) -> None:
        if listing.active:
            self._walk_status(listing, self._dialect.active_word, first)
            return
        # Servers of one generation have different words for dead keys; a wrong one is refused (docs/arize-api.md, A8).
        for word in self._dialect.dead_words[:-1]:
            try:
                self._walk_status(listing, word)
            except ProviderRefusedError as error:
                if error.status not in NOT_UNDERSTOOD:
                    raise
            else:
                return
        self._walk_status(listing, self._dialect.dead_words[-1])

    def _walk_status(self, listing: KeyListing, status: str, first: JsonObject | None = None) -> None:
        filters = self._dialect.filters(key_type=listing.key_type, status=status, space_id=listing.space_id)
        for page in fetch_pages(self._client, listing.what, self._ask_for(listing, first), filters, "api_keys"):
            if self._is_left:
                return
            self._catalogue.add(page, active=listing.active, space_id=listing.space_id)

    def _ask_for(self, listing: KeyListing, first: JsonObject | None) -> Callable[[Mapping[str, str]], JsonObject]:
        """Return what gets the pages of a listing, one after the other."""
        known = [] if first is None else [first]
        return lambda wanted: known.pop() if known else self._client.get(listing.what, KEYS_PATH, wanted)
