"""The API's JSON as our nouns, forgiving in what may be missing, null, new or garbled (arize-api 13).

In: JSON values. Out: observations, spaces, raw keys. What cannot be understood becomes unknown, with a
word to the user once; it never ends a listing. Never: a raw key anywhere but in a `RawKey`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any

from keyplan.adapters.http import show_safely
from keyplan.adapters.providers.arize.answering import JsonObject
from keyplan.adapters.secrets import is_header_safe
from keyplan.model.manifest import (
    KeyId,
    KeyType,
    OrganizationGrant,
    OrganizationId,
    Role,
    SpaceGrant,
    SpaceId,
)
from keyplan.model.observation import Access, Observation, Space, split_marker
from keyplan.model.secret import RawKey

EPOCH = datetime.fromtimestamp(0, UTC)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


class Notices:
    """Tells the user each thing once, from any thread."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def tell(self, text: str) -> None:
        """Say it, unless it has been said."""
        with self._lock:
            if text in self._told:
                return
            self._told.add(text)
        self._say(text)


class KeyParser:
    """Reads key objects of one dialect."""

    def __init__(self, notices: Notices, *, shows_spaces: bool) -> None:
        self._notices = notices
        self._shows_spaces = shows_spaces

    def read(self, item: JsonObject, *, active_unless_said: bool = True) -> Observation | None:
        """Return the key that an object describes; None where it has no id."""
        key_id = read_text(item.get("id"))
        if not key_id:
            self._notices.tell("the server listed a key without an id; it is left out")
            return None
        description, marker = split_marker(read_text(item.get("description")))
        return Observation(
            # Interned, like those of receipts: both say the same of nearly every key.
            id=KeyId(intern(key_id)),
            name=intern(read_text(item.get("name"))),
            key_type=_read_key_type(item.get("key_type")),
            description=description,
            marker=marker,
            active=_read_active(item.get("status"), unless_said=active_unless_said),
            redacted=intern(read_text(item.get("redacted_key"))),
            created_at=self._time(item, "created_at") or EPOCH,
            expires_at=self._time(item, "expires_at"),
            last_used_at=self._time(item, "last_used_at"),
            created_by=read_text(item.get("created_by_user_id")),
            space_ids=_read_space_ids(item.get("bot_user")) if self._shows_spaces else None,
            access=_read_access(item.get("bot_user")) if self._shows_spaces else None,
        )

    def _time(self, item: JsonObject, field: str) -> datetime | None:
        value = item.get(field)
        if value is None:
            return None
        try:
            return read_time(value)
        except ValueError:
            key_id = show_safely(read_text(item.get("id")))
            self._notices.tell(f"key {key_id}: {field} is no time that keyplan understands; it counts as not set")
            return None


def read_time(value: object) -> datetime:
    """Return the instant, aware, UTC.

    Understood are RFC 3339 with any offset and fraction, times without offset (taken as UTC), dates, and
    seconds since 1970, as the vendor's SDK does (arize-api 8). Raises ValueError on anything else.
    """
    try:
        match value:
            case bool():
                raise ValueError("a truth value is no time")
            case int() | float():
                return datetime.fromtimestamp(value, UTC)
            case str() if _NUMBER.fullmatch(value):
                return datetime.fromtimestamp(float(value), UTC)
            case str():
                time = datetime.fromisoformat(value.upper())
                if time.tzinfo is UTC:
                    return time
                return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
            case _:
                raise ValueError("neither text nor number")
    except (OverflowError, OSError) as error:
        raise ValueError("beyond the years 1 to 9999") from error


def read_text(value: object) -> str:
    """Return a text that can be written down; empty for anything that is no text."""
    if not isinstance(value, str):
        return ""
    # JSON can hold half of a surrogate pair, which no file and no terminal takes. ASCII can't, and is asked first: a
    # listing of 10,000 keys has 200,000 texts.
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def read_raw_key(answer: JsonObject) -> RawKey | None:
    """Return the raw key of an answer to create or refresh; None where it holds none that can be used."""
    if not isinstance(answer.get("key"), str) or not answer["key"] or not is_header_safe(answer["key"]):
        return None
    return RawKey(answer["key"])


def read_space(item: JsonObject) -> Space | None:
    """Return the space that an object describes; None where it has no id."""
    space_id, organization_id = read_text(item.get("id")), read_text(item.get("organization_id"))
    if not space_id:
        return None
    return Space(
        id=SpaceId(space_id),
        name=read_text(item.get("name")),
        # arize-api 9: older servers may omit it.
        organization_id=OrganizationId(organization_id) if organization_id else None,
    )


def _read_key_type(value: object) -> KeyType | None:
    try:
        return KeyType(read_text(value).lower())
    except ValueError:
        return None


def _read_active(value: object, *, unless_said: bool) -> bool:
    # arize-api 13.6: deleted, revoked, REVOKED; anything but active is dead.
    return unless_said if value is None else read_text(value).lower() == "active"


def _objects(value: object) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _read_space_ids(bot_user: object) -> frozenset[SpaceId]:
    organizations = _objects(bot_user.get("organizations")) if isinstance(bot_user, dict) else []
    spaces = (space for organization in organizations for space in _objects(organization.get("spaces")))
    return frozenset(SpaceId(space_id) for space in spaces if (space_id := read_text(space.get("space_id"))))


def _read_access(bot_user: object) -> Access | None:
    """Return the access in full; None where any part of it cannot be relied on."""
    # arize-api 3.6: with an empty name roles are placeholders; empty organizations say nothing.
    if not isinstance(bot_user, dict) or not bot_user.get("name") or not bot_user.get("organizations"):
        return None
    try:
        return Access(
            account_role=_read_role(bot_user["account_role"]),
            organizations=tuple(
                sorted(map(_read_organization, bot_user["organizations"]), key=lambda g: str(g.org_id))
            ),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _read_organization(value: Any) -> OrganizationGrant:
    spaces = [
        SpaceGrant(space_id=SpaceId(_some(space["space_id"])), role=_read_role(space["role"]))
        for space in value["spaces"]
    ]
    return OrganizationGrant(
        org_id=OrganizationId(_some(value["org_id"])), role=_read_role(value["role"]), spaces=tuple(sorted(spaces))
    )


def _read_role(value: Any) -> Role:
    """Return the role. Raises KeyError, TypeError or ValueError where it is none."""
    match value["type"]:
        case "PREDEFINED":
            return _name_role(_some(value["name"]))
        case "CUSTOM":
            return Role(_some(value["id"]), custom=True)
        case _:
            raise ValueError("an unknown type of role")


@lru_cache
def _name_role(word: str) -> Role:
    """Return a predefined role; the few that there are are made once, not three times for each of 10,000 keys."""
    return Role(word.lower().replace("_", "-"))


def _some(value: object) -> str:
    if not read_text(value):
        raise ValueError("not a text, or an empty one")
    return read_text(value)
