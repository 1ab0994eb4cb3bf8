"""Accounts and manifests of any size, each key told by its number alone: server, manifest and ledger agree unasked.

In: how many keys and spaces. Out: what the API says of key 4711, and how a manifest declares it. Never: an import
of keyplan, so that the server that uses it is nobody's relative.

Half of the keys are user keys. Service keys take turns in the spaces. Every fourth key has an expiry, far away.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

OWNER = "bench"
ORGANIZATION = b64encode(b"Organization:1001:xYzW").decode()
FIRST_CREATED = datetime(2026, 1, 1, tzinfo=UTC)
FAR_AWAY = "2099-01-01T00:00:00+00:00"
SINK = 'sinks:\n  local: {type: file, path: "secrets/{name}.key"}\n'


@dataclass(frozen=True, slots=True)
class Account:
    """So many keys, half of them service keys that take turns in so many spaces (none: user keys alone)."""

    keys: int
    spaces: int = 10

    def is_service(self, number: int) -> bool:
        """Whether a key is a service key."""
        return bool(self.spaces) and number % 2 == 1

    def space_of(self, number: int) -> str:
        """Return the id of a service key's space."""
        return space_id(number // 2 % self.spaces)

    def address_of(self, number: int) -> str:
        """Return a key's address in the manifest; ids of spaces hold no slash here."""
        name = name_of(number)
        return f"service/{self.space_of(number)}/{name}" if self.is_service(number) else f"user/{name}"

    def describe(self, number: int) -> str:
        """Return a key's description with keyplan's marker."""
        ref = hashlib.sha256(self.address_of(number).encode()).hexdigest()[:10]
        return f"{description_of(number)} [keyplan {OWNER}/{ref}]"

    def show(self, number: int) -> dict[str, Any]:
        """Return a key as a listing of the beta API shows it."""
        item: dict[str, Any] = {
            "id": key_id(number),
            "name": name_of(number),
            "description": self.describe(number),
            "key_type": "SERVICE" if self.is_service(number) else "USER",
            "status": "ACTIVE",
            "redacted_key": redacted_of(number),
            "created_at": created_at(number).isoformat(),
            "created_by_user_id": b64encode(b"User:7:aBcD").decode(),
            "expires_at": expires_at(number),
            "last_used_at": None,
        }
        if self.is_service(number):
            item["bot_user"] = self._show_bot(number)
        return item

    def _show_bot(self, number: int) -> dict[str, Any]:
        role = {"type": "PREDEFINED", "name": "MEMBER"}
        spaces = [{"space_id": self.space_of(number), "role": role}]
        organization = {"org_id": ORGANIZATION, "role": {"type": "PREDEFINED", "name": "READ_ONLY"}, "spaces": spaces}
        identity = b64encode(f"User:{number}:bot".encode()).decode()
        return {"id": identity, "name": name_of(number), "account_role": role, "organizations": [organization]}

    def declare(self, number: int) -> str:
        """Return the lines that declare a key."""
        lines = [f"  - name: {name_of(number)}", f"    description: {description_of(number)}"]
        if self.is_service(number):
            lines += ["    key_type: service", f"    space_id: {self.space_of(number)}"]
        else:
            lines += ["    key_type: user"]
        if expires_at(number):
            lines += [f"    expires_at: {expires_at(number)}"]
        return "".join(f"{line}\n" for line in lines)

    def write_manifest(self, provider: str, *, spoil: Callable[[str, int], str] = lambda text, _: text) -> str:
        """Return the manifest of all keys at a provider; `spoil` may make a mistake in each declaration."""
        head = f"version: 1\nowner: {OWNER}\nprovider: {{base_url: {provider!r}}}\n{SINK}defaults: {{sink: local}}\n"
        declared = (spoil(self.declare(number), number) for number in range(self.keys))
        return head + "keys:\n" + "".join(declared)


def name_of(number: int) -> str:
    """Return a key's name."""
    return f"pipeline-{number:06d}"


def description_of(number: int) -> str:
    """Return a key's description without marker."""
    return f"Key {number} of a benchmark, for its pipeline"


def key_id(number: int) -> str:
    """Return a key's id, base64 as the vendor's are."""
    return b64encode(f"ApiKey:{number}:bEnC".encode()).decode()


def space_id(number: int) -> str:
    """Return a space's id."""
    return b64encode(f"Space:{number:05d}:sPaC".encode()).decode()


def raw_key(number: int) -> str:
    """Return a key's raw key; worth nothing anywhere."""
    return "ak-" + hashlib.sha256(f"raw {number}".encode()).hexdigest()[:50]


def redacted_of(number: int) -> str:
    """Return a raw key as listings show it."""
    raw = raw_key(number)
    return f"{raw[:7]}...{raw[-4:]}"


def created_at(number: int) -> datetime:
    """Return when a key was made."""
    return FIRST_CREATED + timedelta(seconds=number)


def expires_at(number: int) -> str | None:
    """Return when a key ends; None for never."""
    return FAR_AWAY if number % 4 == 0 else None


def spoil(text: str, number: int) -> str:
    """Return a declaration with one mistake, of eight kinds in turn."""
    return _MISTAKES[number % len(_MISTAKES)](text)


def _replace(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def _append(line: str) -> Callable[[str], str]:
    return lambda text: f"{text}    {line}\n"


_MISTAKES: tuple[Callable[[str], str], ...] = (
    _replace("description:", "descripton:"),
    _replace("key_type: ", "key_type: s"),
    _append("rotation: {every: soon}"),
    _append("sink: vualt"),
    _append("protect: yes"),
    _append("expires_in: 0d"),
    _append("generation: 2"),
    _append("rotation: {overlap: 3}"),
)
"""Unknown fields, unknown words, wrong types, wrong durations, unknown sinks: what the schema sees, and what not."""


def numbers(account: Account, *, service: bool | None = None, space: str | None = None) -> Iterator[int]:
    """Yield the numbers of the keys of a type and a space; None filters nothing."""
    for number in range(account.keys):
        if service is not None and account.is_service(number) is not service:
            continue
        if space is None or (account.is_service(number) and account.space_of(number) == space):
            yield number
