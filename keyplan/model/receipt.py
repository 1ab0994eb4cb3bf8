"""What keyplan remembers of a key after its delivery: a receipt. Never the raw key.

Ledgers and sinks store it as JSON (`to_dict`, `from_dict`). A reader ignores fields that it does not know, so that an
older keyplan can read the receipts of a newer one.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from sys import intern
from typing import Any

from keyplan.model.identity import (
    NO_MANIFEST_ID,
    NO_USER,
    Address,
    Identity,
    KeyId,
    ManifestId,
    ScopeId,
    SinkName,
    UserId,
    read_scope,
)
from keyplan.model.manifest import Json, KeyType, OnRemove
from keyplan.model.quick import quick
from keyplan.model.secret import Fingerprint
from keyplan.model.times import read_time, write_time

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""When a key was created of which the provider does not say so."""
CLOCK_SKEW = timedelta(minutes=5)
"""How far the provider's clock may be behind ours."""
MOST_ATTEMPTS = 5
"""After so many failed attempts an intent waits for the user."""
# Looked up in a table, not through the enum's call: that takes 12 ms more of 10,000 keys' receipts.
_KEY_TYPES = {kind.value: kind for kind in KeyType}
_ON_REMOVE = {choice.value: choice for choice in OnRemove}


_share: Callable[[Any], Any] = intern
"""Return an equal text that is in memory once; raise TypeError for any other value.

Owners, creators, spaces and sinks are the same in thousands of receipts.
"""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Superseded:
    """An old key of an address that consumers may still hold."""

    key_id: KeyId
    switched_at: datetime
    """When its successor had been delivered."""
    delete_after: datetime
    """When the overlap is over."""

    def to_list(self) -> list[str]:
        """Return the key as JSON values."""
        return [self.key_id, write_time(self.switched_at), write_time(self.delete_after)]

    @classmethod
    def from_list(cls, values: Sequence[str]) -> Superseded:
        """Return the key that `to_list` wrote. Raises ValueError or TypeError on anything else."""
        key_id, switched_at, delete_after = values
        return cls(key_id=KeyId(key_id), switched_at=read_time(switched_at), delete_after=read_time(delete_after))


