"""What `keyplan explain` says of one declaration or one key. `planner.explanation` makes it, from the plan itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from keyplan.model.identity import NO_USER, Address, KeyId, UserId
from keyplan.model.observation import Observation
from keyplan.model.place import Place
from keyplan.model.plan import Action

if TYPE_CHECKING:
    # A plan needs the rows and no event; without that noun, every start is sooner.
    from keyplan.model.calendar import Event


class TableRow(Enum):
    """A row of the table in docs/planning.md, by its number; or a guard that is asked between the rows, by its name."""

    PAST_EXPIRY = "1"
    EXHAUSTED = "exhausted"
    UNKNOWN_SPACE = "unknown_space"
    OBSTACLE = "0"
    IMPORT = "1b"
    FOREIGN = "2"
    ABSENT = "3"
    GONE = "4"
    UNDELIVERED = "5"
    UNPROVEN = "5b"
    ROTATED_ELSEWHERE = "6"
    LOST = "7"
    NOT_HELD = "8"
    CHANGED = "9"
    DESCRIPTION = "9b"
    EDITED = "9c"
    REQUESTED = "10"
    EXPIRING = "11"
    TOO_OLD = "12"
    UP_TO_DATE = "13"
    OLD_KEY = "14"
    LEFT_PLACE = "14b"
    UNDECLARED = "15"
    UNMANAGED = "16"
    BUSY = "busy"
    WAITING = "waiting"
    """The rollout of the manifest, which is asked after all rows."""

    @property
    def is_numbered(self) -> bool:
        """Whether it is a row of the table, and not a guard."""
        return self.value[0].isdigit()


WITHOUT_CURRENT = (TableRow.UNDELIVERED, TableRow.FOREIGN, TableRow.ABSENT, TableRow.GONE)
"""Rows that are asked only if no live key is current."""
WITH_CURRENT = (
    TableRow.LOST,
    TableRow.ROTATED_ELSEWHERE,
    TableRow.NOT_HELD,
    TableRow.CHANGED,
    TableRow.DESCRIPTION,
    TableRow.EDITED,
    TableRow.REQUESTED,
    TableRow.EXPIRING,
    TableRow.TOO_OLD,
    TableRow.UP_TO_DATE,
)
"""Rows that are asked only if a live key is current."""


class RowAnswer(Enum):
    """What a row answered."""

    YES = "yes"
    NO = "no"
    NOT_ASKED = "not_asked"
    """The situation of the declaration rules the row out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRow:
    """One row, what it answered, and the fact that the answer rests on."""

    row: TableRow
    answer: RowAnswer
    fact: str = ""
    """A sentence without its full stop; empty if the row's own words say it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the plan does, and the row that decided it."""

    row: TableRow | None
    """None if no action is planned, and no row names the key."""
    action: Action | None
    """As the plan has it, guards included; None for a key that is only listed."""
    asked: tuple[AskedRow, ...] = ()
    """In the order in which the planner asked them; rows of old and of undeclared keys are not asked one by one."""


class SubjectStanding(Enum):
    """What an address or a key is to the manifest."""

    DECLARED = "declared"
    """A declaration, or the live key that it is about."""
    UNDELIVERED = "undelivered"
    """A live key of a declaration that is not known to be delivered."""
    SUPERSEDED = "superseded"
    """An old key of a declaration."""
    UNDECLARED = "undeclared"
    """Ours, and declared nowhere."""
    CLAIMED = "claimed"
    """Marked for the manifest, and not known to be made by one of its creators."""
    STRAY = "stray"
    """Marked for the owner without an id, and known to no record."""
    ELSEWHERE = "elsewhere"
    """Marked for another manifest."""
    UNMANAGED = "unmanaged"
    """Without a marker, and in no record."""
    ENDED = "ended"
    """A key that works no longer."""


