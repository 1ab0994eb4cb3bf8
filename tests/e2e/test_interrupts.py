"""Signals, closed pipes and closed terminals, with real processes: nothing between issue and record is cut in two."""

from __future__ import annotations

import os
import pty
import signal
import subprocess

import pytest
from e2e.terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

FOUR_KEYS = "keys:\n" + "".join(f"  - {{name: k{number}, key_type: user}}\n" for number in range(4))
ALL = ["k0", "k1", "k2", "k3"]
PROMPT = 15
"""Seconds within which a process ends that is told to, while the sandbox holds its request for longer."""


def _hold(terminal: Terminal, seconds: int) -> None:
    """Write four keys, and have the second creation held back once it has happened."""
    terminal.write(FOUR_KEYS)
    terminal.break_requests("POST", "/v2/api-keys$", action="delay", nth=2, seconds=seconds, when="after")


def _assert_whole(terminal: Terminal, names: list[str]) -> None:
    """Assert that these keys and no others live, and that each is delivered and works."""
    assert terminal.live_names() == names
    assert all(terminal.is_valid(terminal.delivered(name)) for name in names)


def _assert_finished_by_the_next(terminal: Terminal) -> None:
    terminal.control("DELETE", "faults")
    assert terminal.apply().returncode == 0
    _assert_whole(terminal, ALL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_one_signal_lets_what_is_under_way_finish_and_starts_nothing_new(
    terminal: Terminal, number: signal.Signals
) -> None:
    _hold(terminal, seconds=3)
    process = terminal.start_apply()
    terminal.await_held()
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 128 + number
    assert "interrupt once more to stop at once" in err
    assert out.count("the run was interrupted") == 2
    assert "2 added, 0 changed, 0 destroyed" in out
    _assert_whole(terminal, ["k0", "k1"])
    _assert_finished_by_the_next(terminal)


def test_two_signals_stop_at_once_and_the_next_apply_finishes(terminal: Terminal) -> None:
    _hold(terminal, seconds=60)
    process = terminal.start_apply()
    terminal.await_held()
    process.send_signal(signal.SIGINT)
    assert process.stderr
    while "interrupt once more" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PROMPT)
    assert process.returncode == 130
    assert "the run was interrupted twice while this was in progress" in out
    assert terminal.live_names() == ["k0", "k1"]
    _assert_finished_by_the_next(terminal)


@pytest.mark.parametrize("closes_stderr", [False, True], ids=["stdout", "stdout and stderr"])
def test_a_reader_that_goes_away_does_not_stop_an_apply(beta: Terminal, *, closes_stderr: bool) -> None:
    _hold(beta, seconds=1)
    process = beta.start_apply(stderr=subprocess.STDOUT if closes_stderr else subprocess.DEVNULL)
    assert process.stdout
    process.stdout.close()
    assert process.wait() == 0
    _assert_whole(beta, ALL)


def test_an_apply_into_head_finishes(beta: Terminal) -> None:
    beta.write(FOUR_KEYS)
    process = beta.start_apply()
    with subprocess.Popen(["head", "-n", "1"], stdin=process.stdout, stdout=subprocess.DEVNULL) as head:
        assert process.stdout
        process.stdout.close()
        process.stdout = None
        process.communicate()
        head.wait()
    assert process.returncode == 0
    _assert_whole(beta, ALL)


def test_a_terminal_that_is_closed_lets_what_is_under_way_finish(beta: Terminal) -> None:
    _hold(beta, seconds=3)
    master, slave = pty.openpty()
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), slave)
    process = beta.start_apply(**streams, start_new_session=True, preexec_fn=_take_terminal)
    os.close(slave)
    beta.await_held()
    os.close(master)
    assert process.wait() == 128 + signal.SIGHUP
    _assert_whole(beta, ["k0", "k1"])
    _assert_finished_by_the_next(beta)


def _take_terminal() -> None:
    """Make standard input's terminal the controlling one, whose end is told by SIGHUP."""
    import fcntl  # noqa: PLC0415 - runs in the child
    import termios  # noqa: PLC0415 - runs in the child

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
