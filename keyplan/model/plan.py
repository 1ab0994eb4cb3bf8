"""A plan: actions, each with its verb and reason. First what is published, then what is executed.

No raw key can be in it: none exists yet. No time in it depends on when it was made, or every plan would be another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from keyplan.model.basis import AnyBasis
from keyplan.model.field_change import FieldChange
from keyplan.model.identity import NO_USER, Address, KeyId, UserId
from keyplan.model.manifest import KeyType, Unmanaged
from keyplan.model.observation import Holding, Slot
from keyplan.model.place import Place
from keyplan.model.quick import quick
from keyplan.model.vacancy import Vacancy


class Verb(Enum):
    """What an action does to keys at the provider, and to the sinks that hold them."""

    CREATE = "create"
    REPLACE = "replace"
    REFRESH = "refresh"
    UPDATE = "update"
    """Change name or description of a key; its raw key stays. The next three do nothing at the provider."""
    DELIVER = "deliver"
    IMPORT = "import"
    EMPTY = "empty"
    DELETE = "delete"
    FORGET = "forget"
    """Drop the receipt; the key stays."""
    KEEP = "keep"


class Reason(Enum):
    """Why an action is planned: the column "reason" of the table in docs/planning.md."""

    DECLARED_IN_PAST = "declared_in_past"
    FOREIGN = "foreign"
    ADOPTED = "adopted"
    ABSENT = "absent"
    EXPIRED = "expired"
    UNSEEN = "unseen"
    UNKNOWN_CREATOR = "unknown_creator"
    RECEIPT_NOT_BELIEVED = "receipt_not_believed"
    IMPORTED = "imported"
    IMPORT_GONE = "import_gone"
    IMPORT_UNSEEN = "import_unseen"
    IMPORT_UNHELD = "import_unheld"
    IMPORT_MISMATCH = "import_mismatch"
    GONE = "gone"
    UNFINISHED = "unfinished"
    UNDELIVERED = "undelivered"
    UNPROVEN = "unproven"
    ROTATED_ELSEWHERE = "rotated_elsewhere"
    CHANGED = "changed"
    REQUESTED = "requested"
    EXPIRING = "expiring"
    TOO_OLD = "too_old"
    UP_TO_DATE = "up_to_date"
    MOVED = "moved"
    SUPERSEDED = "superseded"
    OVERLAPPING = "overlapping"
    STILL_USED = "still_used"
    WAITING = "waiting"
    LEFT = "left"
    UNDECLARED = "undeclared"
    TRANSFERRED = "transferred"
    STRAY = "stray"


class Guard(Enum):
    """What turned an action into a blocked one."""

    DECLARED_IN_PAST = "declared_in_past"
    FOREIGN = "foreign"
    UNPROVEN = "unproven"
    PROTECT = "protect"
    DELETES = "deletes"
    REPLACES = "replaces"
    UNSEEN = "unseen"
    UNKNOWN_CREATOR = "unknown_creator"
    RECEIPT_NOT_BELIEVED = "receipt_not_believed"
    STRAY = "stray"
    IMPORT = "import"
    SELF = "self"
    UNMANAGED = "unmanaged"
    EXHAUSTED = "exhausted"
    BUSY = "busy"
    SINK_NOT_READY = "sink_not_ready"
    MAX_LIFETIME = "max_lifetime"
    UNLAWFUL = "unlawful"
    UNKNOWN_SPACE = "unknown_space"
    STORED_DIFFERENTLY = "stored_differently"
    OTHER_OWNER = "other_owner"
    POLICY = "policy"
    PREVIOUS_KEY = "previous_key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """An action is not run, and why."""

    guard: Guard
    advice: str
    """What a user can do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What a renewal waits to do, and in which wave of a rollout."""

    verb: Verb
    reason: Reason
    wave: int
    """From 1: the wave that starts next."""
    waves: int
    """How many there are, as the plan knows them now."""
    not_before: datetime | None = None
    """When the wave starts although no key is seen in use; None if that depends on other waves, or on a fault."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key as plans show it, before or after."""

    id: KeyId | None = None
    """None for a key that does not exist yet."""
    name: str
    key_type: KeyType | None
    description: str = ""
    expires_at: datetime | None = None
    expires_in: timedelta | None = None
    """From the moment of issue; excludes `expires_at`."""
    owner: str = ""
    """The other manifest that its marker names."""
    creator: UserId = NO_USER
    """Who made it, if a stranger made a key that is marked for us."""
    spaces: tuple[str, ...] = ()
    scope_word: str = ""  # what its provider calls what stands in `spaces`, if it is not Arize
    roles: str = ""


