"""What is in the way of writing the places of a manifest, as far as it shows without writing.

Asked together with what the places hold, so that a plan can say what an apply would refuse.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.identity import Address, SinkName
from keyplan.model.ledger import Memory
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Holding, Slot, Survey
from keyplan.model.receipt import CLOCK_SKEW, Delivered
from keyplan.ports import Examinable, SinkReader, Surveyable


def survey(sink: SinkReader, slots: Collection[Slot], *, is_examined: bool) -> Survey:
    """Return what slots hold, and, if they are examined and the sink can determine it, what would prevent writing them.

    Raises SinkError if the sink can't be looked at.
    """
    if is_examined and isinstance(sink, Surveyable):
        return sink.survey(slots)
    holdings = sink.inspect(slots)
    if not is_examined or not isinstance(sink, Examinable):
        return Survey(holdings=holdings)
    try:
        return Survey(holdings=holdings, findings=sink.examine(slots))
    except SinkDeniedError as error:
        denied = Finding(
            area=Area.SINK, subject="writing", health=Health.BROKEN, detail=error.message, advice=error.advice
        )
        return Survey(holdings=holdings, findings=(denied,))


def find_in_the_way(
    manifest: Manifest,
    slots: Mapping[Address, tuple[Slot, ...]],
    surveys: Mapping[SinkName, Survey],
    memory: Memory,
) -> Mapping[Slot, tuple[Finding, ...]]:
    """Return what would keep each slot from being written; a slot that nothing is in the way of is left out.

    A value whose owner a sink can't determine is in the way unless ledger or receipts say that keyplan wrote it.
    """
    records: _FilledPlaces | None = None
    broken = {name: _by_location(one.findings) for name, one in surveys.items()}
    unowned = {name: _by_location(one.unless_recorded) for name, one in surveys.items()}
    found: dict[Slot, tuple[Finding, ...]] = {}
    for address, mine in slots.items():
        for slot in mine:
            about = [*broken[slot.sink].get("", ()), *broken[slot.sink].get(slot.location, ())]
            if slot.location in unowned[slot.sink]:
                records = records or _FilledPlaces(manifest, memory, surveys.values())
                if not records.say_it_is_ours(address, slot, surveys[slot.sink].holdings[slot]):
                    about += unowned[slot.sink][slot.location]
            if about:
                found[slot] = tuple(replace(finding, sink=slot.sink) for finding in about)
    return found


def _by_location(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    """Return what is broken by the place that it is about; empty for what is about the whole sink."""
    grouped: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.health is Health.BROKEN:
            grouped[finding.location].append(finding)
    return dict(grouped)


class _FilledPlaces:
    """What ledger and receipts know of places, as the intent of an apply will say it."""

    def __init__(self, manifest: Manifest, memory: Memory, surveys: Iterable[Survey]) -> None:
        self._former = {one.address: {one.address, *one.moved_from} for one in manifest.keys}
        self._intents = memory.intents
        self._filled: defaultdict[Delivered, set[Address]] = defaultdict(set)
        held = [holding.receipt for one in surveys for holding in one.holdings.values() if holding.receipt]
        for receipt in (*memory.receipts, *held):
            for delivered in receipt.delivered:
                self._filled[delivered].add(receipt.address)

    def say_it_is_ours(self, address: Address, slot: Slot, held: Holding) -> bool:
        """Whether keyplan wrote the value of a slot for this address, or for one whose place it may have taken."""
        own = self._former[address]
        if any(filled in own or filled not in self._former for filled in self._filled.get(slot.delivered, ())):
            return True
        # The place was free when the first attempt began: what came since is that run's own.
        begun = [intent.at for intent in self._intents if intent.address in own]
        return held.changed_at is not None and any(held.changed_at >= at - CLOCK_SKEW for at in begun)
