"""One apply at a time per ledger, with real processes: told who holds it, waited for, taken over, broken."""

from __future__ import annotations

import json
import re
import shlex
import socket
import sqlite3
from contextlib import closing

import pytest
from e2e.terminal import Terminal

from keyplan.app.wiring import current_user

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

ONE_KEY = "keys:\n  - {name: ci, key_type: user}\n"
NO_CHANGES = "No changes. Your keys match the manifest."


def _hold(terminal: Terminal, seconds: int) -> None:
    terminal.write(ONE_KEY)
    terminal.break_requests("POST", "/v2/api-keys$", action="delay", seconds=seconds, when="after")


def _move_lock_to_another_host(terminal: Terminal) -> None:
    with closing(sqlite3.connect(terminal.folder / ".keyplan" / "ledger.db", isolation_level=None)) as ledger:
        ((document,),) = ledger.execute("SELECT document FROM lock").fetchall()
        elsewhere = json.dumps(json.loads(document) | {"host": "build-7"})
        ledger.execute("UPDATE lock SET document = ?", (elsewhere,))


def _kill_holder(terminal: Terminal) -> None:
    holder = terminal.start_apply()
    terminal.await_held()
    holder.kill()
    holder.communicate()


def test_who_comes_second_is_told_who_holds_the_lock_and_plan_does_not_wait(beta: Terminal) -> None:
    _hold(beta, seconds=60)
    holder = beta.start_apply()
    beta.await_held()
    second = beta.apply()
    assert second.returncode == 7
    told = rf"on {re.escape(socket.gethostname())} \(pid {holder.pid}\) since \S+: apply"
    assert re.search(told, second.stderr), second.stderr
    assert re.search(r"keyplan ledger unlock [0-9a-f]+", second.stderr)
    # A plan asks for no lock, and says of the address who is at work there.
    planned = beta.run("plan")
    assert planned.returncode == 4
    assert f"another run is changing this address ({current_user()} on {socket.gethostname()}: apply" in planned.stdout
    holder.kill()
    holder.communicate()


def test_who_comes_second_waits_as_long_as_it_is_told(beta: Terminal) -> None:
    _hold(beta, seconds=3)
    holder = beta.start_apply()
    beta.await_held()
    second = beta.run("apply", "--auto-approve", "--lock-timeout", "50s")
    assert (holder.wait(), second.returncode) == (0, 0)
    holder.communicate()
    assert f"waiting up to 50s for the lock of {current_user()} on {socket.gethostname()}" in second.stderr
    assert (NO_CHANGES in second.stdout, beta.live_names()) == (True, ["ci"])


def test_a_holder_that_was_killed_is_taken_over_and_what_it_began_is_finished(terminal: Terminal) -> None:
    _hold(terminal, seconds=60)
    _kill_holder(terminal)
    assert "is held by" in terminal.run("ledger", "show").stdout
    assert terminal.apply().returncode == 0
    assert (terminal.live_names(), terminal.is_valid(terminal.delivered("ci"))) == (["ci"], True)
    assert "Lock: free." in terminal.run("ledger", "show").stdout


def test_a_holder_on_another_host_is_waited_for_until_a_person_breaks_its_lock(beta: Terminal) -> None:
    _hold(beta, seconds=60)
    _kill_holder(beta)
    _move_lock_to_another_host(beta)
    refused = beta.apply()
    assert (refused.returncode, "on build-7 (pid" in refused.stderr) == (7, True)
    advised = re.search(r"keyplan (ledger unlock [0-9a-f]+)", refused.stderr)
    assert advised
    assert beta.run(*shlex.split(advised[1])).returncode == 0
    assert beta.apply().returncode == 0
    assert beta.live_names() == ["ci"]
