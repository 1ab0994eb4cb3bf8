"""Who comes second learns at once whom it waits for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cli.shell import Shell


def test_a_wait_for_the_lock_is_told_of_before_it_begins(shell: Shell, manifest: Path) -> None:
    with shell.world.ledger.lock(shell.wiring.holder("rotate"), patience=timedelta(0)):
        done = shell("apply", "--auto-approve", "--lock-timeout", "5s")
    assert done.status == 7
    assert "waiting up to 5s for the lock of ada on ci-1, process 42, since 2026-" in done.err
    assert "(rotate)\n" in done.err


def test_who_does_not_wait_is_told_once(shell: Shell, manifest: Path) -> None:
    with shell.world.ledger.lock(shell.wiring.holder("rotate"), patience=timedelta(0)):
        done = shell("apply", "--auto-approve")
    assert (done.status, "waiting" in done.err) == (7, False)
