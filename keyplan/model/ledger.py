"""What ledgers store beside receipts, intents and the history of applies: locks and their holders, spent plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from keyplan.model.identity import Address, SinkName
from keyplan.model.intent import Intent
from keyplan.model.observation import Revision
from keyplan.model.quick import quick
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


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPlace:
    """A place that held what the ledger says when an apply looked, and by what it shows that nothing changed there."""

    sink: SinkName
    location: str
    address: Address
    """Whose receipt lies beside the value, equal to the ledger's."""
    edition: str
    """Of that receipt in the ledger: another one has another edition."""
    trace: str
    """The sink's, taken before it was read."""
    revision: Revision
    """As in `Holding`."""


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
    editions: Mapping[Address, str] = field(default_factory=dict, compare=False, repr=False)
    """By what each receipt as it is stored differs from any other; nothing if the ledger keeps no places."""
    places: Mapping[tuple[SinkName, str], KnownPlace] = field(default_factory=dict, compare=False, repr=False)
    """What an apply noted, by sink and location, as far as the receipts are the same since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """When and where a plan was applied."""

    digest: str
    """The digest of the plan."""
    at: datetime
    host: str