class Evidence(Enum):
    """Why a key is taken for what it is: the section "Ownership" of docs/planning.md, strongest first."""

    RECORDED = "recorded"
    DECLARED = "declared"
    MADE_BY_US = "made_by_us"
    INTENT = "intent"
    """An open intent of the ledger led to it."""
    ADOPTED = "adopted"
    """Its declaration says `adopt: refresh`, and a place of it names the key."""
    CLAIMED = "claimed"
    """A marker that others can write."""
    NONE = "none"


class ValueSource(Enum):
    """Where the value of a declaration's field comes from."""

    DECLARATION = "declaration"
    DEFAULTS = "defaults"
    """The manifest's `defaults`."""
    BUILT_IN = "built_in"
    """keyplan's own default: the manifest says nothing."""


NO_VALUE = "none"
"""The value of a field that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredField:
    """One field of a declaration."""

    name: str
    """As the manifest writes it; ``rotation.every`` for one inside another."""
    value: str
    """As text for people."""
    source: ValueSource
    place: Place | None
    """None for a built-in default."""

    @property
    def is_given(self) -> bool:
        """Whether the manifest says it, in the declaration or in its defaults."""
        return self.source is not ValueSource.BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedKey:
    """A key, and why it is taken for what it is."""

    key: Observation
    standing: SubjectStanding
    evidence: Evidence
    creator: UserId = NO_USER
    """Empty if the provider does not show it."""
    creator_source: str = ""
    """How keyplan knows that the creator is one of ours; empty if it is none of them."""


class PlaceState(Enum):
    """What a place holds, as far as its sink and the ledger prove it."""

    CURRENT = "current"
    """The current raw key."""
    EMPTY = "empty"
    OTHER_KEY = "other_key"
    """A value beside the receipt of another key."""
    OTHER_VALUE = "other_value"
    """Another value than its own receipt says."""
    OTHER_WRITER = "other_writer"
    """A value that bears the mark of another manifest."""
    NOT_BELIEVED = "not_believed"
    """A value whose receipt or intent contradicts provider and ledger."""
    UNPROVEN = "unproven"
    """A value, and nothing that proves whose it is."""
    NOT_ASKED = "not_asked"
    LEFT = "left"
    """A place that the declaration delivers to no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedPlace:
    """One place of a declaration."""

    location: str
    """`sink:location`."""
    state: PlaceState
    detail: str = ""
    changed_at: datetime | None = None
    """When its value was last written, if the sink says so."""


class Occurrence(Enum):
    """What happened to a key, as ledger and provider remember it."""

    CREATED = "created"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"
    BEGUN = "begun"
    """A run began to do something, and its end is not known."""
    REVOKED = "revoked"
    APPLIED = "applied"
    """An apply did something to the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvent:
    """One thing that happened."""

    at: datetime | None
    """None if the time is unknown."""
    occurrence: Occurrence
    key_id: KeyId | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that keyplan knows of one declaration or one key, at one instant."""

    subject: str
    """What the user asked for."""
    manifest: str
    """Path as the user named it."""
    owner: str
    provider: str
    """Base URL."""
    dialect: str
    further_providers: Mapping[str, str] = field(default_factory=dict)
    """Base URLs of the other providers, by name."""
    now: datetime
    standing: SubjectStanding
    address: Address | None
    """Of the declaration, or under which ledger or marker know the key; None if nothing does."""
    fields: tuple[DeclaredField, ...] = ()
    """In the order of the manifest's documentation; empty for what is not declared."""
    key: ExplainedKey | None = None
    """The key that was asked for; of a declaration its current one, or else the newest; None if there is none."""
    others: tuple[ExplainedKey, ...] = ()
    """Further live keys of the address, newest first."""
    places: tuple[ExplainedPlace, ...] = ()
    history: tuple[PastEvent, ...] = ()
    """In time order; what has no time comes last."""
    decision: Decision
    further: tuple[Decision, ...] = ()
    """What the plan does with the other keys and places of the address."""
    events: tuple[Event, ...] = field(default=())
    """What comes next by time alone, each sort once for each key."""
