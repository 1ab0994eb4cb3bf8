"""Unmanaged keys are looked for in every space, or it is said in which ones."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell

from keyplan.errors import ProviderDeniedError
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access
from keyplan.simulated.records import ME


def add_key_of_another(shell: Shell, space: str) -> str:
    """Make a service key of another user in a space that no manifest names, and return its id."""
    made = shell.world.provider.add_space(space)
    grant = SpaceGrant(space_id=made.id, role=Role("member"))
    access = Access(
        account_role=Role("member"),
        organizations=(OrganizationGrant(org_id=made.organization_id, role=Role("read-only"), spaces=(grant,)),),
    )
    record = shell.world.provider.person_creates(
        "hidden", key_type=KeyType.SERVICE, access=access, created_by=f"not {ME}"
    )
    return str(record.id)


@pytest.fixture
def hidden(shell: Shell) -> str:
    """Hide the keys of others from listings without a space, and make one in a space of its own."""
    shell.world.provider.shows_others = False
    return add_key_of_another(shell, "lab")


@pytest.mark.usefixtures("manifest")
def test_a_list_walks_every_space(shell: Shell, hidden: str) -> None:
    listed = json.loads(shell("list", "--format", "json").out)
    assert [key["id"] for key in listed] == [hidden]
    assert json.loads(shell("list", "--format", "json", "--key-type", "user").out) == []


@pytest.mark.parametrize("verb", ["plan", "drift"])
def test_unmanaged_fail_walks_every_space(shell: Shell, hidden: str, verb: str) -> None:
    shell.write(MANIFEST + "unmanaged: fail\n")
    assert shell("apply", "--auto-approve").status == 4
    found = shell(verb)
    assert found.status == (4 if verb == "plan" else 2)
    assert hidden in found.out


def test_a_drift_says_where_it_looked(shell: Shell, hidden: str) -> None:
    shell.write()
    assert shell("apply", "--auto-approve").status == 0
    here = "Unmanaged keys were looked for in production and among the credential's own keys only."
    found = shell("drift")
    assert (found.status, here in found.out, hidden in found.out) == (0, True, False)
    assert "looked for in production" in shell("drift", "--format", "markdown").out
    looked_in = json.loads(shell("drift", "--format", "json").out)["looked_in"]
    assert (looked_in["complete"], [space["name"] for space in looked_in["spaces"]]) == (False, ["production"])
    assert here not in shell("drift", "--only", "drift").out


def test_a_drift_of_unmanaged_fail_says_that_it_looked_everywhere(shell: Shell) -> None:
    shell.write(MANIFEST + "unmanaged: fail\n")
    shell("apply", "--auto-approve")
    assert "in every space that the credential can see: 2 spaces." in shell("drift").out
    assert json.loads(shell("drift", "--format", "json").out)["looked_in"]["complete"] is True


@pytest.mark.usefixtures("hidden")
def test_a_space_that_refuses_is_named_and_stops_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ProviderDeniedError("403 Forbidden")

    shell.write(MANIFEST + "unmanaged: fail\n")
    monkeypatch.setattr(type(shell.world.provider), "search_keys", refuse)
    planned = shell("plan")
    assert planned.status == 0
    assert "the keys of space lab (space-lab) may not be listed" in planned.out


@pytest.mark.usefixtures("hidden")
def test_in_alpha_nothing_is_said_of_spaces(shell: Shell) -> None:
    shell.world.provider.dialect = "alpha"
    shell.write(MANIFEST + "unmanaged: fail\n")
    shell("apply", "--auto-approve")
    assert "looked for in" not in shell("drift").out
    assert shell("list").status == 0
