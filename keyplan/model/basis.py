"""What the planner knew when it decided about an action, a class for each verb: what the applier works from.

A basis is never published, and none can be read from a file: only a plan that was just made has any.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId, UserId
from keyplan.model.intent import Intent
from keyplan.model.observation import Marker, Observation, Slot
from keyplan.model.quick import quick
from keyplan.model.receipt import LeftPlace, Receipt, Superseded


# No basis is compared, and each comparison that dataclasses writes costs every start half a millisecond.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Basis:
    """What the planner knew about an action's address, whatever the verb. Each verb has its own class of it below.

    It is neither a decision nor published: guards, forecast, drift and the applier read it.
    """

    desired: Desired | None = None
    """None for a key that is declared nowhere."""
    key: Observation | None = None
    """The key of `Action.key_id`."""
    receipt: Receipt | None = None
    """The address's receipt so far; for keep and deliver: what it should say now."""
    superseded: tuple[Superseded, ...] = ()
    """Live old keys of the address besides `key`, sorted; they go into the new receipt."""
    intents: tuple[Intent, ...] = ()
    """Open ones of the address, oldest first."""
    slots: tuple[Slot, ...] = ()
    """Where its raw key belongs."""
    left: tuple[LeftPlace, ...] = ()
    """Places that hold a raw key of the address so far, sorted: the new receipt lists those that don't get the new."""
    vacated: tuple[Slot, ...] = ()
    """Places that are emptied once all of `slots` hold the raw key."""
    is_announced: bool = True
    """Whether an earlier apply recorded that the address leaves whatever place it leaves."""
    is_recorded: bool = True
    """Whether the ledger knows the address: what only claims say passes no protection."""
    is_own_credential: bool = False
    """Whether this is the key that keyplan itself presents; such an action runs last."""

    @property
    def wanted(self) -> Desired:
        """The desired key, for reasons that only declared keys have. Raises ValueError if there is none."""
        if self.desired is None:
            raise ValueError("a key that is declared nowhere is not wanted")
        return self.desired


@quick
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CreateBasis(Basis):
    """For create and replace: a new key is made. With replace, `key` is the one that it takes the place of."""

    desired: Desired
    alive: tuple[KeyId, ...] = ()
    """Ids of all live keys that are the address's, sorted."""
    creators: frozenset[UserId] | None = None
    """Users whose newcomers may be ours; None if the provider's marks prove it without."""

    @property
    def future_marker(self) -> Marker | None:
        """The marker of the key that will exist."""
        return self.desired.marker


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RefreshBasis(Basis):
    """For refresh: a key that exists gets a new raw key."""

    desired: Desired
    key: Observation
    alive: tuple[KeyId, ...] = ()
    """Ids of all live keys that are the address's, sorted."""
    creators: frozenset[UserId] | None = None
    """As in `CreateBasis`."""

    @property
    def future_marker(self) -> Marker | None:
        """The marker of the key that will exist: a refresh keeps the one that is there, if any."""
        return self.key.marker


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CopyBasis(Basis):
    """For deliver: a raw key is copied from one sink into others."""

    desired: Desired
    key: Observation
    receipt: Receipt
    source: Slot
    """The slot that it is copied from."""
    alive: tuple[KeyId, ...] = ()
    """As in `CreateBasis`: an intent may be open from a run that made a key."""
    lacking: tuple[Slot, ...]
    """Slots that do not hold the current raw key."""
    outdated: tuple[Slot, ...] = ()
    """Further slots whose receipt no longer says what `receipt` says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImportBasis(Basis):
    """For import: a key that exists is recorded, after its values have been checked."""

    desired: Desired
    key: Observation
    receipt: Receipt
    """What will be recorded."""
    alive: tuple[KeyId, ...] = ()
    """As in `CreateBasis`."""
    lacking: tuple[Slot, ...] = ()
    """Slots that get the value which the user gave; all others hold it already."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeepBasis(Basis):
    """For keep, of a current key: its receipts may have to be brought up to date."""

    desired: Desired
    key: Observation
    receipt: Receipt
    outdated: tuple[Slot, ...] = ()
    """Slots whose receipt no longer says what `receipt` says."""
    ledger_outdated: bool = False
    """Whether the ledger's receipt is missing or no longer says what `receipt` says."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UpdateBasis(KeepBasis):
    """For update: texts of a key are changed, and its raw key stays."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OldKeyBasis(Basis):
    """For keep, of an old key that lives on beside its successor: nothing is executed."""

    key: Observation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WaitBasis(Basis):
    """For keep, of a key whose renewal waits for its turn in a rollout: nothing is executed, and nothing is recorded.

    A receipt must not be brought up to date before the renewal: it may list places that do not have the key yet.
    """

    desired: Desired
    key: Observation
    overlap: timedelta
    at: datetime
    """When its turn comes, if nothing is seen used before and each wave starts as soon as it may."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EmptyBasis(Basis):
    """For empty. The slots are those to be emptied, and `receipt` is what the ledger says before that."""

    desired: Desired
    receipt: Receipt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeleteBasis(Basis):
    """For delete. The slots are those to be emptied with it."""

    key: Observation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForgetBasis(Basis):
    """For forget. The slots are those to be emptied with it, and without `key`, nothing lives any longer."""


IssueBasis: TypeAlias = CreateBasis | RefreshBasis
"""Of the verbs that bring a new raw key into the world."""

AnyBasis: TypeAlias = (
    IssueBasis | CopyBasis | ImportBasis | KeepBasis | OldKeyBasis | WaitBasis | EmptyBasis | DeleteBasis | ForgetBasis
)
