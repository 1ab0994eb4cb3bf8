"""`keyplan rotate`."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell
from syrupy.assertion import SnapshotAssertion


@pytest.fixture
def applied(shell: Shell) -> Shell:
    """Return a shell in which the usual manifest is applied."""
    shell.write()
    shell("apply", "--auto-approve")
    return shell


def raws(shell: Shell) -> dict[str, str]:
    return shell.world.sinks["local"].values()


def test_it_shows_what_it_will_do_and_then_what_was_done(applied: Shell, snapshot: SnapshotAssertion) -> None:
    done = applied("rotate", "user/ci", "--auto-approve")
    assert (done.status, done.err) == (0, "")
    assert done.out == snapshot


def test_what_is_rotated_now_cuts_off_and_says_so(applied: Shell) -> None:
    done = applied("rotate", "user/ci", "--now", "--auto-approve")
    assert (done.status, done.err) == (0, "")
    assert "  !!  refresh  user/ci  (requested; cuts off)\n" in done.out
    assert "Plan: 0 to add, 1 to change, 0 to destroy. 1 cut off.\n" in done.out
    assert done.out.endswith("Apply complete! Resources: 0 added, 1 changed, 0 destroyed. 1 cut off.\n")


def test_a_plan_of_what_is_rotated_now_has_another_digest(applied: Shell) -> None:
    asked = ("plan", "--rotate", "user/ci", "--target", "user/ci", "--format", "json")
    slow, quick = (json.loads(applied(*asked, *now).out) for now in ((), ("--now",)))
    assert slow["digest"] != quick["digest"]
    assert [change.get("cuts_off") for change in quick["resource_changes"]] == [True]
    assert applied("rotate", "user/ci", "--now", "--expect", slow["digest"]).status == 4
    assert applied("rotate", "user/ci", "--now", "--expect", quick["digest"]).status == 0


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_now_without_what_is_rotated_is_3(applied: Shell, command: str) -> None:
    done = applied(command, "--now")
    assert (done.status, done.out) == (3, "")
    assert "--now goes with --rotate" in done.err


def test_it_renews_those_keys_and_no_other(applied: Shell) -> None:
    before = raws(applied)
    applied("rotate", "service/*", "--auto-approve")
    assert [address for address, raw in raws(applied).items() if raw != before[address]] == [
        "service/production/ingest"
    ]


def test_it_looks_at_nothing_else(applied: Shell) -> None:
    applied.write(
        MANIFEST.replace(
            "service, space: production", "service, space: production, description: new, on_description_change: replace"
        )
    )
    report = json.loads(applied("rotate", "user/ci", "--auto-approve", "--format", "json").out)
    assert [outcome["address"] for outcome in report["outcomes"]] == ["user/ci"]


def test_it_asks_like_apply(applied: Shell) -> None:
    applied.environment["TERM"] = "dumb"
    before = raws(applied)
    assert applied("rotate", "user/ci", typed="no\n").status == 4
    assert raws(applied) == before
    assert applied("rotate", "user/ci", typed="yes\n").status == 0
    assert raws(applied) != before


def test_nobody_there_to_ask_is_4(applied: Shell) -> None:
    assert applied("rotate", "user/ci").status == 4


def test_it_takes_the_digest_of_the_same_plan(applied: Shell) -> None:
    planned = applied("plan", "--rotate", "user/ci", "--target", "user/ci", "--format", "json").out
    assert applied("rotate", "user/ci", "--expect", "0" * 64).status == 4
    assert applied("rotate", "user/ci", "--expect", json.loads(planned)["digest"]).status == 0


def test_a_mistyped_address_is_answered_with_the_nearest(applied: Shell) -> None:
    for mistake in (["rotate", "user/cii", "--auto-approve"], ["plan", "--target", "user/cii"]):
        assert "no declaration has an address that fits 'user/cii'; did you mean 'user/ci'?" in applied(*mistake).err


@pytest.mark.parametrize("address", ["user/none", "*/none*"])
def test_an_unknown_address_is_3(applied: Shell, address: str) -> None:
    done = applied("rotate", address, "--auto-approve")
    assert done.status == 3
    assert f"no declaration has an address that fits '{address}'" in done.err


def test_without_an_address_it_is_misuse(applied: Shell) -> None:
    assert applied("rotate").status == 64


def test_a_protected_key_is_blocked(applied: Shell) -> None:
    applied.write(MANIFEST.replace("{name: ci,", "{name: ci, protect: true,"))
    before = raws(applied)
    assert applied("rotate", "user/ci", "--auto-approve").status == 4
    assert raws(applied) == before


def test_the_manifest_can_be_named(applied: Shell) -> None:
    (applied.folder / "keys.yaml").rename(applied.folder / "team.yaml")
    assert applied("rotate", "user/ci", "--auto-approve").status == 3
    assert applied("rotate", "user/ci", "--auto-approve", "--manifest", "team.yaml", "-v").status == 0
