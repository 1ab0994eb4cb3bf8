"""What keyplan sees at one instant: keys, spaces, sinks, receipts and open intents.

A `Snapshot` is the only way in which planning learns anything about the provider, the sinks and the ledger.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NewType

from keyplan.model.examination import Finding
from keyplan.model.identity import (
    NO_MANIFEST_ID,
    NO_USER,
    ONLY_PROVIDER,
    Address,
    Identity,
    KeyId,
    ManifestId,
    OrganizationId,
    ProviderName,
    ScopeId,
    SinkName,
    UserId,
)
from keyplan.model.intent import Intent
from keyplan.model.laws import Laws
from keyplan.model.manifest import Json, KeyType, OrganizationGrant, Role, ScopeRef
from keyplan.model.quick import quick
from keyplan.model.receipt import Delivered, Receipt
from keyplan.model.times import write_time

Revision = NewType("Revision", str)
"""What is noted of a place at one instant, digested: two that differ mean that another run was there in between."""
UNKNOWN_REVISION = Revision("")
"""Of a place whose sink can't determine whether it changed."""
REF_DIGITS = 10
LARGEST_SKEW = timedelta(seconds=60)
"""If the provider's clock differs from ours by more than this, a run warns."""
_MARKER = re.compile(r"\[keyplan (?P<owner>[a-z0-9][a-z0-9._-]*)(?::(?P<id>[a-z][a-z0-9]*))?/(?P<ref>[0-9a-f]{10})\]\Z")


@quick
@dataclass(frozen=True, slots=True)
class Marker:
    """Our name on a remote key: the end of its description, ``[keyplan OWNER:ID/REF]``.

    Without an id it is ``[keyplan OWNER/REF]``.
    """

    owner: str
    ref: str
    """First 10 hex digits of SHA-256 of the address."""
    manifest_id: ManifestId = NO_MANIFEST_ID
    """Empty for a manifest without `id`."""

    @classmethod
    def of(cls, identity: Identity, address: Address) -> Marker:
        """Return the marker of an address of a manifest."""
        return cls(identity.owner, digest_address(address), identity.id)

    @property
    def identity(self) -> Identity:
        """Who wrote the marker, according to a description that any user can write."""
        return Identity(self.owner, self.manifest_id)

    def attach(self, description: str) -> str:
        """Return the description with this marker at its end."""
        mark = f"[keyplan {self.identity}/{self.ref}]"
        return f"{description} {mark}" if description else mark


def digest_address(address: Address) -> str:
    """Return the `ref` of an address: the first digits of its digest."""
    return hashlib.sha256(address.encode()).hexdigest()[:REF_DIGITS]


