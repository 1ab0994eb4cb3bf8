"""The alpha generation, as SDK 8.10.0 knows it (docs/arize-api.md, A1): lower case, DELETE, one space per service key.

It must never show a field that SDK 8.10.0 does not know, because that SDK fails on unknown fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from keyplan.sandbox.bodies import RequestBody
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.generations import (
    MAX_DESCRIPTION_LENGTH,
    MAX_ID_LENGTH,
    MAX_NAME_LENGTH,
    CreateRequest,
    Generation,
    Json,
    RefreshRequest,
    require_space,
    show_base_key,
    show_base_space,
)
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.records import Grants, Key, KeyKind, OrganizationMembership, PredefinedRole, Role, SpaceMembership
from keyplan.sandbox.responses import ProblemError

_KEY_KINDS: Mapping[str, KeyKind] = MappingProxyType({"user": KeyKind.USER, "service": KeyKind.SERVICE})
_ADMIN, _MEMBER, _READ_ONLY = (PredefinedRole(name=name) for name in ("ADMIN", "MEMBER", "READ_ONLY"))
_ACCOUNT_ROLES: Mapping[str, Role] = MappingProxyType({"admin": _ADMIN, "member": _MEMBER})
_ROLES: Mapping[str, Role] = MappingProxyType({**_ACCOUNT_ROLES, "read-only": _READ_ONLY})


def _read_create(body: RequestBody, directory: Directory) -> CreateRequest:
    """Read the one flat body of a create (docs/arize-api.md, A16)."""
    body.allow_only("name", "description", "key_type", "expires_at", "space_id", "roles")
    kind = body.optional_choice("key_type", _KEY_KINDS) or KeyKind.USER
    if kind is KeyKind.USER:
        # Refused rather than ignored, as the API does (docs/arize-api.md, A16).
        _refuse_grants(body)
    return CreateRequest(
        name=body.text("name", longest=MAX_NAME_LENGTH),
        description=body.optional_text("description", longest=MAX_DESCRIPTION_LENGTH),
        kind=kind,
        expires_at=body.optional_instant("expires_at"),
        grants=_read_grants(body, directory) if kind is KeyKind.SERVICE else None,
    )


def _refuse_grants(body: RequestBody) -> None:
    for name in ("space_id", "roles"):
        if name in body:
            raise ProblemError(400, f"{name} is for service keys.")


def _read_grants(body: RequestBody, directory: Directory) -> Grants:
    space = require_space(directory, body.text("space_id", longest=MAX_ID_LENGTH))
    # Defaults for roles that are left out: docs/arize-api.md, A18.
    roles = body.optional_object("roles") or RequestBody({})
    roles.allow_only("space_role", "org_role", "account_role")
    return Grants(
        account_role=roles.optional_choice("account_role", _ACCOUNT_ROLES) or _MEMBER,
        organizations=(
            OrganizationMembership(
                organization_id=space.organization_id,
                role=roles.optional_choice("org_role", _ROLES) or _READ_ONLY,
                spaces=(
                    SpaceMembership(space_id=space.id, role=roles.optional_choice("space_role", _ROLES) or _MEMBER),
                ),
            ),
        ),
    )


def _read_refresh(body: RequestBody) -> RefreshRequest:
    # Alpha knows no grace: the old raw key stops working at once (docs/arize-api.md, A25).
    body.allow_only("expires_at")
    return RefreshRequest(expires_at=body.optional_instant("expires_at"), grace=timedelta(0))


def _create_expiry(request: CreateRequest, _options: SandboxOptions, now: datetime) -> datetime | None:
    return _in_future(request.expires_at, now)


def _refresh_expiry(_key: Key, request: RefreshRequest, _options: SandboxOptions, now: datetime) -> datetime | None:
    """Return the expiry of the request; without one, a refreshed key never expires (docs/arize-api.md, A23)."""
    return _in_future(request.expires_at, now)


def _in_future(expires_at: datetime | None, now: datetime) -> datetime | None:
    if expires_at is not None and expires_at <= now:
        raise ProblemError(400, "expires_at must lie in the future.")
    return expires_at


def _show_listed(key: Key, _of_one_space: bool) -> Json:
    # Alpha shows nothing of a key's spaces, and has no listing of a space (docs/arize-api.md, A9 and A14).
    return _show(key)


def _show(key: Key) -> Json:
    return show_base_key(key, kind=key.kind.value, status="deleted" if key.is_dead else "active")


ALPHA = Generation(
    kinds=_KEY_KINDS,
    statuses=MappingProxyType({"active": False, "deleted": True}),
    list_parameters=frozenset({"key_type", "status", "limit", "cursor"}),
    problem_types="https://example.com/probs/",
    rule_violation_status=400,
    foreign_refresh_status=400,
    dead_refresh_status=404,
    unknown_organization_status=400,
    admins_reach_all=False,
    has_delete=True,
    has_audit_log=False,
    read_create=_read_create,
    read_refresh=_read_refresh,
    create_expiry=_create_expiry,
    refresh_expiry=_refresh_expiry,
    show_listed=_show_listed,
    show_created=_show,
    show_refreshed=_show,
    show_space=show_base_space,
)