@quick
@dataclass(frozen=True, slots=True, order=True)
class Delivered:
    """One place that holds the raw key."""

    sink: SinkName
    location: str
    """As `Slot.location` says it."""
    options: Mapping[str, Json] = field(default_factory=dict, compare=False)
    """As `Slot.options`: by them a place is found again that the manifest does not name any longer."""
    at: datetime | None = field(default=None, compare=False)
    """When it took the raw key, if that was later than the receipt's `delivered_at`: by copying."""

    def to_list(self) -> list[Any]:
        """Return the place as JSON values."""
        return [self.sink, self.location, dict(self.options), *([write_time(self.at)] if self.at else [])]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Delivered:
        """Return the place that `to_list` wrote. Raises ValueError or TypeError on anything else."""
        sink, location, *further = values
        options = further[0] if further else None
        at = further[1] if len(further) > 1 else None
        "".join((location, *(options or ())))  # raises TypeError if one of them is not text
        return cls(_share(sink), location, dict(options) if options else {}, read_time(at) if at else None)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class LeftPlace:
    """A place that the address left, and that still holds a raw key of it."""

    place: Delivered
    empty_after: datetime
    """When the overlap is over for the readers of the place."""

    def to_list(self) -> list[Any]:
        """Return the place as JSON values."""
        return [self.place.to_list(), write_time(self.empty_after)]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> LeftPlace:
        """Return the place that `to_list` wrote. Raises ValueError or TypeError on anything else."""
        place, empty_after = values
        return cls(place=Delivered.from_list(place), empty_after=read_time(empty_after))


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Proof that an address's raw key, from one key at the provider, was delivered."""

    owner: str
    manifest_id: ManifestId = NO_MANIFEST_ID
    """Empty for a manifest without `id`, and in what an older keyplan wrote."""
    address: Address
    key_id: KeyId
    creator: UserId = NO_USER
    """Who made the key, as the answer to our own create named it; empty for a key that keyplan did not create."""
    key_type: KeyType
    name: str
    scope_ids: tuple[ScopeId, ...] = ()
    """Sorted. Known here even if the dialect does not show a key's spaces."""
    access: str = ""
    """Digest of the roles and spaces that were asked for; empty if unknown (an imported key)."""
    created_at: datetime
    expires_at: datetime | None = None
    """As the provider answered it."""
    declared_expires_at: datetime | None = None
    """As the declaration asked for it, absolutely: a changed declaration differs from it, a capped life does not."""
    declared_expires_in: timedelta | None = None
    """As the declaration asked for it, from the moment of issue."""
    asked: str = ""
    """Digest of the name and description that were asked for; empty if unknown."""
    answered: str = ""
    """Digest of the name and description that the provider answered; empty if it is `asked`."""
    answered_access: str = ""
    """Digest of the roles and spaces that the provider answered; empty if it is `access`, or unknown."""
    redacted: str = ""
    """`Observation.edition` of the raw key: its redacted form, or the time of its issue; empty if neither showed."""
    fingerprint: Fingerprint | None = None
    """None if the key was delivered by others (an imported one)."""
    delivered: tuple[Delivered, ...] = ()
    """Sorted."""
    left: tuple[LeftPlace, ...] = ()
    """Places that the address left and that are not emptied yet; sorted. Only the ledger's receipt has any."""
    delivered_at: datetime
    protect: bool = False
    on_remove: OnRemove = OnRemove.DELETE
    generation: int = 1
    superseded: tuple[Superseded, ...] = ()
    """Sorted."""
    forgotten: bool = False
    """Whether its declaration was removed with `on_remove: forget`: the key lives on, unmanaged."""
    placed_as: str = ""
    """How the manifest wrote the space when the raw key was delivered; empty if `address` says it."""
    renewed: bool = False
    """Whether consumers had another raw key of the address before: its delivery was a change for them."""
    account: str = ""
    """Base URL of the further provider that has the key; empty for the usual one. Only the ledger's receipt has it."""

    @property
    def identity(self) -> Identity:
        """Who says that it wrote this receipt."""
        return Identity(self.owner, self.manifest_id)

    @property
    def written_space(self) -> str:
        """How the manifest wrote the space when the raw key was delivered: templates of places name it."""
        return self.placed_as or read_scope(self.address)

    def without_left(self, slots: Container[Delivered]) -> Receipt:
        """Return the receipt without these places among those that the address left."""
        kept = tuple(one for one in self.left if one.place not in slots)
        return self if kept == self.left else replace(self, left=kept)

    def entry_of(self, place: Delivered) -> Delivered | None:
        """Return what is noted of a place; None if it never took the raw key."""
        return next((entry for entry in self.delivered if entry == place), None)

    def agrees_with(self, other: Receipt) -> bool:
        """Whether another says the same, apart from what only the ledger knows, as which sinks took the key."""
        return _read_shared(self) == _read_shared(other)

    def to_dict(self) -> dict[str, Any]:
        """Return the receipt as JSON values, unset fields left out."""
        values: dict[str, Any] = {
            "owner": self.owner,
            "manifest_id": self.manifest_id,
            "address": self.address,
            "key_id": self.key_id,
            "creator": self.creator,
            "key_type": self.key_type.value,
            "name": self.name,
            "space_ids": list(self.scope_ids),
            "access": self.access,
            "created_at": write_time(self.created_at),
            "expires_at": self.expires_at and write_time(self.expires_at),
            "declared_expires_at": self.declared_expires_at and write_time(self.declared_expires_at),
            "declared_expires_in": self.declared_expires_in and self.declared_expires_in.total_seconds(),
            "asked": self.asked,
            "answered": self.answered,
            "answered_access": self.answered_access,
            "redacted": self.redacted,
            "fingerprint": self.fingerprint and [self.fingerprint.salt, self.fingerprint.digest],
            "delivered": [entry.to_list() for entry in self.delivered],
            "left": [entry.to_list() for entry in self.left],
            "delivered_at": write_time(self.delivered_at),
            "protect": self.protect,
            "on_remove": self.on_remove.value,
            "generation": self.generation,
            "superseded": [old.to_list() for old in self.superseded],
            "forgotten": self.forgotten,
            "placed_as": self.placed_as,
            "renewed": self.renewed,
            "account": self.account,
        }
        return {name: value for name, value in values.items() if value not in (None, [], "", False)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Receipt:
        """Return the receipt that `to_dict` wrote. Raises KeyError, ValueError or TypeError on anything else."""
        # `get` for every field that may be unset, or that an older keyplan did not write.
        get = values.get
        expires_at, declared, declared_life = get("expires_at"), get("declared_expires_at"), get("declared_expires_in")
        fingerprint, scope_ids, delivered, left = get("fingerprint"), get("space_ids"), get("delivered"), get("left")
        superseded, asked, answered = get("superseded"), get("asked") or "", get("answered") or ""
        redacted = get("redacted") or ""
        # Raises TypeError if one of them is not text. `_share` does too, but is slow for texts of one receipt alone.
        "".join((values["address"], values["key_id"], values["name"], asked, answered, redacted, *(fingerprint or ())))
        return cls(
            owner=_share(values["owner"]),
            manifest_id=_share(get("manifest_id") or ""),
            address=values["address"],
            key_id=values["key_id"],
            creator=_share(get("creator") or ""),
            key_type=_KEY_TYPES[values["key_type"]],
            name=values["name"],
            scope_ids=tuple(map(_share, scope_ids)) if scope_ids else (),
            access=_share(get("access") or ""),
            created_at=read_time(values["created_at"]),
            expires_at=read_time(expires_at) if expires_at else None,
            declared_expires_at=read_time(declared) if declared else None,
            declared_expires_in=timedelta(seconds=declared_life) if declared_life else None,
            asked=asked,
            answered=answered,
            answered_access=_share(get("answered_access") or ""),
            redacted=redacted,
            fingerprint=Fingerprint(*fingerprint) if fingerprint else None,
            delivered=tuple([Delivered.from_list(entry) for entry in delivered]) if delivered else (),
            left=tuple([LeftPlace.from_list(entry) for entry in left]) if left else (),
            delivered_at=read_time(values["delivered_at"]),
            protect=get("protect", False),
            on_remove=_ON_REMOVE[values["on_remove"]],
            generation=values["generation"],
            superseded=tuple([Superseded.from_list(old) for old in superseded]) if superseded else (),
            forgotten=get("forgotten", False),
            placed_as=_share(get("placed_as") or ""),
            renewed=get("renewed", False),
            account=_share(get("account") or ""),
        )


_OF_THE_LEDGER = ("delivered", "left", "account")
_read_shared = attrgetter(*(one.name for one in fields(Receipt) if one.name not in _OF_THE_LEDGER))
