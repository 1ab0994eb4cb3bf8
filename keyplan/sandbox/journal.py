"""What was asked of the sandbox, request by request: for tests, and for people who wonder what a client did.

In: method and path of each request, later its status. Out: entries. Never: a header or a body.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_KEPT = 20_000


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request; filled in as it goes on."""

    number: int
    """Counted from 1."""
    method: str
    target: str
    """Path with query, as sent."""
    status: int | None = None
    """Status that the client was sent; None while under way, or where the connection was dropped."""
    fault: str | None = None
    """The fault that it met."""


class Journal:
    """The last 20,000 requests."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._count = 0

    @property
    def count(self) -> int:
        """How many requests came in altogether."""
        return self._count

    def enter(self, method: str, target: str) -> Entry:
        """Note a request on arrival, and return its entry to be filled in."""
        self._count += 1
        entry = Entry(number=self._count, method=method, target=target)
        self._entries.append(entry)
        return entry

    def entries(self, *, after: int) -> tuple[Entry, ...]:
        """Return the kept entries with numbers above `after`, oldest first."""
        return tuple(entry for entry in self._entries if entry.number > after)
