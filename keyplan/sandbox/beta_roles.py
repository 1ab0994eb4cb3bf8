"""Role objects and organizations of a beta create request, and which roles a service key may have.

In: a body. Out: Grants. Never: a role that the beta generation refuses (docs/arize-api.md, A18).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyplan.sandbox.bodies import Body
from keyplan.sandbox.dialects import require_id, wanted_organization, wanted_space
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.problems import Problem
from keyplan.sandbox.records import CustomRole, Grants, OrganizationGrant, PredefinedRole, Role, SpaceGrant

_LONGEST_ID = 256
_TYPES: Mapping[str, str] = MappingProxyType({"PREDEFINED": "PREDEFINED", "CUSTOM": "CUSTOM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """What roles a service key may have at one level: account, organization or space."""

    default: str
    names: frozenset[str]
    refused: Mapping[str, int]
    """Predefined names that exist but are not for service keys, with the status they get."""
    allows_custom: bool


# docs/arize-api.md, A18: ANNOTATOR is refused everywhere, with 400 at the account level since 8.59 and 422 below it.
_ACCOUNT = _Level(
    default="MEMBER",
    names=frozenset({"ADMIN", "MEMBER"}),
    refused=MappingProxyType({"ANNOTATOR": 400, "MEMBER_UI_ONLY": 400}),
    allows_custom=False,
)
_NAMES = frozenset({"ADMIN", "MEMBER", "READ_ONLY"})
_ORGANIZATION = _Level(
    default="READ_ONLY", names=_NAMES, refused=MappingProxyType({"ANNOTATOR": 422}), allows_custom=False
)
_SPACE = _Level(default="MEMBER", names=_NAMES, refused=MappingProxyType({"ANNOTATOR": 422}), allows_custom=True)


def read_grants(body: Body, directory: Directory) -> Grants:
    """Read `account_role` and `organizations` of a service key. Raises Problem."""
    grants = Grants(
        account_role=_read_role(body, "account_role", _ACCOUNT),
        organizations=tuple(_read_organization(each, directory) for each in body.objects("organizations")),
    )
    if len(set(grants.space_ids)) < len(grants.space_ids):
        raise Problem(422, "organizations names a space twice.")
    return grants


def _read_organization(body: Body, directory: Directory) -> OrganizationGrant:
    body.allow("org_id", "role", "spaces")
    organization = wanted_organization(directory, body.text("org_id", longest=_LONGEST_ID))
    return OrganizationGrant(
        organization_id=organization.id,
        role=_read_role(body, "role", _ORGANIZATION),
        spaces=tuple(_read_space(each, directory, organization.id) for each in body.objects("spaces")),
    )


def _read_space(body: Body, directory: Directory, organization_id: str) -> SpaceGrant:
    body.allow("space_id", "role")
    space = wanted_space(directory, body.text("space_id", longest=_LONGEST_ID))
    if space.organization_id != organization_id:
        raise Problem(422, "A space does not belong to the organization it is named under.")
    return SpaceGrant(space_id=space.id, role=_read_role(body, "role", _SPACE))


def _read_role(body: Body, name: str, level: _Level) -> Role:
    role = body.optional_object(name)
    if role is None:
        return PredefinedRole(name=level.default)
    if role.word("type", _TYPES) == "CUSTOM":
        return _read_custom(role, level)
    role.allow("type", "name")
    words = dict.fromkeys(sorted(level.names)) | dict(level.refused)
    chosen = role.text("name", longest=_LONGEST_ID)
    status = role.word("name", words)
    if status is not None:
        raise Problem(status, f"The role {chosen} is not available to service keys here.")
    return PredefinedRole(name=chosen)


def _read_custom(role: Body, level: _Level) -> Role:
    role.allow("type", "id")
    role_id = role.text("id", longest=_LONGEST_ID)
    require_id(role_id, "role id")
    if not level.allows_custom:
        raise Problem(422, "A custom role is possible in spaces only.")
    return CustomRole(id=role_id)
