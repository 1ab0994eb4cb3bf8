"""Read which spaces a declaration's key may use, and as what.

In: a declaration's fields that fit the schema. Out: a `Scope`. Never: a space looked up; it stays as it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from keyplan.core.reading.defaults import SERVICE_FIELDS, SPACE_FIELDS, Fields
from keyplan.core.reading.problems import Problems
from keyplan.core.reading.roles import read_organizations, read_roles
from keyplan.model.manifest import KeyType, OrganizationGrant, Roles, SpaceById, SpaceByName, SpaceId, SpaceRef

_ORDINARY_ROLES = Roles()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a key may use; nothing of it counts for a user key."""

    space: SpaceRef | None = None
    organizations: tuple[OrganizationGrant, ...] = ()
    roles: Roles = _ORDINARY_ROLES

    def first_space(self) -> str:
        """Return the space that stands in the address; empty for a user key, or where none could be read."""
        if self.organizations:
            return self.organizations[0].spaces[0].space_id
        return str(self.space) if self.space else ""


_NOWHERE = Scope()


# Keys share spaces: without this there is a SpaceById for each key, and planning compares them field by field.
_name_by_id = lru_cache(maxsize=1024)(SpaceById)


def read_scope(fields: Fields, key_type: KeyType, problems: Problems) -> Scope:
    """Return what a key may use; problems are added."""
    if key_type is KeyType.USER:
        _refuse_service_fields(fields, problems)
        return _NOWHERE
    given = [name for name in SPACE_FIELDS if name in fields.values]
    if len(given) > 1:
        names = " and ".join(f"'{name}'" for name in given)
        problems.add(fields.spot(given[1]), f"fields {names} exclude each other; keep one")
        return _NOWHERE
    if not given and fields.lack(*SPACE_FIELDS):
        problems.add(fields.own.spot, "a service key needs one of 'space_id', 'space' and 'organizations'", "missing")
    return _read_spaces(fields, problems)


def _refuse_service_fields(fields: Fields, problems: Problems) -> None:
    own = fields.own.table
    for name in SERVICE_FIELDS:
        if name in own:
            problems.add(own.key_spot(name), f"field '{name}' is for service keys, and this is a user key")


def _read_spaces(fields: Fields, problems: Problems) -> Scope:
    values, roles = fields.values, read_roles(fields, problems)
    if "organizations" in values:
        return Scope(organizations=read_organizations(values["organizations"], problems), roles=roles)
    if "space_id" in values:
        return Scope(space=_name_by_id(SpaceId(values["space_id"])), roles=roles)
    return Scope(space=SpaceByName(values["space"]) if "space" in values else None, roles=roles)
