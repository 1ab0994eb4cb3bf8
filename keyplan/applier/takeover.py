"""Import: a key that another tool or a user made and delivered becomes ours, by a receipt and nothing at the provider.

No raw key is shown or moved, and a value that is known not to be the key's never gets a receipt.
"""

from __future__ import annotations

from collections.abc import Mapping

from keyplan.applier.deliver import annotate
from keyplan.applier.workbench import Workbench
from keyplan.errors import LedgerError, RefusedError
from keyplan.model.identity import SinkName
from keyplan.model.observation import Holding, Observation, Slot
from keyplan.model.receipt import Receipt
from keyplan.ports import KeyReader, Sink


def is_dead(reader: KeyReader, key_id: str) -> bool:
    """Whether the provider lists a key of that id among the revoked ones. Raises ProviderError."""
    return any(key.id == key_id for key in reader.search_keys(key_type=None, active=False, space_id=None))


def check_sinks(
    key: Observation, slots: tuple[Slot, ...], *, sinks: Mapping[SinkName, Sink], holdings: Mapping[Slot, Holding]
) -> tuple[Slot, ...]:
    """Return the slots whose value could not be read, and is taken on trust.

    Raises RefusedError if one holds nothing, or a value that the key's redacted form does not fit; SinkError.
    """
    trusted = []
    for slot in slots:
        if not holdings[slot].present:
            raise RefusedError(
                f"{slot.sink}:{slot.location} holds no value", advice="put the key's raw key there first"
            )
        if not sinks[slot.sink].abilities.readable:
            trusted.append(slot)
        elif not _fits(sinks[slot.sink], slot, key.redacted):
            raise RefusedError(
                f"{slot.sink}:{slot.location} holds another value than the raw key of {key.id}",
                advice="import the key that it holds, or put this one's raw key there",
            )
    return tuple(trusted)


def record_import(receipt: Receipt, slots: tuple[Slot, ...], bench: Workbench) -> None:
    """Write a receipt beside every value, then to the ledger, whose lock is held. Raises SinkError, LedgerError."""
    # The sinks first: one that holds another owner's value refuses, and then nothing is recorded.
    annotate(slots, receipt, bench)
    bench.retry(lambda: bench.ledger.record(receipt), on=LedgerError)


def _fits(sink: Sink, slot: Slot, redacted: str) -> bool:
    raw = sink.read(slot)
    return raw is not None and raw.fits(redacted)
