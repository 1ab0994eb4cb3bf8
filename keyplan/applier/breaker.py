"""A breaker for each sink: one that refused or failed twice in a row gets no new key in this run.

A refresh without overlap ends the old raw key before any sink holds the new one. So such actions also wait for each
other until the sink has taken a key, or one dead sink would end a key in every lane before the first of them fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition

from keyplan.model.identity import SinkName
from keyplan.model.observation import Slot

_MOST_FAILURES = 2
"""In a row, and then no new key. One alone may be about its own place; a third would end a third key in vain."""


@dataclass(slots=True, kw_only=True)
class _SinkRecord:
    failures: int = 0
    """In a row: a key that was stored resets them, and nothing else does."""
    has_stored: bool = False
    under_way: int = 0
    """Actions that end a live key and whose new one is not stored yet."""

    def limit(self, most: int) -> int:
        """Return how many actions that end a live key may be under way at a time."""
        return most if self.has_stored and not self.failures else 1


class Breaker:
    """Counts what the sinks of one run refused, and says who may issue a key for them. Safe for threads."""

    def __init__(self, most: int = 1) -> None:
        """`most`: how many actions that end a live key may be under way at a time for one sink that works."""
        self._most = most
        self._turn = Condition()
        self._records: defaultdict[SinkName, _SinkRecord] = defaultdict(_SinkRecord)

    def explain_tripped(self, slots: Collection[Slot]) -> str:
        """Return why no new key may be issued for these places; empty if one may."""
        with self._turn:
            return self._explain({slot.sink for slot in slots})

    @contextmanager
    def admit(self, slots: Collection[Slot], *, ends_key: bool) -> Iterator[str]:
        """Run the block that issues and delivers a key; it gets why it must not issue one, empty if it may.

        With `ends_key`, which is for an action that ends a live key before its successor is stored, the block waits
        until its sinks have taken what others have under way.
        """
        sinks = {slot.sink for slot in slots}
        with self._turn:
            if ends_key:
                self._turn.wait_for(lambda: self._explain(sinks) or self._has_room(sinks))
            why = self._explain(sinks)
            is_counted = ends_key and not why
            self._add(sinks, 1 if is_counted else 0)
        try:
            yield why
        finally:
            with self._turn:
                self._add(sinks, -1 if is_counted else 0)
                self._turn.notify_all()

    def note_stored(self, sink: SinkName) -> None:
        """Take note that a sink stored a key."""
        with self._turn:
            self._records[sink].failures = 0
            self._records[sink].has_stored = True
            self._turn.notify_all()

    def note_failed(self, sink: SinkName) -> None:
        """Take note that a sink refused a key, or that it could not be reached to the end of the attempts."""
        with self._turn:
            self._records[sink].failures += 1
            self._turn.notify_all()

    def _explain(self, sinks: Collection[SinkName]) -> str:
        tripped = sorted(sink for sink in sinks if self._records[sink].failures >= _MOST_FAILURES)
        if not tripped:
            return ""
        named = " and ".join(f"'{sink}'" for sink in tripped)
        return f"sink {named} refused or failed twice in a row, so this run issues no new key for it"

    def _has_room(self, sinks: Collection[SinkName]) -> bool:
        records = [self._records[sink] for sink in sinks]
        return all(record.under_way < record.limit(self._most) for record in records)

    def _add(self, sinks: Collection[SinkName], count: int) -> None:
        for sink in sinks:
            self._records[sink].under_way += count
