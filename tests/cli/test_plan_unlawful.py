"""A rotation that the dialect's laws forbid: its key is blocked, with the reason and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from cli.shell import MANIFEST, Shell
from simulator import World
from syrupy.assertion import SnapshotAssertion

ROWS = [
    pytest.param("beta", "expires_in: 90d, rotation: {strategy: refresh}", id="beta: refresh cannot extend a life"),
    pytest.param("beta", "rotation: {strategy: refresh, overlap: 2d}", id="beta: an overlap beyond the grace"),
    pytest.param("alpha", "rotation: {strategy: refresh, overlap: 1h}", id="alpha: no grace at all"),
    pytest.param("alpha", "rotation: {retire: when_unused}", id="alpha: shows no last use"),
    pytest.param("beta", "rotation: {strategy: refresh, retire: when_unused}", id="beta: refresh ends by the clock"),
]


def open_shell(shell: Shell, dialect: Any, fields: str) -> Shell:
    """Return the shell, beside a provider of that dialect and a manifest with those fields."""
    shell.world = World(dialect=dialect)
    shell.wiring.world = shell.world
    shell.write(MANIFEST.replace("{name: ci,", f"{{name: ci, {fields},"))
    return shell


@pytest.mark.parametrize(("dialect", "fields"), ROWS)
def test_it_is_blocked_and_the_other_keys_go_on(
    shell: Shell, dialect: str, fields: str, snapshot: SnapshotAssertion
) -> None:
    done = open_shell(shell, dialect, fields)("plan")
    assert done.status == 4
    assert done.out == snapshot


@pytest.mark.parametrize("command", [["apply", "--auto-approve"], ["rotate", "user/ci", "--auto-approve"]])
def test_no_command_makes_such_a_key(shell: Shell, command: list[str]) -> None:
    done = open_shell(shell, "alpha", "rotation: {retire: when_unused}")(*command)
    assert done.status == 4
    assert "ci" not in [record.name for record in shell.world.provider.live()]


def test_drift_and_calendar_show_it(shell: Shell) -> None:
    opened = open_shell(shell, "alpha", "rotation: {retire: when_unused}")
    assert opened("drift").status == 4
    assert "when_unused needs last_used_at" in opened("calendar").out
