"""What a leaked text says of the keys of an account: which ones stand in it, what proves that, and whose they are.

Nothing here holds the text, a piece of it, or a raw key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from keyplan.model.identity import Address, KeyId
from keyplan.model.observation import Observation


class LeakProof(Enum):
    """What shows that a key is the one in the text."""

    FINGERPRINT = "fingerprint"
    """The ledger's receipt of the key has the fingerprint of a text in it."""
    AUTHENTICATED = "authenticated"
    """A text in it authenticates, and no other live key has its redacted form."""
    FORM = "form"
    """A text in it fits the redacted form of the key, and perhaps that of another one."""
    REDACTED = "redacted"
    """The redacted form of the key stands in it, and no raw key."""


class LeakStanding(Enum):
    """Whose key it is, and what it is there."""

    CURRENT = "current"
    """Of a declaration: its places hold it."""
    OLD = "old"
    """Of a declaration: it works on in its overlap."""
    UNDECLARED = "undeclared"
    """Ours, and declared nowhere."""
    FOREIGN = "foreign"
    """Not ours: only `--revoke` ends it."""
    DEAD = "dead"
    """It was ended, or has expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakedKey:
    """One key that was found in the text."""

    key: Observation
    proof: LeakProof
    standing: LeakStanding
    address: Address | None = None
    """Of the declaration, or of the receipt; None for a key that is not ours."""
    places: tuple[str, ...] = ()
    """Where it is delivered to: `sink:location` each."""
    declared_at: str = ""
    """Where the declaration stands: `file:line`; empty for none."""

    @property
    def is_proven(self) -> bool:
        """Whether it is certainly this key that leaked."""
        return self.proof in (LeakProof.FINGERPRINT, LeakProof.AUTHENTICATED)

    @property
    def is_live(self) -> bool:
        """Whether it worked when it was looked for."""
        return self.standing is not LeakStanding.DEAD

    @property
    def is_ours(self) -> bool:
        """Whether the manifest answers for it."""
        return self.standing in (LeakStanding.CURRENT, LeakStanding.OLD, LeakStanding.UNDECLARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """What a text says of the keys of an account."""

    owner: str
    manifest: str
    found_at: datetime
    keys: tuple[LeakedKey, ...]
    """Sorted by id."""
    unknown: int = 0
    """Texts in it that look like a raw key, and fit no key that this credential can see."""
    alive: tuple[KeyId, ...] | None = None
    """After `--contain`: which of the keys may still work, sorted; None if nothing was done."""
