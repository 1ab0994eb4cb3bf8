"""The current raw key goes from one sink into those that lack it, and no key is made for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from samples import RAW, make_declaration, make_delivery
from scenario import Scenario, Silent, Telling, assert_promise, make_manifest
from simulator import BLIND, SOURCE, WEAK, WRITE_ONLY, Abilities, Fault, World

from keyplan.applier.copy import Copy
from keyplan.errors import SinkDeniedError
from keyplan.model.identity import Address, SinkName
from keyplan.model.manifest import Rotation
from keyplan.model.plan import Verb
from keyplan.model.receipt import MOST_ATTEMPTS
from keyplan.model.report import Done, Failed, Outcome

CI = Address("user/ci")
HOURS = timedelta(hours=1)


def added(new: Abilities = WRITE_ONLY, **declared: Any) -> Scenario:
    """Return a scenario in which a delivered key gets a second sink, some hours later."""
    scenario = Scenario(World(sinks={"local": SOURCE, "remote": new}))
    scenario.manifest = make_manifest(make_declaration(deliveries=(make_delivery(),)))
    scenario.apply()
    scenario.world.clock.advance(5 * HOURS)
    scenario.world.restart()
    scenario.declare(make_declaration(**declared))
    return scenario


def apply(scenario: Scenario, **arguments: Any) -> Outcome:
    (outcome,) = scenario.apply(**arguments).outcomes
    return outcome


def fail(scenario: Scenario, **arguments: Any) -> Failed:
    outcome = apply(scenario, **arguments)
    assert isinstance(outcome, Failed)
    return outcome


@pytest.mark.parametrize("new", [SOURCE, WRITE_ONLY, WEAK, BLIND], ids=["full", "write only", "weak", "blind"])
def test_an_added_sink_gets_the_raw_key_that_is_there(new: Abilities) -> None:
    scenario = added(new)
    before = scenario.world.delivered()["local:user/ci"]
    outcome = apply(scenario)
    assert isinstance(outcome, Done)
    assert (outcome.action.verb, outcome.key_id, outcome.delivered) == (Verb.DELIVER, "key-0001", ("remote:user/ci",))
    assert scenario.world.delivered() == {"local:user/ci": before, "remote:user/ci": before}
    assert_promise(scenario)


def test_the_order_is_intend_copy_verify_deliver_record() -> None:
    scenario = added()
    apply(scenario)
    assert scenario.world.effects.names()[:-1] == [
        "ledger.open_intent",
        "sink.intend:remote",
        "provider.verify",
        "sink.put:remote",
        "ledger.record",
    ]


def test_a_person_sees_the_steps() -> None:
    scenario, telling = added(), Telling()
    action = scenario.plan().actions[0]
    Copy(action=action, basis=action.basis, bench=scenario.bench(), progress=telling).run()
    assert telling.words == [f"user/ci {step}" for step in ("intend", "copy", "verify", "deliver", "record")]


def test_the_receipt_says_since_when_the_new_sink_has_it() -> None:
    scenario = added(WEAK)
    delivered_at = scenario.world.ledger.receipts[CI].delivered_at
    apply(scenario)
    receipt = scenario.world.ledger.receipts[CI]
    assert receipt.delivered_at == delivered_at
    assert [(entry.sink, entry.at) for entry in receipt.delivered] == [
        ("local", None),
        ("remote", delivered_at + 5 * HOURS),
    ]


def test_what_is_overwritten_by_hand_behind_weak_proof_is_copied_again() -> None:
    scenario = added(WEAK)
    apply(scenario)
    scenario.world.clock.advance(2 * HOURS)
    scenario.world.sinks[SinkName("remote")].person_writes("user/ci", "by hand")
    assert scenario.words() == ["deliver undelivered"]
    apply(scenario)
    assert_promise(scenario)


def test_a_protected_key_may_be_copied() -> None:
    scenario = added(protect=True)
    assert isinstance(apply(scenario), Done)
    receipt = scenario.world.sinks[SinkName("local")].cells["user/ci"].receipt
    assert receipt is not None
    assert receipt.protect, "what the declaration changed besides is noted in the source too"


def test_a_key_that_moved_leaves_no_receipt_at_its_old_address() -> None:
    scenario = added(address=Address("user/moved"), moved_from=(CI,))
    for name in ("local", "remote"):
        scenario.world.sinks[SinkName(name)].cells["user/moved"] = scenario.world.sinks[SinkName("local")].cells[
            "user/ci"
        ]
    scenario.world.sinks[SinkName("remote")].lose()
    assert isinstance(apply(scenario), Done)
    assert list(scenario.world.ledger.receipts) == ["user/moved"]


def test_a_further_reason_to_renew_needs_no_copy() -> None:
    scenario = added(rotation=Rotation(generation=2))
    assert scenario.words() == ["refresh undelivered"]


def test_what_a_partial_delivery_left_is_copied() -> None:
    scenario = Scenario(World(sinks={"local": SOURCE, "remote": WEAK}))
    scenario.declare(make_declaration())
    scenario.world.effects.inject(Fault.ERROR, "sink.put:remote", times=-1)
    fail(scenario)
    scenario.world.restart()
    raw = scenario.world.delivered()["local:user/ci"]
    assert isinstance(apply(scenario), Done)
    assert scenario.world.delivered()["remote:user/ci"] == raw
    assert_promise(scenario)


def test_a_place_that_may_not_be_written_is_found_before_anything_is_read() -> None:
    scenario = added()
    scenario.world.sinks[SinkName("remote")].writable = False
    failed = fail(scenario)
    assert (failed.exit_status, failed.next_run) == (6, "tries again")
    assert scenario.world.effects.names()[:-1] == [
        "ledger.open_intent",
        "sink.intend:remote",
        "sink.retract:remote",
        "ledger.close_intent",
    ]


@pytest.mark.parametrize("found", [RAW, None], ids=["another value", "nothing"])
def test_a_source_that_changed_meanwhile_is_not_copied(found: str | None) -> None:
    scenario = added()
    action = scenario.plan().actions[0]
    cells = scenario.world.sinks[SinkName("local")].cells
    cells["user/ci"] = replace(cells["user/ci"], raw=found)
    outcome = Copy(action=action, basis=action.basis, bench=scenario.bench(), progress=Silent()).run()
    assert isinstance(outcome, Failed)
    assert outcome.message == "local:user/ci no longer holds the raw key that was delivered"
    assert list(scenario.world.delivered()) == (["local:user/ci"] if found else [])
    assert scenario.world.ledger.recall().intents == ()


def test_a_source_that_cannot_be_read_for_a_moment_is_asked_again() -> None:
    scenario = added()
    scenario.world.effects.inject(Fault.ERROR, "sink.read:local", times=2)
    assert isinstance(apply(scenario), Done)


def test_a_raw_key_that_does_not_work_is_not_spread() -> None:
    scenario = added()
    scenario.world.effects.inject(Fault.ERROR, "provider.verify", times=-1)
    failed = fail(scenario)
    assert failed.message == "the raw key in local:user/ci does not authenticate"
    assert failed.advice == "if the provider is well, renew it: keyplan rotate 'user/ci'"
    assert list(scenario.world.delivered()) == ["local:user/ci"]


def test_a_sink_that_refuses_the_value_leaves_everything_as_it_was() -> None:
    scenario = added()
    refusal = SinkDeniedError("quota", advice="ask for more")
    scenario.world.effects.inject(Fault.ERROR, "sink.put:remote", error=refusal, times=-1)
    failed = fail(scenario)
    assert (failed.message, failed.advice) == ("remote:user/ci: quota", "ask for more")
    assert scenario.world.ledger.recall().intents == ()


def test_where_some_took_it_the_next_run_copies_it_into_the_rest() -> None:
    scenario = Scenario(World(sinks={"a": SOURCE, "b": WEAK, "c": WRITE_ONLY}))
    scenario.manifest = make_manifest(make_declaration(deliveries=(make_delivery(sink=SinkName("a")),)), sinks=("a",))
    scenario.apply()
    scenario.declare(make_declaration())
    scenario.world.effects.inject(Fault.ERROR, "sink.put:c", times=-1)
    failed = fail(scenario)
    assert failed.next_run == "copies it into the sinks that still lack it"
    scenario.world.restart()
    assert scenario.actions()[0].locations == ("c:user/ci",)
    assert isinstance(apply(scenario), Done)
    assert_promise(scenario)


def test_a_ledger_that_cannot_be_written_at_the_end_is_written_by_the_next_run() -> None:
    scenario = added()
    scenario.world.effects.inject(Fault.ERROR, "ledger.record", times=-1)
    assert fail(scenario).exit_status == 7
    scenario.world.restart()
    scenario.apply()
    assert_promise(scenario)


def test_an_earlier_runs_intent_keeps_its_own_words_and_counts_on() -> None:
    scenario = Scenario(World(sinks={"local": SOURCE, "remote": WEAK}))
    scenario.declare(make_declaration())
    scenario.world.effects.inject(Fault.ERROR, "sink.put:remote", times=-1)
    for _ in range(MOST_ATTEMPTS):
        failed = fail(scenario)
    (intent,) = scenario.world.ledger.recall().intents
    assert (intent.verb, intent.attempts) == ("create", MOST_ATTEMPTS)
    assert failed.next_run.startswith("does not try again")


def test_an_intent_of_a_copy_names_no_key() -> None:
    scenario = added(WEAK)
    scenario.world.effects.inject(Fault.ANSWER_LOST, "sink.put:remote", times=-1)
    fail(scenario)
    (intent,) = scenario.world.ledger.recall().intents
    assert (intent.verb, intent.key_id, intent.is_unmarked) == ("deliver", None, False)
