"""What keyplan remembers of a key before an effect: an intent, and the run that wrote it. Never the raw key.

Ledgers and sinks store it as JSON (`to_dict`, `from_dict`). A reader ignores fields that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NewType

from keyplan.model.identity import NO_MANIFEST_ID, Address, Identity, KeyId, ManifestId
from keyplan.model.quick import quick
from keyplan.model.receipt import CLOCK_SKEW, UNKNOWN_TIME, Delivered
from keyplan.model.times import read_time, write_time

IntentId = NewType("IntentId", str)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The run that wrote an intent: what another run has to wait for."""

    run: str
    """Random, and different for every run."""
    user: str
    host: str
    command: str
    """The command line, without secrets."""
    lease: timedelta
    """How long an intent of this run keeps others away from its place."""
    number: int = 0
    """The fencing number of the lock that the run held; zero if it held none."""

    def to_list(self) -> list[Any]:
        """Return the runner as JSON values; the lease in seconds."""
        return [self.run, self.user, self.host, self.command, self.lease.total_seconds(), self.number]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Runner:
        """Return the runner that `to_list` wrote. Raises ValueError or TypeError on anything else."""
        run, user, host, command, seconds, number = values[:6]
        return cls(run=run, user=user, host=host, command=command, lease=timedelta(seconds=seconds), number=int(number))


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """Written before a raw key is issued; open until its receipt is recorded or the effect undone."""

    id: IntentId
    owner: str
    manifest_id: ManifestId = NO_MANIFEST_ID
    """Empty for a manifest without `id`, and in what an older keyplan wrote."""
    address: Address
    verb: str
    """`create`, `refresh`, `replace`, `deliver` or `import`: what was about to be done."""
    key_id: KeyId | None
    """The key that was about to be refreshed or replaced; None for all others."""
    alive_before: tuple[KeyId, ...]
    """Ids of all live keys that could be this address's, sorted; a newcomer is none of these."""
    at: datetime
    attempts: int = 1
    is_unmarked: bool = False
    """Whether what it leads to may carry no marker of ours: markers are turned off, or an unmarked key is refreshed."""
    runner: Runner | None = None
    """Who wrote it last; None in what an older keyplan wrote."""
    until: datetime | None = None
    """When its lease is over, by the clock of its runner; None if that run has ended, or an older keyplan wrote it."""
    account: str = ""
    """Base URL of the further provider that it is about; empty for the usual one, and beside secrets."""
    held: tuple[Delivered, ...] = field(default=(), compare=False)
    """Where a receipt says that an earlier raw key of the address is: a sink without marks may overwrite that.

    Never stored: every run takes it from the receipt that it knows.
    """

    @property
    def identity(self) -> Identity:
        """Who says that it wrote this intent."""
        return Identity(self.owner, self.manifest_id)

    @property
    def run(self) -> str:
        """The run that wrote it last; empty in what an older keyplan wrote."""
        return self.runner.run if self.runner else ""

    def is_same_attempt(self, other: Intent) -> bool:
        """Whether another is this intent as the same run wrote it: a later run goes on under the same id."""
        return (self.id, self.run) == (other.id, other.run)

    def is_live(self, now: datetime, age: timedelta | None = None) -> bool:
        """Whether its run may still be under way; `age` is its age by the clock of the store that holds it, if known.

        By our own clock it is never live for longer than its lease, however far the clock of its runner is ahead.
        """
        if self.until is None or self.runner is None:
            return False
        if age is not None:
            return age < self.runner.lease
        return now < self.until <= now + self.runner.lease + CLOCK_SKEW

    def could_have_made(self, key_id: KeyId, created_at: datetime) -> bool:
        """Whether a key may be what this intent led to: unknown before, and not older (but for clock skew)."""
        # Whatever lived before the intent cannot be what it led to.
        if key_id in self.alive_before:
            return False
        # The provider's clock made created_at, ours made `at`.
        return created_at == UNKNOWN_TIME or created_at >= self.at - CLOCK_SKEW

    def to_dict(self) -> dict[str, Any]:
        """Return the intent as JSON values."""
        return {
            "id": self.id,
            "owner": self.owner,
            **({"manifest_id": self.manifest_id} if self.manifest_id else {}),
            "address": self.address,
            "verb": self.verb,
            "key_id": self.key_id,
            "alive_before": list(self.alive_before),
            "at": write_time(self.at),
            "attempts": self.attempts,
            "is_unmarked": self.is_unmarked,
            **({"runner": self.runner.to_list()} if self.runner else {}),
            **({"until": write_time(self.until)} if self.until else {}),
            **({"account": self.account} if self.account else {}),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Intent:
        """Return the intent that `to_dict` wrote. Raises KeyError or ValueError on anything else."""
        return cls(
            id=values["id"],
            owner=values["owner"],
            manifest_id=values.get("manifest_id", NO_MANIFEST_ID),
            address=values["address"],
            verb=values["verb"],
            key_id=values["key_id"],
            alive_before=tuple(values["alive_before"]),
            at=read_time(values["at"]),
            attempts=values["attempts"],
            is_unmarked=values.get("is_unmarked", False),
            runner=Runner.from_list(values["runner"]) if values.get("runner") else None,
            until=read_time(values["until"]) if values.get("until") else None,
            account=values.get("account", ""),
        )
