from dataclasses import replace
from datetime import timedelta
from typing import Any

from samples import AT_ONCE, make_declaration, make_intent
from scenario import Scenario, make_service
from simulator import BLIND, FULL, Fault, World

from keyplan.errors import ProviderDeniedError, ProviderUnavailableError, SinkDeniedError
from keyplan.model.identity import Address
from keyplan.model.manifest import OnDescriptionChange
from keyplan.model.report import Done, Failed, InDoubt, Outcome

DENIED = SinkDeniedError("no right to write", advice="ask for it")
FORBIDDEN = ProviderDeniedError("403 Forbidden", advice="give it its role back")


def apply(scenario: Scenario, **arguments: Any) -> Outcome:
    (outcome,) = scenario.apply(**arguments).outcomes
    return outcome


def failed(scenario: Scenario, **arguments: Any) -> Failed:
    outcome = apply(scenario, **arguments)
    assert isinstance(outcome, Failed)
    return outcome


def applied(*, sinks: Any = None, dialect: Any = "beta", **declared: Any) -> Scenario:
    """Return a scenario in which one key was made and delivered."""
    scenario = Scenario(World(sinks=sinks, dialect=dialect))
    scenario.declare(make_declaration(**declared))
    scenario.apply()
    scenario.world.clock.advance(timedelta(hours=1))
    scenario.world.restart()
    return scenario


def replacing(**arguments: Any) -> Scenario:
    scenario = applied(**arguments)
    scenario.declare(
        make_declaration(description="another", rotation=AT_ONCE, on_description_change=OnDescriptionChange.REPLACE)
    )
    return scenario


def refreshing(**arguments: Any) -> Scenario:
    scenario = applied(**arguments)
    scenario.declare(make_declaration(rotation=replace(AT_ONCE, generation=2)))
    return scenario


def test_the_order_is_intend_issue_verify_deliver_record(scenario: Scenario) -> None:
    apply(scenario)
    assert scenario.world.effects.names()[:-1] == [
        "ledger.open_intent",
        "sink.intend:local",
        "provider.create",
        "provider.verify",
        "sink.put:local",
        "ledger.record",
    ]


def test_the_old_key_is_deleted_last() -> None:
    scenario = replacing()
    apply(scenario)
    assert scenario.world.effects.names()[-3:-1] == ["ledger.record", "provider.delete"]


def test_an_outcome_says_which_key_it_is_and_where_it_went(scenario: Scenario) -> None:
    outcome = apply(scenario)
    assert isinstance(outcome, Done)
    assert (outcome.key_id, outcome.delivered, outcome.notes) == ("key-0001", ("local:user/ci",), ())


def test_a_ledger_that_cannot_be_written_stops_before_anything_is_issued(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ERROR, "ledger.open_intent", times=99)
    assert failed(scenario).exit_status == 7
    assert scenario.world.provider.records == {}


def test_a_sink_that_cannot_be_written_stops_before_anything_is_issued(scenario: Scenario) -> None:
    scenario.world.sinks["local"].writable = False
    outcome = failed(scenario)
    assert (outcome.exit_status, outcome.advice, outcome.next_run) == (6, "", "tries again")
    assert scenario.world.provider.records == {}
    assert scenario.world.ledger.intents == {}


def test_a_provider_that_refuses_is_asked_once_and_leaves_no_intent(scenario: Scenario) -> None:
    scenario.world.provider.spaces.clear()
    scenario.world.effects.inject(Fault.ERROR, "provider.create", times=9, error=FORBIDDEN)
    outcome = failed(scenario)
    assert (outcome.message, outcome.advice, outcome.exit_status) == ("403 Forbidden", "give it its role back", 5)
    assert scenario.world.effects.names().count("provider.create") == 1
    assert scenario.world.ledger.intents == {}
    assert scenario.world.sinks["local"].cells == {}


def test_an_intent_that_cannot_be_closed_is_closed_by_the_next_run(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ERROR, "provider.create", error=FORBIDDEN)
    scenario.world.effects.inject(Fault.ERROR, "ledger.close_intent")
    failed(scenario)
    assert len(scenario.world.ledger.intents) == 1
    apply(scenario)
    assert scenario.world.ledger.intents == {}


def test_a_new_key_may_need_some_seconds_to_authenticate(scenario: Scenario) -> None:
    scenario.world.provider.verifications_refused = 3
    assert isinstance(apply(scenario), Done)


def test_a_new_key_that_does_not_authenticate_is_deleted_and_the_old_one_lives_on() -> None:
    scenario = replacing()
    before = scenario.world.delivered()
    scenario.world.provider.verifications_refused = 99
    outcome = failed(scenario)
    assert (outcome.exit_status, outcome.next_run) == (5, "tries again")
    assert scenario.world.delivered() == before
    assert [record.id for record in scenario.world.provider.live()] == ["key-0001"]


def test_a_verification_without_an_answer_is_no_yes() -> None:
    scenario = replacing()
    scenario.world.effects.inject(Fault.ERROR, "provider.verify", times=9, error=ProviderUnavailableError("503"))
    assert "does not authenticate" in failed(scenario).message


def test_a_refreshed_key_that_does_not_authenticate_goes_over_a_dead_one_and_leaves_a_doubt() -> None:
    scenario = refreshing()
    scenario.world.provider.verifications_refused = 99
    outcome = apply(scenario)
    assert isinstance(outcome, InDoubt)
    assert outcome.exit_status == 5
    assert "delivered to local:user/ci, which held a dead one" in outcome.message
    assert scenario.world.provider.accepts(*scenario.world.delivered().values())
    assert [intent.until for intent in scenario.world.ledger.intents.values()] == [None]


