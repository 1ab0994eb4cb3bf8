"""The nouns of `keyplan watch`: what it reports while it runs, and the state of each of its manifests.

Nothing here may hold a secret: all of it is logged, or served to every client that can reach the metrics.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from keyplan.model.leak import LeakStanding
from keyplan.model.leak_report import ReportedLeak, SearchResult
from keyplan.model.plan import Verb


class WatchNews(Enum):
    """What can happen to a watch, besides what an apply reports."""

    STARTED = "started"
    LISTENING = "listening"
    READ = "read"
    """A manifest was read, at first or because it changed."""
    UNREADABLE = "unreadable"
    """A manifest has problems; the one that was read before, if any, stays in force."""
    DROPPED = "dropped"
    """A manifest is not there any longer."""
    LEADING = "leading"
    STANDING_BY = "standing_by"
    """Another process leads."""
    LEADERSHIP_LOST = "leadership_lost"
    PLANNED = "planned"
    """A round ended, and there was nothing to apply."""
    APPLIED = "applied"
    """A round ended with an apply."""
    WAITING = "waiting"
    """Another run holds the lock of the manifest."""
    FAILED = "failed"
    REPORTS_TAKEN = "reports_taken"
    """The public keys of those who report leaked keys were read."""
    REPORT_REFUSED = "report_refused"
    """A report was not signed by a known key; reported once a minute at most."""
    REPORTS_LOST = "reports_lost"
    """Reported tokens will not be looked for."""
    LEAKS_SEARCHED = "leaks_searched"
    """Reported tokens were looked for."""
    KEY_LEAKED = "key_leaked"
    """A reported token is a key of the account."""
    RELOADING = "reloading"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """One thing that happened."""

    news: WatchNews
    message: str
    """One line for people; sanitized by what writes it."""
    manifest: str = ""
    """Path as the user named it; empty for what concerns the whole process."""
    is_error: bool = False
    advice: str = ""
    """What to do about an error."""
    leak: ReportedLeak | None = None
    """The key that was found for reported tokens."""


class RoundResult(Enum):
    """How a round over one manifest ended."""

    SUCCESS = "success"
    FAILURE = "failure"


class ApplyResult(Enum):
    """How an apply ended."""

    COMPLETE = "complete"
    """Everything that was chosen is done."""
    INCOMPLETE = "incomplete"
    """Something failed, is in doubt or was not tried."""
    ERROR = "error"
    """It ended before the first effect."""


ActionCount = Mapping[tuple[Verb, str], int]
"""Numbers of actions by verb and by result: `done`, `failed`, `in_doubt`, `not_tried`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestStatus:
    """How one watched manifest stands, at one instant."""

    manifest: str
    """Path as the user named it."""
    owner: str = ""
    """Empty until the manifest was read."""
    is_readable: bool = False
    """Whether the file could be read when it was last looked at."""
    is_leader: bool = False
    number: int = 0
    """The fencing number of the leadership; 0 while this process does not lead."""
    losses: int = 0
    """How often a leadership was lost that was not given up."""
    succeeded_at: datetime | None = None
    """When a round last ended well."""
    next_at: datetime | None = None
    """When the next round begins; None if this process does not lead."""
    duration_seconds: float | None = None
    """How long the last round took."""
    failures: int = 0
    """How many rounds failed since the last that ended well."""
    left: int = 0
    """Actions that the last plan left to a reviewed apply."""
    rounds: Mapping[RoundResult, int] = field(default_factory=dict)
    applies: Mapping[ApplyResult, int] = field(default_factory=dict)
    actions: ActionCount = field(default_factory=dict)
    leak_searches: Mapping[SearchResult, int] = field(default_factory=dict)
    leaked_keys: Mapping[LeakStanding, int] = field(default_factory=dict)
