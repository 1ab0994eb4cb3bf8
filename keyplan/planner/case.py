"""All that the decision about one declaration depends on, in one value: what `rules` and its neighbours are given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyplan.model.manifest import Declaration
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.quick import quick
from keyplan.model.receipt import Receipt
from keyplan.planner.evidence import is_delivered, may_hold_unrecorded_key
from keyplan.planner.ownership import OwnedKeys


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One declaration, what belongs to it, and what its slots hold."""

    owned: OwnedKeys
    snapshot: Snapshot
    slots: tuple[Slot, ...]
    """Where its raw key belongs."""
    is_requested: bool = False
    """Whether the user asked to renew it now."""
    namesakes: tuple[Observation, ...] = ()
    """Live unmanaged keys of its name."""
    ledger_receipt: Receipt | None = None
    """The receipt in the ledger, of its address or of the one that it moved from. Sinks do not count here."""

    @property
    def declaration(self) -> Declaration:
        """The declaration itself."""
        return self.owned.desired.declaration

    @property
    def now(self) -> datetime:
        """The one `now` of the run."""
        return self.snapshot.now

    @property
    def is_fully_delivered(self) -> bool:
        """Whether a current key is in every slot. Until then the overlap of older keys has not begun to run."""
        current, receipt = self.owned.current, self.owned.receipt
        return current is not None and receipt is not None and is_delivered(self.slots, self.snapshot, current, receipt)

    @property
    def may_hold_unrecorded_key(self) -> bool:
        """Whether a slot may hold a key that no receipt names, so that a newcomer is not certainly lost."""
        return any(may_hold_unrecorded_key(slot, self.snapshot) for slot in self.slots)
