"""Roles are called roles, and spaces by the name that the manifest uses; ids stand in JSON and with --verbose."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell


def declare(shell: Shell, field: str) -> None:
    shell.write(MANIFEST.replace("space: production", field))


@pytest.fixture
def applied(shell: Shell) -> Shell:
    """Return a shell whose keys are as declared."""
    shell.world.provider.add_space("staging")
    declare(shell, "space: production, rotation: {overlap: 0s}")
    assert shell("apply", "--auto-approve").status == 0
    return shell


def find_id(shell: Shell, name: str) -> str:
    return next(space.id for space in shell.world.provider.spaces.values() if space.name == name)


def test_a_new_key_has_the_space_that_the_manifest_names(shell: Shell, manifest: object) -> None:
    planned = shell("plan")
    assert "spaces       production\n" in planned.out
    assert "space_role=member" in planned.out
    assert find_id(shell, "production") not in planned.out
    assert f"space production is {find_id(shell, 'production')}\n" in shell("plan", "--verbose").err


def test_a_changed_role_is_called_a_role(applied: Shell) -> None:
    declare(applied, "space: production, roles: {space_role: admin}, rotation: {overlap: 0s}")
    planned = applied("plan")
    assert 'space_role   "member" -> "admin"\n' in planned.out
    assert "(space_role changed" in planned.out
    assert find_id(applied, "production") not in planned.out
    assert find_id(applied, "production") not in applied("plan", "--format", "markdown").out
    assert "space_role" in applied("drift").out


def test_another_space_is_shown_by_both_names(applied: Shell) -> None:
    document = json.loads(applied("plan", "--format", "json").out)
    assert document["space_names"] == {find_id(applied, "production"): "production"}
    declare(applied, "space: staging, moved_from: [service/production/ingest], rotation: {overlap: 0s}")
    planned = applied("plan")
    assert '" -> "staging"\n' in planned.out
    assert find_id(applied, "staging") not in planned.out


def test_a_saved_plan_is_shown_with_the_same_names(shell: Shell, manifest: object) -> None:
    planned = shell("plan", "--out", "plan.json")
    assert shell("show", "plan.json").out == planned.out
