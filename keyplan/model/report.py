"""What an apply did: one outcome for each action, and the whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from keyplan.model.history import ChainLink
from keyplan.model.identity import Address, KeyId
from keyplan.model.plan import Action, Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The action ran to its end."""

    action: Action
    key_id: KeyId | None = None
    """The address's key now; None after a delete or forget."""
    delivered: tuple[str, ...] = ()
    """Where the raw key was stored: `sink:location` each."""
    notes: tuple[str, ...] = ()
    """What the user should know all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The action did not run to its end; what was begun is undone or journalled."""

    action: Action
    message: str
    advice: str = ""
    exit_status: int = 1
    next_run: str = ""
    """What the next apply will do about it."""
    trace: str = ""
    """The calls that led to a bug, without any value; empty for every other failure. No document publishes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """It is unknown whether the effect happened; its intent stays open."""

    action: Action
    message: str
    exit_status: int = 5
    next_run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTried:
    """The action was not begun."""

    action: Action
    why: str


Outcome: TypeAlias = Done | Failed | InDoubt | NotTried


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole of an apply."""

    owner: str
    manifest: str
    """Path as the user named it."""
    digest: str
    """Of the plan that ran."""
    started_at: datetime
    finished_at: datetime
    outcomes: tuple[Outcome, ...]
    """In the plan's order; kept keys are not among them."""
    interrupted_by: int | None = None
    """Signal number, if a signal ended the run."""
    blocked: int = 0
    """How many actions a guard held back, and how many unmanaged keys the manifest refuses."""
    left: tuple[Action, ...] = ()
    """Actions that this run left to a reviewed apply, in the plan's order."""
    history: ChainLink | None = None
    """Where the apply stands in the ledger's history; its hash is the history's head. None without a chain."""
    history_failure: str = ""
    """Why the apply could not be added to the history; empty if it was."""

    @property
    def summary(self) -> Summary:
        """Counts of what was done, in Terraform's sense, and of what was held back."""
        done = [outcome.action for outcome in self.outcomes if isinstance(outcome, Done)]
        return replace(Summary.of(done), blocked=self.blocked)

    @property
    def failures(self) -> tuple[Failed | InDoubt, ...]:
        """Outcomes that are not as planned."""
        return tuple(o for o in self.outcomes if isinstance(o, Failed | InDoubt))

    def outcome_of(self, address: Address) -> tuple[Outcome, ...]:
        """Return the outcomes of one address."""
        return tuple(outcome for outcome in self.outcomes if outcome.action.address == address)
