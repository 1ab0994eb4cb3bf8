"""Who leads: one process for each manifest, certainly, or none."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from app.watched import OwnWiring
from cli.shell import Shell
from simulator import Fault, World

from keyplan.app.leadership import Leadership, Standing
from keyplan.app.workspace import open_workspace
from keyplan.errors import LedgerError
from keyplan.model.ledger import LockName

LEASE = timedelta(seconds=20)


def stand(folder: Path, world: World, host: str = "node-1") -> Leadership:
    """Return the place of a process on that host."""
    shell = Shell(folder, world)
    shell.write()
    context = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    workspace = open_workspace(None, context, ledger=None)
    led = replace(workspace, ledger=replace(workspace.ledger, lease=LEASE))
    return Leadership(OwnWiring(world, host=host), led)


def test_the_first_leads_and_the_second_does_not(tmp_path: Path) -> None:
    world = World()
    first, second = stand(tmp_path, world), stand(tmp_path, world, "node-2")
    assert (first.take(), second.take()) == (True, False)
    assert (first.confirm(), second.confirm()) == (Standing.HELD, Standing.NONE)
    assert (first.is_held, second.is_held, first.number > 0, second.number) == (True, False, True, 0)
    first.leave()


def test_who_leaves_is_followed_with_a_greater_number(tmp_path: Path) -> None:
    world = World()
    first, second = stand(tmp_path, world), stand(tmp_path, world, "node-2")
    first.take()
    number = first.number
    first.leave()
    assert (second.take(), second.number > number) == (True, True)
    second.leave()
    assert world.ledger.locks == {}


def test_a_lease_that_was_renewed_in_time_is_kept(tmp_path: Path) -> None:
    world = World()
    leader = stand(tmp_path, world)
    leader.take()
    for _ in range(10):
        world.clock.advance(LEASE / 2)
        assert leader.confirm() is Standing.HELD
    leader.leave()


def test_a_leadership_that_another_took_is_lost_once(tmp_path: Path) -> None:
    world = World()
    first, second = stand(tmp_path, world), stand(tmp_path, world, "node-2")
    first.take()
    world.clock.advance(LEASE)
    assert second.take()
    assert [first.confirm(), first.confirm()] == [Standing.LOST, Standing.NONE]
    # What it gives up is no longer its own.
    first.leave()
    assert second.confirm() is Standing.HELD
    second.leave()


def test_a_ledger_that_does_not_answer_is_told_and_asked_anew(tmp_path: Path) -> None:
    world = World()
    leader = stand(tmp_path, world)
    world.effects.inject(Fault.ERROR, "ledger.lock")
    with pytest.raises(LedgerError):
        leader.take()
    assert leader.take()
    leader.leave()


def test_it_is_not_the_lock_of_applies(tmp_path: Path) -> None:
    world = World()
    leader = stand(tmp_path, world)
    leader.take()
    assert set(world.ledger.locks) == {LockName.WATCH}
    leader.leave()
