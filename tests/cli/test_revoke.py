"""`keyplan revoke`."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell
from samples import make_intent

from keyplan.model.identity import Address


@pytest.fixture
def applied(shell: Shell) -> Shell:
    """Return a shell in which the usual manifest is applied."""
    shell.write()
    shell("apply", "--auto-approve")
    return shell


def live(shell: Shell) -> set[str]:
    return {key.id for key in shell.world.provider.list_keys(()) if key.active}


def id_of(shell: Shell, address: str) -> str:
    document = json.loads(shell("ledger", "show", "--format", "json").out)
    return next(str(one["key_id"]) for one in document["receipts"] if one["address"] == address)


def test_a_key_ends_by_its_address_and_no_other_is_touched(applied: Shell) -> None:
    before, key_id = live(applied), id_of(applied, "user/ci")
    done = applied("revoke", "user/ci", "--auto-approve")
    assert (done.status, done.err) == (0, "")
    assert f"key id       {key_id}" in done.out
    assert "Only the keys above were planned" in done.out
    assert before - live(applied) == {key_id}


def test_the_next_apply_makes_a_new_one_for_a_declared_key(applied: Shell) -> None:
    applied("revoke", "user/ci", "--auto-approve")
    done = applied("apply", "--auto-approve")
    assert done.status == 0
    assert "1 added" in done.out


def test_a_key_made_by_hand_ends_by_its_id(applied: Shell) -> None:
    key_id = applied.world.provider.person_creates("by-hand").id
    assert applied("revoke", key_id, "--auto-approve").status == 0
    assert key_id not in live(applied)


def test_a_key_of_another_owner_needs_its_owner(applied: Shell) -> None:
    mark = "[keyplan other-team/0123456789]"
    key_id = applied.world.provider.person_creates("theirs", description=mark).id
    refused = applied("revoke", key_id, "--auto-approve")
    assert (refused.status, key_id in live(applied)) == (4, True)
    assert "say --owner other-team" in refused.out
    assert applied("revoke", key_id, "--owner", "other-team", "--auto-approve").status == 0
    assert key_id not in live(applied)


def test_a_protected_key_is_not_ended(shell: Shell) -> None:
    shell.write(MANIFEST.replace("{name: ci, key_type: user}", "{name: ci, key_type: user, protect: true}"))
    shell("apply", "--auto-approve")
    before = live(shell)
    assert shell("revoke", "user/ci", "--auto-approve").status == 4
    assert live(shell) == before


def test_it_asks_like_apply(applied: Shell) -> None:
    before = live(applied)
    assert applied("revoke", "user/ci").status == 4
    assert applied("revoke", "user/ci", typed="no\n").status == 4
    assert live(applied) == before
    assert applied("revoke", "user/ci", typed="yes\n").status == 0
    assert live(applied) != before


def test_intents_of_other_addresses_stay_open(applied: Shell) -> None:
    key_id = applied.world.provider.person_creates("by-hand").id
    applied.world.ledger.open_intent(make_intent(address=Address("user/elsewhere")))
    before = applied.world.ledger.recall().intents
    applied("revoke", key_id, "--auto-approve")
    assert applied.world.ledger.recall().intents == before != ()


def test_a_name_of_nothing_is_3(applied: Shell) -> None:
    done = applied("revoke", "user/nothing", "--auto-approve")
    assert done.status == 3
    assert "has the id or the address 'user/nothing'" in done.err


def test_a_protecting_policy_holds(applied: Shell) -> None:
    applied.write("version: 1\nprotected: [user/ci]\n", name="policy.yaml")
    before = live(applied)
    done = applied("revoke", "user/ci", "--auto-approve", "--policy", "policy.yaml")
    assert (done.status, live(applied)) == (4, before)
