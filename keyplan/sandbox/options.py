"""The options of a sandbox, checked. Must load without the packages of the extra `sandbox`, for the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

_MAX_PORT = 65_535
_MAX_PAGE_SIZE = 100
_NO_TIME = timedelta(0)


class SandboxError(Exception):
    """The sandbox cannot start: an option is invalid, the port is taken, or the state file cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """The behaviour of a sandbox; `docs/sandbox.md` explains the defaults."""

    port: int = 0
    """Loopback port; 0 selects a free one."""
    api: Literal["alpha", "beta"] = "beta"
    """The generation that is served: `alpha` as SDK 8.10.0 knows it, or `beta` as SDK 8.61.0 does."""
    state: Path | None = None
    """SQLite file that outlives the server; None keeps everything in memory."""
    credential: str | None = field(default=None, repr=False)
    """Raw key of the first user, created if it does not exist; None generates one with a new state."""
    page_default: int = 50
    """Items on a page if the client names no limit; 1 to 100."""
    refresh_id: Literal["new", "same"] = "new"
    """Whether a refresh gives the key a new id or keeps the old one."""
    second_delete: Literal[204, 404] = 204
    """What alpha answers when a deleted key is deleted again; beta always answers 204 (docs/arize-api.md, A28)."""
    omitted_expiry: Literal["422", "inherit", "unbounded"] = "422"
    """What beta does if a refresh names no expiry for a key that has one."""
    unfiltered_services: Literal["owned", "none"] = "owned"
    """Which service keys a beta listing without `space_id` holds: the caller's own, or none."""
    expired_stays_active: bool = True
    """Whether an expired key stays active in listings; if not, it is listed as dead (docs/arize-api.md, A29)."""
    audit_log: Literal["on", "off"] = "on"
    """Whether beta shows its administrator the audit log; if not, it answers 403 (docs/arize-api.md, A40)."""
    max_lifetime: timedelta | None = None
    """Longest lifetime that beta grants a key; None if it is unlimited."""
    rate_limit: float | None = None
    """Requests per second above which 429 is answered; a burst of one second's worth passes."""
    retry_after: bool = True
    """Whether a 429 of the rate limit names the seconds to wait."""
    latency: timedelta = _NO_TIME
    """Real time that each request waits first."""
    list_delay: timedelta = _NO_TIME
    """Sandbox time until a new key shows in listings."""
    usage_lag: timedelta = timedelta(seconds=1)
    """A key's last use is recorded again only if the recorded one is at least this old (docs/arize-api.md, A27)."""
    spaces: int = 0
    """Further spaces of the first organization, named `space-0001` and so on."""
    keys: int = 0
    """Further user keys of the first user, named `seeded-00001` and so on, without known raw keys."""
    second_user: bool = False
    """Whether a second user exists, who is not an administrator, with a credential."""

    def __post_init__(self) -> None:
        """Raise SandboxError, which names the option, for a value that cannot be used."""
        for name, is_sound, rule in self._rules():
            if not is_sound:
                raise SandboxError(f"sandbox option {name}: {rule}")

    def _rules(self) -> tuple[tuple[str, bool, str], ...]:
        durations = (self.latency, self.list_delay, self.usage_lag)
        return (
            ("port", 0 <= self.port <= _MAX_PORT, "must lie between 0 and 65535"),
            ("credential", self.credential != "", "must not be empty"),
            ("page_default", 1 <= self.page_default <= _MAX_PAGE_SIZE, "must lie between 1 and 100"),
            ("max_lifetime", self.max_lifetime is None or self.max_lifetime > _NO_TIME, "must be above zero"),
            ("rate_limit", self.rate_limit is None or self.rate_limit > 0, "must be above zero"),
            ("latency, list_delay, usage_lag", min(durations) >= _NO_TIME, "must not be negative"),
            ("spaces, keys", min(self.spaces, self.keys) >= 0, "must not be negative"),
        )
