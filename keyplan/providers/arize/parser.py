"""Reads the API's JSON into model objects, and tolerates missing, null, new and malformed fields.

A field that cannot be understood counts as unknown, and the user gets one notice; it must never end a listing
(docs/arize-api.md, A15). A raw key is held by a `RawKey` alone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any, TypeAlias

from keyplan.model.identity import NO_USER, KeyId, OrganizationId, ScopeId, UserId
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access, Observation, Scope, split_marker
from keyplan.model.secret import RawKey
from keyplan.net.http import show_safely
from keyplan.providers.answers import JsonObject
from keyplan.system.secrets import is_header_safe

EPOCH = datetime.fromtimestamp(0, UTC)
_KEY_TYPES: Mapping[str, KeyType] = {kind.value: kind for kind in (KeyType.USER, KeyType.SERVICE)}
_NO_SPACES: frozenset[ScopeId] = frozenset()
_UTC_ENDINGS = ("+00:00", "Z")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class UniqueNotices:
    """Shows each notice to the user once. Safe for threads."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._shown: set[str] = set()
        self._lock = threading.Lock()

    def show(self, text: str) -> None:
        """Show a notice, unless the same one was shown before."""
        with self._lock:
            if text in self._shown:
                return
            self._shown.add(text)
        self._say(text)


class KeyParser:
    """Reads key objects of one dialect."""

    def __init__(self, notices: UniqueNotices, *, shows_scopes: bool) -> None:
        self._notices = notices
        self._shows_spaces = shows_scopes

    def read(self, item: JsonObject, *, active_by_default: bool = True) -> Observation | None:
        """Return the key that an object describes; None if it has no id. A missing status is `active_by_default`."""
        key_id = read_text(item.get("id"))
        if not key_id:
            self._notices.show("the server listed a key without an id; it is left out")
            return None
        description, marker = split_marker(read_text(item.get("description")))
        scope_ids, access = self.read_access(item)
        return Observation(
            # Interned, like those of receipts: nearly all of these texts occur in both, and share the memory.
            id=KeyId(intern(key_id)),
            name=intern(read_text(item.get("name"))),
            key_type=_KEY_TYPES.get(read_text(item.get("key_type")).lower()),
            description=description,
            marker=marker,
            active=read_active(item, default=active_by_default),
            redacted=intern(read_text(item.get("redacted_key"))),
            created_at=self._time(item, "created_at") or EPOCH,
            expires_at=self._time(item, "expires_at"),
            last_used_at=self._time(item, "last_used_at"),
            created_by=UserId(intern(read_text(item.get("created_by_user_id")))),
            acts_as=_read_bot_id(item),
            scope_ids=scope_ids,
            access=access,
        )

    def read_access(self, item: JsonObject) -> tuple[frozenset[ScopeId] | None, Access | None]:
        """Return the spaces of a key, and its access if every role and space of it is known.

        The spaces are None if the dialect shows none, and empty if this object shows none.
        """
        if not self._shows_spaces:
            return None, None
        bot_user = item.get("bot_user")
        return (_NO_SPACES, None) if bot_user is None else _read_bot_user(bot_user)

    def _time(self, item: JsonObject, field: str) -> datetime | None:
        value = item.get(field)
        if value is None:
            return None
        try:
            return read_time(value)
        except ValueError:
            key_id = show_safely(read_text(item.get("id")))
            self._notices.show(
                f"key {key_id}: {field} is not a time that keyplan understands; it is treated as not set"
            )
            return None


def read_time(value: object) -> datetime:
    """Return the instant, aware, UTC.

    Reads RFC 3339 with any offset and fraction, times without offset (as UTC), dates, and seconds since 1970, as the
    vendor's SDK does (docs/arize-api.md, A35).

    Raises:
        ValueError: Anything else.
    """
    try:
        # The usual form comes first: number pattern and zone take two thirds of the time.
        if isinstance(value, str) and value.endswith(_UTC_ENDINGS):
            return datetime.fromisoformat(value)
        match value:
            case bool():
                raise ValueError("a truth value is not a time")
            case int() | float():
                return datetime.fromtimestamp(value, UTC)
            case str() if _NUMBER.fullmatch(value):
                return datetime.fromtimestamp(float(value), UTC)
            case str():
                return _to_utc(datetime.fromisoformat(value.upper()))
            case _:
                raise ValueError("neither text nor number")
    except (OverflowError, OSError) as error:
        raise ValueError("beyond the years 1 to 9999") from error


