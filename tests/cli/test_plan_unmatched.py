"""What fits nothing is told: a waiver, a target, a glob of a policy, a former address."""

from __future__ import annotations

import pytest
from cli.shell import MANIFEST, Shell

WAIVER = "waivers: [{address: %s, reason: known, owner: ada, until: 2999-01-01T00:00:00Z}]\n"


def warn(shell: Shell, *more: str) -> list[str]:
    """Return the warnings of a plan, which change no exit status."""
    planned = shell("plan", *more)
    assert planned.status == 0, planned.err
    return [line for line in planned.out.splitlines() if "warning" in line.lower()]


def test_a_waiver_that_accepts_nothing_is_told(shell: Shell) -> None:
    shell.write(MANIFEST + WAIVER % "user/gone")
    (told,) = warn(shell)
    assert "keys.yaml:9:11: the waiver for 'user/gone' fits nothing that was found: take it out" in told
    assert warn(shell, "--target", "user/ci") == []


def test_a_waiver_that_accepts_something_is_silent(shell: Shell) -> None:
    shell.write(MANIFEST + WAIVER % "user/ci")
    assert warn(shell) == []


def test_a_drift_tells_of_a_waiver_once(shell: Shell) -> None:
    shell.write(MANIFEST + WAIVER % "user/gone")
    assert shell("drift").out.count("the waiver for 'user/gone'") == 1


@pytest.mark.parametrize("glob", ["user/ci*", "ingest", "service/*"])
def test_a_protecting_glob_that_fits_is_silent(shell: Shell, glob: str) -> None:
    shell.write(
        f"{MANIFEST}policy: {{protected: ['{glob}']}}\n".replace("{sink: local}", "{sink: local, protect: true}")
    )
    assert warn(shell) == []


def test_a_protecting_glob_that_fits_nothing_is_told(shell: Shell) -> None:
    shell.write(f"{MANIFEST}policy: {{protected: ['prod-*']}}\n")
    (told,) = warn(shell)
    assert "'prod-*' fits no key, so it protects nothing (policy/protected in keys.yaml:9)" in told
    assert warn(shell, "--target", "user/ci") == []


def test_a_target_that_fits_nothing_is_3(shell: Shell, manifest: object) -> None:
    refused = shell("plan", "--target", "user/c")
    assert (refused.status, "'user/c'" in refused.err) == (3, True)


def test_a_former_address_that_nothing_has_is_told_and_a_finished_move_is_silent(shell: Shell) -> None:
    moved = MANIFEST.replace("{name: ci, key_type: user}", "{name: build, key_type: user, moved_from: [user/ci]}")
    shell.write(moved.replace("user/ci", "user/cy"))
    (told,) = warn(shell)
    assert (
        "keys.yaml:7:47: nothing of 'user/cy' is known, from which user/build is to take over: a new key is made"
        in told
    )
    shell.write()
    assert shell("apply", "--auto-approve").status == 0
    shell.write(moved)
    assert warn(shell) == []
    assert shell("apply", "--auto-approve").status == 0
    assert warn(shell) == []
