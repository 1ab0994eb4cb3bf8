"""Reads Phoenix's JSON into model objects. A raw key is held by a `RawKey` alone.

What cannot be understood is an error and never a guess: a key that is left out of a listing counts as gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from keyplan.model.identity import NO_USER, KeyId, UserId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation, split_marker
from keyplan.model.secret import RawKey
from keyplan.providers.answers import JsonObject
from keyplan.system.secrets import is_header_safe


def read_system_key(item: JsonObject) -> Observation:
    """Return the system key that an object describes.

    Raises:
        ValueError: It lacks its id or its time of creation, or a time cannot be understood.
    """
    description, marker = split_marker(read_text(item.get("description")))
    return Observation(
        id=_read_id(item),
        name=read_text(item.get("name")),
        key_type=KeyType.SYSTEM,
        # An empty description is left out of answers.
        description=description,
        marker=marker,
        created_at=_read_time(item.get("created_at")),
        expires_at=_find_time(item.get("expires_at")),
    )


def read_user_key(item: JsonObject) -> Observation:
    """Return the key of a user that an object describes; `created_by` is this user.

    Raises the errors of `read_system_key`.
    """
    user = item.get("user")
    return Observation(
        id=_read_id(item),
        name=read_text(item.get("name")),
        key_type=KeyType.USER,
        # A marker would count as proof of who made the key, but each user describes own keys as they like.
        description=read_text(item.get("description")),
        created_at=_read_time(item.get("created_at")),
        expires_at=_find_time(item.get("expires_at")),
        created_by=UserId(read_text(user.get("id"))) if isinstance(user, Mapping) else NO_USER,
    )


def read_raw_key(item: JsonObject) -> RawKey | None:
    """Return the raw key of an answer to a create; None if it holds none that a header can carry."""
    if not isinstance(item.get("key"), str) or not item["key"] or not is_header_safe(item["key"]):
        return None
    return RawKey(item["key"])


def read_text(value: object) -> str:
    """Return a text that can be encoded as UTF-8; empty if the value is not a text."""
    # JSON can hold half of a surrogate pair, which no file or terminal takes.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _read_id(item: JsonObject) -> KeyId:
    key_id = read_text(item.get("id"))
    if not key_id:
        raise ValueError("a key without an id")
    return KeyId(key_id)


def _find_time(value: object) -> datetime | None:
    return None if value is None else _read_time(value)


def _read_time(value: object) -> datetime:
    """Return the instant, aware, UTC, of a time with any offset; one without an offset is UTC. Raises ValueError."""
    # The answer to a create repeats the offset that was sent, the listing has +00:00.
    try:
        time = datetime.fromisoformat(value if isinstance(value, str) else "")
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        # `from None`: Python's message quotes the text, and beside it may be a raw key.
        raise ValueError("a time that cannot be understood") from None
