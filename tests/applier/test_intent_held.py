"""What a sink without marks is told of its own earlier value: where the receipt says that one is."""

from __future__ import annotations

from samples import LINEAGE, LOCAL, make_declaration
from scenario import Scenario
from simulator import WEAK, SimulatedSink, World

from keyplan.model.intent import Intent
from keyplan.model.manifest import Rotation
from keyplan.model.observation import Revision, Slot
from keyplan.model.receipt import Delivered


class Listening(SimulatedSink):
    """A sink without marks that remembers what it was told."""

    heard: list[tuple[Delivered, ...]]

    def intend(self, slot: Slot, intent: Intent, *, over: Revision | None = None) -> None:
        self.heard.append(intent.held)


def test_a_first_delivery_tells_of_nothing_and_a_rotation_of_its_former_place() -> None:
    world = World(sinks={"local": WEAK})
    sink = Listening(LOCAL, world.clock, world.effects, lineage=LINEAGE, abilities=WEAK)
    sink.heard = []
    world.sinks[LOCAL] = sink
    scenario = Scenario(world)
    scenario.apply()
    scenario.declare(make_declaration(rotation=Rotation(generation=2)))
    scenario.apply()
    assert sink.heard == [(), (Delivered(LOCAL, "user/ci"),)]
