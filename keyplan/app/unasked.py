"""Stands in for sinks and ledgers that are not asked: nothing here opens, reads or contacts anything."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from keyplan.app import registry
from keyplan.app.wiring import SINKS
from keyplan.model.history import HistoryEntry
from keyplan.model.identity import SinkName
from keyplan.model.ledger import Holder, LockName, Memory, Spending
from keyplan.model.manifest import Declaration, Delivery, Manifest, SinkSettings
from keyplan.model.observation import Abilities, Holding, Slot
from keyplan.ports import SinkReader
from keyplan.sinks.places import SinkPlaces

_UNKNOWN = Abilities(holds_receipts=False, readable=False, is_asked=False)


def make_unasked_sinks(manifest: Manifest) -> Mapping[SinkName, SinkReader]:
    """Return a stand-in for every sink of a manifest."""
    return {name: UnaskedSink(settings) for name, settings in manifest.sinks.items()}


class UnaskedSink:
    """Implements `SinkReader` by the manifest alone."""

    def __init__(self, settings: SinkSettings) -> None:
        places: SinkPlaces | None = getattr(registry.load(SINKS, settings.type), "PLACES", None)
        self._settings, self._places = settings, places

    @property
    def abilities(self) -> Abilities:
        """Return what makes the planner conclude nothing from this sink."""
        return _UNKNOWN

    def locate(self, owner: str, declaration: Declaration, delivery: Delivery) -> Slot:
        """Return where a delivery goes; raises InputError as the sink does."""
        if self._places is None:
            # The sink of others may say only when it is built where a delivery goes: the address stands in for it.
            return Slot(sink=self._settings.name, location=declaration.address)
        return self._places.locate(self._settings, owner, declaration, delivery)

    def inspect(self, _slots: Collection[Slot]) -> Mapping[Slot, Holding]:
        """Return nothing."""
        return {}


class UnaskedLedger:
    """Implements `LedgerReader` without a ledger."""

    def recall(self) -> Memory:
        """Return a memory that is empty because it was not asked for."""
        return Memory(is_asked=False)

    def spending(self, _digest: str) -> Spending | None:
        """Return None: nothing is known."""
        return None

    def holder(self, _name: LockName = LockName.APPLY) -> Holder | None:
        """Return None: nothing is known."""
        return None

    def history(self) -> Sequence[HistoryEntry]:
        """Return nothing."""
        return ()
