"""Ready-made nouns for tests; every argument that a test doesn't care about has a default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keyplan.errors import Problem
from keyplan.model.desired import Desired
from keyplan.model.manifest import (
    Address,
    Declaration,
    Delivery,
    Json,
    KeyId,
    KeyType,
    OrganizationGrant,
    Place,
    Roles,
    SinkName,
    SinkSettings,
    SpaceById,
    SpaceGrant,
)
from keyplan.model.observation import Access, Marker, Observation, Space
from keyplan.model.receipt import Delivered, Intent, IntentId, Receipt
from keyplan.model.secret import RawKey
from keyplan.ports import HistoryEntry, Holder

NOW = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)
OWNER = "ml-platform"
PLACE = Place("keys.yaml", 1, 1)
LOCAL = SinkName("local")
RAW = "ak-canary" + "0" * 44


def make_delivery(options: Mapping[str, Json] | None = None, *, sink: str = LOCAL) -> Delivery:
    """Return a delivery to one sink."""
    return Delivery(sink=SinkName(sink), options=options or {}, place=PLACE)


def make_declaration(name: str = "ci", **changes: Any) -> Declaration:
    """Return the declaration of a user key."""
    values: dict[str, Any] = {
        "address": Address(f"user/{name}"),
        "name": name,
        "key_type": KeyType.USER,
        "deliveries": (make_delivery(),),
        "place": PLACE,
    }
    return Declaration(**(values | changes))


def make_desired(name: str = "ci", **changes: Any) -> Desired:
    """Return a desired user key, marked as ours."""
    declaration = make_declaration(name, **changes)
    marker = Marker.of(OWNER, declaration.address)
    return Desired(declaration=declaration, owner=OWNER, marker=marker, access=None)


def make_problem(message: str = "field 'keys' is missing", **changes: Any) -> Problem:
    """Return a problem at the begin of a manifest."""
    return Problem(**({"file": "keys.yaml", "line": 1, "column": 1, "message": message} | changes))


def make_access(space: Space, *, names_organizations: bool = True) -> Access:
    """Return the default access to one space, as a dialect that names organizations or not would have it."""
    grant = SpaceGrant(space_id=space.id)
    org_id = space.organization_id if names_organizations else None
    return Access(account_role=Roles().account_role, organizations=(OrganizationGrant(org_id=org_id, spaces=(grant,)),))


def make_desired_service(
    space: Space, name: str = "ingest", *, names_organizations: bool = True, **changes: Any
) -> Desired:
    """Return a desired service key of one space, marked as ours."""
    values: dict[str, Any] = {
        "address": Address(f"service/{space.name}/{name}"),
        "key_type": KeyType.SERVICE,
        "space": SpaceById(space.id),
    }
    declaration = make_declaration(name, **(values | changes))
    marker = Marker.of(OWNER, declaration.address)
    access = make_access(space, names_organizations=names_organizations)
    return Desired(declaration=declaration, owner=OWNER, marker=marker, access=access)


def make_receipt(raw_text: str | None = RAW, **changes: Any) -> Receipt:
    """Return a receipt of `user/ci`, fingerprinted where a raw key is given."""
    key_id = changes.get("key_id", KeyId("key-1"))
    values: dict[str, Any] = {
        "owner": OWNER,
        "address": Address("user/ci"),
        "key_id": key_id,
        "key_type": KeyType.USER,
        "name": "ci",
        "created_at": NOW,
        "redacted": "ak-can...000",
        "fingerprint": RawKey(raw_text).fingerprint(key_id) if raw_text else None,
        "delivered": (Delivered(LOCAL, "secrets/ci.key"),),
        "delivered_at": NOW,
    }
    return Receipt(**(values | changes))


def make_intent(intent_id: str = "intent-1", **changes: Any) -> Intent:
    """Return an open intent to create `user/ci`."""
    values: dict[str, Any] = {
        "id": IntentId(intent_id),
        "owner": OWNER,
        "address": Address("user/ci"),
        "verb": "create",
        "key_id": None,
        "alive_before": (KeyId("key-0"),),
        "at": NOW,
    }
    return Intent(**(values | changes))


def make_holder(holder_id: str = "lock-1", **changes: Any) -> Holder:
    """Return the holder of a lock."""
    values: dict[str, Any] = {
        "id": holder_id,
        "owner": OWNER,
        "host": "build-7",
        "pid": 4711,
        "since": NOW,
        "command": "keyplan apply",
    }
    return Holder(**(values | changes))


def make_history_entry(digest: str = "sha256:1", **changes: Any) -> HistoryEntry:
    """Return one apply that added a key."""
    values: dict[str, Any] = {
        "digest": digest,
        "started_at": NOW,
        "finished_at": NOW + timedelta(seconds=3),
        "added": 1,
        "changed": 0,
        "destroyed": 0,
        "failed": 0,
    }
    return HistoryEntry(**(values | changes))


def make_sink_settings(options: Mapping[str, Json], *, sink_type: str = "file") -> SinkSettings:
    """Return the settings of the sink named `local`."""
    return SinkSettings(name=LOCAL, type=sink_type, options=options, place=PLACE)


def names_in(folder: Path) -> list[str]:
    """Return the names of everything in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def make_observation(key_id: str = "key-1", **changes: Any) -> Observation:
    """Return a live user key `ci` without marker, created at NOW, that never expires."""
    values: dict[str, Any] = {
        "id": KeyId(key_id),
        "name": "ci",
        "key_type": KeyType.USER,
        "redacted": "ak-can...000",
        "created_at": NOW,
    }
    return Observation(**(values | changes))
