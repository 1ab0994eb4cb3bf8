from collections.abc import Collection
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from samples import make_declaration, make_delivery, make_intent, make_receipt
from scenario import Scenario, make_manifest, make_service
from simulator import FULL, START, Fault, SimulatedProvider, World

from keyplan.applier.observe import Readers, observe
from keyplan.errors import LedgerError, ManifestError, ProviderError, SinkError
from keyplan.model.identity import Address, Identity, OrganizationId, ScopeId, SinkName
from keyplan.model.manifest import KeyType, OrganizationGrant, ScopeById, ScopeByName, SpaceGrant
from keyplan.model.observation import Content, Holding, Observation, Revision, Slot
from keyplan.model.receipt import Receipt


class Asked:
    """A reader that notes which spaces it is asked for, and shows no keys."""

    def __init__(self, provider: SimulatedProvider) -> None:
        self.provider = provider
        self.spaces: set[ScopeId] = set()

    def list_keys(self, spaces: Collection[ScopeId]) -> tuple[Observation, ...]:
        self.spaces = set(spaces)
        return ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.provider, name)


def test_a_snapshot_holds_what_provider_ledger_and_sinks_show(scenario: Scenario) -> None:
    scenario.apply()
    snapshot = scenario.observe()
    (slot,) = snapshot.slots[Address("user/ci")]
    assert [key.name for key in snapshot.keys] == ["ci"]
    assert [receipt.address for receipt in snapshot.receipts] == ["user/ci"]
    assert snapshot.holdings[slot].present
    assert snapshot.abilities == {"local": FULL}
    assert (snapshot.now, snapshot.serial) == (scenario.world.clock.now(), 1)


def test_observing_changes_nothing(scenario: Scenario) -> None:
    scenario.observe()
    assert scenario.world.effects.names() == []


def test_every_space_that_the_manifest_names_is_listed() -> None:
    scenario = Scenario()
    granted = OrganizationGrant(org_id=OrganizationId("org-1"), spaces=(SpaceGrant(space_id=ScopeId("space-wide")),))
    by_id = replace(make_service("by id", "staging"), scope=ScopeById(ScopeId("space-staging")))
    wide = make_declaration(
        "wide", address=Address("service/space-wide/wide"), key_type=KeyType.SERVICE, organizations=(granted,)
    )
    scenario.declare(make_service(), by_id, wide)
    reader = Asked(scenario.world.provider)
    readers = Readers(reader=reader, ledger=scenario.world.ledger, sinks=scenario.world.sinks)
    observe(scenario.manifest, readers, now=START)
    assert reader.spaces == {"space-production", "space-staging", "space-wide"}


def test_intents_are_the_ledgers_alone(scenario: Scenario) -> None:
    world = scenario.world
    world.ledger.open_intent(make_intent("one"))
    world.sinks["local"].intend(Slot(sink="local", location="user/ci"), make_intent("two"))
    assert [intent.id for intent in scenario.observe().intents] == ["one"]


def test_intents_come_in_the_order_of_their_time(scenario: Scenario) -> None:
    early = make_intent("late-name", at=make_intent().at - timedelta(hours=1))
    scenario.world.ledger.open_intent(make_intent("a-name"))
    scenario.world.ledger.open_intent(early)
    assert [intent.id for intent in scenario.observe().intents] == ["late-name", "a-name"]


def test_the_key_that_keyplan_presents_is_recognised(scenario: Scenario) -> None:
    scenario.apply()
    (key,) = scenario.world.provider.live()
    scenario.world.provider.present(key.id)
    assert scenario.observe().own_keys == {key.id}


class Showing:
    """A sink whose places hold what the test says."""

    def __init__(self, sink: Any, holdings: dict[Slot, Holding]) -> None:
        self.sink = sink
        self.holdings = holdings

    def inspect(self, slots: Collection[Slot]) -> dict[Slot, Holding]:
        return {slot: self.holdings[slot] for slot in slots}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sink, name)


def make_holding(receipt: Receipt) -> Holding:
    """Return a holding of which no field has its default."""
    return Holding(
        present=True,
        receipt=receipt,
        intent=make_intent(),
        owner=Identity("other"),
        content=Content.MATCHES,
        changed_at=START,
        revision=Revision("r1"),
        intent_age=timedelta(hours=1),
    )


class Routing:
    """A reader that stands for those of several providers, and notes how often one of them is looked up."""

    def __init__(self, provider: SimulatedProvider) -> None:
        self.provider = provider
        self.looked_up = 0

    def at(self, _name: str) -> SimulatedProvider:
        self.looked_up += 1
        return self.provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self.provider, name)


