"""What each object of a ledger holds, in and out of JSON. No object may hold a raw key.

Each object has a token, random for every write: by it a run whose request got no answer finds out whether it was its
own write that happened.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

from keyplan.ledgers.documents import from_text, to_holder, to_text
from keyplan.model.identity import Address, Identity, ManifestId
from keyplan.model.intent import Intent, IntentId
from keyplan.model.ledger import Holder
from keyplan.model.receipt import Receipt

FORMAT_VERSION = 1
"""Counts incompatible layouts; a ledger of another version is refused, not migrated."""


def to_body(values: Mapping[str, Any], token: str) -> bytes:
    """Return an object's content, with the token of this write."""
    return to_text({**values, "token": token}).encode()


def from_body(body: bytes) -> dict[str, Any]:
    """Return the values of an object, its token among them. Raises ValueError or TypeError if it is not one."""
    try:
        return dict(from_text(body.decode()))
    except json.JSONDecodeError:
        raise ValueError("it is not JSON") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Whose ledger a folder is."""

    identity: Identity
    account: str
    folder: str
    """Where the other objects are: its own folder, or that of the manifest's former name."""
    moved_to: Identity | None = None
    """The manifest that took this ledger over."""

    def to_dict(self) -> dict[str, Any]:
        """Return the head as JSON values."""
        return {
            "format_version": FORMAT_VERSION,
            "owner": self.identity.owner,
            "manifest_id": self.identity.id,
            "account": self.account,
            "folder": self.folder,
            "moved_to": [self.moved_to.owner, self.moved_to.id] if self.moved_to else None,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Head:
        """Return the head that `to_dict` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        moved_to = values["moved_to"]
        return cls(
            identity=Identity(values["owner"], ManifestId(values["manifest_id"])),
            account=values["account"],
            folder=values["folder"],
            moved_to=Identity(moved_to[0], ManifestId(moved_to[1])) if moved_to else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRecord:
    """What a ledger knows of one address."""

    address: Address
    receipt: Receipt | None = None
    intents: Mapping[IntentId, Intent] = field(default_factory=dict)
    """The open ones."""
    number: int = 0
    """The fencing number of its last writer; zero if no writer of it ever held the lock."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remember."""
        return self.receipt is None and not self.intents

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {
            "address": self.address,
            "receipt": self.receipt and self.receipt.to_dict(),
            "intents": [intent.to_dict() for intent in self.intents.values()],
            "number": self.number,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AddressRecord:
        """Return the record that `to_dict` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        intents = map(Intent.from_dict, values["intents"])
        return cls(
            address=Address(values["address"]),
            receipt=Receipt.from_dict(values["receipt"]) if values["receipt"] else None,
            intents={intent.id: intent for intent in intents},
            number=int(values["number"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LockRecord:
    """A lock: who has it, or had it last."""

    number: int = 0
    """The fencing number of the last holder. The object is never deleted, so that numbers only grow."""
    holder: Holder | None = None
    """None if it is free."""
    lease: timedelta = timedelta(0)
    """How long it is held, counted from when the store wrote the object."""
    is_clean: bool = True
    """Whether the last holder freed it itself, so that no late write of it can come."""

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return {
            "number": self.number,
            "holder": self.holder and asdict(self.holder),
            "lease": self.lease.total_seconds(),
            "is_clean": self.is_clean,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LockRecord:
        """Return the record that `to_dict` wrote. Raises KeyError, TypeError or ValueError on anything else."""
        return cls(
            number=int(values["number"]),
            holder=to_holder(values["holder"]) if values["holder"] else None,
            lease=timedelta(seconds=values["lease"]),
            is_clean=bool(values["is_clean"]),
        )
