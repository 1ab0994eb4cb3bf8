from datetime import timedelta
from typing import Any

import pytest
from crash_flows import LONG
from samples import make_declaration, make_intent
from scenario import Scenario, assert_promise, make_service
from simulator import Fault

from keyplan.errors import LedgerError, ProviderDeniedError
from keyplan.model.identity import Address
from keyplan.model.manifest import OnDescriptionChange, OnRemove
from keyplan.model.plan import Verb
from keyplan.model.report import Done, Failed, NotTried, Outcome

OTHER = Address("user/other")
FORBIDDEN = ProviderDeniedError("403 Forbidden", advice="give it its role back")


def applied(*keys: Any, **changes: Any) -> Scenario:
    scenario = Scenario()
    scenario.declare(*keys, **changes)
    scenario.apply()
    scenario.world.clock.advance(timedelta(hours=1))
    scenario.world.restart()
    return scenario


def removed(**declared: Any) -> Scenario:
    """Return a scenario in which `user/other` was made and is declared no longer."""
    scenario = applied(make_declaration(), make_declaration("other", **declared))
    scenario.declare(make_declaration())
    return scenario


def apply(scenario: Scenario) -> Outcome:
    (outcome,) = scenario.apply().outcomes
    return outcome


def test_an_undeclared_key_ends_then_its_places_are_emptied_then_its_receipt_goes() -> None:
    scenario = removed()
    assert isinstance(apply(scenario), Done)
    assert scenario.world.effects.names()[:3] == ["provider.delete", "sink.withdraw:local", "ledger.forget"]
    assert OTHER not in scenario.world.ledger.receipts


def test_a_delete_that_is_refused_is_asked_for_once_and_keeps_the_receipt() -> None:
    scenario = removed()
    scenario.world.effects.inject(Fault.ERROR, "provider.delete", times=9, error=FORBIDDEN)
    outcome = apply(scenario)
    assert isinstance(outcome, Failed)
    assert (outcome.message, outcome.advice, outcome.exit_status) == ("403 Forbidden", "give it its role back", 5)
    assert scenario.world.effects.names().count("provider.delete") == 1
    assert OTHER in scenario.world.ledger.receipts


def test_the_first_of_several_that_cannot_be_deleted_ends_the_rest() -> None:
    scenario = applied(make_declaration("other", rotation=LONG))
    scenario.declare(
        make_declaration(
            "other", rotation=LONG, description="another", on_description_change=OnDescriptionChange.REPLACE
        )
    )
    scenario.apply()
    scenario.declare(make_declaration())
    scenario.world.effects.inject(Fault.ERROR, "provider.delete", times=1, error=FORBIDDEN)
    assert [type(outcome) for outcome in scenario.apply().outcomes] == [Done, Failed, NotTried]


def test_a_place_that_cannot_be_emptied_keeps_the_receipt_for_the_next_run() -> None:
    scenario = removed()
    scenario.world.effects.inject(Fault.ERROR, "sink.withdraw:*", times=9)
    assert isinstance(apply(scenario), Failed)
    assert OTHER in scenario.world.ledger.receipts
    scenario.world.restart()
    scenario.apply()
    assert scenario.world.delivered().keys() == {"local:user/ci"}
    assert_promise(scenario)


def test_a_receipt_that_cannot_be_dropped_is_a_failure_of_the_ledger() -> None:
    scenario = removed()
    scenario.world.effects.inject(Fault.ERROR, "ledger.forget", times=9)
    outcome = apply(scenario)
    assert isinstance(outcome, Failed)
    assert outcome.exit_status == LedgerError.exit_status


def test_the_receipt_of_several_undeclared_keys_goes_with_the_last() -> None:
    scenario = applied(make_declaration(), make_declaration("other", rotation=LONG), marker=False)
    changed = make_declaration(
        "other", rotation=LONG, description="another", on_description_change=OnDescriptionChange.REPLACE
    )
    scenario.declare(make_declaration(), changed, marker=False)
    scenario.apply()
    scenario.declare(make_declaration(), marker=False)
    scenario.world.restart()
    scenario.world.effects.inject(Fault.ERROR, "provider.delete", skip=1, times=9, error=FORBIDDEN)
    assert [type(outcome) for outcome in scenario.apply().outcomes] == [Done, Failed]
    scenario.world.restart()
    assert isinstance(apply(scenario), Done)
    assert OTHER not in scenario.world.ledger.receipts
    assert [record.name for record in scenario.world.provider.live()] == ["ci"]


def test_a_superseded_key_ends_and_the_receipt_stays() -> None:
    scenario = applied(make_declaration(rotation=LONG))
    scenario.declare(
        make_declaration(rotation=LONG, description="another", on_description_change=OnDescriptionChange.REPLACE)
    )
    scenario.apply()
    scenario.world.clock.advance(timedelta(hours=50))
    assert isinstance(apply(scenario), Done)
    assert list(scenario.world.ledger.receipts) == ["user/ci"]


