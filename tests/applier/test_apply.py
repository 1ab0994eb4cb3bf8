import sys
from collections.abc import Callable
from concurrent.futures import wait
from signal import SIGINT, pthread_kill
from threading import Barrier, Lock, get_ident, main_thread
from time import sleep
from types import FrameType
from typing import Any

import pytest
from samples import make_declaration, make_intent
from scenario import Scenario, Silent, Telling, assert_promise
from simulator import Fault

from keyplan.applier.apply import ISSUING_FAILED
from keyplan.applier.lane import STOPPED
from keyplan.model.identity import Address
from keyplan.model.manifest import Rotation
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Report

MANY = 6


def declare_many(scenario: Scenario, count: int = MANY) -> None:
    scenario.declare(*(make_declaration(f"key-{number}") for number in range(count)))


def types(report: Report) -> dict[str, list[str]]:
    """Return the kinds of outcomes of each address."""
    return {
        action.address: [type(outcome).__name__ for outcome in report.outcome_of(action.address)]
        for action in (outcome.action for outcome in report.outcomes)
    }


def test_a_report_is_in_the_order_of_the_plan(scenario: Scenario) -> None:
    declare_many(scenario)
    planned = [action.address for action in scenario.plan().actions]
    report = scenario.apply(parallelism=4)
    assert [outcome.action.address for outcome in report.outcomes] == planned
    assert (report.owner, report.digest, report.interrupted_by) == ("ml-platform", "test", None)


class Meeting:
    """Verifying calls wait here until so many of them are there at once."""

    def __init__(self, scenario: Scenario, parties: int) -> None:
        self._barrier = Barrier(parties)
        self._verify = scenario.world.provider.verify
        self.most = 0
        self._now = 0
        self._lock = Lock()
        scenario.world.provider.verify = self.verify  # type: ignore[method-assign]  # our own fake, not keyplan

    def verify(self, raw: Any) -> bool:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        self._barrier.wait(timeout=20)
        with self._lock:
            self._now -= 1
        return self._verify(raw)


def test_the_provider_is_called_for_so_many_keys_at_once_and_no_more(scenario: Scenario) -> None:
    declare_many(scenario)
    meeting = Meeting(scenario, parties=3)
    report = scenario.apply(parallelism=3)
    assert meeting.most == 3
    assert not report.failures


def test_one_address_is_never_worked_on_by_two_threads(scenario: Scenario) -> None:
    threads: dict[str, set[int]] = {}

    class Noting(Silent):
        def step(self, address: Address, what: str) -> None:
            threads.setdefault(address, set()).add(get_ident())

    declare_many(scenario)
    scenario.apply(stop=Noting(), parallelism=4)
    assert {len(seen) for seen in threads.values()} == {1}


def test_progress_is_told_of_the_whole_and_of_every_step(scenario: Scenario, telling: Telling) -> None:
    scenario.apply(stop=telling)
    steps = ["intend", "create", "verify", "deliver", "record", "finished"]
    assert telling.words == ["begin 1", *(f"user/ci {step}" for step in steps)]


def test_progress_finishes_what_failed_too(scenario: Scenario, telling: Telling) -> None:
    scenario.world.sinks["local"].writable = False
    scenario.apply(stop=telling)
    assert telling.words[-1] == "user/ci finished"


def test_nothing_undeclared_ends_when_something_could_not_be_issued(scenario: Scenario) -> None:
    scenario.declare(make_declaration("old"))
    scenario.apply()
    scenario.declare(make_declaration("new"), make_declaration("newer"))
    scenario.world.effects.inject(Fault.ERROR, "provider.create", times=1)
    report = scenario.apply()
    assert sorted(map(tuple, types(report).values())) == [("Done",), ("Failed",), ("NotTried",)]
    assert [outcome.why for outcome in report.outcomes if isinstance(outcome, NotTried)] == [ISSUING_FAILED]
    assert "old" in {record.name for record in scenario.world.provider.live()}


def test_an_earlier_failure_of_a_key_ends_its_later_steps(scenario: Scenario) -> None:
    scenario.declare(make_declaration())
    scenario.apply()
    scenario.world.restart()
    scenario.declare(make_declaration(rotation=Rotation(generation=2)))
    scenario.world.effects.inject(Fault.ERROR, "provider.refresh", times=1)
    assert [type(outcome) for outcome in scenario.apply().outcomes] == [Failed]


@pytest.mark.parametrize("questions", range(MANY + 1))
def test_after_the_first_signal_nothing_new_begins_and_what_runs_is_finished(
    scenario: Scenario, questions: int
) -> None:
    declare_many(scenario)
    report = scenario.apply(stop=Silent(stop_after=questions))
    done = [outcome for outcome in report.outcomes if isinstance(outcome, Done)]
    assert len(done) == questions
    assert len(scenario.world.delivered()) == questions
    assert report.interrupted_by == 2
    assert scenario.world.ledger.intents == {}


