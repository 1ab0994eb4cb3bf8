"""The beta generation, as SDK 8.61.0 knows it (docs/arize-api.md, A1): upper case, revoke, organizations.

It must never accept a body of an earlier generation, so that a client that speaks the wrong one is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import assert_never

from keyplan.sandbox.bodies import RequestBody
from keyplan.sandbox.clock import later
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.formats import format_instant
from keyplan.sandbox.generations import (
    MAX_DESCRIPTION_LENGTH,
    MAX_ID_LENGTH,
    MAX_NAME_LENGTH,
    CreateRequest,
    Generation,
    Json,
    RefreshRequest,
    require_id,
    require_organization,
    require_space,
    show_base_key,
    show_base_space,
)
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.records import (
    Bot,
    CustomRole,
    Grants,
    Key,
    KeyKind,
    OrganizationMembership,
    PredefinedRole,
    Role,
    SandboxSpace,
    SpaceMembership,
    organizations_json,
    role_json,
)
from keyplan.sandbox.responses import ProblemError

_TYPES: Mapping[str, str] = MappingProxyType({"PREDEFINED": "PREDEFINED", "CUSTOM": "CUSTOM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """The roles that a service key may have in the account, in an organization or in a space."""

    default: str
    names: frozenset[str]
    refused: Mapping[str, int]
    """Predefined names that service keys may not have, with the status of the refusal."""
    allows_custom: bool


# ANNOTATOR is refused everywhere, with 400 for the account since SDK 8.59, else with 422 (docs/arize-api.md, A18).
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


def read_grants(body: RequestBody, directory: Directory) -> Grants:
    """Read `account_role` and `organizations` of a service key. Raises ProblemError."""
    grants = Grants(
        account_role=_read_role(body, "account_role", _ACCOUNT),
        organizations=tuple(_read_organization(each, directory) for each in body.objects("organizations")),
    )
    # The vendor does not say; two roles in one space have no meaning that could be shown back.
    if len(set(grants.space_ids)) < len(grants.space_ids):
        raise ProblemError(422, "organizations names a space twice.")
    return grants


def _read_organization(body: RequestBody, directory: Directory) -> OrganizationMembership:
    body.allow_only("org_id", "role", "spaces")
    organization = require_organization(directory, body.text("org_id", longest=MAX_ID_LENGTH))
    return OrganizationMembership(
        organization_id=organization.id,
        role=_read_role(body, "role", _ORGANIZATION),
        spaces=tuple(_read_space(each, directory, organization.id) for each in body.objects("spaces")),
    )


def _read_space(body: RequestBody, directory: Directory, organization_id: str) -> SpaceMembership:
    body.allow_only("space_id", "role")
    space = require_space(directory, body.text("space_id", longest=MAX_ID_LENGTH))
    # Each space must belong to the organization that names it (docs/arize-api.md, A17).
    if space.organization_id != organization_id:
        raise ProblemError(422, "A space does not belong to the organization it is named under.")
    return SpaceMembership(space_id=space.id, role=_read_role(body, "role", _SPACE))


def _read_role(body: RequestBody, name: str, level: _Level) -> Role:
    role = body.optional_object(name)
    if role is None:
        return PredefinedRole(name=level.default)
    if role.choice("type", _TYPES) == "CUSTOM":
        return _read_custom(role, level)
    role.allow_only("type", "name")
    # None for names that are allowed, a status for names that exist but are refused; all others are a 400.
    words = dict.fromkeys(sorted(level.names)) | dict(level.refused)
    chosen = role.text("name", longest=MAX_ID_LENGTH)
    status = role.choice("name", words)
    if status is not None:
        raise ProblemError(status, f"The role {chosen} is not available to service keys here.")
    return PredefinedRole(name=chosen)


def _read_custom(role: RequestBody, level: _Level) -> Role:
    role.allow_only("type", "id")
    role_id = role.text("id", longest=MAX_ID_LENGTH)
    require_id(role_id, "role id")
    if not level.allows_custom:
        raise ProblemError(422, "A custom role is possible in spaces only.")
    return CustomRole(id=role_id)


_KEY_KINDS: Mapping[str, KeyKind] = MappingProxyType({"USER": KeyKind.USER, "SERVICE": KeyKind.SERVICE})
_LONGEST_GRACE_SECONDS = 86_400
_COMMON_FIELDS = ("key_type", "name", "description", "expires_at")
_SERVICE_FIELDS = ("account_role", "organizations")


def _read_create(body: RequestBody, directory: Directory) -> CreateRequest:
    """Read the body that `key_type` selects (docs/arize-api.md, A17)."""
    kind = body.choice("key_type", _KEY_KINDS)
    body.allow_only(*_COMMON_FIELDS, *(_SERVICE_FIELDS if kind is KeyKind.SERVICE else ()))
    return CreateRequest(
        name=body.text("name", longest=MAX_NAME_LENGTH),
        description=body.optional_text("description", longest=MAX_DESCRIPTION_LENGTH),
        kind=kind,
        expires_at=body.optional_instant("expires_at"),
        grants=read_grants(body, directory) if kind is KeyKind.SERVICE else None,
    )


def _read_refresh(body: RequestBody) -> RefreshRequest:
    body.allow_only("expires_at", "grace_period_seconds")
    seconds = body.optional_integer("grace_period_seconds", lowest=0, highest=_LONGEST_GRACE_SECONDS)
    return RefreshRequest(expires_at=body.optional_instant("expires_at"), grace=timedelta(seconds=seconds or 0))


def _create_expiry(request: CreateRequest, options: SandboxOptions, now: datetime) -> datetime | None:
    return _bounded(request.expires_at, options, now)


def _refresh_expiry(key: Key, request: RefreshRequest, options: SandboxOptions, now: datetime) -> datetime | None:
    """Return the new expiry; a refresh never extends a lifetime (docs/arize-api.md, A24). Raises ProblemError 422."""
    if key.expires_at is None:
        return _bounded(request.expires_at, options, now)
    if request.expires_at is None:
        return _omitted(key.expires_at, options, now)
    # Compared in whole seconds: clients know the expiry only as it is shown.
    if request.expires_at.replace(microsecond=0) > key.expires_at:
        raise ProblemError(422, "A refresh can't extend a key's life: expires_at lies after the key's own.")
    return _bounded(request.expires_at, options, now)


def _omitted(expires_at: datetime, options: SandboxOptions, now: datetime) -> datetime | None:
    # The vendor's texts contradict each other, so each of the three answers can be chosen (docs/arize-api.md, A24).
    match options.omitted_expiry:
        case "422":
            raise ProblemError(422, "expires_at is required: the key has an expiry.")
        case "inherit":
            return _bounded(expires_at, options, now)
        case "unbounded":
            return _bounded(None, options, now)
        case _:
            assert_never(options.omitted_expiry)


def _bounded(expires_at: datetime | None, options: SandboxOptions, now: datetime) -> datetime | None:
    """Return the expiry within the account's maximum lifetime (docs/arize-api.md, A21). Raises ProblemError 422."""
    latest = None if options.max_lifetime is None else later(now, options.max_lifetime)
    if expires_at is None:
        return latest
    if expires_at <= now:
        raise ProblemError(422, "expires_at must lie in the future.")
    if latest is not None and expires_at > latest:
        raise ProblemError(422, f"expires_at lies beyond the account's maximum lifetime of {_describe(options)}.")
    return expires_at


