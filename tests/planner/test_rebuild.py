"""What a lost ledger knew, as keys and sinks still tell it."""

from __future__ import annotations

from samples import LINEAGE
from scenario import Scenario, assert_promise, make_declaration
from simulator import WRITE_ONLY, World

from keyplan.model.manifest import OnDescriptionChange
from keyplan.planner.rebuild import RebuiltLedger, rebuild_receipts


def lose_the_ledger(scenario: Scenario) -> RebuiltLedger:
    scenario.world.ledger.lose()
    return rebuild_receipts(scenario.plan(), scenario.observe(), LINEAGE)


def test_a_receipt_beside_each_secret_is_all_that_is_needed() -> None:
    scenario = Scenario()
    scenario.run()
    before = scenario.world.ledger.recall().receipts
    assert lose_the_ledger(scenario) == RebuiltLedger(receipts=before, unnamed=())


def test_with_the_ledger_there_is_nothing_to_salvage() -> None:
    scenario = Scenario()
    scenario.run()
    assert rebuild_receipts(scenario.plan(), scenario.observe(), LINEAGE) == RebuiltLedger(receipts=(), unnamed=())


def test_a_live_key_that_no_receipt_names_is_told_of() -> None:
    scenario = Scenario(World(sinks={"local": WRITE_ONLY}))
    scenario.declare(make_declaration(), make_declaration("gone"))
    scenario.run()
    scenario.declare(make_declaration())
    found = lose_the_ledger(scenario)
    assert [key.name for key in found.unnamed] == ["gone"]
    assert [receipt.name for receipt in found.receipts] == ["ci"]


def test_keys_that_no_receipt_names_come_by_name_in_whatever_order_they_were_made() -> None:
    scenario = Scenario(World(sinks={"local": WRITE_ONLY}))
    for made in ("zeta", "alpha"):
        scenario.declare(*map(make_declaration, {made, "zeta"}))
        scenario.run()
    scenario.declare()
    assert [key.name for key in lose_the_ledger(scenario).unnamed] == ["alpha", "zeta"]


def test_a_key_that_differs_from_its_declaration_is_left_to_the_next_apply() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.declare(make_declaration(description="Used by another", on_description_change=OnDescriptionChange.REPLACE))
    assert lose_the_ledger(scenario) == RebuiltLedger(receipts=(), unnamed=())
    scenario.run()
    assert_promise(scenario)


def test_keys_of_others_and_dead_ones_are_nobodys_business() -> None:
    scenario = Scenario()
    scenario.watch_bystanders()
    scenario.run()
    (key,) = (record for record in scenario.world.provider.live() if record.name == "ci")
    scenario.world.provider.person_deletes(key.id)
    assert lose_the_ledger(scenario) == RebuiltLedger(receipts=(), unnamed=())
