"""One declaration with all that the decision about it depends on: the noun between `planning` and `deciding`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from keyplan.core.estates import Estate
from keyplan.core.proving import can_hide_a_key, is_delivered
from keyplan.model.manifest import Declaration
from keyplan.model.observation import Observation, Slot, Snapshot
from keyplan.model.quick import quick
from keyplan.model.receipt import Receipt


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that the decision about one declaration depends on."""

    estate: Estate
    snapshot: Snapshot
    slots: tuple[Slot, ...]
    """Where its raw key belongs."""
    is_requested: bool = False
    """Whether a person asked to renew it now."""
    namesakes: tuple[Observation, ...] = ()
    """Live unmanaged keys of its name."""
    ledger_receipt: Receipt | None = None
    """What the ledger alone remembers of its address, or of the one that it moved from."""

    @property
    def declaration(self) -> Declaration:
        """The declaration itself."""
        return self.estate.desired.declaration

    @property
    def now(self) -> datetime:
        """The one `now` of the run."""
        return self.snapshot.now

    @property
    def is_settled(self) -> bool:
        """Whether a current key is in every sink. Until then the overlap of older keys has not begun to run."""
        current, receipt = self.estate.current, self.estate.receipt
        return current is not None and receipt is not None and is_delivered(self.slots, self.snapshot, current, receipt)

    @property
    def can_hide_a_key(self) -> bool:
        """Whether some sink may hold a key that no receipt names, so that nothing proves a newcomer lost."""
        return any(can_hide_a_key(slot, self.snapshot) for slot in self.slots)
