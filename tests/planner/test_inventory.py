"""A key that an action is about is not listed again as unmanaged."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell
from simulator import World

from keyplan.model.manifest import KeyType


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
