"""A sink behind a window shows the same and does nothing."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from samples import LINEAGE, LOCAL, OWNER, RAW, make_declaration, make_delivery, make_receipt
from simulated.candid import CandidSink, make_finding
from simulator import Cell, SimulatedSink, World

from keyplan.model.examination import Finding
from keyplan.model.observation import Slot
from keyplan.ports import Sink, SinkReader
from keyplan.sinks.read_only import ReadOnlySink


@pytest.fixture
def world() -> World:
    """Return a world in which somebody has delivered a key."""
    world = World()
    world.sinks[LOCAL].cells["user/ci"] = Cell(raw=RAW, owner=OWNER, receipt=make_receipt())
    return world


def test_it_shows_what_the_sink_shows(world: World) -> None:
    sink = world.sinks[LOCAL]
    window: SinkReader = ReadOnlySink(sink)
    slot = window.locate(OWNER, make_declaration(), make_delivery())
    assert (window.abilities, slot) == (sink.abilities, sink.locate(OWNER, make_declaration(), make_delivery()))
    assert window.inspect([slot]) == sink.inspect([slot])
    assert window.inspect([slot])[slot].present


def test_it_has_no_other_method_of_a_sink(world: World) -> None:
    names = {name for name in dir(Sink) if not name.startswith("_")}
    assert {name for name in names if hasattr(ReadOnlySink(world.sinks[LOCAL]), name)} == {
        "abilities",
        "inspect",
        "locate",
    }


def test_what_is_in_the_way_is_seen_through_the_window(world: World) -> None:
    candid = CandidSink(LOCAL, world.clock, world.effects, lineage=LINEAGE)
    candid.obstacles = ("user/ci",)
    slot = candid.locate(OWNER, make_declaration(), make_delivery())
    (finding,) = ReadOnlySink(candid).survey([slot]).findings
    assert finding.location == slot.location
    assert ReadOnlySink(world.sinks[LOCAL]).survey([slot]).findings == ()


class Examined(SimulatedSink):
    """A sink of a plugin that examines apart from looking."""

    def examine(self, slots: Collection[Slot]) -> tuple[Finding, ...]:
        return tuple(make_finding(slot.location) for slot in slots)


def test_a_sink_that_examines_apart_is_asked_for_both(world: World) -> None:
    sink = Examined(LOCAL, world.clock, world.effects, lineage=LINEAGE)
    slot = sink.locate(OWNER, make_declaration(), make_delivery())
    survey = ReadOnlySink(sink).survey([slot])
    assert (list(survey.holdings), [finding.location for finding in survey.findings]) == ([slot], [slot.location])
