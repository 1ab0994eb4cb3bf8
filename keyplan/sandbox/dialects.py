"""What sets one generation of the API apart from another: words, fields, statuses and laws, as one record.

In: nothing. Out: the shape of a Dialect, and what all of them share. Never: a choice by a generation's name
anywhere else in the sandbox; `alpha` and `beta` fill the record in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keyplan.sandbox.bodies import Body
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.ids import is_wire_id
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.problems import Problem
from keyplan.sandbox.records import Grants, Key, Kind, Organization, Space
from keyplan.sandbox.times import format_instant

LONGEST_NAME = 256
LONGEST_DESCRIPTION = 1000

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a create request asks for."""

    name: str
    description: str | None
    kind: Kind
    expires_at: datetime | None
    grants: Grants | None
    """Set for service keys alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What a refresh request asks for."""

    expires_at: datetime | None
    grace: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One generation of the API."""

    kinds: Mapping[str, Kind]
    statuses: Mapping[str, bool]
    """Status word to whether such a key is dead; the first word is the living one."""
    list_parameters: frozenset[str]
    problem_types: str
    """What stands before the slug in a problem's type."""
    unreasonable: int
    """Status for a wish that is well-formed but against a law."""
    foreign_refresh: int
    """Status for refreshing somebody else's key."""
    dead_refresh: int
    """Status for refreshing a dead key."""
    unknown_organization: int
    """Status for listing the spaces of an organization that is not there."""
    admins_reach_all: bool
    """Whether an account administrator may act on other users' keys."""
    has_delete: bool
    """Whether a key ends by DELETE; if not, by PUT to its `revoke`."""
    read_creation: Callable[[Body, Directory], Wish]
    read_renewal: Callable[[Body], Renewal]
    creation_expiry: Callable[[Wish, SandboxOptions, datetime], datetime | None]
    renewal_expiry: Callable[[Key, Renewal, SandboxOptions, datetime], datetime | None]
    show_listed: Callable[[Key, bool], Json]
    """A key in a listing; the flag says that the listing is of one space."""
    show_created: Callable[[Key], Json]
    show_refreshed: Callable[[Key], Json]
    show_space: Callable[[Space], Json]


def show_organization(organization: Organization) -> Json:
    """Return an organization as every generation shows it."""
    return {
        "id": organization.id,
        "name": organization.name,
        "description": organization.description,
        "created_at": format_instant(organization.created_at),
    }


def show_base_key(key: Key, *, kind: str, status: str) -> Json:
    """Return the fields of a key that every generation shows; what is not set is left out (docs/arize-api.md, A10)."""
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


def show_base_space(space: Space) -> Json:
    """Return the fields of a space that every generation shows."""
    return {
        "id": space.id,
        "name": space.name,
        "description": space.description,
        "created_at": format_instant(space.created_at),
    }


def wanted_space(directory: Directory, space_id: str) -> Space:
    """Return the space of an id that a request names. Raises Problem 400 for no id, 404 for an unknown one."""
    require_id(space_id, "space_id")
    require_id(space_id, "The space id")
    found = directory.find_space(space_id)
    if found is None:
        raise Problem(404, "There is no such space, or it is not visible to the caller.")
    return found


def wanted_organization(directory: Directory, organization_id: str) -> Organization:
    """Return the organization of an id that a request names. Raises Problem 400 for no id, 404 for an unknown one."""
    require_id(organization_id, "The organization id")
    found = directory.find_organization(organization_id)
    if found is None:
        raise Problem(404, "There is no such organization, or it is not visible to the caller.")
    return found


def require_id(text: str, name: str) -> None:
    """Raise Problem 400 where a string cannot be an id (docs/arize-api.md, A31: malformed ids are 400)."""
    if not is_wire_id(text):
        raise Problem(400, f"{name} is not a valid id.")
