"""What an apply would refuse, plan, drift and rotate say; `--no-preflight` leaves it to the apply."""

from __future__ import annotations

import json

import pytest
from cli.shell import MANIFEST, Shell
from samples import LINEAGE, LOCAL
from simulated.candid import CandidSink

RENAMED = MANIFEST.replace("{name: ci,", "{name: ci, expires_in: 30d,")


@pytest.fixture
def candid(shell: Shell) -> CandidSink:
    """Return the sink of a shell with a manifest: the place of `user/ci` can't be written."""
    shell.write()
    sink = CandidSink(LOCAL, shell.world.clock, shell.world.effects, lineage=LINEAGE)
    sink.obstacles = ("ci.key", "user/ci", "secrets/user/ci")
    shell.world.sinks[LOCAL] = sink
    return sink


def blocked_by(shell: Shell, *arguments: str) -> list[str]:
    """Return the guards of a plan."""
    changes = json.loads(shell("plan", "--format", "json", *arguments).out)["resource_changes"]
    return [change["blocked_by"]["guard"] for change in changes if change["blocked_by"]]


def test_a_plan_says_what_is_in_the_way_and_exits_with_4(shell: Shell, candid: CandidSink) -> None:
    done = shell("plan")
    assert done.status == 4
    assert "the file is immutable" in done.out
    assert "take that flag off" in done.out
    assert blocked_by(shell) == ["sink_not_ready"]
    assert candid.surveys == 2


def test_an_apply_does_the_others_and_exits_with_4(shell: Shell, candid: CandidSink) -> None:
    assert shell("apply", "--auto-approve").status == 4
    assert [key.name for key in shell.world.provider.live()] == ["ingest"]
    candid.obstacles = ()
    assert shell("apply", "--auto-approve").status == 0


def test_a_drift_names_the_guard(shell: Shell, candid: CandidSink) -> None:
    done = shell("drift", "--format", "json")
    findings = json.loads(done.out)["findings"]
    assert {(one["address"], one["blocked_by"]) for one in findings} >= {("user/ci", "sink_not_ready")}
    assert done.status == 4
    assert candid.surveys == 1


def test_a_kept_key_alarms_nobody(shell: Shell, candid: CandidSink) -> None:
    candid.obstacles = ()
    shell("apply", "--auto-approve")
    candid.obstacles = ("user/ci",)
    assert shell("plan", "--detailed-exitcode").status == 0
    assert shell("drift").status == 0
    assert shell("rotate", "user/ci", "--auto-approve").status == 4
    assert shell("plan", "--rotate", "user/ci").status == 4


@pytest.mark.parametrize("is_in_environment", [False, True], ids=["option", "environment"])
def test_without_preflight_no_sink_is_asked(shell: Shell, candid: CandidSink, is_in_environment: bool) -> None:
    option = () if is_in_environment else ("--no-preflight",)
    if is_in_environment:
        shell.environment["KEYPLAN_NO_PREFLIGHT"] = "1"
    assert shell("plan", *option).status == 0
    assert shell("drift", *option).status == 2
    assert candid.surveys == 0
    # The sink itself refuses before a key is made.
    assert shell("apply", "--auto-approve", *option).status == 6
    assert [key.name for key in shell.world.provider.live()] == ["ingest"]
    assert candid.surveys == 0


def test_a_digest_says_nothing_of_the_preflight_but_what_it_blocks(shell: Shell, candid: CandidSink) -> None:
    def digest(*arguments: str) -> str:
        return str(json.loads(shell("plan", "--format", "json", *arguments).out)["digest"])

    assert digest() != digest("--no-preflight")
    candid.obstacles = ()
    assert digest() == digest("--no-preflight")


def test_a_saved_plan_is_applied_with_the_same_preflight(shell: Shell, candid: CandidSink) -> None:
    shell("plan", "--no-preflight", "--out", "plan.json")
    candid.obstacles = ()
    assert shell("apply", "plan.json").status == 0
