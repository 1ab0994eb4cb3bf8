"""What a simulated provider refuses, by the laws of its dialect."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from keyplan.errors import ProviderRefusedError
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType
from keyplan.simulated.records import KeyRecord


def refuse_access(desired: Desired, laws: Laws) -> None:
    """Refuse a key whose access does not fit its type, or does not say what the laws ask for."""
    if bool(desired.scope_ids) is not (desired.declaration.key_type is KeyType.SERVICE):
        raise ProviderRefusedError("400 Bad Request: spaces are for service keys", status=400)
    organizations = desired.access.organizations if desired.access else ()
    if laws.names_organizations and any(granted.org_id is None for granted in organizations):
        raise ProviderRefusedError("422 Unprocessable Entity: org_id is required", status=422)


def refuse_lifetime(old: KeyRecord, expires_at: datetime | None, laws: Laws, now: datetime) -> None:
    """Refuse a refresh that gives a key a life which the laws do not allow."""
    if not old.is_live(now):
        raise ProviderRefusedError("422 Unprocessable Entity: the key has expired", status=422)
    if old.expires_at is None or laws.refresh_extends_life:
        return
    if expires_at is None:
        raise ProviderRefusedError("422 Unprocessable Entity: expires_at is required", status=422)
    if expires_at > old.expires_at:
        raise ProviderRefusedError("422 Unprocessable Entity: a refresh cannot extend life", status=422)


def refuse_taken(desired: Desired, live: Iterable[KeyRecord], laws: Laws, *, own: KeyId | None = None) -> None:
    """Refuse a name that another live key of the type and scope has, if the laws say that names are unique."""
    if not laws.has_unique_names:
        return
    declared, wanted = desired.declaration, frozenset(desired.scope_ids)
    for record in live:
        is_alike = (record.name, record.key_type, record.scope_ids) == (declared.name, declared.key_type, wanted)
        if is_alike and record.id != own:
            raise ProviderRefusedError(f"409 Conflict: the name is that of key {record.id}", status=409)
