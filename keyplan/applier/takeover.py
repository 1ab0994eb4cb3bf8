"""Import: a key that another tool or a user made and delivered becomes ours, by a receipt and nothing at the provider.

No raw key is shown or moved, and a value that is known not to be the key's never gets a receipt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from keyplan.applier.deliver import annotate
from keyplan.applier.outcome import TRIES_AGAIN, fail
from keyplan.applier.retire import vacate
from keyplan.applier.workbench import Workbench
from keyplan.errors import KeyplanError, LedgerError, RefusedError
from keyplan.model.basis import ImportBasis
from keyplan.model.identity import SinkName
from keyplan.model.observation import Holding, Observation, Slot
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import Receipt
from keyplan.model.report import Done, Outcome
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


def import_key(action: PlannedAction, basis: ImportBasis, bench: Workbench) -> Outcome:
    """Record a key that exists as the declaration's, once what its places hold has been checked.

    Nothing at the provider changes, and no secret.
    """
    key = basis.key
    try:
        held = {slot: one for name in _name_sinks(basis.slots) for slot, one in _inspect(name, basis.slots, bench)}
        trusted = check_sinks(key, basis.slots, sinks=bench.sinks, holdings=held)
        for slot in basis.slots:
            if slot not in trusted and not _authenticates(slot, bench):
                raise RefusedError(
                    f"{slot}: the value there does not authenticate", advice="put the key's current raw key there"
                )
        record_import(basis.receipt, basis.slots, bench)
        kept = vacate(basis.receipt, basis.vacated, bench)
    except KeyplanError as error:
        return fail(action, error, TRIES_AGAIN)
    notes = tuple(f"{slot} cannot be read: that it holds the key is taken on trust" for slot in trusted)
    return Done(action=action, key_id=key.id, notes=(*notes, *kept))


def _name_sinks(slots: tuple[Slot, ...]) -> frozenset[SinkName]:
    return frozenset(slot.sink for slot in slots)


def _inspect(name: SinkName, slots: tuple[Slot, ...], bench: Workbench) -> Iterable[tuple[Slot, Holding]]:
    return bench.sinks[name].inspect(tuple(slot for slot in slots if slot.sink == name)).items()


def _authenticates(slot: Slot, bench: Workbench) -> bool:
    raw = bench.sinks[slot.sink].read(slot)
    return raw is not None and bench.accepts(raw)


def _fits(sink: Sink, slot: Slot, redacted: str) -> bool:
    raw = sink.read(slot)
    return raw is not None and raw.fits(redacted)
