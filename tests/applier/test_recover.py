from datetime import timedelta
from typing import Any

import pytest
from samples import CREATOR, make_declaration
from scenario import Scenario, assert_promise, make_service
from simulator import BLIND, FULL, Fault, Killed, World

from keyplan.errors import ProviderDeniedError, ProviderUnavailableError
from keyplan.model.identity import Address
from keyplan.model.manifest import Adopt, OnDescriptionChange, ProviderSettings, Rotation
from keyplan.model.observation import Abilities
from keyplan.model.report import Done, InDoubt, Outcome
from keyplan.model.secret import RawKey

MOVED = Address("service/space-production/ingest")


@pytest.fixture
def scenario() -> Scenario:
    """Return a manifest that says who makes our keys: this world lists none by which that could be learned."""
    made = Scenario(provider=ProviderSettings(creators=(CREATOR,)))
    made.declare(make_declaration())
    return made


def apply(scenario: Scenario) -> Outcome:
    (outcome,) = scenario.apply().outcomes
    return outcome


def refreshing(overlap: timedelta = timedelta(0), **world: Any) -> Scenario:
    scenario = Scenario(World(**world))
    scenario.declare(make_declaration(rotation=Rotation(overlap=overlap)))
    scenario.apply()
    scenario.world.clock.advance(timedelta(hours=1))
    scenario.declare(make_declaration(rotation=Rotation(overlap=overlap, generation=2)))
    return scenario


def test_a_create_whose_answer_was_lost_is_finished_in_the_same_run(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    assert isinstance(apply(scenario), Done)
    assert scenario.world.effects.names().count("provider.create") == 1
    assert_promise(scenario)


def test_a_key_may_take_seconds_to_show(scenario: Scenario) -> None:
    scenario.world.provider.listing_lag = timedelta(seconds=5)
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    assert isinstance(apply(scenario), Done)


def test_a_key_that_does_not_show_in_time_leaves_the_intent_open(scenario: Scenario) -> None:
    scenario.world.provider.listing_lag = timedelta(minutes=1)
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    before = scenario.world.clock.now()
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert (outcome.exit_status, len(scenario.world.ledger.intents)) == (5, 1)
    assert scenario.world.clock.now() - before < timedelta(seconds=10)


def test_a_key_that_showed_late_is_finished_by_the_next_run(scenario: Scenario) -> None:
    scenario.world.provider.listing_lag = timedelta(minutes=1)
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    apply(scenario)
    scenario.world.clock.advance(timedelta(minutes=2))
    scenario.world.restart()
    assert scenario.words() == ["refresh unfinished"]
    assert isinstance(apply(scenario), Done)
    scenario.world.clock.advance(timedelta(minutes=2))
    assert scenario.world.effects.names().count("provider.create") == 0
    assert_promise(scenario)


def test_a_second_create_for_one_that_showed_late_is_cleaned_up(scenario: Scenario) -> None:
    scenario.world.provider.listing_lag = timedelta(minutes=1)
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    apply(scenario)
    apply(scenario)
    assert len(scenario.world.provider.live()) == 2
    scenario.world.clock.advance(timedelta(minutes=2))
    scenario.apply()
    # Nothing proves that no sink ever held the older one.
    assert scenario.words() == ["keep overlapping", "keep up_to_date"]
    scenario.world.clock.advance(timedelta(days=1))
    scenario.apply()
    assert len(scenario.world.provider.live()) == 1
    assert_promise(scenario)


def test_a_request_that_was_lost_makes_no_second_one_in_the_same_run(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.REQUEST_LOST, "provider.create")
    assert isinstance(apply(scenario), InDoubt)
    assert scenario.world.provider.records == {}


@pytest.mark.parametrize("refresh_id", ["new", "same"])
@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.REQUEST_LOST], ids=lambda fault: fault.value)
@pytest.mark.parametrize("overlap", [timedelta(0), timedelta(hours=2)], ids=["at once", "with grace"])
def test_a_refresh_in_doubt_is_finished_in_the_same_run(refresh_id: str, fault: Fault, overlap: timedelta) -> None:
    scenario = refreshing(overlap, refresh_id=refresh_id)
    held = next(iter(scenario.world.delivered().values()))
    scenario.world.effects.inject(fault, "provider.refresh")
    assert isinstance(apply(scenario), Done)
    assert_promise(scenario)
    assert scenario.world.provider.accepts(held) is bool(overlap)


