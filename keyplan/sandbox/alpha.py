"""The alpha generation, as SDK 8.10.0 knows it (docs/arize-api.md, A1): lower case, DELETE, one space per service key.

In: bodies and records. Out: the Dialect ALPHA. Never: a field that SDK 8.10.0 doesn't know, since it breaks on any.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from keyplan.sandbox.bodies import Body
from keyplan.sandbox.dialects import (
    LONGEST_DESCRIPTION,
    LONGEST_NAME,
    Dialect,
    Json,
    Renewal,
    Wish,
    show_base_key,
    show_base_space,
    wanted_space,
)
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.problems import Problem
from keyplan.sandbox.records import Grants, Key, Kind, OrganizationGrant, PredefinedRole, Role, SpaceGrant

_KINDS: Mapping[str, Kind] = MappingProxyType({"user": Kind.USER, "service": Kind.SERVICE})
_ADMIN, _MEMBER, _READ_ONLY = (PredefinedRole(name=name) for name in ("ADMIN", "MEMBER", "READ_ONLY"))
_ACCOUNT_ROLES: Mapping[str, Role] = MappingProxyType({"admin": _ADMIN, "member": _MEMBER})
_ROLES: Mapping[str, Role] = MappingProxyType({**_ACCOUNT_ROLES, "read-only": _READ_ONLY})
_LONGEST_ID = 256


def _read_creation(body: Body, directory: Directory) -> Wish:
    """Read the one flat body of a create (docs/arize-api.md, A16)."""
    body.allow("name", "description", "key_type", "expires_at", "space_id", "roles")
    kind = body.optional_word("key_type", _KINDS) or Kind.USER
    if kind is Kind.USER:
        _refuse_grants(body)
    return Wish(
        name=body.text("name", longest=LONGEST_NAME),
        description=body.optional_text("description", longest=LONGEST_DESCRIPTION),
        kind=kind,
        expires_at=body.optional_instant("expires_at"),
        grants=_read_grants(body, directory) if kind is Kind.SERVICE else None,
    )


def _refuse_grants(body: Body) -> None:
    for name in ("space_id", "roles"):
        if name in body:
            raise Problem(400, f"{name} is for service keys.")


def _read_grants(body: Body, directory: Directory) -> Grants:
    space = wanted_space(directory, body.text("space_id", longest=_LONGEST_ID))
    roles = body.optional_object("roles") or Body({})
    roles.allow("space_role", "org_role", "account_role")
    return Grants(
        account_role=roles.optional_word("account_role", _ACCOUNT_ROLES) or _MEMBER,
        organizations=(
            OrganizationGrant(
                organization_id=space.organization_id,
                role=roles.optional_word("org_role", _ROLES) or _READ_ONLY,
                spaces=(SpaceGrant(space_id=space.id, role=roles.optional_word("space_role", _ROLES) or _MEMBER),),
            ),
        ),
    )


def _read_renewal(body: Body) -> Renewal:
    body.allow("expires_at")
    return Renewal(expires_at=body.optional_instant("expires_at"), grace=timedelta(0))


def _creation_expiry(wish: Wish, _options: SandboxOptions, now: datetime) -> datetime | None:
    return _in_future(wish.expires_at, now)


def _renewal_expiry(_key: Key, renewal: Renewal, _options: SandboxOptions, now: datetime) -> datetime | None:
    """Return what was given, or nothing: before 8.39 an omitted expiry means for ever (docs/arize-api.md, A23)."""
    return _in_future(renewal.expires_at, now)


def _in_future(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is not None and expires_at <= now:
        raise Problem(400, "expires_at must lie in the future.")
    return expires_at


def _show_listed(key: Key, _of_one_space: bool) -> Json:
    return _show(key)


def _show(key: Key) -> Json:
    return show_base_key(key, kind=key.kind.value, status="deleted" if key.is_dead else "active")


ALPHA = Dialect(
    kinds=_KINDS,
    statuses=MappingProxyType({"active": False, "deleted": True}),
    list_parameters=frozenset({"key_type", "status", "limit", "cursor"}),
    problem_types="https://example.com/probs/",
    unreasonable=400,
    foreign_refresh=400,
    dead_refresh=404,
    unknown_organization=400,
    admins_reach_all=False,
    has_delete=True,
    read_creation=_read_creation,
    read_renewal=_read_renewal,
    creation_expiry=_creation_expiry,
    renewal_expiry=_renewal_expiry,
    show_listed=_show_listed,
    show_created=_show,
    show_refreshed=_show,
    show_space=show_base_space,
)
