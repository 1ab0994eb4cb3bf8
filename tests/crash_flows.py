"""Every flow of applying, prepared up to the run that is to be broken: rows of the crash matrix.

In: a world. Out: a scenario whose next run does what the row's name says. Shared by the crash matrix, the Nth failure
and the secrecy of flows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from samples import AT_ONCE, make_declaration, make_holder
from scenario import Scenario, make_service
from simulator import Fault, Killed, World

from keyplan.model.identity import Address
from keyplan.model.manifest import DEFAULT_LEASE, Adopt, OnDescriptionChange, OnRemove, Rotation

HOURS = timedelta(hours=1)
DAYS = timedelta(days=1)
LONG = Rotation(overlap=48 * HOURS)
GRACE = Rotation(overlap=2 * HOURS)
RAISED = dataclasses.replace(AT_ONCE, generation=2)

Flow = Callable[[World], Scenario]


def _begin(world: World, *keys: Any, **changes: Any) -> Scenario:
    scenario = Scenario(world)
    scenario.watch_bystanders()
    scenario.declare(*keys, **changes)
    return scenario


def _applied(world: World, *keys: Any, **changes: Any) -> Scenario:
    scenario = _begin(world, *keys, **changes)
    report = scenario.run()
    assert not report.failures, report.failures
    world.clock.advance(HOURS)
    world.restart()
    return scenario


def _broken(scenario: Scenario, fault: Fault, effect: str) -> Scenario:
    """Return the scenario after a run that broke there."""
    scenario.world.effects.inject(fault, effect)
    with suppress(Killed):
        scenario.run()
    scenario.world.clock.advance(HOURS)
    scenario.world.restart()
    return scenario


def create(world: World) -> Scenario:
    return _begin(world, make_declaration(), make_service(expires_in=90 * DAYS))


def refresh(world: World) -> Scenario:
    scenario = _applied(world, make_declaration())
    scenario.declare(make_declaration(rotation=RAISED))
    return scenario


def refresh_of_a_key_that_expires(world: World) -> Scenario:
    expiry = world.clock.now() + 90 * DAYS
    scenario = _applied(world, make_declaration(expires_at=expiry))
    scenario.declare(make_declaration(expires_at=expiry, rotation=RAISED))
    return scenario


def refresh_with_grace(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(rotation=GRACE))
    scenario.declare(make_declaration(rotation=Rotation(overlap=2 * HOURS, generation=2)))
    return scenario


def replace(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(rotation=AT_ONCE))
    scenario.declare(
        make_declaration(rotation=AT_ONCE, description="another", on_description_change=OnDescriptionChange.REPLACE)
    )
    return scenario


def replace_a_service_key(world: World) -> Scenario:
    scenario = _applied(world, make_service(expires_in=90 * DAYS))
    changed = {"description": "another", "on_description_change": OnDescriptionChange.REPLACE}
    scenario.declare(make_service(expires_in=90 * DAYS, rotation=AT_ONCE, **changed))
    return scenario


def replace_with_overlap(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(rotation=LONG))
    scenario.declare(
        make_declaration(rotation=LONG, description="another", on_description_change=OnDescriptionChange.REPLACE)
    )
    return scenario


def retire(world: World) -> Scenario:
    scenario = replace_with_overlap(world)
    scenario.run()
    world.clock.advance(50 * HOURS)
    world.restart()
    return scenario


def replace_and_retire(world: World) -> Scenario:
    scenario = retire(world)
    scenario.declare(
        make_declaration(rotation=LONG, description="a third", on_description_change=OnDescriptionChange.REPLACE)
    )
    return scenario


def delete(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(), make_declaration("other"))
    scenario.declare(make_declaration())
    return scenario


def delete_during_overlap(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(), make_declaration("other", rotation=LONG))
    scenario.declare(
        make_declaration(),
        make_declaration(
            "other", rotation=LONG, description="another", on_description_change=OnDescriptionChange.REPLACE
        ),
    )
    scenario.run()
    scenario.declare(make_declaration())
    world.restart()
    return scenario


def forget(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(), make_declaration("other", on_remove=OnRemove.FORGET))
    scenario.declare(make_declaration(), on_remove=OnRemove.FORGET)
    return scenario


def forget_what_is_gone(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(), make_declaration("other"))
    gone = scenario.world.ledger.receipts[Address("user/other")].key_id
    world.provider.person_deletes(gone)
    scenario.declare(make_declaration())
    return scenario


def adopt_by_refresh(world: World) -> Scenario:
    world.provider.person_creates("ci")
    return _begin(world, make_declaration(adopt=Adopt.REFRESH, rotation=AT_ONCE))


def adopt_by_replace(world: World) -> Scenario:
    world.provider.person_creates("ci")
    return _begin(world, make_declaration(adopt=Adopt.REPLACE))


def move(world: World) -> Scenario:
    scenario = _applied(world, make_service())
    target = Address("service/space-production/ingest")
    scenario.declare(make_service(address=target, moved_from=(Address("service/production/ingest"),)))
    return scenario


def move_and_change(world: World) -> Scenario:
    scenario = _applied(world, make_service(rotation=LONG))
    changed = make_service(
        address=Address("service/space-production/ingest"),
        moved_from=(Address("service/production/ingest"),),
        description="another",
        on_description_change=OnDescriptionChange.REPLACE,
        rotation=LONG,
    )
    scenario.declare(changed)
    return scenario


def protect(world: World) -> Scenario:
    scenario = _applied(world, make_declaration())
    scenario.declare(make_declaration(protect=True))
    return scenario


def recover_a_create(world: World) -> Scenario:
    return _broken(create(world), Fault.KILL_AFTER, "provider.create")


def recover_a_refresh(world: World) -> Scenario:
    return _broken(refresh(world), Fault.KILL_AFTER, "provider.refresh")


def recover_a_replace(world: World) -> Scenario:
    return _broken(replace_with_overlap(world), Fault.KILL_AFTER, "provider.create")


def recover_a_record(world: World) -> Scenario:
    return _broken(replace(world), Fault.KILL_BEFORE, "ledger.record")


def recover_another_wish(world: World) -> Scenario:
    """The key whose raw key was lost is not as the manifest wants it by now."""
    scenario = recover_a_create(world)
    scenario.declare(
        make_declaration(description="another", on_description_change=OnDescriptionChange.REPLACE),
        make_service(expires_in=90 * DAYS),
    )
    return scenario


def rotated_by_hand(world: World) -> Scenario:
    scenario = _applied(world, make_declaration())
    world.provider.person_rotates(world.ledger.receipts[Address("user/ci")].key_id)
    # A key that was made a moment ago may be that of a run that is still under way.
    world.clock.advance(DEFAULT_LEASE)
    return scenario


def deleted_by_hand(world: World) -> Scenario:
    scenario = _applied(world, make_declaration())
    world.provider.person_deletes(world.ledger.receipts[Address("user/ci")].key_id)
    return scenario


def lost_a_sink(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(rotation=GRACE))
    next(iter(world.sinks.values())).lose()
    return scenario


def copy(world: World) -> Scenario:
    """The last sink lost its value; where another one can be read, that one is copied."""
    for sink in world.sinks.values():
        sink.abilities = dataclasses.replace(sink.abilities, may_copy=True)
    scenario = _applied(world, make_declaration(rotation=GRACE))
    list(world.sinks.values())[-1].lose()
    return scenario


def copy_what_an_earlier_run_left(world: World) -> Scenario:
    """A replace reached the first sink only, and what consumers of the last one hold has to work on."""
    scenario = copy(world)
    scenario.run()
    scenario.declare(
        make_declaration(rotation=LONG, description="another", on_description_change=OnDescriptionChange.REPLACE)
    )
    world.restart()
    last = list(world.sinks)[-1]
    world.effects.inject(Fault.ERROR, f"sink.put:{last}", times=-1)
    scenario.run()
    world.clock.advance(HOURS)
    world.restart()
    return scenario


def _declare_at(scenario: Scenario, path: str, **changes: Any) -> None:
    """Declare one key whose place in every sink is that path."""
    scenario.declare(make_declaration(**changes))
    (key,) = scenario.manifest.keys
    deliveries = tuple(dataclasses.replace(one, options={"path": path}) for one in key.deliveries)
    scenario.manifest = dataclasses.replace(scenario.manifest, keys=(dataclasses.replace(key, deliveries=deliveries),))


def _drop(scenario: Scenario) -> None:
    """Let every key be delivered to one place less."""
    keys = (dataclasses.replace(one, deliveries=one.deliveries[:1]) for one in scenario.manifest.keys)
    scenario.manifest = dataclasses.replace(scenario.manifest, keys=tuple(keys))


def _twice(world: World, rotation: Rotation) -> Scenario:
    """Return a scenario whose key was delivered to two places of each sink an hour ago."""
    scenario = _begin(world, make_declaration(rotation=rotation))
    (key,) = scenario.manifest.keys
    seconds = tuple(dataclasses.replace(one, options={"path": "second"}) for one in key.deliveries)
    both = dataclasses.replace(key, deliveries=(*key.deliveries, *seconds))
    scenario.manifest = dataclasses.replace(scenario.manifest, keys=(both,))
    report = scenario.run()
    assert not report.failures, report.failures
    world.clock.advance(HOURS)
    world.restart()
    return scenario


def drop_a_place(world: World) -> Scenario:
    scenario = _twice(world, Rotation(overlap=timedelta(0)))
    _drop(scenario)
    return scenario


def drop_a_place_with_overlap(world: World) -> Scenario:
    scenario = _twice(world, LONG)
    _drop(scenario)
    return scenario


def empty_a_place(world: World) -> Scenario:
    """The overlap of a dropped place is over."""
    scenario = drop_a_place_with_overlap(world)
    scenario.run()
    world.clock.advance(50 * HOURS)
    world.restart()
    return scenario


def change_a_path(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(rotation=Rotation(overlap=timedelta(0))))
    _declare_at(scenario, "elsewhere", rotation=Rotation(overlap=timedelta(0)))
    return scenario


def change_a_path_with_overlap(world: World) -> Scenario:
    scenario = _applied(world, make_declaration(rotation=LONG))
    _declare_at(scenario, "elsewhere", rotation=LONG)
    return scenario


def unlock(world: World) -> Scenario:
    """A run on another host died with the lock; a person breaks it, and the next run goes on from there."""
    scenario = create(world)
    world.effects.inject(Fault.KILL_AFTER, "provider.create")
    with suppress(Killed):
        scenario.run(host="laptop")
    world.restart()
    return scenario


def act_in(flow: str, scenario: Scenario) -> None:
    """Do the run that is to be broken."""
    held = scenario.world.ledger.holder() if flow == "unlock" else None
    if held and held.host == make_holder(host="laptop").host:
        scenario.world.ledger.unlock(held.id)
    scenario.run()


FLOWS: dict[str, Flow] = {
    flow.__name__: flow
    for flow in (
        create,
        refresh,
        refresh_of_a_key_that_expires,
        refresh_with_grace,
        replace,
        replace_a_service_key,
        replace_with_overlap,
        retire,
        replace_and_retire,
        delete,
        delete_during_overlap,
        forget,
        forget_what_is_gone,
        adopt_by_refresh,
        adopt_by_replace,
        move,
        move_and_change,
        protect,
        recover_a_create,
        recover_a_refresh,
        recover_a_replace,
        recover_a_record,
        recover_another_wish,
        rotated_by_hand,
        deleted_by_hand,
        lost_a_sink,
        copy,
        copy_what_an_earlier_run_left,
        drop_a_place,
        drop_a_place_with_overlap,
        empty_a_place,
        change_a_path,
        change_a_path_with_overlap,
        unlock,
    )
}
BEGUN_ELSEWHERE = frozenset({"unlock"})
"""Flows that go on from a killed run of another host."""
OVERLAPPING = frozenset(
    {
        "refresh_with_grace",
        "replace_with_overlap",
        "move_and_change",
        "recover_a_replace",
        "lost_a_sink",
        "copy",
        "copy_what_an_earlier_run_left",
        "drop_a_place_with_overlap",
        "change_a_path_with_overlap",
    }
)
"""Flows that renew a key with an overlap: what a sink held before has to work on."""