def _describe(options: SandboxOptions) -> str:
    hours = round((options.max_lifetime or timedelta(0)) / timedelta(hours=1))
    return f"{hours // 24} days" if hours % 24 == 0 else f"{hours} hours"


def _show(key: Key) -> Json:
    kind = "SERVICE" if key.kind is KeyKind.SERVICE else "USER"
    shown = show_base_key(key, kind=kind, status="REVOKED" if key.is_dead else "ACTIVE")
    return shown | ({"last_used_at": format_instant(key.last_used_at)} if key.last_used_at else {})


def _show_listed(key: Key, of_one_space: bool) -> Json:
    """Return a key as a listing shows it: without organizations in a listing of a space (docs/arize-api.md, A14)."""
    if key.bot is None:
        return _show(key)
    shown = _show_bot(key.bot, key.name)
    return _show(key) | {"bot_user": shown | {"organizations": []} if of_one_space else shown}


def _show_created(key: Key) -> Json:
    return _show(key) | ({"bot_user": _show_bot(key.bot, key.name)} if key.bot else {})


def _show_bot(bot: Bot, name: str) -> Json:
    return {
        "id": bot.id,
        "name": name,
        "account_role": role_json(bot.grants.account_role),
        "organizations": organizations_json(bot.grants),
    }


def _show_space(space: SandboxSpace) -> Json:
    # Fields that alpha's SDK would fail on (docs/arize-api.md, A37).
    return show_base_space(space) | {"is_private": False, "organization_id": space.organization_id}


BETA = Generation(
    kinds=_KEY_KINDS,
    statuses=MappingProxyType({"ACTIVE": False, "REVOKED": True}),
    list_parameters=frozenset({"key_type", "status", "space_id", "user_id", "limit", "cursor"}),
    problem_types="https://arize.com/docs/ax/rest-reference/errors#",
    rule_violation_status=422,
    foreign_refresh_status=404,
    dead_refresh_status=422,
    unknown_organization_status=404,
    admins_reach_all=True,
    has_delete=False,
    has_audit_log=True,
    read_create=_read_create,
    read_refresh=_read_refresh,
    create_expiry=_create_expiry,
    refresh_expiry=_refresh_expiry,
    show_listed=_show_listed,
    show_created=_show_created,
    show_refreshed=_show,
    show_space=_show_space,
)
