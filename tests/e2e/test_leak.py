"""A leaked key is dead within one command: the installed command, over real HTTP, in both dialects."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import time
from typing import Any

import pytest
from e2e.terminal import COMMAND, Terminal

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

KEYS = """\
keys:
  - {name: ci, key_type: user, description: Used by CI, sink: [local, second]}
  - {name: ingest, key_type: service, space: production}
"""
HEAD = """\
version: 1
owner: e2e
provider: {{base_url: "{url}", api: {api}, patience_seconds: 2}}
sinks:
  local: {{type: file, path: "secrets/{{name}}.key"}}
  second: {{type: file, path: "others/{{name}}.env", format: dotenv, variable: KEY}}
defaults: {{sink: local}}
"""


def leak(terminal: Terminal, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `keyplan leak` on a text; whatever comes of it, nothing that it says holds a piece of the text."""
    done = subprocess.run(
        [COMMAND, "leak", *arguments],
        cwd=terminal.folder,
        env=terminal.environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    raw = terminal.delivered("ci")
    assert raw[:15] not in done.stdout + done.stderr
    return done


def make_by_hand(terminal: Terminal, name: str) -> dict[str, Any]:
    return terminal.call("POST", "api-keys", {"name": name, "key_type": "user" if terminal.api == "alpha" else "USER"})


@pytest.fixture
def applied(terminal: Terminal) -> Terminal:
    """Return a terminal at which two keys are delivered."""
    terminal.write(KEYS, head=HEAD)
    terminal.apply()
    return terminal


def wrap(text: str) -> str:
    """Return a text as a diff of a Kubernetes Secret shows it, encoded and in lines of 30."""
    encoded = base64.b64encode(f"ARIZE_API_KEY={text}\n".encode()).decode()
    return "\n".join(f"+  {encoded[at : at + 30]}" for at in range(0, len(encoded), 30))


def test_a_leaked_key_is_dead_within_one_command_and_its_places_hold_a_new_one(applied: Terminal) -> None:
    old, other = applied.delivered("ci"), applied.delivered("ingest")
    by_hand = make_by_hand(applied, "by-hand")
    assert applied.is_valid(old)
    done = leak(applied, f"diff --git a/x b/x\n{wrap(old)}\n", "--contain", "--auto-approve")
    assert (done.returncode, "Dead: key" in done.stdout) == (0, True), done.stdout + done.stderr
    assert old[:15] not in done.stdout + done.stderr
    new = applied.delivered("ci")
    assert (applied.is_valid(old), applied.is_valid(new)) == (False, True)
    assert f"KEY={new}" in (applied.folder / "others" / "ci.env").read_text().replace('"', "").replace("'", "")
    assert applied.delivered("ingest") == other
    assert applied.is_valid(other)
    assert applied.is_valid(by_hand["key"])
    assert applied.run("plan", "--detailed-exitcode").returncode == 0
    ledger = (applied.folder / ".keyplan" / "ledger.db").read_bytes()
    assert old[:15].encode() not in ledger


def test_it_says_what_it_found_and_changes_nothing(applied: Terminal) -> None:
    old = applied.delivered("ci")
    before = applied.mutations()
    done = leak(applied, f"export KEY={old}; echo done", "--format", "json")
    document = json.loads(done.stdout)
    (key,) = document["keys"]
    assert (done.returncode, key["address"], key["standing"], key["proof"]) == (2, "user/ci", "current", "fingerprint")
    assert key["locations"] == ["local:secrets/ci.key", "second:others/ci.env#KEY"]
    assert document["alive"] is None
    assert applied.mutations() == before


def test_a_text_without_a_key_is_0(applied: Terminal) -> None:
    done = leak(applied, "nothing here, not even ak-" + "z" * 50)
    assert done.returncode == 0
    assert "No key of this account stands in the text." in done.stdout
    assert "1 text in it may be a raw key" in done.stdout


def test_an_old_key_in_its_overlap_ends_and_the_current_one_stays(applied: Terminal) -> None:
    old = applied.delivered("ingest")
    applied.write(KEYS.replace("space: production", "space: production, rotation: {strategy: replace}"), head=HEAD)
    assert applied.run("rotate", "service/production/ingest", "--auto-approve").returncode == 0
    current = applied.delivered("ingest")
    assert (applied.is_valid(old), applied.is_valid(current)) == (True, True)
    done = leak(applied, old, "--contain", "--auto-approve")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "an old key of its declaration" in done.stdout
    assert (applied.is_valid(old), applied.delivered("ingest") == current) == (False, True)
    assert applied.is_valid(current)


def test_a_key_that_is_not_ours_ends_only_if_it_is_named(applied: Terminal) -> None:
    made = make_by_hand(applied, "by-hand")
    done = leak(applied, f"key: {made['key']}", "--contain", "--auto-approve")
    assert (done.returncode, applied.is_valid(made["key"])) == (4, True)
    assert f"STILL ALIVE: key {made['id']}" in done.stdout
    done = leak(applied, f"key: {made['key']}", "--contain", "--auto-approve", "--revoke", made["id"])
    assert (done.returncode, applied.is_valid(made["key"])) == (0, False)
    again = leak(applied, f"key: {made['key']}", "--contain", "--auto-approve")
    assert (again.returncode, "dead: it was ended" in again.stdout) == (0, True)


def test_a_redacted_form_is_found_and_ends_nothing(applied: Terminal) -> None:
    old = applied.delivered("ci")
    done = leak(applied, f"the table shows {old[:6]}...{old[-3:]}", "--contain", "--auto-approve")
    assert (done.returncode, applied.is_valid(old)) == (4, True)
    assert "It is not proven that it leaked" in done.stdout


def test_a_protected_key_lives_on_and_that_is_said(applied: Terminal) -> None:
    applied.write(KEYS.replace("sink: [", "protect: true, sink: ["), head=HEAD)
    applied.apply()
    old = applied.delivered("ci")
    done = leak(applied, old, "--contain", "--auto-approve")
    assert (done.returncode, applied.is_valid(old)) == (4, True)
    assert "STILL ALIVE" in done.stdout
    applied.write(KEYS, head=HEAD)
    assert leak(applied, old, "--contain", "--auto-approve").returncode == 0
    assert not applied.is_valid(old)


def test_without_a_terminal_nothing_is_done_unasked(applied: Terminal) -> None:
    old = applied.delivered("ci")
    done = subprocess.run(
        [COMMAND, "leak", "--contain"],
        cwd=applied.folder,
        env=applied.environment,
        input=old,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        start_new_session=True,
    )
    assert (done.returncode, applied.is_valid(old)) == (4, True)


@pytest.mark.parametrize(("answer", "status"), [(b"yes\n", 0), (b"no\n", 4)])
def test_it_asks_at_the_terminal_while_the_text_is_piped(applied: Terminal, answer: bytes, status: int) -> None:
    old = applied.delivered("ci")
    (applied.folder / "leaked.txt").write_text(old)
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - the child becomes the command
        os.chdir(applied.folder)
        os.execve("/bin/sh", ["sh", "-c", f"exec {COMMAND} leak --contain < leaked.txt"], applied.environment)  # noqa: S606 - a terminal of its own
    shown = b""
    while b"taken for a yes" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, answer)
    ended = time.monotonic() + 60
    while time.monotonic() < ended:
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
    _, found = os.waitpid(child, 0)
    os.close(terminal)
    assert (os.waitstatus_to_exitcode(found), applied.is_valid(old)) == (status, status != 0)
    assert old[:15].encode() not in shown
