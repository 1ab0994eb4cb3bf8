"""The nouns of `keyplan calendar`: what will happen to keys, and when. `planner.forecast` makes them.

An event is not a promise: an apply that runs late does things late.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from keyplan.model.identity import Address, KeyId
from keyplan.model.plan import Guard, Reason, Verb


class Happening(Enum):
    """What happens to a key."""

    CREATES = "creates"
    """A declaration that has no key gets one."""
    ROTATES = "rotates"
    """A new raw key is issued and delivered."""
    RETIRES = "retires"
    """An old key, or an old raw key, stops working."""
    EMPTIES = "empties"
    """A place that the address has left is emptied."""
    EXPIRES = "expires"
    """A key ends by its own expiry, and nothing renews it before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happens to one key."""

    at: datetime
    """From when on; the first apply after that does it. An expiry needs no apply."""
    happening: Happening
    address: Address
    key_id: KeyId | None = None
    """The key that it happens to; None for one that does not exist yet."""
    verb: Verb | None = None
    """What an apply does about it; None if nothing has to be done."""
    reason: Reason | None = None
    """Why; None for an expiry."""
    overlap: timedelta | None = None
    """For what rotates: how long the old key works on."""
    guard: Guard | None = None
    """What would hold it back, as the manifest stands."""
    note: str = ""
    """What the user should know about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """What is foreseen for one manifest."""

    owner: str
    manifest: str
    """Path as the user named it."""
    provider: str
    """Base URL."""
    dialect: str
    further_providers: Mapping[str, str] = field(default_factory=dict)
    """Base URLs of the other providers, by name."""
    since: datetime
    """The one `now` of the run; what is due already stands at this instant."""
    until: datetime
    events: tuple[Event, ...]
    """Sorted by time, then address."""
