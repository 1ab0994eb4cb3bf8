"""Places that need not be read: an apply found there what the ledger says, and nothing has changed since.

What is noted is in the ledger, because what lies beside a secret proves nothing. Only an apply notes, under the lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from keyplan.applier.preflight import survey
from keyplan.model.examination import Finding
from keyplan.model.identity import SinkName
from keyplan.model.ledger import KnownPlace, Memory
from keyplan.model.observation import Content, Holding, Slot, Survey
from keyplan.model.receipt import Receipt
from keyplan.ports import SinkReader

SurveyWithTraces: TypeAlias = tuple[Survey, Mapping[Slot, str]]


NotePlaces: TypeAlias = Callable[[Memory, tuple[KnownPlace, ...]], None]
"""Takes what a ledger remembers, and the places that need not be read again as long as nothing changes there."""


@runtime_checkable
class Traceable(Protocol):
    """A `SinkReader` that can say for little that nothing changed in a place."""

    def trace(self, slots: Collection[Slot]) -> Mapping[Slot, str]:
        """Return what differs once a slot, or the note beside it, changed in any way; unsure slots are left out.

        Raises SinkError.
        """
        ...

    def find_obstacles(self, slots: Collection[Slot]) -> tuple[Finding, ...]:
        """Return what would keep slots from being written, whatever they hold. Raises SinkError."""
        ...


@runtime_checkable
class PlaceKeeper(Protocol):
    """A ledger that keeps known places."""

    def note_places(self, places: Collection[KnownPlace]) -> None:
        """Store these in place of all that were noted before. Raises LedgerError."""
        ...


def survey_changed(
    sink: SinkReader, slots: Collection[Slot], recall: Callable[[], Memory], *, is_examined: bool
) -> SurveyWithTraces:
    """Return what slots hold, and their traces; only those are read that may have changed.

    `recall` waits for the ledger, which no sink without traces has to. Raises SinkError.
    """
    if not isinstance(sink, Traceable):
        return survey(sink, slots, is_examined=is_examined), {}
    traces = sink.trace(slots)
    holdings = _find_unchanged(traces, recall())
    rest = survey(sink, [slot for slot in slots if slot not in holdings], is_examined=is_examined)
    obstacles = sink.find_obstacles(tuple(holdings)) if is_examined and holdings else ()
    # In the order of the slots, as a survey that reads them all has it.
    found = {slot: holdings.get(slot) or rest.holdings[slot] for slot in slots}
    return Survey(holdings=found, findings=(*rest.findings, *obstacles), unless_recorded=rest.unless_recorded), traces


def _find_unchanged(traces: Mapping[Slot, str], memory: Memory) -> dict[Slot, Holding]:
    """Return what slots hold as far as that is known without reading them."""
    if not memory.places:
        return {}
    receipts = {receipt.address: receipt for receipt in memory.receipts}
    return {
        slot: Holding(present=True, receipt=receipts[known.address], content=Content.MATCHES, revision=known.revision)
        for slot, trace in traces.items()
        if (known := memory.places.get((slot.sink, slot.location))) and known.trace == trace
    }


def list_settled(
    holdings: Mapping[Slot, Holding], answers: Mapping[SinkName, SurveyWithTraces], memory: Memory
) -> tuple[KnownPlace, ...]:
    """Return the places that hold what the ledger says and nothing else, sorted."""
    if not memory.editions:
        return ()
    traces = {slot: trace for _, traced in answers.values() for slot, trace in traced.items()}
    troubled = {
        (name, one.location)
        for name, (found, _) in answers.items()
        for one in (*found.findings, *found.unless_recorded)
    }
    receipts = {receipt.address: receipt for receipt in memory.receipts}
    settled = [
        KnownPlace(
            sink=slot.sink,
            location=slot.location,
            address=held.receipt.address,
            edition=memory.editions[held.receipt.address],
            trace=trace,
            revision=held.revision,
        )
        for slot, trace in traces.items()
        if (held := holdings[slot]).receipt is not None
        and _is_settled(held, receipts.get(held.receipt.address))
        and (slot.sink, slot.location) not in troubled
    ]
    return tuple(sorted(settled, key=lambda one: (one.sink, one.location)))


def _is_settled(held: Holding, recorded: Receipt | None) -> bool:
    # Observing puts the ledger's own receipt in place of one that agrees with it.
    is_plain = held.owner is None and held.intent is None and held.changed_at is None
    return is_plain and held.present and held.content is Content.MATCHES and held.receipt is recorded


def note_in(ledger: object) -> NotePlaces:
    """Return what stores settled places in a ledger, if it keeps places and any of them is news. Raises LedgerError."""

    def note(memory: Memory, settled: tuple[KnownPlace, ...]) -> None:
        if isinstance(ledger, PlaceKeeper) and {(one.sink, one.location): one for one in settled} != memory.places:
            ledger.note_places(settled)

    return note
