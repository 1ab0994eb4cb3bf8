"""A sink behind a window shows the same and does nothing."""

from __future__ import annotations

import pytest
from samples import LOCAL, OWNER, RAW, make_declaration, make_delivery, make_receipt
from simulator import Cell, World

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
