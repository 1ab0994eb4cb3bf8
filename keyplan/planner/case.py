"""All that the decision about one declaration depends on, in one value: what `rules` and its neighbours are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from keyplan.model.identity import Address, UserId
from keyplan.model.intent import Intent
from keyplan.model.laws import Laws
from keyplan.model.manifest import Adopt, Declaration
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.quick import quick
from keyplan.model.receipt import Receipt
from keyplan.planner.claims import Doubt
from keyplan.planner.evidence import is_delivered, may_hold_unrecorded_key
from keyplan.planner.ownership import OwnedKeys
from keyplan.planner.trace import NO_TRACE, Trace


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One declaration, what belongs to it, and what its slots hold."""

    declaration: Declaration
    """The declaration itself: that of `owned`."""
    owned: OwnedKeys
    snapshot: Snapshot
    # Both of the snapshot. Fields, like the declaration: rules ask for these three more often than for anything else.
    laws: Laws
    """What its provider allows and shows."""
    now: datetime
    """The one `now` of the run."""
    slots: tuple[Slot, ...]
    """Where its raw key belongs."""
    next_slots: tuple[Slot, ...] = ()
    """Where its next raw key goes: elsewhere than to `slots` if only the spelling of its space changed."""
    users: Mapping[Slot, Address] = field(default_factory=dict)
    """Every place of the manifest's declarations, and the declaration that it belongs to."""
    is_requested: bool = False
    """Whether the user asked to renew it now."""
    ends_at_once: bool = False
    """Whether the user asked that its old keys stop at once."""
    namesakes: tuple[Observation, ...] = ()
    """Live unmanaged keys of its name."""
    ledger_receipt: Receipt | None = None
    """The receipt in the ledger, of its address or of the one that it moved from. Sinks do not count here."""
    former_receipt: Receipt | None = None
    """The ledger's receipt of the address that it moved from."""
    creators: frozenset[UserId] | None = None
    """Users whose newcomers may be ours; None if the provider's marks prove it without."""
    undecided: tuple[Observation, ...] = ()
    """Keys with its marker, while it is unknown whether one of ours made them."""
    strays: tuple[Observation, ...] = ()
    """Keys with its marker that another manifest of the same owner may have made."""
    doubts: tuple[Doubt, ...] = ()
    """Its places whose claims are not believed."""
    is_unseen: bool = False
    """Whether its key is shown neither as active nor as revoked, and the user did not allow that."""
    unseen_count: int = 0
    """How many addresses of the manifest are unseen."""
    busy: tuple[Intent, ...] = ()
    """Intents of other runs that may be at work on it, oldest first."""
    longest_life: timedelta | None = None
    """The longest life that the policies allow; None if they don't limit it."""
    is_over_claim: bool = False
    """Whether the user allowed to write over claims that are not believed."""
    trace: Trace = field(default=NO_TRACE, compare=False, repr=False)
    """Notes which rows are asked, if the plan is to be explained."""

    @property
    def placed_as(self) -> str:
        """How the manifest wrote the space when the key was delivered, if its places still follow from that."""
        if self.slots == self.next_slots or self.ledger_receipt is None:
            return ""
        return self.ledger_receipt.written_space

    @property
    def is_fully_delivered(self) -> bool:
        """Whether a current key is in every slot. Until then the overlap of older keys has not begun to run."""
        current, receipt = self.owned.current, self.owned.receipt
        return current is not None and receipt is not None and is_delivered(self.slots, self.snapshot, current, receipt)

    @property
    def is_recorded(self) -> bool:
        """Whether the ledger knows the address, by a receipt or an open intent."""
        return self.ledger_receipt is not None or bool(self.owned.recorded_intents)

    @property
    def may_create_beside(self) -> bool:
        """Whether the declaration allows a new key beside one that is not certainly ours."""
        return self.declaration.adopt is Adopt.REPLACE

    @property
    def may_hold_unrecorded_key(self) -> bool:
        """Whether a slot may hold a key that no receipt names, so that a newcomer is not certainly lost.

        So it is if the ledger knows nothing of the address: that no place holds the newcomer would rest on claims.
        """
        if not self.is_recorded:
            return True
        return any(may_hold_unrecorded_key(slot, self.snapshot) for slot in self.slots)
