"""The beta generation, as SDK 8.61.0 knows it (docs/arize-api.md, A1): upper case, revoke, organizations, refresh laws.

In: bodies and records. Out: the Dialect BETA. Never: a body of an earlier generation accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import assert_never

from keyplan.sandbox.beta_roles import read_grants
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
)
from keyplan.sandbox.directory import Directory
from keyplan.sandbox.grants import organizations_json, role_json
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.problems import Problem
from keyplan.sandbox.records import Bot, Key, Kind, Space
from keyplan.sandbox.times import format_instant, later

_KINDS: Mapping[str, Kind] = MappingProxyType({"USER": Kind.USER, "SERVICE": Kind.SERVICE})
_LONGEST_GRACE_SECONDS = 86_400
_COMMON_FIELDS = ("key_type", "name", "description", "expires_at")
_SERVICE_FIELDS = ("account_role", "organizations")


def _read_creation(body: Body, directory: Directory) -> Wish:
    """Read the body that `key_type` selects (docs/arize-api.md, A17)."""
    kind = body.word("key_type", _KINDS)
    body.allow(*_COMMON_FIELDS, *(_SERVICE_FIELDS if kind is Kind.SERVICE else ()))
    return Wish(
        name=body.text("name", longest=LONGEST_NAME),
        description=body.optional_text("description", longest=LONGEST_DESCRIPTION),
        kind=kind,
        expires_at=body.optional_instant("expires_at"),
        grants=read_grants(body, directory) if kind is Kind.SERVICE else None,
    )


def _read_renewal(body: Body) -> Renewal:
    body.allow("expires_at", "grace_period_seconds")
    seconds = body.optional_whole("grace_period_seconds", lowest=0, highest=_LONGEST_GRACE_SECONDS)
    return Renewal(expires_at=body.optional_instant("expires_at"), grace=timedelta(seconds=seconds or 0))


def _creation_expiry(wish: Wish, options: SandboxOptions, now: datetime) -> datetime | None:
    return _bounded(wish.expires_at, options, now)


def _renewal_expiry(key: Key, renewal: Renewal, options: SandboxOptions, now: datetime) -> datetime | None:
    """Return the new expiry of a refresh, which never extends a life (docs/arize-api.md, A24)."""
    if key.expires_at is None:
        return _bounded(renewal.expires_at, options, now)
    if renewal.expires_at is None:
        return _omitted(key.expires_at, options, now)
    # Clients know a key's expiry in whole seconds, as it is shown.
    if renewal.expires_at.replace(microsecond=0) > key.expires_at:
        raise Problem(422, "A refresh can't extend a key's life: expires_at lies after the key's own.")
    return _bounded(renewal.expires_at, options, now)


def _omitted(expires_at: datetime, options: SandboxOptions, now: datetime) -> datetime | None:
    match options.omitted_expiry:
        case "422":
            raise Problem(422, "expires_at is required: the key has an expiry.")
        case "inherit":
            return _bounded(expires_at, options, now)
        case "unbounded":
            return _bounded(None, options, now)
        case _:
            assert_never(options.omitted_expiry)


def _bounded(expires_at: datetime | None, options: SandboxOptions, now: datetime) -> datetime | None:
    """Return the expiry within the account's maximum lifetime (docs/arize-api.md, A21). Raises Problem 422."""
    latest = None if options.max_lifetime is None else later(now, options.max_lifetime)
    if expires_at is None:
        return latest
    if expires_at <= now:
        raise Problem(422, "expires_at must lie in the future.")
    if latest is not None and expires_at > latest:
        raise Problem(422, "expires_at lies beyond the account's maximum lifetime.")
    return expires_at


def _show(key: Key) -> Json:
    kind = "SERVICE" if key.kind is Kind.SERVICE else "USER"
    shown = show_base_key(key, kind=kind, status="REVOKED" if key.is_dead else "ACTIVE")
    return shown | ({"last_used_at": format_instant(key.last_used_at)} if key.last_used_at else {})


def _show_listed(key: Key, of_one_space: bool) -> Json:
    """Return a key of a listing; a service key's organizations are empty in one of a space (docs/arize-api.md, A14)."""
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


def _show_space(space: Space) -> Json:
    return show_base_space(space) | {"is_private": False, "organization_id": space.organization_id}


BETA = Dialect(
    kinds=_KINDS,
    statuses=MappingProxyType({"ACTIVE": False, "REVOKED": True}),
    list_parameters=frozenset({"key_type", "status", "space_id", "user_id", "limit", "cursor"}),
    problem_types="https://arize.com/docs/ax/rest-reference/errors#",
    unreasonable=422,
    foreign_refresh=404,
    dead_refresh=422,
    unknown_organization=404,
    admins_reach_all=True,
    has_delete=False,
    read_creation=_read_creation,
    read_renewal=_read_renewal,
    creation_expiry=_creation_expiry,
    renewal_expiry=_renewal_expiry,
    show_listed=_show_listed,
    show_created=_show_created,
    show_refreshed=_show,
    show_space=_show_space,
)
