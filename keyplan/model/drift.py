"""The nouns of `keyplan drift`: each difference between the manifest and the world, and on whose side it began.

`planner.drift` makes them; nothing here acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from keyplan.model.audit import AuditEntry, AuditLook
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Waiver
from keyplan.model.observation import ScopeSurvey
from keyplan.model.place import Place
from keyplan.model.plan import Guard


class DriftKind(Enum):
    """On whose side a difference began."""

    DRIFT = "drift"
    """Something was changed outside keyplan."""
    PENDING = "pending"
    """The manifest was changed, or something fell due: the next apply acts."""
    UNMANAGED = "unmanaged"
    """A live key that is not declared."""
    EXPIRING = "expiring"
    """A key ends soon."""


class Cause(Enum):
    """Why a finding is one: a stable word for programs, and for waivers."""

    GONE = "gone"
    """The key was deleted outside keyplan."""
    EXPIRED = "expired"
    ROTATED_ELSEWHERE = "rotated_elsewhere"
    ALTERED = "altered"
    """Roles, spaces or expiry are not as they were delivered, and the declaration is."""
    SINK_LOST = "sink_lost"
    """A sink no longer holds the current raw key, or holds another value."""
    DUPLICATE = "duplicate"
    """A second live key that carries our marker, and that neither receipt nor open intent knows."""
    FOREIGN = "foreign"
    """A key with the name of the declaration exists that keyplan did not make."""
    UNSEEN = "unseen"
    """The provider shows the key neither as active nor as revoked."""
    UNKNOWN_CREATOR = "unknown_creator"
    """A key carries the declaration's marker, and keyplan cannot determine whether one of its creators made it."""
    RECEIPT_NOT_BELIEVED = "receipt_not_believed"
    """What is noted beside a secret contradicts what provider and ledger say."""
    IMPORTED = "imported"
    """The manifest says which key a declaration is, and it is not recorded yet."""
    CLAIMED = "claimed"
    """A key carries this manifest's marker, and none of its creators made it."""
    STRAY = "stray"
    """A key carries this owner's marker without a manifest id, and no record knows it."""
    TRANSFERRED = "transferred"
    """Another manifest manages the key."""
    UNPROVEN = "unproven"
    """Nothing proves that its raw key was ever delivered."""
    ABSENT = "absent"
    """Declared, and never made."""
    CHANGED = "changed"
    """The declaration was changed."""
    UNDELIVERED = "undelivered"
    """The declaration names a sink that never had the raw key."""
    REQUESTED = "requested"
    """`generation` was raised."""
    MOVED = "moved"
    DUE = "due"
    """Rotation is due by age."""
    WAITING = "waiting"
    """Its renewal waits for its turn in the rollout."""
    UNFINISHED = "unfinished"
    SUPERSEDED = "superseded"
    """An old key whose overlap is over."""
    LEFT = "left"
    """A place that the declaration left still holds a raw key, and its overlap is over."""
    UNDECLARED = "undeclared"
    """A key of ours whose declaration was removed: the next apply ends it."""
    IN_PAST = "declared_in_past"
    POLICY = "policy"
    """It is as declared, and what is declared is held back by a guard."""
    UNMANAGED = "unmanaged"
    EXPIRES_SOON = "expires_soon"
    """It is in the window before its expiry, or ends soon and nothing renews it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFinding:
    """One difference."""

    kind: DriftKind
    cause: Cause
    address: Address | None
    """None for a key that is not declared."""
    name: str
    """Of the key."""
    key_id: KeyId | None = None
    detail: str = ""
    """What was found, without a final full stop; untrusted text may be in it."""
    advice: str = ""
    """What to do; empty if the next apply does it."""
    guard: Guard | None = None
    """What keeps the next apply from doing anything about it; None if nothing does."""
    is_report_only: bool = False
    """Whether it is only shown, and never raises an alarm."""
    expires_at: datetime | None = None
    place: Place | None = None
    """Where the declaration stands."""
    waiver: Waiver | None = None
    """Who accepted it, and until when; None if there is none, or it ended."""
    lapsed: Waiver | None = None
    """The waiver that had accepted it until it ended."""
    audit: tuple[AuditEntry, ...] = ()
    """What the provider's own log says of it, newest first; empty if it was not asked, or says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Everything that was found for one manifest at one instant."""

    owner: str
    manifest: str
    """Path as the user named it."""
    provider: str
    """Base URL."""
    dialect: str
    further_providers: Mapping[str, str] = field(default_factory=dict)
    """Base URLs of the other providers, by name."""
    at: datetime
    kinds: tuple[DriftKind, ...] = tuple(DriftKind)
    """What was looked for, in the order of `DriftKind`; of other kinds nothing is known."""
    findings: tuple[DriftFinding, ...]
    """By kind, then address or name; accepted ones among them."""
    in_order: tuple[Address, ...] = ()
    """Declarations without findings, sorted."""
    warnings: tuple[str, ...] = ()
    survey: ScopeSurvey | None = None
    """Where unmanaged keys were looked for; None if the provider's listing has no spaces."""
    audit: AuditLook | None = None
    """Whether the provider's own log was read about the alarms; None if it was not asked."""

    @property
    def open(self) -> tuple[DriftFinding, ...]:
        """Findings that no waiver accepts."""
        return tuple(finding for finding in self.findings if finding.waiver is None)

    @property
    def alarms(self) -> tuple[DriftFinding, ...]:
        """Open findings that the user, or the next apply, has to deal with."""
        # The exit status depends on these alone.
        return tuple(finding for finding in self.open if not finding.is_report_only)

    @property
    def accepted(self) -> tuple[DriftFinding, ...]:
        """Findings that a waiver accepts."""
        return tuple(finding for finding in self.findings if finding.waiver is not None)

    def count(self, kind: DriftKind) -> int:
        """Return how many open findings are of a kind."""
        return sum(finding.kind is kind for finding in self.open)