UNCHECKED_NOTE = "its places were not checked"
"""Of every action in a plan for which no sink was asked; it makes no kept key worth a line of its own."""
_UNREMARKABLE = (Reason.UP_TO_DATE, Reason.WAITING)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing to do, or to leave, for one address, as it is published: shown, digested, and read back from a file."""

    address: Address
    verb: Verb
    reason: Reason
    key_id: KeyId | None = None
    """The key that is refreshed, replaced, delivered, deleted, forgotten or kept; None for create."""
    before: KeyView | None = None
    after: KeyView | None = None
    changes: tuple[FieldChange, ...] = ()  # sorted by field
    explanation: str = ""
    """Why this verb and not another, if the dialect's laws decided; or a detail of the reason."""
    consequences: tuple[str, ...] = ()
    """What happens to consumers, a sentence each."""
    locations: tuple[str, ...] = ()
    """Where the raw key goes, or what is emptied: `sink:location` each."""
    overlap: timedelta = timedelta(0)
    """How long the old key works on: by grace for refresh, as a second live key for replace."""
    cuts_off: bool = False
    """Whether its old key stops at once although consumers may hold it."""
    vacancies: tuple[Vacancy, ...] = ()
    """Places that the address leaves, sorted."""
    notes: tuple[str, ...] = ()
    """What a reviewer should know of this key and that stops nothing, a sentence each; not part of the digest."""
    previous_address: Address | None = None
    """With `Reason.MOVED`: the address that it had."""
    turn: Turn | None = None
    """With `Reason.WAITING`: what it waits to do, and in which wave of the rollout."""
    blocked: Blocked | None = None
    place: Place | None = field(default=None, compare=False)
    """Where the declaration stands; not part of the digest."""

    @property
    def is_change(self) -> bool:
        """Whether running it would change something outside the ledger, blocked or not."""
        return self.verb not in (Verb.KEEP, Verb.FORGET)

    @property
    def is_unremarkable(self) -> bool:
        """Whether it keeps a key that needs no line of its own: it is up to date, or remarks on its wave name it."""
        is_kept = self.verb is Verb.KEEP and self.reason in _UNREMARKABLE and not self.blocked
        return is_kept and not self.vacancies and (not self.notes or self.notes == (UNCHECKED_NOTE,))

    @property
    def next_turn(self) -> Turn:
        """What a waiting action waits to do. Raises ValueError for any other one."""
        if self.turn is None:
            raise ValueError("the action waits for no turn")
        return self.turn

    @property
    def issues_raw_key(self) -> bool:
        """Whether running it brings a new raw key into the world."""
        return self.verb in (Verb.CREATE, Verb.REPLACE, Verb.REFRESH)

    @property
    def stores_raw_key(self) -> bool:
        """Whether running it puts a raw key, new or not, into sinks."""
        return self.issues_raw_key or self.verb is Verb.DELIVER

    @property
    def starts_overlap(self) -> bool:
        """Whether running it starts the overlap of a place that the address leaves: bookkeeping that must not wait."""
        return bool(self.vacancies) and any(vacancy.is_new for vacancy in self.vacancies)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAction(Action):
    """An action as it is executed: only the planner makes one, and none can be read from a file."""

    # Not compared: two plans are the same plan if their decisions are.
    basis: AnyBasis = field(compare=False, repr=False)


