"""Grants as JSON, in the shape that the beta generation shows and the store keeps.

In: Grants, or JSON that this module wrote. Out: the other. Never: JSON from a client; `beta` reads that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from keyplan.sandbox.records import CustomRole, Grants, OrganizationGrant, PredefinedRole, Role, SpaceGrant


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


def _organization(stored: Mapping[str, Any]) -> OrganizationGrant:
    return OrganizationGrant(
        organization_id=stored["org_id"],
        role=_role(stored["role"]),
        spaces=tuple(SpaceGrant(space_id=each["space_id"], role=_role(each["role"])) for each in stored["spaces"]),
    )


def _role(stored: Mapping[str, str]) -> Role:
    if stored["type"] == "CUSTOM":
        return CustomRole(id=stored["id"])
    return PredefinedRole(name=stored["name"])
