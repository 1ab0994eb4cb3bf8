import pytest
from samples import LOCAL, RENAMED_LINEAGE
from simulator import BLIND, FULL, WEAK, WRITE_ONLY, World

from keyplan.model.observation import Slot
from keyplan.ports import Sink
from keyplan.testing.sinks import SinkContract


class TestSimulatedSink(SinkContract):
    @pytest.fixture(params=[FULL, WRITE_ONLY, WEAK, BLIND], ids=["full", "write only", "weak", "blind"])
    def sink(self, request: pytest.FixtureRequest) -> Sink:
        self.simulated = World(sinks={"local": request.param}, lineage=RENAMED_LINEAGE).sinks[LOCAL]
        return self.simulated

    def value_at(self, slot: Slot) -> str | None:
        return self.simulated.values().get(slot.location)

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.simulated.person_writes(slot.location, raw_text)
