"""What ledgers store beside receipts, intents and the history of applies: locks and their holders, spent plans."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from keyplan.model.intent import Intent
from keyplan.model.receipt import Receipt

SHORTEST_LEASE = timedelta(seconds=5)
"""A shorter one would be lost by a request that takes a while."""


class LockName(Enum):
    """Which of the locks of one manifest; they exclude nothing of each other."""

    APPLY = "apply"
    """Held while a plan runs."""
    WATCH = "watch"
    """Held by the leader of several `keyplan watch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The holder of a ledger's lock."""

    id: str
    """The id for `keyplan ledger unlock`."""
    owner: str
    """The manifest's owner slug."""
    host: str
    pid: int
    since: datetime
    command: str
    """The command line, without secrets."""
    until: datetime | None = field(default=None, compare=False)
    """When the lease is over unless it is renewed, by the ledger's clock; None in what an older keyplan wrote."""
    number: int = field(default=0, compare=False)
    """The fencing number: greater than that of every earlier holder of this lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The contents of a ledger at one instant."""

    receipts: tuple[Receipt, ...] = ()
    """One per address, sorted by address."""
    intents: tuple[Intent, ...] = ()
    """Open ones, sorted by time."""
    serial: int = 0
    """The number of applies in its history."""
    head: str = field(default="", compare=False)
    """The hash of the newest entry of its history; empty if that has none."""
    is_asked: bool = True
    """Whether the ledger was read at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """When and where a plan was applied."""

    digest: str
    """The digest of the plan."""
    at: datetime
    host: str
