"""Intents go to the ledger and beside every slot, and come back from there."""

from __future__ import annotations

import pytest
from samples import make_intent
from simulator import FULL, Fault, World

from keyplan.applier.intent import open_intent, retract_intents
from keyplan.applier.workbench import Workbench
from keyplan.errors import LedgerError, SinkUnavailableError
from keyplan.model.identity import SinkName
from keyplan.model.observation import Slot

HERE, THERE = (Slot(sink=SinkName(name), location="user/ci") for name in ("local", "remote"))


def make_world() -> World:
    """Return a world of two empty sinks."""
    return World(sinks={"local": FULL, "remote": FULL})


def make_bench(world: World) -> Workbench:
    """Return everything that an apply may touch there."""
    return Workbench(
        reader=world.provider, writer=world.provider, sinks=world.sinks, ledger=world.ledger, clock=world.clock
    )


def test_an_intent_is_in_the_ledger_before_any_sink_is_touched() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "ledger.open_intent", times=9)
    with pytest.raises(LedgerError):
        open_intent(make_intent(), (HERE,), make_bench(world))
    assert world.sinks[HERE.sink].cells == {}


def test_intents_are_noted_everywhere_until_one_place_refuses() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "sink.intend:remote", times=9)
    with pytest.raises(SinkUnavailableError):
        open_intent(make_intent(), (HERE, THERE), make_bench(world))
    assert world.sinks[HERE.sink].cells["user/ci"].intent == make_intent()


def test_an_intent_that_cannot_be_retracted_harms_nothing() -> None:
    world = make_world()
    bench = make_bench(world)
    open_intent(make_intent(), (HERE, THERE), bench)
    world.effects.inject(Fault.ERROR, "sink.retract:local")
    retract_intents((make_intent(),), (HERE, THERE), bench)
    assert world.sinks[HERE.sink].cells["user/ci"].intent is not None
    assert "user/ci" not in world.sinks[THERE.sink].cells
