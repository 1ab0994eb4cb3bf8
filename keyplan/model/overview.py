"""The nouns of `keyplan report`: every key of a manifest with what it is, what is found about it, and what comes next.

An overview is made of a plan, its drift and its calendar; nothing here decides, and none of it can hold a raw key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from keyplan.model.calendar import Event
from keyplan.model.drift import Drift
from keyplan.model.explanation import ExplainedKey, ExplainedPlace, PastEvent
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.plan import Action, Plan


class LifeState(Enum):
    """What a key is to its declaration."""

    CURRENT = "current"
    """The key that its consumers are to use."""
    OLD = "superseded"
    """It still works beside its successor."""
    MISSING = "missing"
    """Declared, and no key is there."""
    REMOVED = "not declared"
    """A key of this manifest that is declared nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """What `keyplan explain` knows of a key, as far as a report shows it."""

    key: ExplainedKey | None = None
    """With the evidence of whose it is; None for a key that the provider does not show."""
    places: tuple[ExplainedPlace, ...] = ()
    """What each place of the declaration holds; none for an old key."""
    history: tuple[PastEvent, ...] = ()
    """In time order; what has no time comes last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLife:
    """One key, or one declaration without a key, and its next months."""

    address: Address
    standing: LifeState
    key_id: KeyId | None
    """None for a declaration without a key."""
    name: str
    key_type: KeyType | None
    spaces: tuple[str, ...] = ()
    """By name, if the manifest calls them so."""
    created_at: datetime | None = None
    delivered_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    dossier: Dossier = Dossier()
    action: Action
    """What the next apply does about it."""
    events: tuple[Event, ...] = ()
    """What happens to it until the end of the calendar, in order of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything that a report shows of one manifest, as of one instant."""

    plan: Plan
    drift: Drift
    since: datetime
    """The one `now` of the run."""
    until: datetime
    keys: tuple[KeyLife, ...]
    """By address, a current key before its old ones."""
