"""What an apply would refuse, the plan of the installed command says, with real git and a real folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from e2e.terminal import HEAD, Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = [pytest.mark.e2e, pytest.mark.enable_socket]

TWO_KEYS = (
    "keys:\n  - {name: ci, key_type: user}\n  - {name: cd, key_type: user, sink: {name: local, path: out/cd.key}}\n"
)
END = "expires_at: 2099-01-01T00:00:00Z"
FAR = f"keys:\n  - {{name: ci, key_type: user, {END}}}\n"


@pytest.fixture
def capped(tmp_path: Path) -> Iterator[Terminal]:
    """Return a terminal beside a sandbox whose account lets no key live longer than 90 days."""
    with running(SandboxOptions(api="beta", max_lifetime=timedelta(days=90))) as sandbox:
        yield Terminal(folder=tmp_path, url=sandbox.url, credential=sandbox.credential, api="beta")


def guards_of(terminal: Terminal, *options: str) -> dict[str, str]:
    """Return the guard of each blocked action of a plan."""
    changes = json.loads(terminal.run("plan", "--format", "json", *options).stdout)["resource_changes"]
    return {one["address"]: one["blocked_by"]["guard"] for one in changes if one["blocked_by"]}


def test_a_place_that_git_does_not_ignore_is_blocked_and_the_others_are_applied(beta: Terminal) -> None:
    subprocess.run(["git", "init", "--quiet", str(beta.folder)], check=True)
    (beta.folder / ".gitignore").write_text("/out/\n.keyplan/\n")
    beta.write(TWO_KEYS)
    planned = beta.run("plan")
    assert planned.returncode == 4
    assert "git does not ignore it" in planned.stdout
    assert guards_of(beta) == {"user/ci": "sink_not_ready"}
    assert beta.run("apply", "--auto-approve").returncode == 4
    assert (beta.folder / "out/cd.key").exists()
    assert beta.run("drift").returncode == 4
    with (beta.folder / ".gitignore").open("a") as file:
        file.write("/secrets/*.key\n")
    assert beta.run("apply", "--auto-approve").returncode == 0
    assert [beta.run(*command).returncode for command in (["plan", "--detailed-exitcode"], ["drift"])] == [0, 0]


def test_an_apply_without_preflight_refuses_by_itself_what_the_plan_did_not_say(beta: Terminal) -> None:
    beta.write(TWO_KEYS)
    path = beta.folder / "secrets/ci.key"
    path.parent.mkdir()
    path.write_text("by hand")
    assert guards_of(beta) == {"user/ci": "sink_not_ready"}
    assert guards_of(beta, "--no-preflight") == {}
    done = beta.run("apply", "--auto-approve", "--no-preflight")
    assert done.returncode == 6
    assert "did not write" in done.stdout + done.stderr
    assert path.read_text() == "by hand"


def test_the_refusal_of_a_life_names_the_line_and_with_it_the_plan_knows(capped: Terminal) -> None:
    capped.write(FAR)
    assert capped.run("plan").returncode == 0
    refused = capped.run("apply", "--auto-approve")
    assert refused.returncode == 5
    assert "provider: {max_lifetime: 90d}" in refused.stdout + refused.stderr
    told = HEAD.replace("provider: {{", "provider: {{max_lifetime: 90d, ")
    capped.write(FAR, head=told)
    assert guards_of(capped) == {"user/ci": "max_lifetime"}
    assert capped.run("apply", "--auto-approve").returncode == 4
    capped.write(FAR.replace(END, "expires_in: 91d"), head=told)
    invalid = capped.run("validate")
    assert invalid.returncode == 3
    assert "longer than the account allows: 90d" in invalid.stdout + invalid.stderr
    capped.write(FAR.replace(END, "expires_in: 90d"), head=told)
    assert capped.run("apply", "--auto-approve").returncode == 0
