"""Fills a new state: two organizations, three spaces, one user with a credential.

An existing state must not change, except that a credential that was asked for is added. The ids are fixed, so that
manifests in documents and examples can name them; `production` is the space of the vendor's own examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from keyplan.sandbox.directory import Directory
from keyplan.sandbox.formats import digest, make_id, new_raw_key, redact
from keyplan.sandbox.options import SandboxError, SandboxOptions
from keyplan.sandbox.records import KeyKind, NewKey, SandboxOrganization
from keyplan.sandbox.store import KeyStore

FIRST_USER_ID = make_id("User", 1001, "nNbC")
SECOND_USER_ID = make_id("User", 1002, "pQrS")
_ACME = make_id("Organization", 1001, "xYzW")
_LABS = make_id("Organization", 1002, "kLmN")
_SPACES = (("production", _ACME, "aBcD"), ("staging", _ACME, "eFgH"), ("research", _LABS, "iJkL"))
_FIRST_KEY_NAME = "keyplan sandbox"
_SECOND_KEY_NAME = "keyplan sandbox, second user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The raw keys of the sandbox's users that are known."""

    first: str = field(default="", repr=False)
    """The first user's; empty if an existing state was opened without naming it."""
    second: str = field(default="", repr=False)
    """The second user's; empty if there is no second user, or an existing state was opened."""
    first_is_new: bool = False
    """Whether the first user's was just created."""


def seed(directory: Directory, store: KeyStore, options: SandboxOptions, now: datetime) -> Credentials:
    """Fill a new state, or leave an old one as it is, and return the credentials that are known.

    Raises:
        SandboxError: The credential that was asked for belongs to a dead key.
    """
    with store.transaction():
        # Set in the same transaction as the seeds, so a half-filled state cannot exist.
        if directory.recall("planted") is not None:
            return _reuse(store, options, now)
        directory.remember("planted", "yes")
        _seed_directory(directory, options, now)
        first = options.credential or new_raw_key()
        _seed_key(store, _FIRST_KEY_NAME, first, FIRST_USER_ID, now)
        for number in range(1, options.keys + 1):
            # The raw key is dropped: these keys are there to be listed, not used.
            _seed_key(store, f"seeded-{number:05d}", new_raw_key(), FIRST_USER_ID, now)
        second = new_raw_key() if options.second_user else ""
        if second:
            _seed_key(store, _SECOND_KEY_NAME, second, SECOND_USER_ID, now)
    return Credentials(first=first, second=second, first_is_new=True)


def _reuse(store: KeyStore, options: SandboxOptions, now: datetime) -> Credentials:
    if options.credential is None:
        # The state holds digests only, so the credential cannot be shown a second time.
        return Credentials()
    hashed = digest(options.credential)
    if store.accepts(hashed, now):
        return Credentials(first=options.credential)
    if store.find_by_digest(hashed) is not None:
        raise SandboxError("sandbox option credential: belongs to a dead key of this state; choose another")
    _seed_key(store, _FIRST_KEY_NAME, options.credential, FIRST_USER_ID, now)
    return Credentials(first=options.credential, first_is_new=True)


def _seed_directory(directory: Directory, options: SandboxOptions, now: datetime) -> None:
    for number, organization_id, name in ((1001, _ACME, "acme"), (1002, _LABS, "labs")):
        directory.add_organization(
            SandboxOrganization(
                number=number, id=organization_id, name=name, description=f"The {name} team", created_at=now
            )
        )
    for name, organization_id, suffix in _SPACES:
        directory.add_space(name, organization_id=organization_id, description="", created_at=now, suffix=suffix)
    for number in range(1, options.spaces + 1):
        directory.add_space(f"space-{number:04d}", organization_id=_ACME, description="", created_at=now)


def _seed_key(store: KeyStore, name: str, raw: str, user_id: str, now: datetime) -> None:
    store.add(
        NewKey(
            name=name,
            description=None,
            kind=KeyKind.USER,
            redacted=redact(raw),
            digest=digest(raw),
            created_at=now,
            visible_at=now,
            expires_at=None,
            created_by=user_id,
            grants=None,
        )
    )