_NOT_COUNTED = (Reason.OVERLAPPING, Reason.STILL_USED, Reason.WAITING)
"""Reasons to keep a key that do not say that a declaration's key stays as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts in Terraform's sense: a replace is one to add, and one to destroy or, with an overlap, to retire later."""

    add: int = 0
    change: int = 0
    destroy: int = 0
    retire: int = 0
    """Old keys that a later apply deletes, when their overlap is over."""
    cut_off: int = 0
    """Keys that stop at once although consumers may hold them."""
    waiting: int = 0
    """Renewals that wait for a later wave of the rollout."""
    keep: int = 0
    """Declarations whose key stays as it is; old keys that still work are not counted."""
    forget: int = 0
    imported: int = 0
    blocked: int = 0
    """Not counted in the others. Unmanaged keys that the manifest refuses count here, too."""
    unmanaged: int = 0

    @classmethod
    def of(cls, actions: Iterable[Action], unmanaged: int = 0) -> Summary:
        """Count actions."""
        counted = tuple(actions)
        free = [action for action in counted if action.blocked is None]
        verbs = [action.verb for action in free]
        uncounted = [action for action in free if action.reason in _NOT_COUNTED]
        replaced = verbs.count(Verb.REPLACE)
        # A refresh retires nothing: its old raw key expires.
        retired = sum(action.verb is Verb.REPLACE and bool(action.overlap) for action in free) if replaced else 0
        return cls(
            add=verbs.count(Verb.CREATE) + replaced,
            change=sum(map(verbs.count, (Verb.REFRESH, Verb.UPDATE, Verb.DELIVER, Verb.EMPTY))),
            destroy=verbs.count(Verb.DELETE) + replaced - retired,
            retire=retired,
            cut_off=[action.cuts_off for action in free].count(True),
            waiting=sum(action.reason is Reason.WAITING for action in uncounted),
            keep=verbs.count(Verb.KEEP) - sum(action.verb is Verb.KEEP for action in uncounted),
            forget=verbs.count(Verb.FORGET),
            imported=verbs.count(Verb.IMPORT),
            blocked=len(counted) - len(free),
            unmanaged=unmanaged,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asked for beyond the manifest; part of a plan, so that it can be planned again."""

    rotate: tuple[str, ...] = ()
    """Addresses or globs whose keys are to be renewed now. Sorted."""
    targets: tuple[str, ...] = ()
    """Addresses or globs; when not empty, nothing else is looked at. Sorted."""
    allow_deletes: int | None = None
    allow_missing: int | None = None
    allow_replaces: int | None = None
    over_claim: bool = False
    """Whether claims that are not believed may be written over at the addresses that are renewed."""
    now: bool = False
    """Whether the old keys of what `rotate` names stop at once."""
    revoke: tuple[str, ...] = ()
    """Ids of keys, or addresses of one, that are to end now without a successor. Sorted."""
    revoke_owner: str = ""
    """The other owner whose keys `revoke` may end; empty for none."""
    leaked: tuple[KeyId, ...] = ()
    """Keys of ours that leaked: a current one is renewed and stops at once, an old one ends. Sorted."""

    @property
    def names_keys(self) -> bool:
        """Whether it names single keys: then only these are planned."""
        return bool(self.revoke or self.leaked)

    @property
    def is_partial(self) -> bool:
        """Whether something of the manifest is not looked at, so that nothing follows from what a plan lacks."""
        return bool(self.targets) or self.names_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What one apply would do, as it is published: shown, digested, and read back from a file."""

    owner: str
    manifest: str
    """Path as the user named it."""
    provider: str  # its base URL
    dialect: str
    further_providers: Mapping[str, str] = field(default_factory=dict)  # base URLs by name
    actions: tuple[Action, ...]
    """Creates, replaces, refreshes, deletes, forgets, keeps; by address within each."""
    unmanaged: tuple[KeyView, ...] = ()
    """Unmanaged live keys, sorted by id; not touched."""
    claimed: tuple[KeyView, ...] = ()
    """Keys that are marked for this manifest and that none of our creators made, sorted by id; not touched."""
    strays: tuple[KeyView, ...] = ()
    """Keys marked for this owner without an id, which no record knows, sorted by id; not touched."""
    elsewhere: tuple[KeyView, ...] = ()
    """Keys of other manifests that have the type and name of a declaration, sorted by id; not touched."""
    unmanaged_policy: Unmanaged = Unmanaged.REPORT
    request: Request = Request()
    serial: int = 0
    """How many applies the ledger remembered; with the digest it distinguishes one run of a plan from another."""
    warnings: tuple[str, ...] = ()
    """Things that a reviewer should know and that stop nothing."""
    policies: tuple[str, ...] = ()
    """Policy files that it was held against, as the user named them."""
    is_unchecked: bool = False
    """Whether sinks or the ledger were not asked. An apply asks them, and runs only if its decisions are the same."""
    space_names: Mapping[str, str] = field(default_factory=dict, compare=False)
    """By id, the spaces that the manifest calls by name. Only for people: no decision depends on it."""

    @property
    def changes(self) -> tuple[Action, ...]:
        """Actions that are not blocked and do something, bookkeeping included."""
        return tuple([a for a in self.actions if a.blocked is None and (a.verb is not Verb.KEEP or a.starts_overlap)])

    @property
    def is_approvable(self) -> bool:
        """Whether there is anything to approve: changes, or imports that only wait for a value."""
        return bool(self.changes) or any(action.verb is Verb.IMPORT for action in self.actions)

    @property
    def blocked(self) -> tuple[Action, ...]:
        """Actions that a guard holds back."""
        return tuple([action for action in self.actions if action.blocked])

    @property
    def refuses_unmanaged(self) -> bool:
        """Whether there are unmanaged live keys, and the manifest calls that a failure."""
        return self.unmanaged_policy is Unmanaged.FAIL and bool(self.unmanaged)

    @property
    def has_differences(self) -> bool:
        """Whether the world differs from the manifest, blocked actions included."""
        return bool(self.changes or self.blocked)

    @property
    def summary(self) -> Summary:
        """Counts of the actions, and of what else the manifest refuses."""
        counted = Summary.of(self.actions, len(self.unmanaged))
        return replace(counted, blocked=counted.blocked + len(self.unmanaged)) if self.refuses_unmanaged else counted


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshPlan(Plan):
    """A plan that was just made, and the only one that can be executed."""

    actions: tuple[PlannedAction, ...]
    seen: Mapping[Slot, Holding] = field(default_factory=dict, compare=False, repr=False)
    """What the places held: an apply changes a place only if that is still so."""
    left: tuple[PlannedAction, ...] = ()
    """Unblocked ones that this run leaves to a reviewed apply, in the plan's order; no document has them."""

    @property
    def chosen(self) -> tuple[PlannedAction, ...]:
        """The actions that are executed: neither blocked nor left, kept keys included."""
        left = set(map(id, self.left))
        return tuple(action for action in self.actions if action.blocked is None and id(action) not in left)

    @property
    def chosen_changes(self) -> tuple[PlannedAction, ...]:
        """The actions that are executed and do something, bookkeeping of a forgotten key included."""
        return tuple(action for action in self.chosen if action.verb is not Verb.KEEP)