def test_a_doubt_may_itself_end_in_doubt_and_is_looked_into_again(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.refresh", times=2)
    assert isinstance(apply(scenario), Done)
    assert_promise(scenario)


def test_answers_that_keep_getting_lost_leave_the_intent_open(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.refresh", times=9)
    assert isinstance(apply(scenario), InDoubt)
    assert scenario.world.effects.names().count("provider.refresh") == 3
    scenario.world.restart()
    scenario.apply()
    assert_promise(scenario)


def test_not_being_able_to_look_leaves_the_doubt(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    denied = ProviderDeniedError("403 Forbidden")
    scenario.world.effects.inject(Fault.ERROR, "provider.list_keys", skip=1, times=9, error=denied)
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert outcome.message == "provider.create: the answer was lost; then 403 Forbidden"


def test_of_several_newcomers_the_newest_is_taken_and_the_others_are_deleted(scenario: Scenario) -> None:
    world = scenario.world
    basis = scenario.plan().actions[0].basis
    marked = basis.wanted.full_description
    world.effects.visits[3] = lambda: [world.provider.person_creates("ci", description=marked) for _ in range(2)]
    world.effects.inject(Fault.REQUEST_LOST, "provider.create")
    assert isinstance(apply(scenario), Done)
    assert len(world.provider.live()) == 1


def test_without_markers_a_newcomer_is_known_by_type_and_name(scenario: Scenario) -> None:
    scenario.declare(make_declaration(), marker=False)
    scenario.world.provider.person_creates("other")
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    assert isinstance(apply(scenario), Done)
    assert sorted(record.name for record in scenario.world.provider.live()) == ["ci", "other"]


def test_a_key_that_an_earlier_run_left_is_no_newcomer_of_this_one() -> None:
    """The replace that is under way would delete what it just delivered."""
    scenario = Scenario(World(refresh_id="same"))
    scenario.world.effects.inject(Fault.KILL_AFTER, "provider.create")
    with pytest.raises(Killed):
        scenario.apply()
    scenario.world.restart()
    scenario.declare(make_declaration(description="another", on_description_change=OnDescriptionChange.REPLACE))
    assert scenario.words() == ["replace unfinished"]
    scenario.world.effects.inject(Fault.REQUEST_LOST, "provider.create")
    assert isinstance(apply(scenario), InDoubt)
    assert scenario.world.delivered() == {}


@pytest.mark.parametrize("fault", [Fault.ANSWER_LOST, Fault.REQUEST_LOST], ids=lambda fault: fault.value)
def test_an_adoption_in_doubt_is_finished_though_its_key_carries_no_marker(fault: Fault) -> None:
    scenario = Scenario()
    scenario.world.provider.person_creates("ci")
    scenario.declare(make_declaration(adopt=Adopt.REFRESH))
    scenario.world.effects.inject(fault, "provider.refresh")
    assert isinstance(apply(scenario), Done)
    assert scenario.world.provider.accepts(*scenario.world.delivered().values())


def test_a_refresh_of_a_moved_key_in_doubt_is_finished_though_it_carries_the_old_marker() -> None:
    scenario = Scenario()
    scenario.declare(make_service())
    scenario.apply()
    moved = make_service(address=MOVED, moved_from=(make_service().address,), rotation=Rotation(generation=2))
    scenario.declare(moved)
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.refresh")
    assert isinstance(apply(scenario), Done)
    assert_promise(scenario)


def test_a_namesake_made_by_hand_is_not_taken_for_the_key_of_an_open_intent() -> None:
    scenario = refreshing()
    scenario.world.effects.inject(Fault.KILL_BEFORE, "provider.refresh")
    with pytest.raises(Killed):
        scenario.apply()
    scenario.world.restart()
    by_hand = scenario.world.provider.person_creates("ci")
    scenario.apply()
    assert scenario.world.provider.records[by_hand.id] == by_hand


def test_a_newcomer_that_may_not_be_refreshed_stays_in_doubt(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    unavailable = ProviderUnavailableError("503")
    scenario.world.effects.inject(Fault.ERROR, "provider.refresh", times=9, error=unavailable)
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert outcome.message.endswith("; then 503")


# Laws without a refresh, or with one earlier raw key.


def of_phoenix(sink: Abilities = FULL) -> Scenario:
    made = Scenario(World(dialect="phoenix", sinks={"local": sink}))
    made.declare(make_declaration())
    return made


def test_a_lost_create_without_a_refresh_is_deleted_and_made_again() -> None:
    scenario = of_phoenix()
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    assert isinstance(apply(scenario), Done)
    assert scenario.world.effects.names().count("provider.create") == 2
    assert len(scenario.world.provider.live()) == 1
    assert_promise(scenario)


def test_a_lost_create_that_may_be_another_runs_is_left_alone_in_this_run() -> None:
    scenario = of_phoenix(BLIND)
    scenario.world.effects.inject(Fault.ANSWER_LOST, "provider.create")
    assert isinstance(apply(scenario), InDoubt)
    assert scenario.world.effects.names().count("provider.delete") == 0


@pytest.mark.parametrize("dialect", ["phoenix", "zenml"])
def test_a_key_that_another_run_ended_after_its_delivery_stays_in_doubt(dialect: Any) -> None:
    scenario = Scenario(World(dialect=dialect, sinks={"local": BLIND}))
    scenario.declare(make_declaration(rotation=Rotation(overlap=timedelta(hours=1))))
    if dialect == "zenml":
        assert isinstance(apply(scenario), Done)
        scenario.declare(make_declaration(rotation=Rotation(overlap=timedelta(hours=1), generation=2)))
    provider, accepted = scenario.world.provider, []

    def refuse_after_the_first(raw: RawKey) -> bool:
        accepted.append(raw)
        return len(accepted) == 1

    provider.verify = refuse_after_the_first  # type: ignore[method-assign]  # another run that ends the key in between
    assert isinstance(apply(scenario), InDoubt)
