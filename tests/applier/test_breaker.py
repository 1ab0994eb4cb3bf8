"""One dead sink ends no keys whose successors reach no consumer."""

from __future__ import annotations

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from samples import make_declaration, make_delivery
from scenario import Scenario, assert_promise, make_manifest
from simulator import FULL, Fault, World

from keyplan.applier.breaker import Breaker
from keyplan.errors import KeyplanError, SinkBusyError, SinkDeniedError, SinkPausedError
from keyplan.model.identity import SinkName
from keyplan.model.manifest import Rotation
from keyplan.model.observation import Slot
from keyplan.model.report import NotTried, Report

MANY = 12
ALWAYS = 10**6
HERE, THERE = (Slot(sink=SinkName(name), location="user/ci") for name in ("local", "remote"))
DENIED = SinkDeniedError("no right to write")
BUSY = SinkBusyError("another run is about to write there")


def declare(scenario: Scenario, **rotation: Any) -> None:
    wanted = Rotation(**{"overlap": timedelta(0)} | rotation)
    scenario.declare(*(make_declaration(f"key-{number:02}", rotation=wanted) for number in range(MANY)))


def deliver_all(scenario: Scenario) -> dict[str, str]:
    """Deliver the first generation, and return what the places hold."""
    declare(scenario)
    scenario.apply()
    scenario.world.restart()
    return scenario.world.delivered()


def count_dead(scenario: Scenario) -> int:
    """Return how many places hold a raw key that no longer works."""
    world, now = scenario.world, scenario.world.clock.now()
    live = world.provider.live()
    return sum(not any(record.accepts(raw, now) for record in live) for raw in world.delivered().values())


def kinds(report: Report) -> list[str]:
    return [type(outcome).__name__ for outcome in report.outcomes]


@pytest.mark.parametrize("parallelism", [1, 8])
@pytest.mark.parametrize("error", [None, DENIED], ids=["cannot be reached", "refuses"])
def test_a_sink_that_takes_intents_and_no_values_costs_two_keys(
    scenario: Scenario, parallelism: int, error: KeyplanError | None
) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    scenario.world.effects.inject(Fault.ERROR, "sink.put:*", times=ALWAYS, error=error)
    report = scenario.apply(parallelism=parallelism)
    assert count_dead(scenario) == 2
    assert kinds(report).count("NotTried") == MANY - 2
    (why,) = {outcome.why for outcome in report.outcomes if isinstance(outcome, NotTried)}
    assert why == "sink 'local' refused or failed twice in a row, so this run issues no new key for it"
    assert scenario.world.effects.names().count("provider.refresh") == 2


def test_a_sink_that_dies_on_the_way_costs_two_keys(scenario: Scenario) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    scenario.world.effects.inject(Fault.ERROR, "sink.put:*", skip=4, times=ALWAYS)
    report = scenario.apply(parallelism=1)
    assert count_dead(scenario) == 2
    assert (kinds(report).count("Done"), kinds(report).count("NotTried")) == (4, MANY - 6)


@pytest.mark.parametrize("round_number", range(5))
def test_with_eight_lanes_at_most_eight_keys_are_under_way_when_a_sink_dies(
    scenario: Scenario, round_number: int
) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    scenario.world.effects.inject(Fault.ERROR, "sink.put:*", skip=1 + round_number, times=ALWAYS)
    scenario.apply(parallelism=8)
    assert 2 <= count_dead(scenario) <= 8


def test_a_sink_that_takes_no_intent_costs_no_key_and_is_not_tried_for_each(scenario: Scenario) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    scenario.world.effects.inject(Fault.ERROR, "sink.intend:*", times=ALWAYS)
    report = scenario.apply()
    assert count_dead(scenario) == 0
    assert kinds(report) == ["Failed"] * 2 + ["NotTried"] * (MANY - 2)
    assert scenario.world.ledger.intents == {}


def test_a_sink_that_throttles_for_too_long_is_asked_once_for_each_of_two_keys(scenario: Scenario) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    paused = SinkPausedError("busy or throttled until tomorrow")
    scenario.world.effects.inject(Fault.ERROR, "sink.intend:*", times=ALWAYS, error=paused)
    began = scenario.world.clock.now()
    report = scenario.apply()
    assert kinds(report) == ["Failed"] * 2 + ["NotTried"] * (MANY - 2)
    assert scenario.world.clock.now() == began, "the applier adds no waiting of its own"