def split_marker(description: str) -> tuple[str, Marker | None]:
    """Return a remote description without its marker, and the marker if it carries one."""
    # Only at the end: a text that mentions a marker is not marked.
    # No bracket is within one, so it can only begin at the last bracket; a search would try every character before it.
    found = _MARKER.match(description, start := max(description.rfind("[keyplan "), 0))
    if found is None:
        return description, None
    return description[:start].removesuffix(" "), Marker(found["owner"], found["ref"], ManifestId(found["id"] or ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a service key may do: its account role, organizations and spaces; sorted by id."""

    account_role: Role
    organizations: tuple[OrganizationGrant, ...]

    def scope_ids(self) -> tuple[ScopeId, ...]:
        """Return the ids of all spaces, sorted, each once."""
        ids = [grant.space_id for granted in self.organizations for grant in granted.spaces]
        return tuple(ids) if len(ids) == 1 else tuple(sorted(set(ids)))

    def to_dict(self) -> dict[str, Any]:
        """Return the access as JSON values in the API's field names."""
        return {
            "account_role": str(self.account_role),
            "organizations": [
                {
                    "org_id": granted.org_id,
                    "role": str(granted.role),
                    "spaces": [{"space_id": grant.space_id, "role": str(grant.role)} for grant in granted.spaces],
                }
                for granted in self.organizations
            ],
        }

    def digest(self) -> str:
        """Return 16 hex digits that change with any role or space; organization ids do not count.

        They are left out because one dialect names them and the other does not.
        """
        values = self.to_dict()
        for granted in values["organizations"]:
            del granted["org_id"]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One key as `list` showed it."""

    id: KeyId
    name: str
    key_type: KeyType | None
    """None if the provider used a word that keyplan does not know."""
    description: str = ""
    """Without the marker."""
    marker: Marker | None = None
    active: bool = True
    """Whether the provider calls it active; expiry is judged apart, by `is_live`."""
    redacted: str = ""
    created_at: datetime
    """Aware, UTC; the epoch if the provider showed none."""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    rotated_at: datetime | None = None
    """When its raw key was issued, if the provider shows that apart from `created_at`; aware, UTC."""
    previous_until: datetime | None = None
    """Until when the raw key before the present one works, if the provider shows it; aware, UTC."""
    created_by: UserId = NO_USER
    """Empty if the provider does not show it."""
    acts_as: UserId = NO_USER
    """The user that a service key acts as, and as whom it creates keys; empty if the provider does not show it."""
    scope_ids: frozenset[ScopeId] | None = None
    """Spaces known to contain it; None if the dialect shows nothing of them."""
    access: Access | None = None
    """Roles and spaces in full; None if they are not, or not completely, visible."""
    provider: ProviderName = ONLY_PROVIDER
    """Which of several providers it is at."""

    @property
    def edition(self) -> str:
        """What changes whenever the raw key does: the redacted form, or the time of its issue; empty if neither shows.

        A receipt remembers it, so that a rotation by others is seen.
        """
        return self.redacted or (self.rotated_at.isoformat() if self.rotated_at else "")

    @property
    def issued_at(self) -> datetime:
        """Since when its raw key exists, as far as the provider shows it."""
        return self.rotated_at or self.created_at

    def is_live(self, now: datetime) -> bool:
        """Whether it works: active, and not expired at `now` (an expiry of exactly now has passed)."""
        # Both: the status of an expired key may stay active (docs/arize-api.md, A29).
        return self.active and not self.expires_before(now)

    def expires_before(self, instant: datetime) -> bool:
        """Whether its expiry lies at or before that instant."""
        return self.expires_at is not None and self.expires_at <= instant

    def to_dict(self) -> dict[str, Any]:
        """Return the observation as JSON values; unknown fields are None."""
        return {
            "id": self.id,
            "name": self.name,
            "key_type": self.key_type.value if self.key_type else None,
            "status": "active" if self.active else "revoked",
            "description": self.description,
            "owner": self.marker.owner if self.marker else None,
            "redacted_key": self.redacted,
            "created_at": write_time(self.created_at),
            "created_by_user_id": self.created_by or None,
            "expires_at": write_time(self.expires_at) if self.expires_at else None,
            "last_used_at": write_time(self.last_used_at) if self.last_used_at else None,
            "space_ids": None if self.scope_ids is None else sorted(self.scope_ids),
            "access": self.access.to_dict() if self.access else None,
        }

    def to_json(self) -> str:
        """Return `to_dict` as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A space of the provider."""

    id: ScopeId
    name: str
    organization_id: OrganizationId | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """Where in one sink one delivery goes: made by `Sink.locate`, compared by sink and location."""

    sink: SinkName
    location: str
    """For people and for equality: ``secrets/ci.env#ARIZE_API_KEY``."""
    options: Mapping[str, Json] = field(default_factory=dict, compare=False)
    """The sink's own options for this delivery, templates filled in."""

    def __str__(self) -> str:
        return f"{self.sink}:{self.location}"

    @property
    def delivered(self) -> Delivered:
        """This slot as a receipt lists it."""
        return Delivered(self.sink, self.location, self.options)

    @classmethod
    def of(cls, delivered: Delivered) -> Slot:
        """Return the slot that a receipt lists."""
        return cls(sink=delivered.sink, location=delivered.location, options=delivered.options)


class Content(Enum):
    """What a sink that can be read says about the value that it holds."""

    UNREAD = "unread"
    """It cannot be read, or there is nothing to compare it with."""
    MATCHES = "matches"
    DIFFERS = "differs"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What one sink holds in one slot."""

    present: bool
    """Whether a value is there (for a write-only sink: whether the sink says so)."""
    receipt: Receipt | None = None
    intent: Intent | None = None
    owner: Identity | None = None
    """Whose mark the value bears, if another manifest's; then neither receipt nor intent may be acted on."""
    content: Content = Content.UNREAD
    """The value beside its own receipt's fingerprint."""
    changed_at: datetime | None = None
    """When the value was last written, if the sink says so: weak proof."""
    revision: Revision = field(default=UNKNOWN_REVISION, compare=False)
    """To be named by a change that must happen only if no other run wrote there since."""
    intent_age: timedelta | None = field(default=None, compare=False)
    """How long ago the intent was noted, by the clock of the store alone; None if the store does not show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a kind of sink can do."""

    holds_receipts: bool
    readable: bool
    weak_proof: bool = False
    """Whether it shows when a value was last written."""
    may_copy: bool = False
    """Whether other sinks may be filled from it (`copy_from: true`); says nothing if it is not readable."""
    compares: bool = False
    """Whether it changes a place only as it was seen, whatever other runs do at that instant: of two, one succeeds."""
    holds_intents: bool = True
    """Whether an intent stays beside a value as well; says nothing of a sink that holds no receipts."""
    is_local: bool = False
    """Whether its places are on one machine: runs on two machines do not meet there."""
    is_asked: bool = True
    """Whether it is asked at all; if not, nothing follows from what it does not show."""

    @property
    def keeps_apart(self) -> bool:
        """Whether no two runs, on whichever machines, can be issuing for one of its places."""
        return self.compares and not self.is_local


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What slots hold, and what would prevent writing them, as one look shows both."""

    holdings: Mapping[Slot, Holding]
    findings: tuple[Finding, ...] = ()
    unless_recorded: tuple[Finding, ...] = ()
    """What would prevent it unless the ledger says that the value there is keyplan's: the sink can't determine it."""


class Exclusion(Enum):
    """Which other runs are kept away while this one is at work."""

    NONE = "none"
    """None: it holds no lock."""
    SAME_LEDGER = "same ledger"
    """Those with the same ledger, whose lock it holds."""
    ALL = "all"
    """All: it holds the lock of a ledger that every machine shares."""

    @classmethod
    def by_lock(cls, *, is_shared: bool) -> Exclusion:
        """Return the exclusion of a run that holds a ledger's lock."""
        return cls.ALL if is_shared else cls.SAME_LEDGER


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSurvey:
    """In which spaces keys were looked for."""

    looked_in: tuple[Scope, ...]
    refused: tuple[Scope, ...] = ()
    """Spaces whose keys the credential may not list."""
    is_complete: bool = False
    """Whether every space was tried that the credential can see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that planning may know of the world, at one instant."""

    now: datetime
    """The one `now` of the run; aware, UTC."""
    provider: str
    """Base URL, which with the owner names the account that a ledger belongs to."""
    laws: Laws
    """Of the only or the usual provider."""
    further_laws: Mapping[ProviderName, Laws] = field(default_factory=dict)
    """Of the others."""
    further_urls: Mapping[ProviderName, str] = field(default_factory=dict)
    """Base URLs of the others."""
    keys: tuple[Observation, ...]
    """Everything that was listed, live or not, each id once, sorted by id."""
    spaces: Mapping[ScopeRef, Scope] = field(default_factory=dict)
    """Every space that the manifest names, and that was found."""
    unknown_scopes: Mapping[ScopeRef, str] = field(default_factory=dict)
    """Why each of the others was not found, and what to do."""
    receipts: tuple[Receipt, ...] = ()
    """The ledger's, one per address, sorted by address."""
    intents: tuple[Intent, ...] = ()
    """The ledger's open ones, sorted by time."""
    slots: Mapping[Address, tuple[Slot, ...]] = field(default_factory=dict)
    """The slots of every declaration, in the order of its deliveries."""
    next_slots: Mapping[Address, tuple[Slot, ...]] = field(default_factory=dict)
    """Of declarations whose key stays where it is until its next rotation: where that delivers the next one."""
    holdings: Mapping[Slot, Holding] = field(default_factory=dict)
    """What every slot holds."""
    abilities: Mapping[SinkName, Abilities] = field(default_factory=dict)
    findings: Mapping[Slot, tuple[Finding, ...]] = field(default_factory=dict)
    """What would keep a slot from being written, as far as it shows; a slot without any is not there."""
    matches: Mapping[Slot, frozenset[KeyId]] = field(default_factory=dict)
    """Of places of keys that may be imported: the keys whose raw key the value there can be, by their redacted forms.

    A place whose value can't be read is not there.
    """
    given: Mapping[Address, frozenset[KeyId]] = field(default_factory=dict)
    """Of addresses for which the user gave a value: the keys whose raw key it can be, by their redacted forms."""
    revoked: tuple[Observation, ...] = ()
    """Dead keys that ledger or sinks name and `keys` does not show, as far as the provider shows them; sorted by id."""
    serial: int = 0
    """How many applies the ledger remembers."""
    history_head: str = ""
    """The hash of the newest of them; empty if there is none, or if the ledger keeps no chain."""
    is_ledger_asked: bool = True
    """Whether the ledger was read; if not, nothing follows from what it does not say."""
    exclusion: Exclusion = Exclusion.NONE
    """Which other runs may be under way."""
    survey: ScopeSurvey | None = None
    """Where unmanaged keys were looked for; None if the provider's listing has no spaces."""
    clock_skew: timedelta | None = None
    """How far the provider's clock is ahead of ours; None if the provider does not show its time."""
    own_keys: frozenset[KeyId] = frozenset()
    """Live keys whose redacted form fits the credential that keyplan presents."""

    def laws_of(self, provider: ProviderName) -> Laws:
        """Return the laws of one of the manifest's providers, or of the usual one."""
        return self.further_laws.get(provider, self.laws)

    @property
    def asks_no_sink(self) -> bool:
        """Whether there are sinks, and none of them was asked."""
        return bool(self.abilities) and not any(ability.is_asked for ability in self.abilities.values())
