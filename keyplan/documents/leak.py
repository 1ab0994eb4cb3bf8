"""A leak as JSON values, in the format that `schemas/leak.v1.json` publishes. It never holds the text or a raw key."""

from __future__ import annotations

from keyplan.model.leak import Leak, LeakedKey
from keyplan.model.manifest import Json
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(leak: Leak) -> dict[str, Json]:
    """Return the leak as JSON values; keys sorted by id."""
    return {
        "format_version": FORMAT_VERSION,
        "owner": leak.owner,
        "manifest": leak.manifest,
        "found_at": write_time(leak.found_at),
        "keys": [_write_key(one) for one in leak.keys],
        "unknown": leak.unknown,
        "alive": None if leak.alive is None else list(leak.alive),
    }


def _write_key(one: LeakedKey) -> dict[str, Json]:
    key = one.key
    return {
        "key_id": key.id,
        "name": key.name,
        "key_type": key.key_type.value if key.key_type else None,
        "redacted_key": key.redacted,
        "proof": one.proof.value,
        "is_proven": one.is_proven,
        "standing": one.standing.value,
        "address": one.address,
        "declared_at": one.declared_at or None,
        "owner": key.marker.owner if key.marker else None,
        "created_by_user_id": key.created_by or None,
        "created_at": write_time(key.created_at),
        "last_used_at": write_time(key.last_used_at) if key.last_used_at else None,
        "expires_at": write_time(key.expires_at) if key.expires_at else None,
        "locations": list(one.places),
    }
