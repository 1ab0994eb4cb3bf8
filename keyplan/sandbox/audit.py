"""The account's audit log: who changed which key, when and from where. No raw key and no credential is part of it.

What an entry of a REST call holds is the sandbox's choice, because the vendor does not say (docs/arize-api.md, A40).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyplan.sandbox.clock import later
from keyplan.sandbox.database import Database, from_micros, to_micros
from keyplan.sandbox.formats import format_instant, make_id

OPERATION_TYPES: Mapping[str, str] = {word: word for word in ("QUERY", "MUTATION", "SUBSCRIPTION")}
DEFAULT_WINDOW = timedelta(days=30)
"""How far back a listing without a `start_time` goes (docs/arize-api.md, A40)."""
_RECORDED_TYPE = "MUTATION"
# Apart from the schema of `database`: a state file of an older sandbox has no such table, and gets one.
_TABLE = """
CREATE TABLE IF NOT EXISTS audit_log (
    number INTEGER PRIMARY KEY, user_id TEXT NOT NULL, ip TEXT NOT NULL, operation_name TEXT NOT NULL,
    operation_text TEXT NOT NULL, variables TEXT NOT NULL, created_at INTEGER NOT NULL
)
"""
_PAGE = """
SELECT * FROM audit_log
WHERE (:after = 0 OR number < :after) AND created_at BETWEEN :start AND :end
  AND (:user_id IS NULL OR user_id = :user_id)
ORDER BY number DESC LIMIT :limit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedChange:
    """One change of the account, as its caller sent it."""

    user_id: str
    ip: str
    operation: str
    body: str
    path_values: Mapping[str, str]
    """What the path names, such as the id of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One entry of the log."""

    number: int
    shown: Mapping[str, str]
    """As the API shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilters:
    """Which entries are listed."""

    start: datetime | None
    end: datetime
    user_id: str | None
    operation_type: str | None


class AuditTrail:
    """The log of one sandbox."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.run(_TABLE)

    def note(self, change: LoggedChange, at: datetime) -> None:
        """Add a change that succeeded."""
        self._database.run(
            """INSERT INTO audit_log (user_id, ip, operation_name, operation_text, variables, created_at)
               VALUES (:user_id, :ip, :operation, :body, :variables, :at)""",
            {
                "user_id": change.user_id,
                "ip": change.ip,
                "operation": change.operation,
                "body": change.body,
                "variables": json.dumps(dict(change.path_values)),
                "at": to_micros(at),
            },
        )

    def page(self, filters: LogFilters, *, after: int, limit: int) -> tuple[LogEntry, ...]:
        """Return up to `limit` entries, newest first, older than the one numbered `after` if that is not 0."""
        if filters.operation_type not in (None, _RECORDED_TYPE):
            return ()
        rows = self._database.run(
            _PAGE,
            {
                "after": after,
                "start": to_micros(filters.start or later(filters.end, -DEFAULT_WINDOW)),
                "end": to_micros(filters.end),
                "user_id": filters.user_id,
                "limit": limit,
            },
        )
        return tuple(map(_read, rows))


def _read(row: sqlite3.Row) -> LogEntry:
    shown = {
        "id": make_id("AuditLog", row["number"]),
        "user_id": row["user_id"],
        "ip": row["ip"],
        "operation_type": _RECORDED_TYPE,
        "operation_name": row["operation_name"],
        "operation_text": row["operation_text"],
        "variables": row["variables"],
        "created_at": format_instant(from_micros(row["created_at"])),
    }
    return LogEntry(number=row["number"], shown=shown)
