"""Another account behind the same host, or another user's credential: what is not seen is not taken for deleted."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from security.company import ONE_KEY, Repository
from security.conftest import OpenRepository

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import RunningSandbox, running

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

by_ledger = pytest.mark.parametrize("ledger", ["kept", "lost"])


def assert_unseen(team: Repository, *, count: int = 1) -> None:
    """Assert that an apply with the wrong credential writes nothing anywhere, and says how to go on."""
    value, note, requests = team.store.value("ci"), team.store.note("ci"), len(team.mutations())
    planned = team.document()
    found = {(one["address"], (one["blocked_by"] or {}).get("guard")) for one in planned["resource_changes"]}
    assert ("user/ci", "unseen") in found, planned
    assert "--allow-missing" in team.expect(4, "plan")
    team.expect(4, "apply", "--auto-approve")
    assert team.mutations()[requests:] == []
    assert (team.store.value("ci"), team.store.note("ci")) == (value, note), "the place was written"
    team.expect(4, "apply", "--auto-approve", "--allow-missing", str(count - 1))
    assert team.mutations()[requests:] == []


def assert_goes_on(team: Repository, *, count: int = 1) -> None:
    """Assert that the number of missing keys, named by a user, lets the apply go on."""
    old = team.store.value("ci")
    team.expect(0, "apply", "--auto-approve", "--allow-missing", str(count))
    assert team.store.value("ci") != old
    assert team.is_valid(team.store.value("ci"))
    assert "No changes." in team.expect(0, "plan")


@by_ledger
def test_another_account_behind_the_same_host_with_one_key(api: str, tmp_path: Path, ledger: str) -> None:
    generation = SandboxOptions(api="alpha" if api == "alpha" else "beta")
    with running(generation) as ours:
        team = Repository(folder=tmp_path / "team", url=ours.url, credential=ours.credential, api=api)
        team.settle()
    port = urlsplit(team.url).port or 0
    with running(SandboxOptions(api=generation.api, port=port)) as theirs:
        team.credential = theirs.credential
        if ledger == "lost":
            team.lose_ledger()
        assert_unseen(team)
        assert_goes_on(team)


@by_ledger
def test_the_credential_of_another_user_with_one_key(
    opened: OpenRepository, sandbox: RunningSandbox, ledger: str
) -> None:
    team = opened()
    team.settle()
    raw = team.store.value("ci")
    team.credential = sandbox.second_credential
    if ledger == "lost":
        team.lose_ledger()
    assert_unseen(team)
    assert team.is_valid(raw)
    assert_goes_on(team)
    assert team.is_valid(raw), "a key that could not be seen was ended"


@by_ledger
def test_the_credential_of_another_user_with_two_keys(
    opened: OpenRepository, sandbox: RunningSandbox, ledger: str
) -> None:
    team = opened()
    team.settle(f"{ONE_KEY}  - {{name: second, key_type: user}}\n")
    team.credential = sandbox.second_credential
    if ledger == "lost":
        team.lose_ledger()
    assert_unseen(team, count=2)
    assert_goes_on(team, count=2)


def test_a_declaration_without_a_key_goes_on_beside_one_that_is_unseen(
    opened: OpenRepository, sandbox: RunningSandbox
) -> None:
    team = opened()
    team.settle()
    value = team.store.value("ci")
    team.credential = sandbox.second_credential
    team.declare(f"{ONE_KEY}  - {{name: second, key_type: user}}\n")
    team.expect(4, "apply", "--auto-approve")
    assert team.store.value("ci") == value
    assert team.is_valid(team.store.value("second"))


def test_a_removed_declaration_of_an_unseen_key_empties_no_place(
    opened: OpenRepository, sandbox: RunningSandbox
) -> None:
    team = opened()
    team.settle(f"{ONE_KEY}  - {{name: second, key_type: user}}\n")
    raw = team.store.value("second")
    team.credential = sandbox.second_credential
    team.declare()
    team.expect(4, "apply", "--auto-approve")
    assert team.store.value("second") == raw
    team.credential = sandbox.credential
    team.expect(0, "apply", "--auto-approve")
    assert not team.is_valid(raw)


@by_ledger
def test_a_key_that_was_ended_by_hand_is_made_again_without_an_option(team: Repository, ledger: str) -> None:
    key_id = team.key_id("ci")
    if team.api == "alpha":
        team.call("DELETE", f"api-keys/{key_id}")
    else:
        team.call("PUT", f"api-keys/{key_id}/revoke")
    if ledger == "lost":
        team.lose_ledger()
    team.expect(0, "apply", "--auto-approve")
    assert team.is_valid(team.store.value("ci"))


def test_the_right_credential_goes_on_after_the_wrong_one(opened: OpenRepository, sandbox: RunningSandbox) -> None:
    team = opened()
    team.settle()
    team.credential = sandbox.second_credential
    team.expect(4, "apply", "--auto-approve")
    team.credential = sandbox.credential
    assert "No changes." in team.expect(0, "plan")
    team.expect(0, "apply", "--auto-approve")
