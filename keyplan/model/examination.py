"""The nouns of `keyplan doctor`: one finding for each thing that a plan or an apply needs. None holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from keyplan.errors import LedgerError, ProviderError, SinkError
from keyplan.model.identity import SinkName


class Health(Enum):
    """How a thing is."""

    FINE = "fine"
    UNKNOWN = "unknown"
    """Only an attempt would show it."""
    WARNING = "warning"
    """It works, and the user should know something about it."""
    BROKEN = "broken"
    """It would fail."""


class Area(Enum):
    """What part of the world a thing belongs to."""

    PROVIDER = "provider"
    SINK = "sink"
    LEDGER = "ledger"

    @property
    def exit_status(self) -> int:
        """The exit status of what fails there."""
        return _STATUSES[self]


_STATUSES = {
    Area.PROVIDER: ProviderError.exit_status,
    Area.SINK: SinkError.exit_status,
    Area.LEDGER: LedgerError.exit_status,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one thing is, and what to do about it."""

    area: Area
    subject: str
    """What was looked at, in a word or two."""
    provider: str = ""
    """Which of several providers, by its name under `providers`; empty if there is one, or if it is about none."""
    sink: SinkName | None = None
    """Which sink, if it is about one."""
    location: str = ""
    """Which place of the sink, as `Slot.location`; empty if it is about all of them."""
    health: Health
    detail: str
    """What was found, without a final full stop."""
    advice: str = ""
    """What to do; empty if there is nothing to do."""


@runtime_checkable
class ExaminableLedger(Protocol):
    """A ledger that can report whether its storage does what a ledger relies on. No ledger has to be one."""

    def examine(self) -> tuple[Finding, ...]:
        """Return where the storage is, and what it was found to do. An object of its own may exist meanwhile.

        Raises LedgerError if it cannot look.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything that was found for one manifest."""

    owner: str
    manifest: str
    """Path as the user named it."""
    findings: tuple[Finding, ...]
    """Each provider's, then each sink's in the manifest's order, then the ledger's."""

    @property
    def exit_status(self) -> int:
        """0 if nothing is broken; else that of what an apply would fail at first."""
        broken = [finding.area.exit_status for finding in self.findings if finding.health is Health.BROKEN]
        return min(broken, default=0)

    def count(self, health: Health) -> int:
        """Return how many things are so."""
        return sum(finding.health is health for finding in self.findings)
