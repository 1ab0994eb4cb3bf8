"""A simulated provider with an audit log, and entries and audits to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from plans import NOW
from simulator import SimulatedProvider, World

from keyplan.errors import ProviderDeniedError, ProviderError
from keyplan.model.audit import Audit, AuditedKey, AuditEntry, AuditLog, AuditQuery
from keyplan.model.identity import Address, KeyId, UserId

DENIED = ProviderDeniedError(
    "read the audit log: 403 Forbidden",
    advice="the audit log is for administrators of an account that has audit logging switched on",
)
ENTRY = AuditEntry(
    at=NOW - timedelta(hours=1),
    user_id=UserId("user-7"),
    ip="192.0.2.7",
    operation="revokeApiKey",
    key_ids=(KeyId("key-1"),),
)
HOSTILE = AuditEntry(
    at=None,
    user_id=UserId("\x1b[31m@team"),
    ip="::error::x",
    operation='=cmd()|"<b>\n| [a](https://evil.example) ' + "x" * 500,
    key_ids=(KeyId("key-1"),),
)
CI = AuditedKey(id=KeyId("key-1"), address=Address("user/ci"))
GONE = AuditedKey(id=KeyId("key-0"), address=None)


class AuditedProvider(SimulatedProvider):
    """A provider that logs who changes keys."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, world.effects)
        self.log: list[AuditEntry] = []
        self.refusal: ProviderError | None = None
        self.queries: list[AuditQuery] = []

    def read_audit(self, query: AuditQuery) -> AuditLog:
        """Return the entries of the query, or refuse."""
        self.queries.append(query)
        if self.refusal:
            raise self.refusal
        named = [replace(one, key_ids=tuple(sorted(query.key_ids & set(one.key_ids)))) for one in self.log]
        return AuditLog(entries=tuple(one for one in named if one.key_ids), read=len(self.log))


def make_audit(*entries: AuditEntry, **changes: Any) -> Audit:
    """Return an audit of two keys with these entries."""
    values: dict[str, Any] = {
        "owner": "ml-platform",
        "manifest": "keys.yaml",
        "provider": "https://api.arize.test",
        "since": NOW - timedelta(days=30),
        "until": NOW,
        "keys": (GONE, CI),
        "log": AuditLog(entries=entries, read=12),
    }
    return Audit(**(values | changes))
