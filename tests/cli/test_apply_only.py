"""`keyplan apply --only due`: what an unattended run applies, and what it leaves."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cli.shell import MANIFEST, Shell
from simulator import Fault, Killed
from syrupy.assertion import SnapshotAssertion

ROTATING = MANIFEST.replace("{name: ci,", "{name: ci, rotation: {every: 30d, overlap: 2d},")
DUE = ("apply", "--only", "due", "--auto-approve")


@pytest.fixture
def rotating(shell: Shell) -> Shell:
    """Return a shell whose first key falls due after 30 days, everything applied."""
    shell.write(ROTATING)
    assert shell("apply", "--auto-approve").status == 0
    return shell


def names(shell: Shell) -> list[str]:
    return sorted(record.name for record in shell.world.provider.records.values() if record.active)


def test_what_time_brings_about_is_applied_and_the_rest_is_left(rotating: Shell, snapshot: SnapshotAssertion) -> None:
    rotating.world.clock.advance(timedelta(days=31))
    rotating.write(ROTATING + "  - {name: new, key_type: user}\n")
    done = rotating(*DUE)
    assert (done.status, done.err) == (0, "Only what is due is applied: 1 action, 1 left for a reviewed apply.\n")
    assert done.out == snapshot
    assert names(rotating) == ["ci", "ci", "ingest"]
    # The old key ends with its overlap, by the next such run; what was left is still to be done.
    rotating.world.clock.advance(timedelta(days=3))
    assert rotating(*DUE).status == 0
    assert names(rotating) == ["ci", "ingest"]
    assert "user/new" in rotating("plan").out


def test_the_report_lists_what_was_left(rotating: Shell) -> None:
    rotating.write(ROTATING + "  - {name: new, key_type: user}\n")
    report = json.loads(rotating(*DUE, "--format", "json").out)
    assert report["complete"] is True
    assert report["left"] == [{"address": "user/new", "verb": "create", "reason": "absent", "key_id": None}]


def test_a_report_of_everything_says_nothing_of_it(rotating: Shell) -> None:
    assert "left" not in json.loads(rotating("apply", "--auto-approve", "--format", "json").out)


def test_events_count_what_was_left(rotating: Shell) -> None:
    rotating.write(ROTATING + "  - {name: new, key_type: user}\n")
    lines = rotating(*DUE, "--json-lines", "-").out.splitlines()
    assert json.loads(lines[-1])["result"]["left"] == 1


def test_nothing_due_asks_nothing(rotating: Shell) -> None:
    rotating.write(ROTATING + "  - {name: new, key_type: user}\n")
    assert rotating("apply", "--only", "due", typed="no\n").status == 0
    assert names(rotating) == ["ci", "ingest"]


def test_what_an_interrupted_run_left_is_finished(shell: Shell) -> None:
    shell.write()
    shell.world.effects.inject(Fault.KILL_AFTER, "provider.create")
    with pytest.raises(Killed):
        shell("apply", "--auto-approve", "--target", "user/ci")
    shell.world.restart()
    done = shell(*DUE)
    assert done.status == 0
    assert "create service/production/ingest" in done.out
    assert len(shell.world.sinks["local"].values()) == 1
    assert not shell.world.ledger.intents


def test_an_intent_of_what_is_left_stays_open(rotating: Shell) -> None:
    """It is the proof that a run was interrupted, and a later apply needs it."""
    rotating.write(ROTATING.replace("{name: ci,", "{name: ci, description: new, on_description_change: replace,"))
    rotating.world.effects.inject(Fault.KILL_BEFORE, "provider.create")
    with pytest.raises(Killed):
        rotating("apply", "--auto-approve")
    rotating.world.restart()
    before = dict(rotating.world.ledger.intents)
    assert rotating(*DUE).status == 0
    assert rotating.world.ledger.intents == before != {}


def test_it_goes_with_targets(rotating: Shell) -> None:
    rotating.world.clock.advance(timedelta(days=31))
    assert rotating(*DUE, "--target", "service/*").status == 0
    assert names(rotating) == ["ci", "ingest"]


def test_a_blocked_action_is_still_4(rotating: Shell) -> None:
    rotating.world.clock.advance(timedelta(days=31))
    rotating.write(ROTATING.replace("{name: ci,", "{name: ci, protect: true,"))
    assert rotating(*DUE).status == 4


def test_a_plan_file_is_one_decision(rotating: Shell) -> None:
    rotating("plan", "--out", "plan.json")
    done = rotating("apply", "plan.json", "--only", "due")
    assert (done.status, "does not go with a plan file" in done.err) == (3, True)


def test_it_contradicts_a_request(rotating: Shell) -> None:
    done = rotating(*DUE, "--rotate", "user/ci")
    assert (done.status, "leaves out what --rotate asks for" in done.err) == (3, True)


def test_the_environment_can_ask_for_it(rotating: Shell) -> None:
    rotating.environment["KEYPLAN_APPLY_ONLY"] = "due"
    rotating.write(ROTATING + "  - {name: new, key_type: user}\n")
    assert "1 left for a reviewed apply" in rotating("apply", "--auto-approve").out
