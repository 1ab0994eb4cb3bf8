"""Everyday use needs no new option, with and without an id in the manifest."""

from __future__ import annotations

import shutil
import time

import pytest
from security.company import ONE_KEY, ONE_KEY_AT_ONCE, SHORT_LEASE, Repository
from security.conftest import OpenRepository
from security.stores import STORES, Store

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

NO_CHANGES = "No changes."
TWO_KEYS = """\
keys:
  - {name: ci, key_type: user, rotation: {strategy: replace, overlap: 2s}}
  - {name: ingest, key_type: service, space: production, expires_in: 90d}
"""


@pytest.fixture(params=["ka1b2c3d", ""], ids=["with an id", "without an id"])
def everyday(request: pytest.FixtureRequest, opened: OpenRepository) -> Repository:
    """Return a repository with two delivered keys."""
    repository = opened(manifest_id=request.param)
    repository.settle(TWO_KEYS)
    return repository


def apply(team: Repository) -> str:
    """Apply without any option but the approval."""
    return team.expect(0, "apply", "--auto-approve")


def test_keys_are_created_and_the_next_plan_is_empty(everyday: Repository) -> None:
    assert all(everyday.is_valid(everyday.store.value(name)) for name in ("ci", "ingest"))
    assert NO_CHANGES in everyday.expect(0, "plan", "--detailed-exitcode")
    everyday.expect(0, "drift")


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_a_key_is_rotated_overlaps_and_retires(everyday: Repository, ledger: str) -> None:
    old = everyday.store.value("ci")
    everyday.expect(0, "rotate", "user/ci", "--auto-approve")
    new = everyday.store.value("ci")
    assert new != old
    assert [everyday.is_valid(raw) for raw in (old, new)] == [True, True]
    if ledger == "lost":
        everyday.lose_ledger()
    time.sleep(2.5)
    apply(everyday)
    assert [everyday.is_valid(raw) for raw in (old, new)] == [False, True]
    assert NO_CHANGES in everyday.expect(0, "plan")


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_a_removed_declaration_ends_its_key(opened: OpenRepository, ledger: str) -> None:
    team = opened()
    team.settle(TWO_KEYS)
    team.declare(ONE_KEY)
    if ledger == "lost":
        team.lose_ledger()
    apply(team)
    assert team.live_names() == ["ci"]


def test_a_lost_ledger_changes_no_plan(everyday: Repository) -> None:
    values = [everyday.store.value(name) for name in ("ci", "ingest")]
    everyday.lose_ledger()
    assert NO_CHANGES in everyday.expect(0, "plan")
    apply(everyday)
    assert [everyday.store.value(name) for name in ("ci", "ingest")] == values
    assert NO_CHANGES in everyday.expect(0, "plan")


def test_a_fresh_runner_that_sees_the_sink_has_nothing_to_do(everyday: Repository, opened: OpenRepository) -> None:
    runner = opened("runner", manifest_id=everyday.manifest_id)
    shutil.copytree(everyday.folder / "secrets", runner.folder / "secrets")
    runner.declare(TWO_KEYS)
    assert NO_CHANGES in runner.expect(0, "plan", "--detailed-exitcode")
    apply(runner)
    assert runner.live_names() == ["ci", "ingest"]


def test_a_fresh_runner_without_ledger_and_sink_gets_a_key_that_works(opened: OpenRepository) -> None:
    first = opened()
    first.settle()
    runner = opened("runner")
    runner.settle()
    assert runner.is_valid(runner.store.value("ci"))
    assert len(runner.live_ids("ci")) <= 2


@pytest.mark.parametrize("manifest_id", ["ka1b2c3d", ""], ids=["with an id", "without an id"])
def test_a_changed_declaration_is_taken_up(opened: OpenRepository, manifest_id: str) -> None:
    team = opened(manifest_id=manifest_id)
    team.settle()
    team.declare("keys:\n  - {name: ci, key_type: user, expires_in: 30d}\n")
    apply(team)
    assert team.is_valid(team.store.value("ci"))
    assert NO_CHANGES in team.expect(0, "plan")


def test_an_id_that_is_added_later_makes_no_new_key(opened: OpenRepository) -> None:
    team = opened(manifest_id="")
    team.settle()
    held, requests = team.store.value("ci"), len(team.mutations())
    team.manifest_id = "knewid12"
    team.declare()
    apply(team)
    team.lose_ledger()
    apply(team)
    assert (team.store.value("ci"), team.mutations()[requests:]) == (held, [])
    assert NO_CHANGES in team.expect(0, "plan")


@pytest.mark.parametrize("store_type", list(STORES.values()), ids=list(STORES))
def test_every_store_goes_through_a_rotation_without_a_ledger(opened: OpenRepository, store_type: type[Store]) -> None:
    team = opened(store_type=store_type)
    team.settle()
    team.lose_ledger()
    old = team.store.value("ci")
    team.expect(0, "rotate", "user/ci", "--auto-approve")
    assert team.store.value("ci") != old
    assert team.is_valid(team.store.value("ci"))
    team.lose_ledger()
    assert NO_CHANGES in team.expect(0, "plan")


def test_an_interrupted_run_is_finished_by_the_next(opened: OpenRepository) -> None:
    team = opened()
    team.more = SHORT_LEASE
    team.declare(ONE_KEY_AT_ONCE)
    team.die_after_creating()
    team.lose_ledger()
    assert "another run is changing this address" in team.expect(4, "apply", "--auto-approve")
    team.expect(0, "apply", "--auto-approve", "--lock-timeout", "1m")
    assert team.is_valid(team.store.value("ci"))
    assert len(team.live_ids("ci")) == 1
