import re
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

import pytest
from scenario import Silent
from simulator import Killed

from keyplan.applier.lane import CUT_SHORT, STEP_FAILED, STOPPED, Lane
from keyplan.model.identity import Address
from keyplan.model.plan import Action, Reason, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Outcome

MAKE = Action(address=Address("user/ci"), verb=Verb.REPLACE, reason=Reason.CHANGED)
RETIRE = replace(MAKE, verb=Verb.DELETE, reason=Reason.SUPERSEDED)
KEEP = replace(MAKE, verb=Verb.KEEP, reason=Reason.OVERLAPPING)


def run(perform: Callable[[Action], Outcome | None], *actions: Action, stop: Silent | None = None) -> list[Outcome]:
    lane, future = Lane(actions, perform, stop or Silent()), Future[None]()
    try:
        lane.run()
    except BaseException as error:  # noqa: BLE001 - as a thread pool does it
        future.set_exception(error)
    else:
        future.set_result(None)
    return lane.settle(future)


def succeed(action: Action) -> Outcome:
    return Done(action=action)


def fail(action: Action) -> Outcome:
    return Failed(action=action, message="no")


def explode(action: Action) -> Outcome:
    raise TypeError("ak-canary")


def keep_quiet(action: Action) -> None:
    return None


def test_actions_run_in_their_order() -> None:
    assert run(succeed, MAKE, RETIRE) == [Done(action=MAKE), Done(action=RETIRE)]


def test_after_a_failure_the_rest_is_not_tried() -> None:
    assert run(fail, MAKE, RETIRE)[1] == NotTried(action=RETIRE, why=STEP_FAILED)


def test_once_told_to_stop_nothing_new_begins() -> None:
    assert run(succeed, MAKE, RETIRE, stop=Silent(stop_after=1)) == [
        Done(action=MAKE),
        NotTried(action=RETIRE, why=STOPPED),
    ]


def test_a_kept_key_that_needs_nothing_is_not_told_of() -> None:
    assert run(keep_quiet, KEEP) == []


def test_a_kept_key_that_was_not_reached_is_not_told_of() -> None:
    assert run(fail, MAKE, KEEP) == [Failed(action=MAKE, message="no")]


def test_a_kept_key_that_could_not_be_kept_in_order_is_told_of() -> None:
    assert run(fail, KEEP) == [Failed(action=KEEP, message="no")]


def test_a_bug_is_an_outcome_that_names_its_class_and_place() -> None:
    (outcome,) = run(explode, MAKE)
    assert isinstance(outcome, Failed)
    assert re.fullmatch(r"this is a bug in keyplan: TypeError at \S+test_lane\.py:\d+", outcome.message)
    assert outcome.trace.endswith(" in explode\nTypeError")
    assert outcome.exit_status == 1


def test_the_text_of_a_bug_is_told_to_nobody() -> None:
    assert "canary" not in repr(run(explode, MAKE))


def test_a_bug_keeps_what_was_done_before_it_and_ends_what_comes_after() -> None:
    actions = (MAKE, RETIRE, KEEP, RETIRE)
    outcomes = run(lambda action: succeed(action) if action is MAKE else explode(action), *actions)
    assert [type(outcome) for outcome in outcomes] == [Done, Failed, NotTried]


def test_the_death_of_the_process_is_no_outcome() -> None:
    def die(action: Action) -> Outcome:
        raise Killed("now")

    with pytest.raises(Killed):
        run(die, MAKE)


def test_a_lane_that_was_never_begun_was_not_tried() -> None:
    lane, future = Lane((MAKE, KEEP), succeed, Silent()), Future[None]()
    future.cancel()
    assert lane.settle(future) == [NotTried(action=MAKE, why=STOPPED)]


def test_a_lane_that_is_left_alone_halfway_is_in_doubt() -> None:
    told: list[Outcome] = []

    def look_in(action: Action) -> Outcome:
        if action is RETIRE:
            told.extend(lane.settle(Future()))
        return Done(action=action)

    last = replace(RETIRE, key_id="key-9")
    lane = Lane((MAKE, RETIRE, last), look_in, Silent())
    lane.run()
    assert [type(outcome) for outcome in told] == [Done, InDoubt, NotTried]
    assert told[1].message == CUT_SHORT  # type: ignore[union-attr]  # it failed, as the line before says
