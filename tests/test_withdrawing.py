"""Removing a declaration empties its sinks, and nothing that somebody still uses."""

from __future__ import annotations

from samples import make_declaration, make_delivery
from scenario import Scenario, assert_promise, make_manifest
from simulator import Fault

from keyplan.model.manifest import OnRemove
from keyplan.model.plan import Verb


def _with_two_keys(**second: object) -> Scenario:
    scenario = Scenario()
    scenario.declare(make_declaration(), make_declaration("other", **second))
    scenario.apply()
    scenario.world.restart()
    return scenario


def test_a_removed_declaration_leaves_no_dead_raw_key_in_its_sink() -> None:
    scenario = _with_two_keys()
    scenario.declare(make_declaration())
    (action,) = scenario.actions()
    assert (action.verb, action.locations) == (Verb.DELETE, ("local:user/other",))
    scenario.apply()
    assert list(scenario.world.delivered()) == ["local:user/ci"]
    assert_promise(scenario)


def test_the_key_dies_before_its_place_is_emptied() -> None:
    scenario = _with_two_keys()
    scenario.declare(make_declaration())
    scenario.apply()
    names = scenario.world.effects.names()
    assert names[:3] == ["provider.delete", "sink.withdraw:local", "ledger.forget"]


def test_a_place_that_another_declaration_uses_by_now_is_left_alone() -> None:
    delivery = (make_delivery({"path": "shared"}),)
    scenario = Scenario()
    scenario.manifest = make_manifest(make_declaration("old", deliveries=delivery))
    scenario.apply()
    scenario.manifest = make_manifest(make_declaration("new", deliveries=delivery))
    scenario.apply()
    raw = scenario.world.delivered()["local:shared"]
    assert scenario.world.provider.accepts(raw)
    assert_promise(scenario)


def test_a_forgotten_key_stays_where_its_consumers_read_it() -> None:
    scenario = _with_two_keys(on_remove=OnRemove.FORGET)
    before = scenario.world.delivered()
    scenario.declare(make_declaration())
    scenario.apply()
    assert scenario.world.delivered() == before


def test_a_sink_that_cannot_be_emptied_is_emptied_by_the_next_run() -> None:
    scenario = _with_two_keys()
    scenario.declare(make_declaration())
    scenario.world.effects.inject(Fault.ERROR, "sink.withdraw:local", times=-1)
    (failed,) = scenario.apply().failures
    assert failed.exit_status == 6
    scenario.world.restart()
    assert scenario.words() == ["forget gone", "keep up_to_date"]
    scenario.apply()
    assert list(scenario.world.delivered()) == ["local:user/ci"]
    assert_promise(scenario)


def test_a_sink_that_is_configured_no_longer_is_left_as_it_is() -> None:
    scenario = _with_two_keys()
    scenario.manifest = make_manifest(sinks=())
    assert [action.locations for action in scenario.actions()] == [(), ()]
