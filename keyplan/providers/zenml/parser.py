"""Reads ZenML's JSON into model objects. A raw key is held by a `RawKey` alone.

What cannot be understood is an error and never a guess: a wrong time would make every key due for rotation.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Observation, Scope, split_marker
from keyplan.model.secret import RawKey
from keyplan.providers.answers import JsonObject
from keyplan.system.secrets import is_header_safe

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def read_key(item: JsonObject, account_id: ScopeId) -> Observation:
    """Return the key that an object with all its details describes.

    Raises:
        ValueError: It lacks its id, its details or its times, or they cannot be understood.
    """
    body, details = _read_part(item, "body"), _read_part(item, "metadata")
    description, marker = split_marker(read_text(details.get("description")))
    created_at, rotated_at = _read_time(body.get("created")), _find_time(details.get("last_rotated"))
    return Observation(
        id=KeyId(_read_id(item)),
        name=read_text(item.get("name")),
        key_type=KeyType.SERVICE,
        description=description,
        marker=marker,
        active=body.get("active") is True,
        created_at=created_at,
        # Before the first rotation, the raw key is as old as the key.
        rotated_at=rotated_at or created_at,
        previous_until=_add_minutes(rotated_at, details.get("retain_period_minutes")) if rotated_at else None,
        scope_ids=frozenset([account_id]),
    )


def read_rotated(item: JsonObject, account_id: ScopeId, minutes: int) -> Observation:
    """Return the key that the answer to a rotation describes, which has neither description nor other details.

    Raises:
        ValueError: It lacks its id or its times, or they cannot be understood.
    """
    body = _read_part(item, "body")
    # The server writes one value to `updated` and to `last_rotated`, which the answer lacks. To read the key again
    # instead could show the rotation of another run.
    details = {"last_rotated": body.get("updated"), "retain_period_minutes": minutes}
    return read_key({**item, "metadata": details}, account_id)


def read_raw_key(item: JsonObject) -> RawKey | None:
    """Return the raw key of an answer to create or rotate; None if it holds none that a header can carry."""
    body = item.get("body")
    if not isinstance(body, Mapping) or not isinstance(body.get("key"), str):
        return None
    return RawKey(body["key"]) if body["key"] and is_header_safe(body["key"]) else None


def read_account(item: JsonObject) -> Scope:
    """Return the service account that an object describes.

    Raises:
        ValueError: It lacks its id or its name.
    """
    name = read_text(item.get("name"))
    if not name:
        raise ValueError("a service account without a name")
    return Scope(id=ScopeId(_read_id(item)), name=name)


def read_text(value: object) -> str:
    """Return a text that can be encoded as UTF-8; empty if the value is not a text."""
    # JSON can hold half of a surrogate pair, which no file or terminal takes.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _read_id(item: JsonObject) -> str:
    text = read_text(item.get("id"))
    if not text:
        raise ValueError("an object without an id")
    return text


def _read_part(item: JsonObject, name: str) -> Mapping[str, Any]:
    part = item.get(name)
    if isinstance(part, Mapping):
        return part
    raise ValueError(f"a key without its {name}")


def _find_time(value: object) -> datetime | None:
    return None if value is None else _read_time(value)


def _read_time(value: object) -> datetime:
    """Return the instant, aware, UTC: what the server writes without an offset is UTC. Raises ValueError."""
    try:
        time = datetime.fromisoformat(value if isinstance(value, str) else "")
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        # `from None`: Python's message quotes the text, and beside it may be a raw key.
        raise ValueError("a time that cannot be understood") from None


def _add_minutes(start: datetime, minutes: object) -> datetime | None:
    """Return the end of a period that began then; None if it has no length."""
    # Any number was taken when it was set: a negative one counts as 0, and 10^12 minutes as for ever.
    if not isinstance(minutes, int) or minutes <= 0:
        return None
    try:
        return start + timedelta(minutes=minutes)
    except OverflowError:
        return _END_OF_TIME
