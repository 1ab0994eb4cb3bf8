"""Several manifests in one apply, with real processes: stopped, killed and broken, then made whole by the next."""

from __future__ import annotations

import signal

import pytest
from e2e.terminal import HEAD, Terminal

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

OWNERS = ("prod", "test")
ALL = ["prod-a", "prod-b", "test-a", "test-b"]
PROMPT = 15
"""Seconds within which a process ends that is told to, while the sandbox holds its request for longer."""
BY_HAND = ("envs", "--auto-approve", "--parallelism", "1")


@pytest.fixture
def envs(terminal: Terminal) -> Terminal:
    """Return a terminal with two manifests of two keys each."""
    for owner in OWNERS:
        folder = terminal.folder / "envs" / owner
        folder.mkdir(parents=True)
        head = HEAD.format(url=terminal.url, api=terminal.api).replace("owner: e2e", f"owner: {owner}")
        # Without overlap: a run can be killed after one manifest has delivered and before it has recorded that. Its key
        # then gets a successor, and with overlap the key would rightly live on beside it.
        rotation = "{overlap: 0s}"
        keys = "".join(f"  - {{name: {owner}-{name}, key_type: user, rotation: {rotation}}}\n" for name in "ab")
        (folder / "keys.yaml").write_text(f"{head}keys:\n{keys}")
    return terminal


def _hold(terminal: Terminal, *, nth: int, seconds: int, when: str = "after") -> None:
    terminal.break_requests("POST", "/v2/api-keys$", action="delay", nth=nth, seconds=seconds, when=when)


def _assert_finished_by_the_next(terminal: Terminal) -> None:
    terminal.control("DELETE", "faults")
    done = terminal.run("apply", "envs", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    assert terminal.live_names() == ALL
    for name in ALL:
        raw = (terminal.folder / "envs" / name.partition("-")[0] / "secrets" / f"{name}.key").read_text()
        assert terminal.is_valid(raw)
    assert terminal.run("plan", "envs", "--detailed-exitcode").returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_one_signal_lets_all_manifests_finish_what_is_under_way(envs: Terminal, number: signal.Signals) -> None:
    _hold(envs, nth=1, seconds=2)
    process = envs.start("apply", *BY_HAND)
    envs.await_held()
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "interrupt once more" in err) == (128 + number, True)
    assert "the run was interrupted" in out
    _assert_finished_by_the_next(envs)


def test_two_signals_stop_all_manifests_at_once_and_what_is_done_is_told(envs: Terminal) -> None:
    _hold(envs, nth=1, seconds=60)
    gone = envs.folder / "none"
    gone.mkdir()
    process = envs.start("apply", *BY_HAND, "--format", "text", "--format", "json=none/report.json")
    envs.await_held()
    gone.rmdir()
    process.send_signal(signal.SIGINT)
    assert process.stderr
    while "interrupt once more" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=PROMPT)
    assert process.returncode == 130
    assert "keys.yaml: error: the run was interrupted twice while this was in progress" in err
    _assert_finished_by_the_next(envs)


@pytest.mark.parametrize("which", [["envs"], ["envs/prod"]], ids=["two manifests", "one manifest"])
@pytest.mark.parametrize("command", ["plan", "drift", "apply"])
def test_a_signal_ends_the_planning_at_once(envs: Terminal, command: str, which: list[str]) -> None:
    envs.break_requests("GET", "/v2/api-keys", action="delay", seconds=60, when="before")
    process = envs.start(command, *which, *(["--auto-approve"] if command == "apply" else []))
    envs.await_held()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PROMPT)
    assert (process.returncode, envs.mutations()) == (143, [])
    _assert_finished_by_the_next(envs)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("nth", [1, 3])
def test_an_apply_of_several_that_is_killed_is_finished_by_the_next(envs: Terminal, nth: int, when: str) -> None:
    _hold(envs, nth=nth, seconds=60, when=when)
    process = envs.start("apply", *BY_HAND)
    envs.await_held()
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    _assert_finished_by_the_next(envs)


def test_a_manifest_that_fails_does_not_keep_the_other_from_finishing(envs: Terminal) -> None:
    envs.break_requests("POST", "/v2/api-keys$", action="status", status=400, nth=1, times=1)
    done = envs.run("apply", *BY_HAND)
    assert (done.returncode, len(envs.live_names())) == (5, 3)
    _assert_finished_by_the_next(envs)


def test_two_applies_that_name_the_manifests_in_opposite_order_both_finish(envs: Terminal) -> None:
    named = [f"envs/{owner}/keys.yaml" for owner in OWNERS]
    orders = (named, named[::-1])
    running = [envs.start("apply", *order, "--auto-approve", "--lock-timeout", "50s") for order in orders]
    outcomes = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0, 0], outcomes
    _assert_finished_by_the_next(envs)


def test_a_pattern_that_would_take_for_ever_with_backtracking_is_answered_at_once(envs: Terminal) -> None:
    (envs.folder / "policy.yaml").write_text("version: 1\nnames: '(a+)+'\n")
    manifest = envs.folder / "envs" / "prod" / "keys.yaml"
    manifest.write_text(manifest.read_text().replace("prod-a", "a" * 60 + "!"))
    planned = envs.start("plan", "envs", "--policy", "policy.yaml")
    planned.communicate(timeout=PROMPT)
    assert planned.returncode == 4
