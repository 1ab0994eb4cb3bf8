"""How much one run may change: the amounts that a user has to confirm, and the waves of a rollout.

Nothing here decides: `planner.guards` and `planner.rollout` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a plan may delete or renew unscheduled before the user has to confirm it."""

    deletes: int = 5
    """Deletes of keys whose declaration is gone."""
    delete_percent: int = 30
    """Of our keys, if they are ten or more."""
    replaces: int = 10
    """Renewals that neither the calendar nor the user asked for."""
    replace_percent: int = 30
    """Of our keys, if they are ten or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """How keys that are in use are renewed: in which waves, and with which pause.

    It holds no key that would end before its turn.
    """

    canaries: tuple[str, ...] = ()
    """Addresses or globs of the keys that change first. Excludes `canary_percent`."""
    canary_percent: int = 0
    """Which share of all declarations changes first, rounded up; 0: none."""
    wave: int | None = None
    """How many keys change in one run at most; None: as many as are due."""
    pause: timedelta = timedelta(hours=1)
    """How long a key that changed holds the next wave, unless it is seen used before."""
