"""Who comes second learns at once whom it waits for."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cli.shell import Shell
from samples import make_declaration, make_delivery, make_intent, make_runner

LEASE = timedelta(seconds=60)


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


def note_live_intent(shell: Shell) -> None:
    """Let another run, with a ledger of its own, be at work on `user/ci`."""
    world = shell.world
    (sink,) = world.sinks.values()
    slot = sink.locate("ml-platform", make_declaration(), make_delivery())
    sink.intend(slot, make_intent(at=world.clock.now(), runner=make_runner("other"), until=world.clock.now() + LEASE))


def test_an_address_at_which_another_run_is_at_work_is_waited_for_and_said_once(shell: Shell, manifest: Path) -> None:
    note_live_intent(shell)
    begun = shell.world.clock.now()
    done = shell("apply", "--auto-approve", "--lock-timeout", "5m")
    assert done.status == 0, done.err
    assert done.err.count("waiting up to 5m for another run at user/ci") == 1
    assert done.err.count("waiting") == 1
    # Once the lease is over, what that run began is finished.
    assert LEASE <= shell.world.clock.now() - begun < timedelta(minutes=2)
    assert "local:user/ci" in shell.world.delivered()


def test_without_patience_the_address_is_blocked_at_once(shell: Shell, manifest: Path) -> None:
    note_live_intent(shell)
    done = shell("apply", "--auto-approve")
    assert (done.status, "waiting" in done.err) == (4, False)
    assert "another run is changing this address" in done.out
    # Other addresses go on.
    assert [*shell.world.delivered()] == ["local:service/production/ingest"]


def test_patience_that_ends_before_the_other_run_leaves_the_address_blocked(shell: Shell, manifest: Path) -> None:
    note_live_intent(shell)
    begun = shell.world.clock.now()
    assert shell("apply", "--auto-approve", "--lock-timeout", "10s").status == 4
    assert timedelta(seconds=10) <= shell.world.clock.now() - begun < LEASE
