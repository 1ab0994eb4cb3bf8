"""The records of the sandbox: keys, the access of service keys, organizations and spaces; and that access as JSON.

Records have no generation's spelling. No record holds a raw key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, assert_never


# The words are stored in state files, so they must not change.
class KeyKind(StrEnum):
    """The two types of key."""

    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredefinedRole:
    """One of the roles that every account has."""

    name: str
    """`ADMIN`, `MEMBER` or `READ_ONLY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRole:
    """A role that the account defined; the sandbox accepts any well-formed id."""

    id: str


Role = PredefinedRole | CustomRole


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceMembership:
    """A service key's role in one space."""

    space_id: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationMembership:
    """A service key's role in one organization and in some of its spaces."""

    organization_id: str
    role: Role
    spaces: tuple[SpaceMembership, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """The access of a service key."""

    account_role: Role
    organizations: tuple[OrganizationMembership, ...]

    @property
    def space_ids(self) -> tuple[str, ...]:
        """All spaces, in order, with repetitions."""
        return tuple(space.space_id for organization in self.organizations for space in organization.spaces)

    @property
    def roles(self) -> tuple[Role, ...]:
        """All roles: of the account, the organizations and the spaces."""
        within = [(each.role, *(space.role for space in each.spaces)) for each in self.organizations]
        return (self.account_role, *(role for roles in within for role in roles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The user as whom a service key acts."""

    id: str
    grants: Grants


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key, without its secret."""

    number: int
    """Order of creation; lists are sorted by it."""
    id: str
    name: str
    description: str | None
    kind: KeyKind
    is_dead: bool
    """Whether it was deleted or revoked; an expired key may or may not be (docs/arize-api.md, A29)."""
    redacted: str
    created_at: datetime
    expires_at: datetime | None
    created_by: str
    """User id of its creator."""
    last_used_at: datetime | None
    bot: Bot | None
    """Set for service keys alone."""

    def has_expired(self, now: datetime) -> bool:
        """Whether it has expired; it has at exactly its expiry."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be stored."""

    name: str
    description: str | None
    kind: KeyKind
    redacted: str
    digest: str
    created_at: datetime
    visible_at: datetime
    expires_at: datetime | None
    created_by: str
    grants: Grants | None
    """Set for service keys alone."""
    bot_id: str | None = None
    """The bot user of a service key that continues under a new id; None creates one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOrganization:
    """One organization of the account."""

    number: int
    id: str
    name: str
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSpace:
    """One space of an organization."""

    number: int
    id: str
    organization_id: str
    name: str
    description: str
    created_at: datetime


def role_json(role: Role) -> dict[str, str]:
    """Return a role object."""
    match role:
        case PredefinedRole():
            return {"type": "PREDEFINED", "name": role.name}
        case CustomRole():
            return {"type": "CUSTOM", "id": role.id}
        case _:
            assert_never(role)


def organizations_json(grants: Grants) -> list[dict[str, object]]:
    """Return what a `bot_user` object shows as its organizations."""
    return [
        {
            "org_id": organization.organization_id,
            "role": role_json(organization.role),
            "spaces": [{"space_id": each.space_id, "role": role_json(each.role)} for each in organization.spaces],
        }
        for organization in grants.organizations
    ]


def grants_json(grants: Grants) -> dict[str, object]:
    """Return grants as the store keeps them."""
    return {"account_role": role_json(grants.account_role), "organizations": organizations_json(grants)}


def grants_from_json(stored: Mapping[str, Any]) -> Grants:
    """Return grants that `grants_json` wrote."""
    return Grants(
        account_role=_role(stored["account_role"]),
        organizations=tuple(_organization(each) for each in stored["organizations"]),
    )


def _organization(stored: Mapping[str, Any]) -> OrganizationMembership:
    return OrganizationMembership(
        organization_id=stored["org_id"],
        role=_role(stored["role"]),
        spaces=tuple(SpaceMembership(space_id=each["space_id"], role=_role(each["role"])) for each in stored["spaces"]),
    )


def _role(stored: Mapping[str, str]) -> Role:
    # The store only holds what `grants_json` wrote, so nothing is checked here.
    if stored["type"] == "CUSTOM":
        return CustomRole(id=stored["id"])
    return PredefinedRole(name=stored["name"])
