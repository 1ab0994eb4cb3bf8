"""What the sandbox keeps: users' keys, what a service key may reach, spaces and organizations.

In: nothing. Out: frozen records without any generation's spelling. Never: a raw key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """Which of the two sorts of key."""

    USER = "user"
    SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredefinedRole:
    """One of the roles that every account has."""

    name: str
    """`ADMIN`, `MEMBER` or `READ_ONLY`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomRole:
    """A role that an account made itself; the sandbox accepts any well-formed id."""

    id: str


Role = PredefinedRole | CustomRole


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceGrant:
    """A service key's role in one space."""

    space_id: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationGrant:
    """A service key's role in one organization, and in spaces of it."""

    organization_id: str
    role: Role
    spaces: tuple[SpaceGrant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Everything that a service key may reach."""

    account_role: Role
    organizations: tuple[OrganizationGrant, ...]

    @property
    def space_ids(self) -> tuple[str, ...]:
        """Every space named, in order, repetitions kept."""
        return tuple(space.space_id for organization in self.organizations for space in organization.spaces)

    @property
    def roles(self) -> tuple[Role, ...]:
        """Every role named: account, organizations, spaces."""
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
    kind: Kind
    is_dead: bool
    """Deleted or revoked; an expired key need not be."""
    redacted: str
    created_at: datetime
    expires_at: datetime | None
    created_by: str
    """User id of whoever made it."""
    last_used_at: datetime | None
    bot: Bot | None
    """Set for service keys alone."""

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over; at exactly its expiry it is."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A key that is about to be stored."""

    name: str
    description: str | None
    kind: Kind
    redacted: str
    digest: str
    created_at: datetime
    visible_at: datetime
    expires_at: datetime | None
    created_by: str
    grants: Grants | None
    """Set for service keys alone."""
    bot_id: str | None = None
    """The bot user of a service key that goes on under a new id; None makes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """One organization of the account."""

    number: int
    id: str
    name: str
    description: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One space of an organization."""

    number: int
    id: str
    organization_id: str
    name: str
    description: str
    created_at: datetime
