"""When a watch does what: how often it plans, how long it waits after a failure, how often it asks for a lock.

Pure, but for the chance that callers hand in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeAlias

from keyplan.model.calendar import Calendar

Jitter: TypeAlias = Callable[[float], float]
"""Returns a random number between 0 and the limit."""

SHORTEST_EVERY = timedelta(seconds=5)
DEFAULT_EVERY = timedelta(minutes=5)
POLL_FILES = timedelta(seconds=5)
"""How often manifests and policies are looked at for a change."""
WAIT_FOR_LOCK = timedelta(seconds=10)
"""How long a round waits for an apply that another run has under way, and then how long until the next try."""
_SPREAD = 0.1
"""A round comes up to so much earlier or later, as a share, so that many processes don't ask at one instant."""
_FIRST_BACKOFF = timedelta(seconds=5)
_FIRST_BACKOFF_OF_APPLY = timedelta(minutes=1)
"""Longer: after five attempts for one key, keyplan waits for a user, and an outage often takes minutes."""
_LONGEST_BACKOFF = timedelta(minutes=15)
_MOST_DOUBLINGS = 20
_LONGEST_LEASE_POLL = timedelta(seconds=15)
_MOMENT = timedelta(milliseconds=50)
"""A round right at a deadline must not come a rounding error before it."""


def delay_round(every: timedelta, calendar: Calendar, *, now: datetime, jitter: Jitter) -> timedelta:
    """Return how long to wait for the next round: until the next deadline in the calendar, at most about `every`."""
    regular = every * (1 - _SPREAD + jitter(2 * _SPREAD))
    # What is due already stands at the calendar's own `now`: the regular pace is enough for it.
    deadlines = [event.at - now + _MOMENT for event in calendar.events if event.at > now and event.guard is None]
    # A deadline that moves on with the clock must not make rounds follow each other without a pause.
    return max(min([regular, *deadlines]), min(regular, SHORTEST_EVERY))


def delay_after_failure(failures: int, every: timedelta, *, is_apply: bool, jitter: Jitter) -> timedelta:
    """Return how long to wait after the nth failure in a row: doubling, bounded, the upper half of it at random."""
    first = _FIRST_BACKOFF_OF_APPLY if is_apply else _FIRST_BACKOFF
    # Not beyond the pace of a round that went well, unless that is shorter than a backoff should become.
    longest = max(min(every, _LONGEST_BACKOFF), first)
    doubled: timedelta = first * 2 ** min(failures - 1, _MOST_DOUBLINGS)
    full = min(doubled, longest)
    return full * (0.5 + jitter(0.5))


def poll_lease(lease: timedelta) -> timedelta:
    """Return how often to ask for the leadership, or whether it is still ours: well within one lease length."""
    return min(lease / 4, _LONGEST_LEASE_POLL)
