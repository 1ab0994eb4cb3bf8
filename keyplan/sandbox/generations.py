"""The differences between the generations of the API, as one record, and what all generations share.

`alpha` and `beta` fill the record in; no other module of the sandbox may decide by a generation's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keyplan.sandbox.bodies import RequestBody
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.formats import format_instant, is_id
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.records import Grants, Key, KeyKind, SandboxOrganization, SandboxSpace
from keyplan.sandbox.responses import ProblemError

MAX_NAME_LENGTH = 256
MAX_DESCRIPTION_LENGTH = 1000
MAX_ID_LENGTH = 256

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """The values of a create, checked."""

    name: str
    description: str | None
    kind: KeyKind
    expires_at: datetime | None
    grants: Grants | None
    """Set for service keys alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequest:
    """The values of a refresh, checked."""

    expires_at: datetime | None
    grace: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One generation of the API."""

    # Words: docs/arize-api.md, A8.
    kinds: Mapping[str, KeyKind]
    statuses: Mapping[str, bool]
    """Whether a key of that status is dead, by the word for the status; the first word is the one for active keys."""
    list_parameters: frozenset[str]
    problem_types: str
    """The text before the slug in a problem's type."""
    # Statuses of refusals, which differ between generations (docs/arize-api.md, A18, A24 and A31).
    rule_violation_status: int
    """Status for a well-formed request that breaks a rule."""
    foreign_refresh_status: int
    """Status for a refresh of another user's key."""
    dead_refresh_status: int
    """Status for a refresh of a dead key."""
    unknown_organization_status: int
    """Status for a listing of the spaces of an unknown organization."""
    admins_reach_all: bool
    """Whether an account administrator may act on other users' keys."""
    has_delete: bool
    """Whether keys are ended with DELETE; if not, with PUT to `revoke`."""
    has_audit_log: bool
    """Whether the account's audit log can be read (docs/arize-api.md, A40)."""
    read_create: Callable[[RequestBody, Directory], CreateRequest]
    read_refresh: Callable[[RequestBody], RefreshRequest]
    create_expiry: Callable[[CreateRequest, SandboxOptions, datetime], datetime | None]
    refresh_expiry: Callable[[Key, RefreshRequest, SandboxOptions, datetime], datetime | None]
    show_listed: Callable[[Key, bool], Json]
    """Return a key as a listing shows it; the flag says whether the listing is of one space."""
    # Created and refreshed keys differ in beta: only the former has a `bot_user` (docs/arize-api.md, A14).
    show_created: Callable[[Key], Json]
    show_refreshed: Callable[[Key], Json]
    show_space: Callable[[SandboxSpace], Json]


def show_organization(organization: SandboxOrganization) -> Json:
    """Return an organization as every generation shows it."""
    return {
        "id": organization.id,
        "name": organization.name,
        "description": organization.description,
        "created_at": format_instant(organization.created_at),
    }


def show_base_key(key: Key, *, kind: str, status: str) -> Json:
    """Return the fields of a key that every generation shows; optional ones that are not set are left out."""
    # Exactly these fields: SDK 8.10.0 fails on any other (docs/arize-api.md, A10).
    optional = {
        "description": key.description,
        "expires_at": format_instant(key.expires_at) if key.expires_at else None,
    }
    return {
        "id": key.id,
        "name": key.name,
        "key_type": kind,
        "status": status,
        "redacted_key": key.redacted,
        "created_at": format_instant(key.created_at),
        "created_by_user_id": key.created_by,
        **{name: value for name, value in optional.items() if value is not None},
    }


def show_base_space(space: SandboxSpace) -> Json:
    """Return the fields of a space that every generation shows."""
    return {
        "id": space.id,
        "name": space.name,
        "description": space.description,
        "created_at": format_instant(space.created_at),
    }


def require_space(directory: Directory, space_id: str) -> SandboxSpace:
    """Return the space that a request names. Raises ProblemError: 400 for a malformed id, 404 for an unknown one."""
    require_id(space_id, "space_id")
    found = directory.find_space(space_id)
    if found is None:
        raise ProblemError(404, "There is no such space, or it is not visible to the caller.")
    return found


def require_organization(directory: Directory, organization_id: str) -> SandboxOrganization:
    """Return the organization that a request names. Raises ProblemError: 400 for a malformed id, 404 if unknown."""
    require_id(organization_id, "The organization id")
    found = directory.find_organization(organization_id)
    if found is None:
        raise ProblemError(404, "There is no such organization, or it is not visible to the caller.")
    return found


def require_id(text: str, name: str) -> None:
    """Raise ProblemError 400 if a text does not have the form of an id (docs/arize-api.md, A31)."""
    if not is_id(text):
        raise ProblemError(400, f"{name} is not a valid id.")
