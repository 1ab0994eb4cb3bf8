"""What a provider's own log says of keys: who changed which, when and from where.

It is a witness and no evidence: nothing is planned or done by it. All its texts come from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keyplan.model.identity import Address, KeyId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What is looked for in a log, and within which limits."""

    key_ids: frozenset[KeyId]
    """Only entries that name one of these keys are returned."""
    since: datetime
    until: datetime
    entries: int
    """At most so many entries of the log are read, the newest of the window."""
    time: timedelta
    """No page is asked for later than so long after the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change, as the log has it; a text that it does not have is empty."""

    at: datetime | None
    """None if the log has no time that can be read."""
    user_id: UserId
    ip: str
    """Where the request came from: personal data."""
    operation: str
    """The name of the operation: its caller may have chosen it."""
    key_ids: tuple[KeyId, ...]
    """The keys of the query that it names, sorted."""
    provider: str = ""
    """Which of several providers has it in its log; empty if there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """What was found in a log."""

    entries: tuple[AuditEntry, ...]
    """Those that name a key of the query, newest first."""
    read: int
    """How many entries were read, whatever they name."""
    reached: datetime | None = None
    """Where reading stopped at a limit: what is older was not read. None if the whole window was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLook:
    """Whether the log was asked about a drift, and answered."""

    is_read: bool
    reason: str = ""
    """Why there is no information; empty if there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedKey:
    """A key that the log was asked about."""

    id: KeyId
    address: Address | None
    """The declaration that it is or was of; None for a key that none is known to have had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a provider's log says of the keys of a manifest."""

    owner: str
    manifest: str
    """Path as the user named it."""
    provider: str
    """Base URL; of several providers, that of the first whose log was read."""
    providers: Mapping[str, str] = field(default_factory=dict)
    """Of several: the base URLs of those whose logs were read, by their names; empty if there is one."""
    without_log: tuple[str, ...] = ()
    """Of several: the names of those that have no log for keyplan; their keys are not in `keys`."""
    since: datetime
    until: datetime
    keys: tuple[AuditedKey, ...]
    """Those that the log was asked about, by address, then id."""
    log: AuditLog

    @property
    def unnamed(self) -> tuple[AuditedKey, ...]:
        """The keys that no entry names."""
        named = {key_id for entry in self.log.entries for key_id in entry.key_ids}
        return tuple(key for key in self.keys if key.id not in named)

    def find_key(self, key_id: KeyId) -> AuditedKey:
        """Return a key of `keys` by its id."""
        return next(key for key in self.keys if key.id == key_id)
