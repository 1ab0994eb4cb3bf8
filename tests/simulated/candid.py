"""A simulated sink that says beforehand what it would refuse, as the engine of the real ones does."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from keyplan.errors import SinkDeniedError
from keyplan.model.examination import Area, Finding, Health
from keyplan.model.observation import Slot, Survey
from keyplan.simulated.sink import Cell, SimulatedSink


class CandidSink(SimulatedSink):
    """Implements Surveyable, too: finds broken what `intend` would refuse, and what a test adds."""

    obstacles: tuple[str, ...] = ()
    """Locations that can't be written for a reason of the sink's own."""
    surveys = 0
    """How often it was asked."""

    def survey(self, slots: Collection[Slot]) -> Survey:
        """Return what the cells hold, and what is in the way."""
        self.surveys += 1
        return Survey(holdings=self.inspect(slots), findings=tuple(self._find(slots)))

    def _find(self, slots: Collection[Slot]) -> Iterator[Finding]:
        for slot in slots:
            try:
                self._writable(slot)
            except SinkDeniedError as error:
                yield make_finding(slot.location, error.message, advice=error.advice)

    def _writable(self, slot: Slot) -> Cell:
        if slot.location in self.obstacles:
            raise SinkDeniedError(f"{slot.location}: the file is immutable", advice="take that flag off")
        return super()._writable(slot)


def make_finding(
    location: str, detail: str = "in the way", *, advice: str = "", health: Health = Health.BROKEN
) -> Finding:
    """Return a finding about a place of a sink, or with an empty location about all of them."""
    return Finding(area=Area.SINK, subject="writing", location=location, health=health, detail=detail, advice=advice)