def test_a_superseded_key_ends_after_the_replace_that_follows() -> None:
    scenario = applied(make_declaration(rotation=LONG))
    for description in ("another", "a third"):
        scenario.declare(
            make_declaration(rotation=LONG, description=description, on_description_change=OnDescriptionChange.REPLACE)
        )
        scenario.world.clock.advance(timedelta(hours=50))
        scenario.apply()
    assert [effect for effect in scenario.world.effects.names() if "delete" in effect] == ["provider.delete"]
    assert list(scenario.world.ledger.receipts) == ["user/ci"]


def test_a_marked_key_without_receipt_ends_without_touching_the_ledger() -> None:
    scenario = removed()
    del scenario.world.ledger.receipts[OTHER]
    assert isinstance(apply(scenario), Done)
    assert "ledger.forget" not in scenario.world.effects.names()


def test_a_receipt_whose_key_is_gone_is_dropped() -> None:
    scenario = removed()
    scenario.world.provider.person_deletes(scenario.world.ledger.receipts[OTHER].key_id)
    outcome = apply(scenario)
    assert isinstance(outcome, Done)
    assert outcome.action.verb is Verb.FORGET
    assert OTHER not in scenario.world.ledger.receipts


def test_a_forgotten_key_lives_on_and_is_nobodys() -> None:
    scenario = removed(on_remove=OnRemove.FORGET)
    assert isinstance(apply(scenario), Done)
    assert len(scenario.world.provider.live()) == 2
    assert scenario.world.ledger.receipts[OTHER].forgotten
    assert_still(scenario)


def test_a_forgotten_key_without_receipt_is_noted_too() -> None:
    scenario = removed()
    scenario.world.ledger.lose()
    scenario.declare(make_declaration(), on_remove=OnRemove.FORGET)
    apply(scenario)
    assert scenario.world.ledger.receipts[OTHER].forgotten
    assert_still(scenario)


def test_a_forgotten_service_key_is_noted_with_its_spaces() -> None:
    scenario = applied(make_service())
    scenario.watch_bystanders()
    scenario.world.ledger.lose()
    scenario.declare(make_declaration(), on_remove=OnRemove.FORGET)
    scenario.apply()
    notes = [receipt for receipt in scenario.world.ledger.receipts.values() if receipt.forgotten]
    assert [note.scope_ids for note in notes] == [("space-production",)]


def assert_still(scenario: Scenario) -> None:
    """Assert that nothing is left to do."""
    assert scenario.actions() == []


def test_forgetting_that_cannot_be_noted_is_a_failure() -> None:
    scenario = removed(on_remove=OnRemove.FORGET)
    scenario.world.effects.inject(Fault.ERROR, "ledger.record", skip=0, times=9)
    assert isinstance(apply(scenario), Failed)


def test_a_kept_key_whose_declaration_is_protected_now_is_noted_everywhere() -> None:
    scenario = applied(make_declaration())
    scenario.declare(make_declaration(protect=True))
    assert scenario.apply().outcomes == ()
    cell = scenario.world.sinks["local"].cells["user/ci"]
    assert cell.receipt is not None
    assert cell.receipt.protect
    assert scenario.world.ledger.receipts[Address("user/ci")].protect


def test_a_kept_key_in_order_writes_nothing() -> None:
    scenario = applied(make_declaration())
    scenario.apply()
    assert scenario.world.effects.names() == ["ledger.remember"]


def test_an_intent_that_led_to_nothing_is_closed_with_the_kept_key() -> None:
    scenario = applied(make_declaration())
    intent = make_intent(at=scenario.world.clock.now())
    scenario.world.ledger.open_intent(intent)
    scenario.world.sinks["local"].intend(next(iter(scenario.observe().holdings)), intent)
    scenario.apply()
    assert scenario.observe().intents == ()
    assert_promise(scenario)


@pytest.mark.parametrize("effect", ["sink.annotate:*", "ledger.record"])
def test_a_kept_key_that_cannot_be_kept_in_order_is_a_failure(effect: str) -> None:
    scenario = applied(make_declaration())
    scenario.declare(make_declaration(protect=True))
    scenario.world.effects.inject(Fault.ERROR, effect, times=9)
    outcome = apply(scenario)
    assert isinstance(outcome, Failed)
    assert (outcome.action.verb, outcome.next_run) == (Verb.KEEP, "tries again")


def test_a_moved_key_has_its_receipt_at_the_new_address_only() -> None:
    scenario = applied(make_service())
    new = Address("service/space-production/ingest")
    scenario.declare(make_service(address=new, moved_from=(Address("service/production/ingest"),)))
    scenario.world.sinks["local"].cells[new] = scenario.world.sinks["local"].cells.pop("service/production/ingest")
    assert scenario.apply().outcomes == ()
    assert list(scenario.world.ledger.receipts) == [new]
