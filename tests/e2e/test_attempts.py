"""A key that cannot be finished is left to a person after five attempts, and the commands it is told to run work."""

from __future__ import annotations

import re
import shlex
from subprocess import CompletedProcess

import pytest
from e2e.terminal import Terminal

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

STUCK_AND_FINE = "keys:\n  - {name: a-stuck, key_type: user}\n  - {name: b, key_type: user}\n"
LATER = STUCK_AND_FINE + "  - {name: later, key_type: user}\n"


def _apply_in_order(terminal: Terminal) -> CompletedProcess[str]:
    return terminal.run("apply", "--auto-approve", "--parallelism", "1")


def _fail_five_times(terminal: Terminal) -> str:
    """Lose the answer of the first creation and of every refresh that is to mend it; return what the last run said."""
    terminal.write(STUCK_AND_FINE)
    terminal.break_requests("POST", "/v2/api-keys$", action="truncate")
    terminal.break_requests("POST", "/refresh", action="truncate", times=0)
    runs = [_apply_in_order(terminal) for _ in range(5)]
    assert [run.returncode for run in runs] == [5] * 5
    assert not any("leaves it to a person" in run.stdout for run in runs[:4])
    return runs[-1].stdout


def test_after_five_attempts_a_person_is_asked_and_the_rest_goes_on(terminal: Terminal) -> None:
    told = _fail_five_times(terminal)
    assert "does not try again after 5 failed attempts" in told
    terminal.write(LATER)
    sixth = _apply_in_order(terminal)
    assert (sixth.returncode, "1 added" in sixth.stdout) == (4, True)
    assert sorted(name for name in terminal.live_names() if name != "a-stuck") == ["b", "later"]
    terminal.control("DELETE", "faults")
    advised = re.findall(r"`keyplan ([^`]+)`", sixth.stdout)
    assert {shlex.split(one)[0] for one in advised} == {"ledger", "rotate"}
    assert set(advised) == set(re.findall(r"`keyplan ([^`]+)`", told))
    for one in advised:
        more = ["--auto-approve"] if one.startswith("rotate") else []
        done = terminal.run(*shlex.split(one), *more)
        assert done.returncode == 0, done.stderr
    assert terminal.live_names() == ["a-stuck", "b", "later"]
    assert terminal.is_valid(terminal.delivered("a-stuck"))
    assert "No changes." in terminal.run("plan").stdout