def _to_utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def read_text(value: object) -> str:
    """Return a text that can be encoded as UTF-8; empty if the value is not a text."""
    if not isinstance(value, str):
        return ""
    # JSON can hold half of a surrogate pair, which no file or terminal takes. ASCII has none, and the test
    # is cheap: a listing of 10,000 keys has 200,000 texts.
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def read_raw_key(answer: JsonObject) -> RawKey | None:
    """Return the raw key of an answer to create or refresh; None if it holds none that a header can carry."""
    if not isinstance(answer.get("key"), str) or not answer["key"] or not is_header_safe(answer["key"]):
        return None
    return RawKey(answer["key"])


def read_space(item: JsonObject) -> Scope | None:
    """Return the space that an object describes; None if it has no id."""
    space_id, organization_id = read_text(item.get("id")), read_text(item.get("organization_id"))
    if not space_id:
        return None
    return Scope(
        id=ScopeId(space_id),
        name=read_text(item.get("name")),
        # Older servers omit it (docs/arize-api.md, A37).
        organization_id=OrganizationId(organization_id) if organization_id else None,
    )


def read_active(item: JsonObject, *, default: bool) -> bool:
    """Whether an object says that its key is active; `default` if it has no status."""
    # Dead keys are called deleted, revoked or REVOKED (docs/arize-api.md, A8). An unknown word must not count as
    # active: keyplan would deliver a raw key that may not work.
    status = item.get("status")
    return default if status is None else read_text(status).lower() == "active"


def _read_bot_id(item: JsonObject) -> UserId:
    bot_user = item.get("bot_user")
    return UserId(intern(read_text(bot_user.get("id")))) if isinstance(bot_user, dict) else NO_USER


def _read_bot_user(bot_user: object) -> tuple[frozenset[ScopeId], Access | None]:
    # With an empty name the roles are placeholders, and empty organizations mean nothing (docs/arize-api.md, A14).
    if not isinstance(bot_user, dict) or not bot_user.get("organizations"):
        return _NO_SPACES, None
    try:
        if bot_user.get("name"):
            organizations = tuple(map(_read_organization, bot_user["organizations"]))
            return _make_access(_read_role(bot_user["account_role"]), organizations)
    except (KeyError, TypeError, ValueError):
        pass
    # Some of the access is unknown, so only the spaces are used: a guess would look like drift.
    spaces = (space for granted in _objects(bot_user["organizations"]) for space in _objects(granted.get("spaces")))
    return frozenset(ScopeId(space_id) for space in spaces if (space_id := read_text(space.get("space_id")))), None


def _objects(value: object) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


_Role: TypeAlias = tuple[str, str]
"""Type and word."""
_Organization: TypeAlias = tuple[str, _Role, tuple[tuple[str, _Role], ...]]
"""Id, role, and each space with its role."""


def _read_organization(value: Any) -> _Organization:
    spaces = tuple([(_some(space["space_id"]), _read_role(space["role"])) for space in value["spaces"]])
    return _some(value["org_id"]), _read_role(value["role"]), spaces


def _read_role(value: Any) -> _Role:
    """Return type and name of a role. Raises KeyError, TypeError or ValueError if the value is not a role object."""
    match value["type"]:
        case "PREDEFINED":
            return "PREDEFINED", _some(value["name"])
        case "CUSTOM":
            return "CUSTOM", _some(value["id"])
        case _:
            raise ValueError("an unknown type of role")


@lru_cache(maxsize=4096)
def _make_access(account_role: _Role, organizations: tuple[_Organization, ...]) -> tuple[frozenset[ScopeId], Access]:
    """Return an access and its spaces."""
    # Cached: most keys of one space have the same access, and share it in a tenth of the time and without more memory.
    access = Access(
        account_role=_make_role(account_role),
        organizations=tuple(sorted(map(_make_organization, organizations), key=lambda granted: str(granted.org_id))),
    )
    return frozenset(access.scope_ids()), access


def _make_organization(organization: _Organization) -> OrganizationGrant:
    org_id, role, spaces = organization
    granted = [SpaceGrant(space_id=ScopeId(space_id), role=_make_role(its)) for space_id, its in spaces]
    return OrganizationGrant(org_id=OrganizationId(org_id), role=_make_role(role), spaces=tuple(sorted(granted)))


def _make_role(role: _Role) -> Role:
    kind, word = role
    return Role(word, custom=True) if kind == "CUSTOM" else Role(word.lower().replace("_", "-"))


def _some(value: object) -> str:
    text = read_text(value)
    if not text:
        raise ValueError("not a text, or an empty one")
    return text
