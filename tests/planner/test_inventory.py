"""A key that an action is about is not listed again as unmanaged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli.shell import MANIFEST, Shell
from planner.situations import plan, situate
from samples import make_desired_service, make_observation
from simulator import World

from keyplan.model.identity import Identity, ScopeId
from keyplan.model.manifest import KeyType
from keyplan.model.observation import Marker
from keyplan.simulated.records import make_space


def list_unmanaged(shell: Shell) -> list[str]:
    document = json.loads(shell("plan", "--format", "json").out)
    return [view["id"] for view in document["unmanaged"]]


def add_key(world: World, name: str) -> str:
    """Make an unmanaged user key, and return its id."""
    return str(world.provider.person_creates(name, key_type=KeyType.USER).id)


@pytest.mark.usefixtures("manifest")
def test_a_foreign_key_that_blocks_a_declaration_is_told_once(shell: Shell) -> None:
    both = {add_key(shell.world, "ci"), add_key(shell.world, "ci")}
    other = add_key(shell.world, "other")
    assert list_unmanaged(shell) == [other]
    planned = shell("plan")
    assert planned.status == 4
    assert "1 unmanaged key (not touched)" in planned.out
    assert all(key_id in planned.out for key_id in both)


@pytest.mark.parametrize(("adopt", "is_listed"), [("refresh", False), ("replace", True)])
def test_a_key_that_is_adopted_is_not_untouched_and_one_beside_it_is(shell: Shell, adopt: str, is_listed: bool) -> None:
    shell.write(MANIFEST.replace("key_type: user", f"key_type: user, adopt: {adopt}, rotation: {{overlap: 0s}}"))
    key_id = add_key(shell.world, "ci")
    assert list_unmanaged(shell) == [key_id] * is_listed


@pytest.mark.parametrize(
    ("changes", "is_named"),
    [
        pytest.param({}, True, id="the same space"),
        pytest.param({"scope_ids": frozenset({ScopeId("space-staging")})}, False, id="another space"),
        pytest.param({"scope_ids": None}, True, id="no space is shown"),
        pytest.param({"name": "other"}, False, id="another name"),
        pytest.param({"key_type": None}, False, id="a type that is unknown"),
    ],
)
def test_a_key_of_another_manifest_is_named_if_it_could_be_taken_for_ours(
    changes: dict[str, Any], is_named: bool
) -> None:
    space = make_space("production")
    desired = make_desired_service(space)
    marker = Marker.of(Identity("other-team"), desired.address)
    shown = {"name": "ingest", "key_type": KeyType.SERVICE, "scope_ids": frozenset({space.id}), **changes}
    made = plan(situate(desired, keys=[make_observation("key-9", marker=marker, **shown)]), desired)
    assert any("managed by owner other-team" in warning for warning in made.warnings) is is_named
