"""Decides between runs in a store that can add an entry to an object, and compare nothing. Nothing is loaded or stored.

Each run adds a claim of its own and looks only then. Of two runs, the one that looks later sees the other's claim, so
that at most one of them sees none but its own. Looks must not be older than the writes before them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection

_LOOKS = 8
"""How often the lowest looks before it takes another one's claim for that of a run which is writing."""
_DIGITS = 10
"""Enough to distinguish the few that meet in one object, and short in the names of entries."""


def name_claim(*parts: str) -> str:
    """Return a short name for the claim of one attempt of one run."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGITS]


def is_won(own: str, find_others: Callable[[], Collection[str]], *, give_way: Callable[[int], None]) -> bool:
    """Whether a claim that is there already is the only one; if not, it is to be removed again.

    Args:
        own: its name.
        find_others: returns the names of all other claims, as they are now.
        give_way: called with the number of the look before each further one: the place for a pause.
    """
    for attempt in range(1, _LOOKS + 1):
        # A look that shows no other claim decides for good: a run that adds one later sees ours, or what came of it.
        others = find_others()
        if not others:
            return True
        # The lowest waits until the others are gone, or else all of them would withdraw.
        if min(others) < own:
            return False
        give_way(attempt)
    return False