def test_what_is_undeclared_is_told_of_as_stopped_too(scenario: Scenario) -> None:
    scenario.declare(make_declaration("old"))
    scenario.apply()
    scenario.declare(make_declaration("new"))
    report = scenario.apply(stop=Silent(stop_after=0))
    assert [outcome.why for outcome in report.outcomes if isinstance(outcome, NotTried)] == [STOPPED, STOPPED]


def test_the_key_that_keyplan_presents_comes_last(scenario: Scenario) -> None:
    scenario.declare(make_declaration("a-self", may_rotate_itself=True), make_declaration("b"))
    scenario.apply()
    world = scenario.world
    world.provider.present(world.ledger.receipts[Address("user/a-self")].key_id)
    world.restart()
    rotation = Rotation(generation=2)
    scenario.declare(
        make_declaration("a-self", may_rotate_itself=True, rotation=rotation), make_declaration("b", rotation=rotation)
    )
    report = scenario.apply(parallelism=4)
    assert not report.failures
    subjects = [effect.subject for effect in world.effects.log if effect.name == "provider.refresh"]
    assert subjects == ["key-0002", "key-0001"]


def break_sink(scenario: Scenario, location: str, act: Callable[[], None]) -> None:
    """Let whoever notes an intent at that location run into something that nobody foresaw."""
    sink = scenario.world.sinks["local"]
    intend = sink.intend

    def broken(slot: Any, intent: Any, **further: Any) -> None:
        if slot.location == location:
            act()
        intend(slot, intent, **further)

    sink.intend = broken  # type: ignore[method-assign]  # our own fake, not keyplan


def raise_bug() -> None:
    raise TypeError("ak-canary")


def test_a_bug_in_one_key_costs_no_other_its_outcome(scenario: Scenario) -> None:
    declare_many(scenario)
    break_sink(scenario, "user/key-2", raise_bug)
    report = scenario.apply(parallelism=2)
    assert {address for address, kinds in types(report).items() if kinds == ["Done"]} == {
        f"user/key-{number}" for number in range(MANY) if number != 2
    }
    (failure,) = report.failures
    assert (failure.exit_status, failure.action.address) == (1, "user/key-2")
    assert "TypeError" in failure.message
    assert "canary" not in repr(report)


def test_the_next_run_finishes_what_a_bug_broke_off(scenario: Scenario) -> None:
    break_sink(scenario, "user/ci", raise_bug)
    scenario.apply()
    del scenario.world.sinks["local"].intend  # type: ignore[attr-defined]  # the simulated sink has it
    scenario.apply()
    assert_promise(scenario)


def test_a_second_signal_ends_the_waiting_and_leaves_the_rest_in_doubt(scenario: Scenario) -> None:
    """The main thread is interrupted as Python does it: by an exception while it waits."""
    gate = Barrier(2)

    def interrupt() -> None:
        main = main_thread().ident or 0
        while not _is_waiting(sys._current_frames()[main]):
            sleep(0.001)
        pthread_kill(main, SIGINT)
        gate.wait(timeout=20)

    declare_many(scenario, count=2)
    break_sink(scenario, "user/key-0", interrupt)
    report = scenario.apply(stop=Silent(stop_after=1), parallelism=1)
    gate.wait(timeout=20)
    assert [type(outcome) for outcome in report.outcomes] == [InDoubt, NotTried]


def _is_waiting(frame: FrameType | None) -> bool:
    """Whether a thread waits for futures."""
    while frame is not None:
        if frame.f_code is wait.__code__:
            return True
        frame = frame.f_back
    return False


def test_an_apply_is_remembered_with_its_counts(scenario: Scenario) -> None:
    declare_many(scenario)
    scenario.world.effects.inject(Fault.ERROR, "provider.create")
    scenario.apply()
    (entry,) = scenario.world.ledger.history()
    assert (entry.digest, entry.added, entry.failed) == ("test", MANY - 1, 1)


def test_a_history_that_cannot_be_written_hides_no_report(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ERROR, "ledger.remember")
    assert len(scenario.apply().outcomes) == 1


def test_an_intent_of_an_address_that_is_declared_no_longer_is_closed(scenario: Scenario) -> None:
    scenario.world.ledger.open_intent(make_intent(address=Address("user/removed")))
    scenario.world.ledger.open_intent(make_intent("theirs", address=Address("user/x"), owner="other-team"))
    scenario.apply()
    assert list(scenario.world.ledger.intents) == ["theirs"]


def test_a_run_for_some_targets_closes_no_intent_of_others(scenario: Scenario) -> None:
    scenario.world.ledger.open_intent(make_intent(address=Address("user/removed")))
    scenario.apply(targets=("user/ci",))
    assert len(scenario.world.ledger.intents) == 1


def test_an_intent_that_waits_for_a_person_stays_open(scenario: Scenario) -> None:
    scenario.world.ledger.open_intent(make_intent(attempts=5, at=scenario.world.clock.now()))
    scenario.apply()
    assert len(scenario.world.ledger.intents) == 1


def test_a_blocked_action_is_not_run(scenario: Scenario) -> None:
    scenario.world.provider.person_creates("ci")
    report = scenario.apply()
    assert (report.outcomes, len(scenario.world.provider.records)) == ((), 1)