def test_a_new_key_that_no_sink_takes_is_deleted_and_the_old_one_lives_on() -> None:
    scenario = replacing()
    scenario.world.effects.inject(Fault.ERROR, "sink.put:*", times=99, error=DENIED)
    outcome = failed(scenario)
    assert (outcome.message, outcome.advice) == ("local:user/ci: no right to write", "ask for it")
    assert [record.id for record in scenario.world.provider.live()] == ["key-0001"]
    assert scenario.world.ledger.intents == {}


def test_a_refreshed_key_that_no_sink_takes_keeps_its_intent() -> None:
    scenario = refreshing()
    scenario.world.effects.inject(Fault.ERROR, "sink.put:*", times=99, error=DENIED)
    assert failed(scenario).next_run == "gives it a new raw key and delivers that to every sink"
    assert len(scenario.world.ledger.intents) == 1


def test_a_key_that_some_sinks_took_lives_on_beside_the_old_one() -> None:
    scenario = replacing(sinks={"local": FULL, "remote": FULL})
    scenario.world.effects.inject(Fault.ERROR, "sink.put:remote", times=99)
    assert failed(scenario).exit_status == 6
    assert len(scenario.world.provider.live()) == 2
    assert len(scenario.world.ledger.intents) == 1
    (receipt,) = scenario.world.ledger.receipts.values()
    assert [place.sink for place in receipt.delivered] == ["local"]


def test_a_key_that_a_blind_sink_may_have_taken_is_not_deleted() -> None:
    scenario = replacing(sinks={"local": BLIND})
    scenario.world.effects.inject(Fault.ANSWER_LOST, "sink.put:*", times=99)
    failed(scenario)
    assert len(scenario.world.provider.live()) == 2
    assert scenario.world.provider.accepts(*scenario.world.delivered().values())


def test_a_key_that_could_not_be_deleted_again_is_named() -> None:
    scenario = replacing()
    scenario.world.provider.verifications_refused = 99
    scenario.world.effects.inject(Fault.ERROR, "provider.delete", times=99, error=FORBIDDEN)
    outcome = failed(scenario)
    assert "deleting key-0002 again failed too: 403 Forbidden" in outcome.message
    assert outcome.next_run == "deletes it, or finishes with it"
    assert len(scenario.world.ledger.intents) == 1


def test_a_receipt_that_cannot_be_recorded_stands_beside_the_secret(scenario: Scenario) -> None:
    scenario.world.effects.inject(Fault.ERROR, "ledger.record", times=99)
    assert failed(scenario).exit_status == 7
    assert scenario.world.sinks["local"].cells["user/ci"].receipt is not None
    scenario.world.restart()
    assert scenario.apply().outcomes == ()
    assert scenario.world.ledger.receipts


def test_an_old_key_that_cannot_be_deleted_is_named_and_deleted_by_the_next_run() -> None:
    scenario = replacing()
    scenario.world.effects.inject(Fault.ERROR, "provider.delete", times=99)
    outcome = failed(scenario)
    assert "the old one, key-0001, could not be deleted" in outcome.message
    assert outcome.next_run == "deletes the old key"
    scenario.world.restart()
    assert scenario.words() == ["delete superseded", "keep up_to_date"]


def test_a_failed_attempt_counts_and_the_fifth_leaves_it_to_a_person(scenario: Scenario) -> None:
    for attempt in range(1, 6):
        scenario.world.effects.inject(Fault.REQUEST_LOST, "provider.create", times=9)
        outcome = apply(scenario)
        assert isinstance(outcome, InDoubt)
        assert ("keyplan rotate 'user/ci'" in outcome.next_run) is (attempt == 5)
        scenario.world.restart()
    assert scenario.words() == ["blocked create unfinished"]


def test_a_clean_failure_beside_an_open_intent_counts_too(scenario: Scenario) -> None:
    scenario.world.ledger.open_intent(make_intent(attempts=3, at=scenario.world.clock.now()))
    scenario.world.effects.inject(Fault.ERROR, "provider.create", error=FORBIDDEN)
    failed(scenario)
    assert [intent.attempts for intent in scenario.world.ledger.intents.values()] == [4]


def test_a_person_who_asks_for_it_begins_afresh(scenario: Scenario) -> None:
    scenario.world.ledger.open_intent(make_intent(attempts=5, at=scenario.world.clock.now()))
    assert isinstance(apply(scenario, rotate=("user/ci",)), Done)
    assert scenario.world.ledger.intents == {}


def test_a_fresh_attempt_that_fails_leaves_only_the_old_intent(scenario: Scenario) -> None:
    scenario.world.ledger.open_intent(make_intent(attempts=5, at=scenario.world.clock.now()))
    scenario.world.effects.inject(Fault.ERROR, "provider.create", error=FORBIDDEN)
    failed(scenario, rotate=("user/ci",))
    assert list(scenario.world.ledger.intents) == ["intent-1"]


def test_one_key_left_to_a_person_does_not_hold_up_the_others(scenario: Scenario) -> None:
    scenario.world.ledger.open_intent(make_intent(attempts=5, at=scenario.world.clock.now()))
    scenario.declare(make_declaration(), make_declaration("other"))
    assert [outcome.action.address for outcome in scenario.apply().outcomes] == ["user/other"]


def test_a_moved_key_that_is_renewed_leaves_no_receipt_at_its_old_address() -> None:
    scenario = Scenario()
    old, new = Address("service/production/ingest"), Address("service/space-production/ingest")
    scenario.declare(make_service())
    scenario.apply()
    scenario.declare(
        make_service(
            address=new, moved_from=(old,), description="another", on_description_change=OnDescriptionChange.REPLACE
        )
    )
    scenario.apply()
    assert list(scenario.world.ledger.receipts) == [new]
