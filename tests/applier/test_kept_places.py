"""A key of which only the spelling of its space changed stays where it is until its next rotation."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from samples import make_delivery
from scenario import GENEROUS, Scenario, assert_promise, make_manifest, make_service
from simulator import FULL, WEAK, World

from keyplan.model.identity import Address, OrganizationId, ScopeId
from keyplan.model.manifest import (
    Declaration,
    OrganizationGrant,
    Role,
    Rotation,
    ScopeById,
    SpaceGrant,
)
from keyplan.model.plan import Verb

HOUR = timedelta(hours=1)
OVERLAP = Rotation(overlap=2 * HOUR)
AT_ONCE = Rotation(overlap=timedelta(0))
BY_NAME, BY_ID = "service/production/ingest", "service/space-production/ingest"


def written(space: str, **changes: Any) -> Declaration:
    """Return the key with its space given by name, or by id if that is what it reads like."""
    declared = make_service(space=space, **{"rotation": AT_ONCE, **changes})
    return replace(declared, scope=ScopeById(ScopeId(space))) if space.startswith("space-") else declared


def granted(*spaces: str) -> Declaration:
    """Return the key with these spaces in its organization."""
    declared = make_service(space=spaces[0], rotation=AT_ONCE)
    return replace(declared, scope=None, organizations=make_access(*spaces))


def make_access(*spaces: str) -> tuple[OrganizationGrant, ...]:
    grants = tuple(SpaceGrant(space_id=ScopeId(space), role=Role("member")) for space in spaces)
    return (OrganizationGrant(org_id=OrganizationId("org-1"), role=Role("read-only"), spaces=grants),)


def declare(scenario: Scenario, *keys: Declaration) -> None:
    scenario.declare(*keys)


def delivered(key: Declaration, **world: Any) -> Scenario:
    """Return a world in which the key was delivered to `local:ADDRESS` an hour ago."""
    scenario = Scenario(World(**{"sinks": {"local": FULL}, **world}))
    declare(scenario, key)
    assert not scenario.run().failures
    scenario.world.clock.advance(HOUR)
    scenario.world.restart()
    return scenario


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
@pytest.mark.parametrize(("before", "after"), [("production", "space-production"), ("space-production", "production")])
@pytest.mark.parametrize("abilities", [FULL, WEAK], ids=["a sink with notes", "a sink without notes"])
def test_another_spelling_of_the_space_touches_neither_key_nor_place(
    before: str, after: str, dialect: str, abilities: Any
) -> None:
    scenario = delivered(written(before), dialect=dialect, sinks={"local": abilities})
    held = scenario.world.delivered()
    declare(scenario, written(after))
    assert scenario.words() == ["keep moved"]
    assert not scenario.plan().has_differences
    assert scenario.run().outcomes == ()
    assert scenario.words() == ["keep up_to_date"], "and so it stays"
    assert scenario.run().outcomes == ()
    assert scenario.world.delivered() == held
    assert_promise(scenario)


def test_the_plan_says_where_the_key_stays_and_where_it_goes() -> None:
    scenario = delivered(written("production"))
    declare(scenario, written("space-production"))
    notes = (f"it stays in local:{BY_NAME} until its next rotation, which goes to local:{BY_ID}",)
    for _ in range(2):
        (action,) = scenario.plan().actions
        assert action.notes == notes
        scenario.run()


def test_a_place_that_has_the_same_name_either_way_is_not_said_to_stay() -> None:
    both = (make_delivery({"path": "fixed"}), make_delivery())
    scenario = delivered(written("production"))
    for space in ("production", "space-production"):
        scenario.manifest = make_manifest(written(space, deliveries=both), limits=GENEROUS)
        (action,) = scenario.plan().actions
        scenario.run()
    assert action.notes == (f"it stays in local:{BY_NAME} until its next rotation, which goes to local:{BY_ID}",)


def test_the_next_rotation_fills_the_new_place_and_empties_the_old_one() -> None:
    scenario = delivered(written("production"))
    declare(scenario, written("space-production"))
    scenario.run()
    declare(scenario, written("space-production", rotation=replace(AT_ONCE, generation=2)))
    (action,) = scenario.actions()
    assert action.locations == (f"local:{BY_ID}",)
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == [f"local:{BY_ID}"]
    assert scenario.world.ledger.receipts[Address(BY_ID)].placed_as == ""
    assert_promise(scenario)


def test_readers_of_the_old_place_have_the_overlap_of_that_rotation() -> None:
    scenario = delivered(written("production", rotation=OVERLAP))
    declare(scenario, written("space-production", rotation=OVERLAP))
    scenario.run()
    declare(scenario, written("space-production", rotation=replace(OVERLAP, generation=2)))
    scenario.run()
    held = scenario.world.delivered()
    assert set(held) == {f"local:{BY_NAME}", f"local:{BY_ID}"}
    assert all(scenario.world.provider.accepts(raw) for raw in held.values())
    scenario.world.clock.advance(3 * HOUR)
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == [f"local:{BY_ID}"]
    assert_promise(scenario)


def test_a_move_together_with_a_rotation_goes_to_the_new_place_at_once() -> None:
    scenario = delivered(written("production"))
    declare(scenario, written("space-production", rotation=replace(AT_ONCE, generation=2)))
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == [f"local:{BY_ID}"]
    assert_promise(scenario)


def test_back_to_the_former_spelling_nothing_was_ever_moved() -> None:
    scenario = delivered(written("production"))
    declare(scenario, written("space-production"))
    scenario.run()
    declare(scenario, written("production"))
    assert scenario.run().outcomes == ()
    (action,) = scenario.plan().actions
    assert action.notes == ()
    assert scenario.world.ledger.receipts[Address(BY_NAME)].placed_as == ""
    assert_promise(scenario)


def test_another_order_of_the_spaces_of_organizations_touches_no_place() -> None:
    scenario = delivered(granted("space-production", "space-staging"))
    held = scenario.world.delivered()
    declare(scenario, granted("space-staging", "space-production"))
    assert scenario.words() == ["keep moved"]
    scenario.run()
    assert scenario.words() == ["keep up_to_date"]
    assert scenario.world.delivered() == held


def test_a_value_that_a_user_moved_to_the_new_place_counts() -> None:
    scenario = delivered(written("production"))
    declare(scenario, written("space-production"))
    cells = scenario.world.sinks[next(iter(scenario.world.sinks))].cells
    cells[BY_ID] = cells.pop(BY_NAME)
    assert scenario.run().outcomes == ()
    (action,) = scenario.plan().actions
    assert action.notes == ()
    assert_promise(scenario)


def test_without_the_ledger_the_old_place_cannot_be_known() -> None:
    scenario = delivered(written("production"))
    declare(scenario, written("space-production"))
    scenario.world.ledger.lose()
    assert all(action.verb is not Verb.KEEP for action in scenario.plan().actions)


def test_a_place_that_another_declaration_has_is_not_kept() -> None:
    scenario = delivered(written("production"))
    other = make_service("other", deliveries=(make_delivery({"path": BY_NAME}),))
    moved = written("space-production", deliveries=(make_delivery(),))
    scenario.manifest = make_manifest(moved, other, limits=GENEROUS)
    assert str(scenario.observe().slots[Address(BY_ID)][0]) == f"local:{BY_ID}"


def test_another_space_is_no_other_spelling() -> None:
    scenario = delivered(written("production"))
    declare(scenario, written("staging"))
    assert scenario.observe().next_slots == {}


def test_another_path_is_no_other_spelling() -> None:
    scenario = delivered(written("production"))
    moved = written("space-production", deliveries=(make_delivery({"path": "elsewhere"}),))
    scenario.manifest = make_manifest(moved, limits=GENEROUS)
    assert scenario.observe().next_slots == {}
