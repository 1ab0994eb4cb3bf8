"""A user who may write one sink entry forges its receipt: no key is ended for it, and no place is overwritten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from security.company import FUTURE, ONE_KEY, PAST, Repository
from security.conftest import OpenRepository
from security.stores import STORES, AgeFile, DotenvFile, RawFile, Store

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

TWO_STAGES = """\
keys:
  - {name: staging, key_type: user}
  - {name: production, key_type: user}
"""
PROTECTED = "keys:\n  - {name: production, key_type: user, protect: true}\n"
OVERLAPPING = "keys:\n  - {name: ci, key_type: user, rotation: {overlap: 12h, strategy: replace}}\n"
NOT_BELIEVED = "receipt_not_believed"

by_store = pytest.mark.parametrize("store_type", list(STORES.values()), ids=list(STORES))
by_file = pytest.mark.parametrize("store_type", [RawFile, DotenvFile], ids=["raw file", "dotenv file"])
by_ledger = pytest.mark.parametrize("ledger", ["kept", "lost"])


def assert_held_back(team: Repository, name: str, status: int = 4) -> None:
    """Assert that a forged receipt changes nothing anywhere, and that plan and drift name its place."""
    keys, value, note = team.keys_of(), team.store.value(name), team.store.note(name)
    requests = len(team.mutations())
    assert NOT_BELIEVED in team.run("plan", "--format", "json").stdout
    assert team.store.location(name) in team.expect(status, "plan")
    assert team.store.location(name) in team.expect(status, "drift")
    team.expect(status, "apply", "--auto-approve")
    assert team.keys_of() == keys, "a key was made, changed or ended"
    assert team.mutations()[requests:] == []
    assert (team.store.value(name), team.store.note(name)) == (value, note), "the place was written"


def forge_superseded(team: Repository, name: str, *key_ids: str, **changes: Any) -> None:
    """Have a receipt say that keys are old ones of its address, whose overlap is over."""
    superseded = [[key_id, PAST, PAST] for key_id in key_ids]
    team.store.forge(name, superseded=superseded, **changes)


@by_store
@by_ledger
def test_a_strangers_key_in_superseded_is_not_deleted(
    opened: OpenRepository, store_type: type[Store], ledger: str
) -> None:
    team = opened(store_type=store_type)
    team.settle()
    stranger = team.make_by_hand("of a stranger")
    forge_superseded(team, "ci", stranger["id"], delivered_at=FUTURE)
    if ledger == "lost":
        team.lose_ledger()
    assert_held_back(team, "ci")
    assert team.is_valid(stranger["key"])
    assert team.is_valid(team.store.value("ci"))


@by_file
@by_ledger
def test_another_teams_protected_key_in_superseded_is_not_deleted(
    opened: OpenRepository, store_type: type[Store], ledger: str
) -> None:
    other = opened("other", owner="team-b", manifest_id="kb9z8y7x")
    other.settle(PROTECTED)
    team = opened(store_type=store_type)
    team.settle()
    forge_superseded(team, "ci", other.key_id("production"), delivered_at=FUTURE)
    if ledger == "lost":
        team.lose_ledger()
    assert_held_back(team, "ci")
    assert other.is_valid(other.store.value("production"))
    assert "No changes." in other.expect(0, "plan")


@by_ledger
def test_a_protected_key_of_the_same_manifest_in_superseded_is_not_deleted(opened: OpenRepository, ledger: str) -> None:
    team = opened()
    team.settle(f"{ONE_KEY}  - {{name: production, key_type: user, protect: true}}\n")
    forge_superseded(team, "ci", team.key_id("production"), delivered_at=FUTURE)
    if ledger == "lost":
        team.lose_ledger()
    assert_held_back(team, "ci")
    assert team.is_valid(team.store.value("production"))


def test_superseded_alone_is_enough_not_to_be_believed(team: Repository) -> None:
    stranger = team.make_by_hand("of a stranger")
    forge_superseded(team, "ci", stranger["id"])
    assert_held_back(team, "ci")


CHANGES: dict[str, Callable[[Repository], dict[str, Any]]] = {
    "a delivery in the future": lambda _: {"delivered_at": FUTURE},
    "a creation in the future": lambda _: {"created_at": FUTURE},
    "another owner": lambda _: {"owner": "team-z"},
    "another manifest of the owner": lambda _: {"manifest_id": "kother12"},
    "another address": lambda _: {"address": "user/production"},
    "a key of a stranger": lambda team: {"key_id": team.make_by_hand("of a stranger")["id"]},
}


@by_ledger
@pytest.mark.parametrize("changes", CHANGES.values(), ids=list(CHANGES))
def test_a_receipt_that_cannot_be_ours_holds_its_place_back(
    team: Repository, changes: Callable[[Repository], dict[str, Any]], ledger: str
) -> None:
    team.store.forge("ci", **changes(team))
    if ledger == "lost":
        team.lose_ledger()
    assert_held_back(team, "ci")


def forge_intent(team: Repository, **changes: Any) -> dict[str, Any]:
    """Return the intent of a run that never was."""
    return {
        "id": "forged",
        "owner": team.owner,
        "manifest_id": team.manifest_id,
        "address": "user/ci",
        "verb": "create",
        "key_id": None,
        "alive_before": [],
        "at": PAST,
        "attempts": 1,
        "is_unmarked": False,
        **changes,
    }


def test_an_intent_that_names_a_strangers_key_does_not_renew_it(team: Repository) -> None:
    stranger = team.make_by_hand("ci")
    intent = forge_intent(team, verb="refresh", key_id=stranger["id"], is_unmarked=True)
    team.store.write_note("ci", team.store.note("ci") | {"intent": intent})
    team.lose_ledger()
    keys, value = team.keys_of(), team.store.value("ci")
    assert team.store.location("ci") in team.expect(4, "plan")
    team.expect(4, "apply", "--auto-approve")
    assert (team.keys_of(), team.store.value("ci")) == (keys, value)
    assert (team.is_valid(stranger["key"]), team.is_valid(value)) == (True, True)


def leave_intent_alone(opened: OpenRepository, options: str) -> tuple[Repository, str]:
    """Return a repository on a fresh machine, at whose emptied place an intent was forged, and the raw key in use."""
    team = opened(store_type=DotenvFile)
    team.settle(f"keys:\n  - {{name: ci, key_type: user, {options}}}\n")
    held = team.store.value("ci")
    team.store.write_note("ci", {"owner": team.owner, "intent": forge_intent(team)})
    team.store.remove_value("ci")
    team.lose_ledger()
    return team, held


def test_an_intent_alone_at_an_emptied_place_ends_nothing_at_once(opened: OpenRepository) -> None:
    team, held = leave_intent_alone(opened, "rotation: {overlap: 12h}")
    team.expect(0, "apply", "--auto-approve")
    assert [team.is_valid(raw) for raw in (held, team.store.value("ci"))] == [True, True]


def test_an_intent_alone_at_an_emptied_place_does_not_renew_a_protected_key(opened: OpenRepository) -> None:
    team, held = leave_intent_alone(opened, "protect: true")
    keys = team.keys_of()
    team.expect(4, "apply", "--auto-approve")
    assert team.keys_of() == keys
    assert team.is_valid(held)


@by_store
@by_ledger
def test_no_raw_key_of_production_goes_to_staging(opened: OpenRepository, store_type: type[Store], ledger: str) -> None:
    team = opened(store_type=store_type)
    team.settle(TWO_STAGES)
    production = team.store.note("production")["receipt"]
    staging = team.store.note("staging")["receipt"]
    # All that the production receipt says, beside the value of staging, so that nothing but the place gives it away.
    team.store.forge("staging", **(production | {"address": staging["address"], "name": staging["name"]}))
    if ledger == "lost":
        team.lose_ledger()
    before = team.store.value("production")
    assert_held_back(team, "staging")
    assert team.store.value("production") == before
    assert team.is_valid(before)


@by_ledger
def test_no_raw_key_of_another_team_goes_to_staging(opened: OpenRepository, ledger: str) -> None:
    other = opened("other", owner="team-b", manifest_id="kb9z8y7x")
    other.settle("keys:\n  - {name: production, key_type: user}\n")
    team = opened()
    team.settle("keys:\n  - {name: staging, key_type: user}\n")
    stolen = other.store.note("production")["receipt"]
    ours = {"owner": team.owner, "manifest_id": team.manifest_id, "address": "user/staging", "name": "staging"}
    team.store.forge("staging", **(stolen | ours))
    if ledger == "lost":
        team.lose_ledger()
    assert_held_back(team, "staging")
    assert other.is_valid(other.store.value("production"))


def test_other_addresses_go_on_beside_a_place_that_is_held_back(opened: OpenRepository) -> None:
    team = opened()
    team.settle()
    forge_superseded(team, "ci", team.make_by_hand("of a stranger")["id"])
    team.declare(f"{ONE_KEY}  - {{name: second, key_type: user}}\n")
    team.expect(4, "apply", "--auto-approve")
    assert team.is_valid(team.store.value("second"))


@by_ledger
def test_rotate_over_claim_writes_over_the_place_and_ends_nothing_that_is_not_ours(
    opened: OpenRepository, ledger: str
) -> None:
    team = opened()
    team.settle(OVERLAPPING)
    stranger, old = team.make_by_hand("of a stranger"), team.store.value("ci")
    forge_superseded(team, "ci", stranger["id"], delivered_at=FUTURE)
    if ledger == "lost":
        team.lose_ledger()
    team.expect(4, "rotate", "user/ci", "--auto-approve")
    team.expect(0, "rotate", "user/ci", "--over-claim", "--auto-approve")
    assert team.store.value("ci") != old
    assert [team.is_valid(raw) for raw in (old, team.store.value("ci"), stranger["key"])] == [True, True, True]
    assert stranger["id"] not in str(team.store.note("ci"))
    assert "No changes." in team.expect(0, "plan")


@by_file
def test_an_emptied_place_is_filled_again(opened: OpenRepository, store_type: type[Store]) -> None:
    team = opened(store_type=store_type)
    team.settle(OVERLAPPING)
    stranger, old = team.make_by_hand("of a stranger"), team.store.value("ci")
    forge_superseded(team, "ci", stranger["id"], delivered_at=FUTURE)
    team.expect(4, "apply", "--auto-approve")
    team.store.empty("ci")
    team.expect(0, "apply", "--auto-approve")
    assert [team.is_valid(raw) for raw in (old, team.store.value("ci"), stranger["key"])] == [True, True, True]


def test_a_forged_receipt_of_a_removed_key_ends_nothing_else(team: Repository) -> None:
    stranger = team.make_by_hand("of a stranger")
    forge_superseded(team, "ci", stranger["id"])
    team.declare("keys:\n  - {name: second, key_type: user}\n")
    team.expect(0, "apply", "--auto-approve")
    assert team.is_valid(stranger["key"])


def test_age_needs_no_identity_to_see_through_a_forged_receipt(opened: OpenRepository) -> None:
    team = opened(store_type=AgeFile)
    team.settle()
    stranger = team.make_by_hand("of a stranger")
    forge_superseded(team, "ci", stranger["id"], delivered_at=FUTURE)
    text = (team.folder / "keys.yaml").read_text().replace(", identity: {file: key.txt}", "")
    (team.folder / "keys.yaml").write_text(text)
    assert_held_back(team, "ci")