def test_a_place_that_may_not_be_written_says_nothing_of_the_others(scenario: Scenario) -> None:
    declare(scenario)
    for number in range(3):
        scenario.world.sinks[SinkName("local")].person_writes(f"user/key-{number:02}", "ak-of-a-user")
    report = scenario.apply()
    assert kinds(report) == ["Failed"] * 3 + ["Done"] * (MANY - 3)


def test_a_key_that_was_stored_resets_the_count(scenario: Scenario) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    for skip in (0, 1, 2):
        # Each refused once, with a success between them.
        scenario.world.effects.inject(Fault.ERROR, "sink.put:*", skip=skip, times=1, error=DENIED)
    report = scenario.apply()
    assert "NotTried" not in kinds(report)


def test_a_place_that_another_run_has_is_no_failure_of_the_sink(scenario: Scenario) -> None:
    declare(scenario)
    scenario.world.effects.inject(Fault.ERROR, "sink.put:*", times=3, error=BUSY)
    report = scenario.apply()
    assert kinds(report) == ["Failed"] * 3 + ["Done"] * (MANY - 3)


def test_a_key_of_another_sink_goes_on() -> None:
    scenario = Scenario(world=World(sinks={"dead": FULL, "local": FULL}))
    keys = [
        make_declaration(f"key-{number:02}", deliveries=(make_delivery(sink=("dead", "local")[number % 2]),))
        for number in range(MANY)
    ]
    scenario.manifest = make_manifest(*keys, sinks=("dead", "local"))
    scenario.world.effects.inject(Fault.ERROR, "sink.put:dead", times=ALWAYS)
    report = scenario.apply()
    assert kinds(report)[:4] == ["Failed", "Done", "Failed", "Done"]
    assert set(kinds(report)[4::2]) == {"NotTried"}
    assert set(kinds(report)[5::2]) == {"Done"}


def test_the_next_run_begins_anew_and_finishes_everything(scenario: Scenario) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    scenario.world.effects.inject(Fault.ERROR, "sink.put:*", times=ALWAYS)
    scenario.apply(parallelism=8)
    scenario.world.restart()
    scenario.apply(parallelism=8)
    assert_promise(scenario)
    assert count_dead(scenario) == 0


def test_what_is_issued_already_is_still_delivered() -> None:
    breaker = Breaker(8)
    breaker.note_stored(HERE.sink)
    with breaker.admit((HERE,), ends_key=True) as first:
        breaker.note_failed(HERE.sink)
        breaker.note_failed(HERE.sink)
        assert first == ""
        breaker.note_stored(HERE.sink)
    assert breaker.explain_tripped((HERE,)) == ""


def test_an_intent_of_a_lane_that_learns_too_late_is_taken_back(scenario: Scenario) -> None:
    deliver_all(scenario)
    declare(scenario, generation=2)
    world = scenario.world
    original = world.ledger.open_intent

    def trip(intent: Any) -> None:
        # As other lanes do, between this one's look at the breaker and its turn.
        original(intent)
        world.effects.inject(Fault.ERROR, "sink.put:*", times=ALWAYS)

    world.ledger.open_intent = trip  # type: ignore[method-assign]  # our own fake, not keyplan
    report = scenario.apply(parallelism=8)
    assert kinds(report).count("NotTried") == MANY - 2
    assert len(world.ledger.intents) == 2, "only the two that were issued stay open"


def test_who_ends_a_key_waits_until_a_sink_has_taken_one_and_others_do_not() -> None:
    breaker = Breaker(2)
    entered = Event()

    def enter() -> None:
        with breaker.admit((HERE, THERE), ends_key=True):
            entered.set()

    with breaker.admit((HERE,), ends_key=True):
        waiting = Thread(target=enter)
        waiting.start()
        with breaker.admit((HERE,), ends_key=False) as why:
            assert why == ""
        assert not entered.wait(0.05)
        breaker.note_stored(HERE.sink)
        assert entered.wait(20)
    waiting.join()


def test_all_that_tripped_are_named() -> None:
    breaker = Breaker()
    for slot in (THERE, HERE) * 2:
        breaker.note_failed(slot.sink)
    assert breaker.explain_tripped((THERE, HERE)).startswith("sink 'local' and 'remote' refused or failed twice")
    with breaker.admit((HERE,), ends_key=True) as why:
        assert why
