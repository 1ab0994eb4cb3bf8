"""What an import looks at and notes: values are read, receipts are written, nothing else."""

from __future__ import annotations

import pytest
from samples import make_declaration, make_receipt, make_runner
from scenario import Scenario
from simulator import BLIND, FULL, WRITE_ONLY, Fault, KeyRecord, World

from keyplan.applier.takeover import check_sinks, is_dead, record_import
from keyplan.applier.workbench import Workbench
from keyplan.errors import LedgerError, RefusedError, SinkDeniedError, SinkUnavailableError
from keyplan.model.identity import Address, KeyId
from keyplan.model.observation import Abilities, Slot
from keyplan.model.report import Done, Failed
from keyplan.model.secret import RawKey

CI = Address("user/ci")


def start(**sinks: Abilities) -> tuple[Scenario, KeyRecord]:
    """Return a world in which somebody made a key by hand."""
    scenario = Scenario(World(sinks=sinks or {"local": FULL}))
    scenario.declare(make_declaration())
    return scenario, scenario.world.provider.person_creates("ci")


def check(scenario: Scenario) -> tuple[Slot, ...]:
    snapshot = scenario.observe()
    (key,) = snapshot.keys
    return check_sinks(key, snapshot.slots[CI], sinks=scenario.world.sinks, holdings=snapshot.holdings)


def record(scenario: Scenario, key_id: KeyId) -> None:
    world = scenario.world
    bench = Workbench(
        reader=world.provider,
        writer=world.provider,
        sinks=world.sinks,
        ledger=world.ledger,
        clock=world.clock,
        runner=make_runner(),
    )
    record_import(make_receipt(None, key_id=key_id), scenario.observe().slots[CI], bench)


def test_a_value_that_fits_the_redacted_form_is_accepted() -> None:
    scenario, key = start()
    scenario.world.sinks["local"].person_writes(CI, key.raw)
    assert check(scenario) == ()


@pytest.mark.parametrize("abilities", [WRITE_ONLY, BLIND])
def test_a_value_that_cannot_be_read_is_taken_on_trust(abilities: Abilities) -> None:
    scenario, key = start(local=FULL, remote=abilities)
    for sink in scenario.world.sinks.values():
        sink.person_writes(CI, key.raw)
    assert [slot.sink for slot in check(scenario)] == ["remote"]


def test_another_value_is_refused() -> None:
    scenario, _ = start()
    scenario.world.sinks["local"].person_writes(CI, "ak-somebody-elses-key")
    with pytest.raises(RefusedError, match="local:user/ci holds another value than the raw key of key-0001"):
        check(scenario)


@pytest.mark.parametrize("abilities", [FULL, WRITE_ONLY])
def test_an_empty_place_is_refused(abilities: Abilities) -> None:
    scenario, _ = start(local=abilities)
    with pytest.raises(RefusedError, match="local:user/ci holds no value"):
        check(scenario)


def test_a_value_that_goes_away_meanwhile_is_refused() -> None:
    scenario, key = start()
    sink = scenario.world.sinks["local"]
    sink.person_writes(CI, key.raw)
    snapshot = scenario.observe()
    sink.person_deletes(CI)
    with pytest.raises(RefusedError, match="holds another value"):
        check_sinks(snapshot.keys[0], snapshot.slots[CI], sinks=scenario.world.sinks, holdings=snapshot.holdings)


def test_the_receipt_stands_beside_the_value_and_in_the_ledger() -> None:
    scenario, key = start()
    scenario.world.sinks["local"].person_writes(CI, key.raw)
    record(scenario, key.id)
    cell = scenario.world.sinks["local"].cells[CI]
    assert (cell.raw, cell.receipt) == (key.raw, scenario.world.ledger.receipts[CI])


def test_a_sink_of_another_owner_refuses_before_the_ledger_says_anything() -> None:
    scenario, key = start()
    sink = scenario.world.sinks["local"]
    sink.put(scenario.observe().slots[CI][0], RawKey(key.raw), make_receipt(owner="theirs"))
    with pytest.raises(SinkDeniedError, match="belongs to the manifest of 'theirs'"):
        record(scenario, key.id)
    assert scenario.world.ledger.receipts == {}


@pytest.mark.parametrize(
    ("effect", "kind"), [("sink.annotate:local", SinkUnavailableError), ("ledger.record", LedgerError)]
)
def test_a_step_that_fails_once_is_tried_again(effect: str, kind: type[Exception]) -> None:
    scenario, key = start()
    scenario.world.sinks["local"].person_writes(CI, key.raw)
    scenario.world.effects.inject(Fault.ERROR, effect)
    record(scenario, key.id)
    assert scenario.world.ledger.receipts[CI].key_id == key.id
    for _ in range(9):
        scenario.world.effects.inject(Fault.ERROR, effect)
    with pytest.raises(kind):
        record(scenario, key.id)


def test_a_key_that_was_ended_is_dead_and_one_that_never_was_is_not() -> None:
    scenario, key = start()
    assert not is_dead(scenario.world.provider, key.id)
    scenario.world.provider.person_deletes(key.id)
    assert is_dead(scenario.world.provider, key.id)
    assert not is_dead(scenario.world.provider, "key-9999")


def declare_import(scenario: Scenario, key_id: KeyId) -> None:
    scenario.declare(make_declaration(import_id=key_id))


def test_a_declared_import_is_recorded_and_changes_neither_key_nor_value() -> None:
    scenario, key = start()
    scenario.world.sinks["local"].person_writes(CI, key.raw)
    declare_import(scenario, key.id)
    (outcome,) = scenario.apply().outcomes
    assert isinstance(outcome, Done)
    assert scenario.world.provider.live() == (key,)
    assert scenario.world.sinks["local"].values() == {CI: key.raw}
    assert (scenario.world.ledger.receipts[CI].key_id, scenario.actions()) == (key.id, [])


@pytest.mark.parametrize("value", ["", "ak-somebody-elses-key"], ids=["nothing", "another value"])
def test_a_declared_import_whose_value_does_not_fit_is_blocked(value: str) -> None:
    scenario, key = start()
    if value:
        scenario.world.sinks["local"].person_writes(CI, value)
    declare_import(scenario, key.id)
    assert scenario.apply().outcomes == ()
    assert scenario.world.ledger.receipts == {}


def test_a_value_that_changes_after_the_plan_is_not_recorded() -> None:
    scenario, key = start()
    scenario.world.sinks["local"].person_writes(CI, key.raw)
    declare_import(scenario, key.id)
    snapshot = scenario.observe()
    scenario.world.sinks["local"].person_writes(CI, "ak-somebody-elses-key")
    with pytest.raises(RefusedError, match="holds another value"):
        check_sinks(snapshot.keys[0], snapshot.slots[CI], sinks=scenario.world.sinks, holdings=snapshot.holdings)


def test_a_declared_import_whose_value_does_not_authenticate_is_not_recorded() -> None:
    scenario, key = start()
    scenario.world.sinks["local"].person_writes(CI, key.raw)
    scenario.world.provider.verifications_refused = 99
    declare_import(scenario, key.id)
    (outcome,) = scenario.apply().outcomes
    assert isinstance(outcome, Failed)
    assert "does not authenticate" in outcome.message


def test_a_declared_import_says_which_places_are_taken_on_trust() -> None:
    scenario, key = start(local=WRITE_ONLY)
    scenario.world.sinks["local"].person_writes(CI, key.raw)
    declare_import(scenario, key.id)
    (outcome,) = scenario.apply().outcomes
    assert isinstance(outcome, Done)
    assert outcome.notes == ("local:user/ci cannot be read: that it holds the key is taken on trust",)
