"""Intents go to the ledger and beside every slot, and are closed or marked as ended on every way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from samples import make_desired, make_holder, make_intent, make_runner
from simulator import FULL, Fault, World

from keyplan.applier.intent import Attempt, retract_intents
from keyplan.applier.workbench import Workbench
from keyplan.errors import LeaseLostError, LedgerError, SinkBusyError, SinkUnavailableError
from keyplan.model.basis import CreateBasis
from keyplan.model.identity import SinkName
from keyplan.model.intent import Intent
from keyplan.model.observation import Holding, Slot
from keyplan.model.plan import PlannedAction, Reason, Verb

HERE, THERE = (Slot(sink=SinkName(name), location="user/ci") for name in ("local", "remote"))
SLOTS = (HERE, THERE)


def make_world() -> World:
    """Return a world of two empty sinks."""
    return World(sinks={"local": FULL, "remote": FULL})


def make_bench(world: World, run: str = "run-1", seen: Mapping[Slot, Holding] | None = None) -> Workbench:
    """Return everything that an apply may touch there, as one run has it."""
    return Workbench(
        reader=world.provider,
        writer=world.provider,
        sinks=world.sinks,
        ledger=world.ledger,
        clock=world.clock,
        runner=make_runner(run),
        seen=seen or {},
    )


def look(world: World) -> dict[Slot, Holding]:
    """Return what a plan sees of the two places."""
    return {slot: world.sinks[slot.sink].inspect((slot,))[slot] for slot in SLOTS}


def start(bench: Workbench, intents: Iterable[Intent] = ()) -> Attempt:
    """Return an attempt to create `user/ci`."""
    basis = CreateBasis(desired=make_desired(), slots=SLOTS, intents=tuple(intents))
    action = PlannedAction(address=basis.desired.address, verb=Verb.CREATE, reason=Reason.ABSENT, basis=basis)
    return Attempt(action, basis, bench)


def noted(world: World) -> list[Intent | None]:
    """Return the intents beside the two places."""
    return [world.sinks[slot.sink].inspect((slot,))[slot].intent for slot in SLOTS]


def test_an_intent_names_its_run_and_the_end_of_its_lease() -> None:
    world = make_world()
    bench = make_bench(world)
    intent = start(bench).intent
    assert intent.runner == bench.runner
    assert intent.until == world.clock.now() + bench.runner.lease


def test_two_runs_at_one_instant_have_two_intents() -> None:
    world = make_world()
    assert start(make_bench(world, "one")).intent.id != start(make_bench(world, "two")).intent.id


def test_an_intent_is_in_the_ledger_before_any_sink_is_touched() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "ledger.open_intent", times=9)
    with pytest.raises(LedgerError):
        start(make_bench(world)).open()
    assert world.sinks[HERE.sink].cells == {}


def test_intents_are_noted_everywhere_until_one_place_refuses() -> None:
    world = make_world()
    world.effects.inject(Fault.ERROR, "sink.intend:remote", times=9)
    attempt = start(make_bench(world))
    with pytest.raises(SinkUnavailableError):
        attempt.open()
    assert noted(world) == [attempt.intent, None]


def test_an_attempt_that_is_left_open_is_marked_as_ended() -> None:
    world = make_world()
    with start(make_bench(world)) as attempt:
        attempt.open()
    ended = replace(attempt.intent, until=None)
    assert noted(world) == [ended, ended]
    assert world.ledger.recall().intents == (ended,)


def test_a_bug_in_between_leaves_no_run_waiting_either() -> None:
    world = make_world()

    def run() -> None:
        with start(make_bench(world)) as attempt:
            attempt.open()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run()
    assert [intent.until for intent in world.ledger.recall().intents] == [None]


def test_a_place_that_cannot_be_marked_hides_nothing() -> None:
    world = make_world()
    with start(make_bench(world)) as attempt:
        attempt.open()
        world.effects.inject(Fault.ERROR, "sink.intend:local", times=9)
        world.effects.inject(Fault.ERROR, "ledger.open_intent", times=9)
    assert noted(world) == [attempt.intent, replace(attempt.intent, until=None)]


def test_an_attempt_that_was_never_opened_or_is_closed_writes_nothing_at_its_end() -> None:
    world = make_world()
    with start(make_bench(world)):
        pass
    with start(make_bench(world)) as attempt:
        attempt.open()
        attempt.close()
        world.effects.log.clear()
    assert world.effects.log == []


def test_an_intent_that_led_to_nothing_is_taken_back_everywhere() -> None:
    world = make_world()
    with start(make_bench(world)) as attempt:
        attempt.open()
        attempt.abandon()
    assert (noted(world), world.ledger.recall().intents) == ([None, None], ())


def test_an_intent_of_an_earlier_run_stays_open_and_ended() -> None:
    world = make_world()
    earlier = make_intent()
    with start(make_bench(world, "later"), [earlier]) as attempt:
        attempt.open()
        attempt.abandon()
    (intent,) = world.ledger.recall().intents
    assert (intent.id, intent.attempts, intent.until, intent.run) == (earlier.id, 2, None, "later")


def test_of_two_runs_that_saw_the_same_place_one_is_kept_out() -> None:
    world = make_world()
    seen = look(world)
    first, second = (start(make_bench(world, run, seen)) for run in ("one", "two"))
    first.open()
    with pytest.raises(SinkBusyError, match="ada on build-7"), second:
        second.open()
    assert noted(world) == [first.intent, first.intent]


def test_an_intent_that_cannot_be_retracted_harms_nothing() -> None:
    world = make_world()
    start(make_bench(world)).open()
    bench = make_bench(world, "later", look(world))
    world.effects.inject(Fault.ERROR, "sink.retract:local")
    retract_intents([intent.id for intent in world.ledger.recall().intents], SLOTS, bench)
    here, there = noted(world)
    assert (here is None, there) == (False, None)


def test_an_intent_that_another_run_goes_on_with_is_not_retracted() -> None:
    world = make_world()
    first = start(make_bench(world, "one"))
    first.open()
    bench = make_bench(world, "two", look(world))
    goes_on = start(make_bench(world, "three"), [first.intent])
    goes_on.open()
    retract_intents([first.intent.id], SLOTS, bench)
    assert noted(world) == [goes_on.intent, goes_on.intent]


def test_a_step_of_a_lost_lease_is_not_tried_again() -> None:
    world = make_world()
    begun = world.clock.now()
    holder_lost = make_bench(world)
    with world.ledger.lock(make_holder(), patience=timedelta(0)):
        world.ledger.unlock("lock-1")
        with pytest.raises(LeaseLostError):
            start(holder_lost).open()
    assert world.clock.now() == begun
