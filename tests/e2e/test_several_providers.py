"""Two providers in one manifest, on two real servers, with the installed command: the main job and faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

HEAD = """\
version: 1
owner: e2e
id: k7f3a9c2
providers:
  main: {{type: arize, base_url: "{main}", api: alpha, patience_seconds: 2}}
  eu: {{type: arize, base_url: "{eu}", api: beta, patience_seconds: 2, credential: {{env: EU_ARIZE_API_KEY}}}}
sinks:
  local: {{type: file, path: "secrets/{{address}}.key"}}
defaults: {{sink: local, provider: main, rotation: {{overlap: 0s}}}}
"""
KEYS = """\
keys:
  - {name: ci, key_type: user}
  - {name: ci, key_type: user, provider: eu}
  - {name: ingest, key_type: service, space: production, provider: eu}
"""


@dataclass(kw_only=True)
class TwoServers(Terminal):
    """A terminal with credentials of two servers; `url` is the usual one's."""

    eu: Terminal

    @property
    def environment(self) -> dict[str, str]:
        """Return both credentials, each in its own variable."""
        return {**super().environment, "EU_ARIZE_API_KEY": self.eu.credential}

    def declare(self, keys: str = KEYS, *, eu: str = "") -> None:
        """Write keys.yaml."""
        text = HEAD.format(main=self.url, eu=eu or self.eu.url) + keys
        (self.folder / "keys.yaml").write_text(text)

    def live(self) -> tuple[list[str], list[str]]:
        """Return the names of the keys that live at each server."""
        return self.live_names(), self.eu.live_names()


@pytest.fixture
def both(tmp_path: Path) -> Iterator[TwoServers]:
    """Return a terminal with two sandboxes of different dialects, where three keys are declared."""
    with running(SandboxOptions(api="alpha")) as main, running(SandboxOptions(api="beta")) as eu:
        further = Terminal(folder=tmp_path, url=eu.url, credential=eu.credential, api="beta")
        terminal = TwoServers(folder=tmp_path, url=main.url, credential=main.credential, api="alpha", eu=further)
        terminal.declare()
        yield terminal


def apply(both: TwoServers, status: int = 0) -> str:
    done = both.run("apply", "--auto-approve")
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def assert_settled(both: TwoServers) -> None:
    assert both.run("plan", "--detailed-exitcode").returncode == 0
    assert both.live() == (["ci"], ["ci", "ingest"])


def test_keys_of_both_are_made_rotated_and_removed_by_one_plan(both: TwoServers) -> None:
    planned = both.run("plan", "--format", "json")
    document = json.loads(planned.stdout)
    assert document["further_providers"] == [{"name": "eu", "base_url": both.eu.url}]
    assert {one["address"] for one in document["resource_changes"]} == {
        "user/ci",
        "eu:user/ci",
        "eu:service/production/ingest",
    }
    apply(both)
    assert_settled(both)
    text = both.run("rotate", "eu:user/ci", "--auto-approve")
    assert text.returncode == 0, text.stderr
    assert_settled(both)
    both.declare("keys:\n  - {name: ci, key_type: user}\n")
    assert both.run("plan").stdout.count("eu:") >= 2
    done = both.run("apply", "--auto-approve", "--allow-deletes", "2")
    assert done.returncode == 0, done.stdout
    assert both.live() == (["ci"], [])


def test_each_raw_key_works_at_its_own_server_and_was_never_sent_to_the_other(both: TwoServers) -> None:
    apply(both)
    mine = [path.read_text() for path in sorted((both.folder / "secrets").iterdir()) if path.suffix == ".key"]
    valid = [(both.is_valid(raw), both.eu.is_valid(raw)) for raw in mine]
    assert sorted(valid) == [(False, True), (False, True), (True, False)]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("server", ["main", "eu"])
def test_a_killed_apply_is_finished_by_the_next(both: TwoServers, server: str, when: str) -> None:
    broken = both if server == "main" else both.eu
    broken.break_requests("POST", "/v2/api-keys$", action="delay", nth=1, seconds=60, when=when)
    process = both.start("apply", "--auto-approve")
    broken.await_held()
    process.kill()
    process.communicate()
    broken.control("DELETE", "faults")
    apply(both)
    assert_settled(both)


@pytest.mark.parametrize("server", ["main", "eu"])
def test_a_lost_answer_is_settled_in_the_same_run(both: TwoServers, server: str) -> None:
    broken = both if server == "main" else both.eu
    broken.break_requests("POST", "/v2/api-keys$", action="drop_after", nth=1, times=1)
    apply(both)
    assert_settled(both)


def test_a_server_that_is_down_is_named_and_nothing_is_changed_at_the_other(both: TwoServers) -> None:
    both.eu.break_requests("GET", "/v2/api-keys", action="status", status=503, times=0)
    failed = both.run("apply", "--auto-approve")
    assert failed.returncode == 5
    assert "eu" in failed.stderr
    assert both.eu.url in failed.stderr
    assert both.mutations() == []


def test_drift_at_either_server_is_found_with_its_address(both: TwoServers) -> None:
    apply(both)
    (key_id,) = [one["id"] for one in both.eu.call("GET", "api-keys")["api_keys"] if one["name"] == "ingest"]
    both.eu.call("PUT", f"api-keys/{key_id}/revoke")
    found = both.run("drift")
    assert (found.returncode, "eu:service/production/ingest" in found.stdout) == (2, True)
    apply(both)
    assert_settled(both)


def test_another_server_under_the_same_name_is_refused(both: TwoServers, tmp_path: Path) -> None:
    apply(both)
    with running(SandboxOptions(api="beta")) as stranger:
        both.declare(eu=stranger.url)
        refused = both.run("plan", EU_ARIZE_API_KEY=stranger.credential)
    assert refused.returncode == 7
    assert f"the ledger's keys of provider 'eu' are at {both.eu.url}, not at {stranger.url}" in refused.stderr


def test_one_account_that_is_spelled_in_two_ways_is_refused(both: TwoServers) -> None:
    """Which address each has, shows when it is asked."""
    text = HEAD.format(main=both.url, eu=f"{both.url}/").replace("{env: EU_ARIZE_API_KEY}", "{env: ARIZE_API_KEY}")
    (both.folder / "keys.yaml").write_text(f"{text.replace('api: beta', 'api: alpha')}keys: []\n")
    refused = both.run("apply", "--auto-approve")
    assert (refused.returncode, "two of its providers are one account" in refused.stderr) == (3, True), refused.stderr


def test_a_provider_that_left_the_manifest_blocks_its_keys_alone(both: TwoServers) -> None:
    apply(both)
    (both.folder / "keys.yaml").write_text(
        HEAD.format(main=both.url, eu=both.eu.url).replace("  eu: {", "  # eu: {")
        + "keys:\n  - {name: ci, key_type: user}\n  - {name: second, key_type: user}\n"
    )
    text = apply(both, status=4)
    assert "provider 'eu' is no longer in the manifest" in text
    assert both.live() == (["ci", "second"], ["ci", "ingest"])
    # What only reads goes on as well, and names it.
    for command in ("plan", "drift", "calendar", "rehearse", "doctor", "list", "report --out page.html", "leak"):
        said = both.run(*command.split())
        assert said.returncode in (0, 2, 4), f"{command}: {said.stdout}{said.stderr}"
    assert "eu:user/ci" in both.run("explain", "eu:user/ci").stdout
    done = both.run("apply", "--auto-approve", "--allow-missing", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert both.run("plan", "--detailed-exitcode").returncode == 0
