"""The ways in which servers give a listing in pages. Each says what to ask for next, and where the listing ends.

A listing must never be silently incomplete: what does not fit its way is an error, never an end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from keyplan.providers.http.pointers import Pointer, resolve

Parameters: TypeAlias = Mapping[str, str]


class PageError(Exception):
    """The answer does not say how the listing goes on; the message is a clause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPage:
    """What one request of a listing brought, and all before it."""

    answer: object
    number: int
    """From 1."""
    items: int
    """On this page."""
    seen: int
    """On all pages so far."""
    last_id: str
    """Of the last key on this page; empty if there is none."""


class Paging(ABC):
    """One way of paging."""

    def begin(self) -> Parameters:
        """Return the parameters of the first page."""
        return {}

    @abstractmethod
    def follow(self, page: ListedPage) -> Parameters | None:
        """Return the parameters of the page after that one; None if it is the last. Raises PageError."""


@dataclass(frozen=True, slots=True)
class WholeListing(Paging):
    """One answer holds all keys."""

    def follow(self, page: ListedPage) -> Parameters | None:  # noqa: ARG002 - the signature of all ways
        """Return None."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CursorPages(Paging):
    """Each answer names the cursor of the next page; the last one names none."""

    parameter: str
    next: Pointer

    def follow(self, page: ListedPage) -> Parameters | None:
        """Return the cursor that the answer names."""
        cursor = resolve(page.answer, self.next)
        if cursor is None or cursor == "":
            return None
        if isinstance(cursor, bool) or not isinstance(cursor, str | int):
            raise PageError("its cursor is neither text nor number")
        return {self.parameter: str(cursor)}


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetPages(Paging):
    """Each request says how many keys to pass over; an empty page ends the listing."""

    parameter: str

    def begin(self) -> Parameters:
        """Return the offset 0."""
        return {self.parameter: "0"}

    def follow(self, page: ListedPage) -> Parameters | None:
        """Return the offset behind all keys so far."""
        # A short page does not end the listing: the size of a page is the server's own, and may change.
        return {self.parameter: str(page.seen)} if page.items else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LastIdPages(Paging):
    """Each answer says whether there is more, which comes behind the id of its last key."""

    parameter: str
    more: Pointer

    def follow(self, page: ListedPage) -> Parameters | None:
        """Return the last id of the page, if the answer says that there is more."""
        more = resolve(page.answer, self.more)
        if not isinstance(more, bool):
            raise PageError("it does not say whether there is more")
        if not more:
            return None
        if not page.last_id:
            raise PageError("it announces more behind a page without keys")
        return {self.parameter: page.last_id}


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPages(Paging):
    """Each answer says how many pages there are."""

    parameter: str
    total: Pointer
    first: int = 1

    def begin(self) -> Parameters:
        """Return the number of the first page."""
        return {self.parameter: str(self.first)}

    def follow(self, page: ListedPage) -> Parameters | None:
        """Return the next number, if the answer counts more pages."""
        total = resolve(page.answer, self.total)
        if isinstance(total, bool) or not isinstance(total, int):
            raise PageError("it does not say how many pages there are")
        return {self.parameter: str(self.first + page.number)} if page.number < total else None
