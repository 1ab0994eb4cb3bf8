"""`keyplan sandbox` and `keyplan demo`: real HTTP on loopback."""

from __future__ import annotations

import io
import re
import signal
import sys
from dataclasses import replace

import pytest
from cli.shell import Shell
from simulator import Fault

from keyplan.app.wiring import PluginWiring
from keyplan.cli.main import run
from keyplan.cli.session import Session


@pytest.fixture
def session(shell: Shell) -> Session:
    """Return a session with the real plugins, in an environment that leads elsewhere."""
    shell.environment |= {"ARIZE_API_HOST": "elsewhere.test", "KEYPLAN_LEDGER": "/nowhere", "KEYPLAN_FORMAT": "json"}
    simulated = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO())
    return replace(simulated, wire=PluginWiring)


def written(session: Session) -> str:
    stream = session.screen._stdout
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


@pytest.mark.enable_socket
@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_the_demo_plans_applies_and_ends_without_changes(session: Session, api: str) -> None:
    assert run(["demo", "--api", api], session) == 0
    shown = written(session)
    assert shown.count("$ keyplan ") == 3
    assert "Apply complete! Resources: 2 added, 0 changed, 0 destroyed." in shown
    assert "\nNo changes. Your keys match the manifest.\n" in shown


@pytest.mark.enable_socket
def test_the_demo_shows_delivered_files_with_their_values_masked(session: Session) -> None:
    run(["demo"], session)
    files = written(session).split("(values masked)\n")[1].splitlines()
    assert [re.sub(r"\*{20,}", "***", line) for line in files] == [
        "secrets/my-service-key.env: ARIZE_API_KEY=***",
        "secrets/my-user-key.env: ARIZE_API_KEY=***",
    ]


@pytest.mark.enable_socket
def test_the_demo_ends_with_the_status_of_the_step_that_failed(session: Session, shell: Shell) -> None:
    shell.world.effects.inject(Fault.ERROR, "provider.list_keys")
    failing = replace(session, wire=lambda _environment, _say: shell.wiring)
    assert run(["demo"], failing) == 5
    assert written(session).count("$ keyplan ") == 1


def test_a_sandbox_that_cannot_start_is_told(shell: Shell) -> None:
    shell.environment["KEYPLAN_SANDBOX_STATE"] = "none/state.db"
    done = shell("sandbox")
    assert done.status == 3
    assert done.err.startswith("error: state file ")


class Listener(io.StringIO):
    """A stream whose reader interrupts once something was told."""

    def write(self, text: str) -> int:
        signal.raise_signal(signal.SIGINT)
        return super().write(text)


@pytest.mark.enable_socket
@pytest.mark.parametrize("api", ["alpha", "beta"])
def test_a_sandbox_tells_how_to_use_it_and_serves_until_it_is_interrupted(shell: Shell, api: str) -> None:
    out = Listener()
    session = shell.session(stdin=io.StringIO(), out=out, err=io.StringIO())
    options = ["--api", api, "--refresh-id", "same", "--second-delete", "404", "--state", f"{api}.db"]
    for told in (r"export ARIZE_API_KEY=ak-\w+\n", r"\(its credential was printed when it was made\)"):
        assert run(["sandbox", *options], session) == 0
        assert re.search(rf"^Sandbox of the Arize API \({api}\) at http://127\.0\.0\.1:\d+\n", out.getvalue())
        assert re.search(told, out.getvalue())


def test_a_sandbox_on_a_port_that_makes_no_sense_is_refused(session: Session) -> None:
    assert run(["sandbox", "--port", "70000"], session) == 64


@pytest.mark.parametrize("command", ["sandbox", "demo"])
def test_a_sandbox_without_its_packages_tells_how_to_get_them(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delitem(sys.modules, "keyplan.sandbox.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = shell(command)
    assert (done.status, done.out) == (3, "")
    assert "'sandbox' needs a package that is not installed: uvicorn" in done.err
    assert "pip install 'keyplan[sandbox]'" in done.err
