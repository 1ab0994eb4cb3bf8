"""The nouns of `keyplan provider check`: what was tried at a provider, and how each trial ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from keyplan.errors import ProviderError


class TrialOutcome(Enum):
    """How one trial ended."""

    PASSED = "pass"
    FAILED = "fail"
    NOT_APPLICABLE = "not applicable"
    """The laws of the provider rule it out, or an earlier trial did not get so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One thing that keyplan relies on, and whether the provider does it."""

    subject: str
    """What was tried, as a sentence without full stop."""
    outcome: TrialOutcome
    detail: str = ""
    """Why it failed, or does not apply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderTrial:
    """Everything that was tried at one provider."""

    dialect: str
    """What the laws call the API."""
    base_url: str
    rows: tuple[TrialRow, ...]

    @property
    def exit_status(self) -> int:
        """0 if nothing failed; else the status of a provider's failure."""
        return ProviderError.exit_status if self.count(TrialOutcome.FAILED) else 0

    def count(self, outcome: TrialOutcome) -> int:
        """Return how many trials ended so."""
        return sum(row.outcome is outcome for row in self.rows)
