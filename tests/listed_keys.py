"""Keys as a provider lists them, for tests of views."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Marker, Observation


def make_key(**changes: Any) -> Observation:
    """Return a user key of ours."""
    values: dict[str, Any] = {
        "id": KeyId("key-1"),
        "name": "ci",
        "key_type": KeyType.USER,
        "description": "Used for CI",
        "marker": Marker("ml-platform", "0123456789"),
        "redacted": "ak-abc...xyz",
        "created_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    return Observation(**(values | changes))


KEYS = (
    make_key(),
    make_key(
        id=KeyId("key-2"),
        name="鍵 ingest",
        key_type=KeyType.SERVICE,
        marker=None,
        active=False,
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
        last_used_at=datetime(2026, 6, 1, 12, tzinfo=UTC),
        scope_ids=frozenset({ScopeId("space-2"), ScopeId("space-1")}),
    ),
    make_key(id=KeyId("key-3"), name="odd", key_type=None, description=""),
)
