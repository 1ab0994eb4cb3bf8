"""Other runs that made a key for the same address at the same moment, found before anything is delivered.

Where neither a shared ledger nor a sink kept the two apart, both list once more after they created. Each sees what was
created before its own listing, and both compute alike which one withdraws. A run ends its own key alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Condition

from keyplan.applier.recover import is_newcomer, learn_creator
from keyplan.errors import ProviderError, ProviderUnavailableError
from keyplan.model.basis import IssueBasis
from keyplan.model.intent import Intent
from keyplan.model.observation import Observation
from keyplan.ports import Issued

_SECOND = timedelta(seconds=1)
_PATIENCE_SECONDS = 2.0
"""How long a finished create waits for the others that are under way, so that one listing serves them all."""


def find_rival(issued: Issued, basis: IssueBasis, intent: Intent, keys: tuple[Observation, ...]) -> Observation | None:
    """Return the key of another run that this one has to give way to; None if there is none.

    The key that was created later withdraws; of two created at one instant, the one with the higher id.
    """
    # A key without our marker may belong to another user, whatever its name.
    if basis.future_marker is None:
        return None
    mine, basis = issued.key, learn_creator(basis, issued)
    others = [key for key in keys if key.id != mine.id and _was_live(key, mine) and is_newcomer(key, basis, intent)]
    first = min(others, key=_rank, default=mine)
    return first if _rank(first) < _rank(mine) else None


def was_refreshed(issued: Observation, shown: Observation) -> bool:
    """Whether a key was refreshed since it was issued: a listing shows another raw key of it, or an earlier end.

    A refresh that gives a new id lets the former key live until its grace is over (docs/arize-api.md, A22 and A25).
    """
    if issued.edition and shown.edition not in ("", issued.edition):
        return True
    if shown.expires_at is None:
        return False
    # A listing may show a time without its fraction of a second.
    return issued.expires_at is None or shown.expires_at <= issued.expires_at - _SECOND


def _was_live(key: Observation, mine: Observation) -> bool:
    """Whether a key still worked when ours was made: one that had expired is why ours was made."""
    return key.is_live(mine.created_at)


def _rank(key: Observation) -> tuple[float, str]:
    return key.created_at.timestamp(), key.id


class Lookout:
    """Lists the provider's keys for several threads at once: one listing serves all that wait when it begins."""

    def __init__(self, list_keys: Callable[[], tuple[Observation, ...]]) -> None:
        self._list_keys = list_keys
        self._turn = Condition()
        self._under_way = 0
        """Threads that create, or wait: while some still create, a listing is better delayed."""
        self._waiting = 0
        self._begun = 0
        self._ended = 0
        self._is_listing = False
        self._last: tuple[Observation, ...] | ProviderError = ()

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """Let the listings of others wait for this thread while it creates."""
        with self._turn:
            self._under_way += 1
        try:
            yield
        finally:
            with self._turn:
                self._under_way -= 1
                self._turn.notify_all()

    def look(self) -> tuple[Observation, ...]:
        """Return a listing that began after this call. Raises ProviderError."""
        with self._turn:
            wanted = self._begun + 1
            self._waiting += 1
            try:
                while self._ended < wanted:
                    # Of those that wait, the first to see that all do makes the listing.
                    self._turn.wait_for(self._is_ready, _PATIENCE_SECONDS)
                    if self._is_listing:
                        self._turn.wait()
                    elif self._ended < wanted:
                        self._list()
                found = self._last
            finally:
                self._waiting -= 1
        if isinstance(found, ProviderError):
            raise found
        return found

    def _is_ready(self) -> bool:
        return self._is_listing or self._waiting >= self._under_way

    def _list(self) -> None:
        """Make the next listing, with the others waiting; called with the turn held."""
        self._is_listing = True
        self._begun += 1
        number = self._begun
        self._turn.release()
        found: tuple[Observation, ...] | ProviderError = ProviderUnavailableError("the listing broke off")
        try:
            found = self._list_keys()
        except ProviderError as error:
            found = error
        finally:
            self._turn.acquire()
            self._is_listing = False
            self._ended, self._last = number, found
            self._turn.notify_all()
