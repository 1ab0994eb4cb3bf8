"""Ready-made nouns for tests of plugins, a context for `build`, and a clock; every argument has a default.

All times start at NOW, all names belong to OWNER; raw keys here authenticate nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from keyplan.plugin import (
    Access,
    Address,
    Clock,
    Credential,
    Declaration,
    Delivered,
    Delivery,
    Desired,
    FromEnvironment,
    HistoryEntry,
    Holder,
    Identity,
    InputError,
    Intent,
    IntentId,
    Json,
    KeyId,
    KeyType,
    LedgerSettings,
    Lineage,
    ManifestId,
    Marker,
    OrganizationGrant,
    Origin,
    Place,
    PluginContext,
    ProviderSettings,
    RawKey,
    Receipt,
    Roles,
    Runner,
    Scope,
    ScopeById,
    SecretSource,
    SinkName,
    SinkSettings,
    SpaceGrant,
    UserId,
)

NOW = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)
OWNER = "ml-platform"
IDENTITY = Identity(OWNER, ManifestId("k7f3a9c2"))
"""Whom everything here belongs to."""
LINEAGE = Lineage(identity=IDENTITY)
FORMER = Identity("ml-team", ManifestId("f0rmer12"))
"""Whom the manifest of RENAMED_LINEAGE was before."""
ORIGIN = Origin(identity=Identity("data-team", ManifestId("d4tateam")), address=Address("user/ingest"))
"""The one address of another manifest whose key RENAMED_LINEAGE takes over."""
RENAMED_LINEAGE = Lineage(identity=IDENTITY, formerly=(FORMER,), origins=(ORIGIN,))
"""The same manifest after its owner was renamed, and with a key of another manifest."""
CREATOR = UserId("VXNlcjox")
"""The user of keyplan's own credential, who made every key here."""
ACCOUNT = "https://api.simulated.test"
"""The provider's base URL, by which a ledger knows whose it is."""
PLACE = Place("keys.yaml", 1, 1)
LOCAL = SinkName("local")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
RAW = "ak-canary" + "0" * 44
OTHER_RAW = "ak-second" + "1" * 44


class SimulatedClock:
    """Implements Clock; it stands still until a test, or code that sleeps, moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.on_sleep: Callable[[], None] = lambda: None
        """Called at each sleep: what another process does while this one waits."""
        self._now = now
        self._lock = Lock()

    def now(self) -> datetime:
        """Return the simulated instant."""
        return self._now

    def sleep(self, duration: timedelta) -> None:
        """Move on at once."""
        self.on_sleep()
        self.advance(duration)

    def elapsed(self) -> timedelta:
        """Return the simulated time since the epoch."""
        return self._now - _EPOCH

    def advance(self, duration: timedelta) -> None:
        """Let that much time pass."""
        with self._lock:
            self._now += max(duration, timedelta(0))


def make_context(
    folder: Path | str = "/",
    environment: Mapping[str, str] | None = None,
    *,
    owner: str = OWNER,
    lineage: Lineage | None = None,
    clock: Clock | None = None,
    said: list[str] | None = None,
) -> PluginContext:
    """Return what `build` gets: nothing of this machine but a folder.

    The only secrets are `{env: NAME}` of `environment`; lines for the user are appended to `said`; nothing is random.
    The manifest is that of RENAMED_LINEAGE, or one of another owner without a past.
    """
    variables = dict(environment or {})

    def resolve(source: SecretSource) -> Credential:
        if isinstance(source, FromEnvironment) and source.name in variables:
            return Credential(variables[source.name])
        raise InputError(f"{source} is not a secret of this test")

    return PluginContext(
        folder=str(folder),
        lineage=lineage or (RENAMED_LINEAGE if owner == OWNER else Lineage(identity=Identity(owner, IDENTITY.id))),
        clock=clock or SimulatedClock(NOW),
        jitter=lambda limit: limit,
        resolve=resolve,
        environment=variables,
        say=(said if said is not None else []).append,
    )


def make_provider_settings(
    options: Mapping[str, Json] | None = None, *, provider_type: str, variable: str = "ARIZE_API_KEY"
) -> ProviderSettings:
    """Return the settings of a provider whose credential is in a variable of the environment."""
    return ProviderSettings(type=provider_type, options=options or {}, credential=FromEnvironment(variable))


def make_sink_settings(options: Mapping[str, Json], *, sink_type: str = "file") -> SinkSettings:
    """Return the settings of the sink named `local`."""
    return SinkSettings(name=LOCAL, type=sink_type, options=options, place=PLACE)


def make_ledger_settings(options: Mapping[str, Json] | None = None, *, ledger_type: str = "sqlite") -> LedgerSettings:
    """Return the settings of a ledger."""
    return LedgerSettings(type=ledger_type, options=options or {})


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
    marker = Marker.of(IDENTITY, declaration.address)
    return Desired(declaration=declaration, identity=IDENTITY, marker=marker, access=None)


def make_access(space: Scope, *, names_organizations: bool = True) -> Access:
    """Return the default access to one space, for a dialect that names organizations or not."""
    grant = SpaceGrant(space_id=space.id)
    org_id = space.organization_id if names_organizations else None
    return Access(account_role=Roles().account_role, organizations=(OrganizationGrant(org_id=org_id, spaces=(grant,)),))


def make_desired_service(
    space: Scope, name: str = "ingest", *, names_organizations: bool = True, **changes: Any
) -> Desired:
    """Return a desired service key of one space, marked as ours."""
    values: dict[str, Any] = {
        "address": Address(f"service/{space.name}/{name}"),
        "key_type": KeyType.SERVICE,
        "scope": ScopeById(space.id),
    }
    declaration = make_declaration(name, **(values | changes))
    marker = Marker.of(IDENTITY, declaration.address)
    access = make_access(space, names_organizations=names_organizations)
    return Desired(declaration=declaration, identity=IDENTITY, marker=marker, access=access)


def make_receipt(raw_text: str | None = RAW, **changes: Any) -> Receipt:
    """Return a receipt of `user/ci`, with a fingerprint if a raw key is given."""
    key_id = changes.get("key_id", KeyId("key-1"))
    values: dict[str, Any] = {
        "owner": OWNER,
        "manifest_id": IDENTITY.id,
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
        "manifest_id": IDENTITY.id,
        "address": Address("user/ci"),
        "verb": "create",
        "key_id": None,
        "alive_before": (KeyId("key-0"),),
        "at": NOW,
    }
    return Intent(**(values | changes))


def make_runner(run: str = "run-1", **changes: Any) -> Runner:
    """Return the run that wrote an intent."""
    values: dict[str, Any] = {
        "run": run,
        "user": "ada",
        "host": "build-7",
        "command": "keyplan apply",
        "lease": timedelta(seconds=60),
        "number": 1,
    }
    return Runner(**(values | changes))


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
