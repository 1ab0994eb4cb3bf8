"""A rollout on the command line, night after night: what changes, what is said, and that nothing turns red."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cli.shell import Shell
from simulator import World

HEAD = """\
version: 1
owner: ml-platform
id: k7f3a9c2
sinks: {local: {type: file, path: "{name}.key"}}
defaults: {sink: local, rotation: {every: 30d}}
rollout: {canary: [user/a1], wave: 2, pause: 1h}
keys:
"""
NAMES = ("a1", "b1", "b2", "b3")
DAY = timedelta(days=1)


def write(shell: Shell, generation: int = 1) -> None:
    rotation = f"rotation: {{generation: {generation}}}"
    shell.write(HEAD + "".join(f"  - {{name: {name}, key_type: user, {rotation}}}\n" for name in NAMES))


@pytest.fixture
def fleet(tmp_path: Path) -> Shell:
    """Return a shell beside four keys that were made two days ago."""
    shell = Shell(tmp_path, World())
    write(shell)
    assert shell("apply", "--auto-approve").status == 0
    shell.world.clock.advance(2 * DAY)
    return shell


def count_changes(shell: Shell) -> int:
    return sum(name in ("provider.create", "provider.refresh") for name in shell.world.effects.names())


@pytest.mark.parametrize("options", [(), ("--only", "due")], ids=["everything", "what is due"])
def test_nightly_applies_carry_a_rollout_to_its_end_and_are_all_green(fleet: Shell, options: tuple[str, ...]) -> None:
    fleet.world.clock.advance(30 * DAY)
    numbers = []
    for _ in range(4):
        before = count_changes(fleet)
        done = fleet("apply", "--auto-approve", *options)
        assert done.status == 0, done.out + done.err
        numbers.append(count_changes(fleet) - before)
        fleet.world.clock.advance(DAY)
    assert numbers == [1, 2, 1, 0]


def test_while_keys_only_wait_plan_and_drift_are_green_and_say_so(fleet: Shell) -> None:
    write(fleet, generation=2)
    assert fleet("plan", "--detailed-exitcode").status == 2
    assert fleet("apply", "--auto-approve").status == 0
    planned = fleet("plan", "--detailed-exitcode")
    assert planned.status == 0
    assert "No changes" not in planned.out
    assert "3 waiting for a later wave." in planned.out
    assert "Wave 1 of 2 waits (2 keys: user/b1, user/b2)" in planned.out
    found = fleet("drift")
    assert found.status == 0
    assert "waiting" in found.out
    assert "wave 1 of 2 of the rollout" in fleet("calendar").out


def test_a_saved_plan_stands_for_its_wave_alone(fleet: Shell) -> None:
    write(fleet, generation=2)
    assert fleet("plan", "--out", "first.plan").status == 0
    fleet.world.clock.advance(timedelta(minutes=10))
    assert fleet("apply", "first.plan").status == 0
    assert fleet("plan", "--out", "waiting.plan").status == 0
    fleet.world.clock.advance(2 * DAY)
    late = fleet("apply", "waiting.plan")
    assert late.status == 4
    assert "stale" in late.err


def test_a_key_that_is_rotated_by_hand_waits_for_no_wave(fleet: Shell) -> None:
    write(fleet, generation=2)
    assert fleet("rotate", "user/b3", "--auto-approve").status == 0
    assert count_changes(fleet) == 5


def test_a_canary_that_fits_nothing_is_a_problem_of_validate(fleet: Shell) -> None:
    fleet.write(HEAD.replace("user/a1", "user/a2") + "  - {name: a1, key_type: user}\n")
    refused = fleet("validate")
    assert refused.status == 3
    assert "keys.yaml:6:20: no declaration has an address that fits the canary 'user/a2'" in refused.err
