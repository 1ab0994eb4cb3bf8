"""The names of the objects of a ledger. No name may depend on anything but what the object holds.

PREFIX/OWNER.ID.DIGEST/ledger.json              whose ledger it is, and where its other objects are
PREFIX/OWNER.ID.DIGEST/locks/apply.json         one for each lock
PREFIX/OWNER.ID.DIGEST/addresses/NAME-DIGEST.json   an address: its receipt and its open intents
PREFIX/OWNER.ID.DIGEST/plans/DIGEST.json        one for each plan that was applied
PREFIX/OWNER.ID.DIGEST/history/NUMBER.json      one for each apply, the latest first
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass

from keyplan.model.identity import Address, Identity
from keyplan.model.ledger import LockName

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_READABLE = 60
_HIGHEST = 9_999_999_999


def name_folder(prefix: str, identity: Identity, account: str) -> str:
    """Return the folder of a manifest at an account; it ends with a slash."""
    digest = _digest(json.dumps([identity.owner, identity.id, account]))
    return f"{prefix}{_to_part(identity.owner)}.{identity.id or '-'}.{digest}/"


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of all objects in one folder."""

    folder: str

    @property
    def head(self) -> str:
        """Whose folder it is."""
        return f"{self.folder}ledger.json"

    @property
    def addresses(self) -> str:
        """What the names of all addresses' objects begin with."""
        return f"{self.folder}addresses/"

    @property
    def history(self) -> str:
        """What the names of all applies' objects begin with."""
        return f"{self.folder}history/"

    def lock(self, name: LockName) -> str:
        """Return the object of a lock."""
        return f"{self.folder}locks/{name.value}.json"

    def address(self, address: Address) -> str:
        """Return the object of an address."""
        # The digest alone distinguishes addresses; the rest is for users who look into the bucket.
        return f"{self.addresses}{_to_part(address)}-{_digest(address)}.json"

    def plan(self, digest: str) -> str:
        """Return the object of a plan that was applied."""
        return f"{self.folder}plans/{_to_part(digest)}-{_digest(digest)}.json"

    def apply(self, number: int) -> str:
        """Return the object of an apply; the first has number 1."""
        # Counted down, because a listing begins with the smallest name, and the latest apply is wanted most.
        return f"{self.history}{_HIGHEST - number:010}.json"

    def number_of(self, key: str) -> int:
        """Return the number of an apply from the name of its object. Raises ValueError on any other name."""
        return _HIGHEST - int(key.removeprefix(self.history).removesuffix(".json"))


def _to_part(text: str) -> str:
    """Return what of a text is safe in a name, shortened; never empty, and no two dots in a row."""
    plain = re.sub(r"\.{2,}", ".", _UNSAFE.sub("-", text)).strip(".-")
    return plain[:_LONGEST_READABLE] or "-"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
