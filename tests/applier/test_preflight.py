"""What is in the way of a write is asked together with what is there, and ends up at the places that it is about."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from samples import LINEAGE, LOCAL, make_declaration, make_delivery, make_intent, make_receipt
from scenario import Scenario, make_manifest
from simulated.candid import CandidSink, make_finding
from simulator import START, SimulatedSink, World

from keyplan.applier.preflight import find_in_the_way, survey
from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.examination import Finding, Health
from keyplan.model.identity import Address
from keyplan.model.ledger import Memory
from keyplan.model.observation import Holding, Slot, Survey
from keyplan.model.plan import Guard
from keyplan.model.receipt import Delivered

CI = Address("user/ci")
SLOT = Slot(sink=LOCAL, location="a/ci")
OTHER = Slot(sink=LOCAL, location="a/other")
MANIFEST = make_manifest(make_declaration(), make_declaration("other"))
SLOTS = {CI: (SLOT,), Address("user/other"): (OTHER,)}
DAY = timedelta(days=1)
EMPTY = Memory()


class Examined(SimulatedSink):
    """A sink of a plugin that examines, and can't do it together with looking."""

    error: Exception | None = None

    def examine(self, slots: Collection[Slot]) -> tuple[Finding, ...]:
        if self.error:
            raise self.error
        return (make_finding(next(iter(slots)).location),)


def find(*findings: Finding, memory: Memory = EMPTY, **changes: Any) -> dict[str, list[str]]:
    """Return the details of what is in the way, by location."""
    held = {SLOT: Holding(present=True, changed_at=START), OTHER: Holding(present=False)}
    one = Survey(**{"holdings": held, "findings": findings, **changes})
    found = find_in_the_way(MANIFEST, SLOTS, {LOCAL: one}, memory)
    assert all(finding.sink == LOCAL for about in found.values() for finding in about)
    return {slot.location: [finding.detail for finding in about] for slot, about in found.items()}


def make_examined(error: Exception | None = None) -> Examined:
    world = World()
    sink = Examined(LOCAL, world.clock, world.effects, lineage=LINEAGE)
    sink.error = error
    return sink


def test_a_finding_is_about_its_place_or_about_all_places_of_its_sink() -> None:
    assert find(make_finding("a/ci", "one"), make_finding("", "all")) == {
        "a/ci": ["all", "one"],
        "a/other": ["all"],
    }


def test_only_what_is_broken_is_in_the_way() -> None:
    others = [make_finding("a/ci", health=health) for health in Health if health is not Health.BROKEN]
    assert find(*others) == {}


def make_memory(address: Address) -> Memory:
    receipt = make_receipt(address=address, delivered=(Delivered(LOCAL, SLOT.location),))
    return Memory(receipts=(receipt,), intents=(), serial=1)


@pytest.mark.parametrize(
    ("memory", "is_found"),
    [
        pytest.param(EMPTY, True, id="the ledger knows nothing"),
        pytest.param(make_memory(CI), False, id="delivered there"),
        pytest.param(make_memory(Address("user/gone")), False, id="delivered there for one that is declared nowhere"),
        pytest.param(make_memory(Address("user/other")), True, id="delivered there for another declaration"),
        pytest.param(Memory(intents=(make_intent(at=START),)), False, id="written since an attempt began"),
        pytest.param(Memory(intents=(make_intent(at=START + DAY),)), True, id="written before any attempt"),
    ],
)
def test_a_value_without_an_owner_is_in_the_way_unless_a_record_knows_the_place(memory: Memory, is_found: bool) -> None:
    found = find(memory=memory, unless_recorded=(make_finding("a/ci", "whose is it"),))
    assert found == ({"a/ci": ["whose is it"]} if is_found else {})


def test_a_sink_that_can_do_both_at_once_is_asked_once() -> None:
    world = World()
    sink = CandidSink(LOCAL, world.clock, world.effects, lineage=LINEAGE)
    survey(sink, [SLOT], is_examined=True)
    assert sink.surveys == 1
    survey(sink, [SLOT], is_examined=False)
    assert sink.surveys == 1


def test_a_sink_that_examines_apart_is_asked_for_both() -> None:
    assert [one.location for one in survey(make_examined(), [SLOT], is_examined=True).findings] == [SLOT.location]
    assert survey(make_examined(), [SLOT], is_examined=False).findings == ()


def test_a_sink_that_may_not_be_examined_is_broken_as_a_whole() -> None:
    (finding,) = survey(make_examined(SinkDeniedError("may not look")), [SLOT], is_examined=True).findings
    assert (finding.location, finding.health, finding.detail) == ("", Health.BROKEN, "may not look")


def test_a_sink_that_cannot_be_reached_is_no_finding_but_an_error() -> None:
    with pytest.raises(SinkUnavailableError):
        survey(make_examined(SinkUnavailableError("no answer")), [SLOT], is_examined=True)


def test_a_sink_that_can_tell_nothing_is_inspected() -> None:
    world = World()
    assert (
        survey(SimulatedSink(LOCAL, world.clock, world.effects, lineage=LINEAGE), [SLOT], is_examined=True).findings
        == ()
    )


def test_an_apply_leaves_the_address_that_is_not_ready_and_does_the_others() -> None:
    world = World()
    world.sinks[LOCAL] = candid = CandidSink(LOCAL, world.clock, world.effects, lineage=LINEAGE)
    keys = [make_declaration(name, deliveries=(make_delivery(),)) for name in ("ci", "cd")]
    scenario = Scenario(world, make_manifest(*keys))
    candid.obstacles = ("user/ci",)
    report = scenario.apply()
    assert [key.name for key in world.provider.live()] == ["cd"]
    assert report.failures == ()
    (blocked,) = scenario.plan().blocked
    assert blocked.blocked is not None
    assert blocked.blocked.guard is Guard.SINK_NOT_READY
    candid.obstacles = ()
    scenario.apply()
    assert scenario.actions() == []