def count_look_ups(keys: int) -> int:
    scenario = Scenario(manifest=make_manifest(*(make_declaration(f"key {number}") for number in range(keys))))
    scenario.apply()
    key, *_ = scenario.world.provider.live()
    scenario.world.provider.present(key.id)
    reader = Routing(scenario.world.provider)
    readers = Readers(reader=reader, ledger=scenario.world.ledger, sinks=scenario.world.sinks)
    assert observe(scenario.manifest, readers, now=START).own_keys == {key.id}
    return reader.looked_up


def test_a_provider_is_looked_up_as_often_for_many_keys_as_for_one() -> None:
    assert count_look_ups(20) == count_look_ups(1)


def test_a_place_keeps_all_but_its_receipt_if_the_ledgers_agrees_with_that(scenario: Scenario) -> None:
    scenario.apply()
    (recorded,) = scenario.world.ledger.recall().receipts
    (slot,) = scenario.observe().slots[Address("user/ci")]
    beside = replace(recorded, delivered=())
    held = make_holding(beside)
    sink = Showing(scenario.world.sinks["local"], {slot: held})
    readers = Readers(reader=scenario.world.provider, ledger=scenario.world.ledger, sinks={SinkName("local"): sink})
    shown = observe(scenario.manifest, readers, now=START).holdings[slot]
    assert [getattr(shown, one.name) for one in fields(Holding)] == [
        recorded if one.name == "receipt" else getattr(held, one.name) for one in fields(Holding)
    ]


def test_two_declarations_in_one_place_are_refused_with_both_named() -> None:
    shared = (make_delivery({"path": "same"}),)
    keys = (make_declaration("one", deliveries=shared), make_declaration("two", deliveries=shared))
    with pytest.raises(
        ManifestError, match="user/two: user/one would be delivered to local:same, too; give each its own"
    ):
        Scenario(manifest=make_manifest(*keys)).observe()


def test_one_declaration_may_name_a_place_twice() -> None:
    shared = (make_delivery({"path": "same"}), make_delivery({"path": "same"}))
    scenario = Scenario(manifest=make_manifest(make_declaration(deliveries=shared)))
    assert len(scenario.observe().slots[Address("user/ci")]) == 2


@pytest.mark.parametrize(
    ("read", "error"),
    [("provider.list_keys", ProviderError), ("sink.inspect:*", SinkError), ("ledger.recall", LedgerError)],
)
def test_what_cannot_be_read_ends_observing(scenario: Scenario, read: str, error: type[Exception]) -> None:
    scenario.world.effects.inject(Fault.ERROR, read)
    with pytest.raises(error):
        scenario.observe()


def test_an_unknown_space_is_named_and_the_others_are_found() -> None:
    scenario = Scenario(World())
    scenario.declare(make_service(space="nowhere"), make_service("other"))
    snapshot = scenario.observe()
    assert snapshot.spaces.keys() == {ScopeByName("production")}
    assert snapshot.unknown_scopes == {ScopeByName("nowhere"): "space 'nowhere' is unknown"}


def test_receipts_beside_secrets_are_seen_without_a_ledger(scenario: Scenario) -> None:
    scenario.apply()
    scenario.world.ledger.lose()
    (holding,) = scenario.observe().holdings.values()
    assert holding.receipt is not None
    assert holding.receipt.owner == make_receipt().owner


def test_of_receipts_that_agree_in_ledger_and_sink_the_ledgers_is_kept(scenario: Scenario) -> None:
    scenario.apply()
    snapshot = scenario.observe()
    (holding,), (receipt,) = snapshot.holdings.values(), snapshot.receipts
    assert holding.receipt is receipt


def test_a_sinks_receipt_that_says_something_else_than_the_ledgers_is_kept_as_it_is(scenario: Scenario) -> None:
    scenario.apply()
    (receipt,) = scenario.observe().receipts
    scenario.world.ledger.record(replace(receipt, generation=7))
    snapshot = scenario.observe()
    (holding,) = snapshot.holdings.values()
    assert holding.receipt
    assert (holding.receipt.generation, snapshot.receipts[0].generation) == (1, 7)


def test_a_name_in_another_normal_form_is_no_change(scenario: Scenario) -> None:
    scenario.declare(make_declaration("caf\u00e9", address=Address("user/caf\u00e9")))
    scenario.apply()
    provider = scenario.world.provider
    provider.records = {key: replace(one, name="cafe\u0301") for key, one in provider.records.items()}
    assert [key.name for key in scenario.observe().keys] == ["caf\u00e9"]
    assert scenario.actions() == []
