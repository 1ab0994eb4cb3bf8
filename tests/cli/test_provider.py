"""`keyplan provider`."""

from __future__ import annotations

import pytest
from cli.shell import Shell
from providers.http.connected import EXAMPLES
from providers.http.served import serve
from providers.http.vendors import Langfuse

from keyplan.app.wiring import PluginWiring
from keyplan.cli.signals import Interrupts
from keyplan.system.clock import SystemClock

SERVING = pytest.mark.enable_socket


def connect(shell: Shell) -> None:
    """Let the command reach real servers."""
    shell.wiring = PluginWiring(shell.environment, lambda _text: None)  # type: ignore[assignment]  # the same protocol


@SERVING
def test_each_trial_is_a_line_and_no_key_is_left(shell: Shell) -> None:
    connect(shell)
    vendor = Langfuse(clock=SystemClock())  # type: ignore[arg-type]  # only its time is used
    shell.environment["ADMIN"] = vendor.credential
    definition = str(EXAMPLES / vendor.file)
    with serve(vendor) as url:
        done = shell(
            "provider", "check", definition, "--against", url, "--credential-env", "ADMIN", "--var", "project=p1"
        )
    assert done.status == 0
    assert "pass  an expiry is shown as it was asked for" in done.out
    assert "13 pass, 0 fail, 2 not applicable." in done.out
    assert vendor.items == {}
    assert vendor.credential not in done.out + done.err


@SERVING
def test_a_refused_credential_is_a_failure_of_the_provider(shell: Shell) -> None:
    connect(shell)
    vendor = Langfuse(clock=SystemClock())  # type: ignore[arg-type]  # as above
    shell.environment["ADMIN"] = "pk-wrong:sk-wrong-of-no-user"
    with serve(vendor) as url:
        done = shell(
            *("provider", "check", str(EXAMPLES / vendor.file), "--against", url, "--credential-env", "ADMIN"),
            *("--var", "project=p1"),
        )
    assert done.status == 5
    assert "fail  keys can be listed" in done.out
    assert "sk-wrong" not in done.out + done.err


def test_a_definition_that_cannot_be_used_is_shown_with_its_places(shell: Shell) -> None:
    connect(shell)
    shell.write((EXAMPLES / "openrouter.yaml").read_text().replace("${id}", "${key}"), "broken.yaml")
    done = shell("provider", "check", "broken.yaml", "--against", "https://acme.test")
    assert done.status == 3
    assert "broken.yaml:" in done.err
    assert "${key} is unknown" in done.err


def test_the_credential_and_the_address_are_checked(shell: Shell) -> None:
    connect(shell)
    definition = str(EXAMPLES / "openrouter.yaml")
    assert shell("provider", "check", definition, "--against", "http://acme.test").status == 3
    assert shell("provider", "check", definition).status == 64
    assert shell("provider").status == 64


def test_an_interrupt_ends_the_trials_and_is_the_exit_status(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = iter([None, 2, 2, 2])
    monkeypatch.setattr(Interrupts, "requested", lambda _self: next(asked))
    done = shell("provider", "check", "any.yaml", "--against", "https://acme.test")
    assert done.status == 130
    assert [line.split("  ")[2] for line in done.out.splitlines()[2:4]] == [
        "keys can be listed",
        "every key that was made is deleted again",
    ]
