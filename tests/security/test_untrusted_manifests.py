"""With `--untrusted`, a manifest makes keyplan contact, run, read and write nothing: strace(1) watches the process.

Every run is compared with one of an honest manifest at the same place: what the hostile one adds, it chose.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from security.hostile import BENIGN, HEAD, HOSTILE_FIELDS, list_options, write_manifest
from security.strace import PROGRAM, STRACE, Trace, trace

from keyplan.app.wiring import PROVIDERS
from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = pytest.mark.enable_socket
traced = pytest.mark.skipif(STRACE is None, reason="strace is not installed; on Debian: apt-get install strace")

KEYS = [{"name": "ci", "key_type": "user", "sink": "s"}]
HONEST = {**HEAD, "sinks": {"s": {"type": "file", "path": "keys/{name}"}}, "keys": KEYS}


def list_hostile() -> Mapping[str, str]:
    """Return a manifest for each field and each option that can name something outside, by what it is."""
    rows = {field: json.dumps({**HEAD, "keys": [], **body}) for field, (_, body) in HOSTILE_FIELDS.items()}
    rows |= {str(one): write_manifest(one.group, one.type, one.evil) for one in list_options()}
    rows |= {
        f"{one} in a delivery": json.dumps(
            {
                **HEAD,
                "sinks": {"s": {"type": one.type, **one.benign}},
                "keys": [{**KEYS[0], "sink": {"sink": "s", one.path: one.evil[one.path]}}],
            }
        )
        for one in list_options()
        if one.group != PROVIDERS and "." not in one.path and one.path in one.evil
    }
    return rows


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A folder of manifests beside a sandbox, which the operator names."""

    folder: Path
    environment: Mapping[str, str]
    log: Path

    def write(self, manifests: Mapping[str, str]) -> list[str]:
        """Put each manifest into a folder of its own, with an id of its own; return their names."""
        return [self._write(number, text) for number, text in enumerate(manifests.values())]

    def _write(self, number: int, text: str) -> str:
        name = f"m{number:03}/keys.yaml"
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(json.dumps({**json.loads(text), "id": f"k{number:03}"}))
        return name

    def run(self, *arguments: str) -> Trace:
        """Run keyplan and return what it touched."""
        return trace(arguments, self.folder, self.environment, self.log)

    def say(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run keyplan and return what it said."""
        return subprocess.run(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )

    def validate(self, names: list[str]) -> Mapping[str, list[dict[str, Any]]]:
        """Return the problems of each manifest."""
        done = self.say("validate", "--untrusted", "--format", "json", *names)
        return {one["manifest"]: one["problems"] for one in json.loads(done.stdout)["manifests"]}


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """Return an empty folder beside a sandbox."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    with running(SandboxOptions(api="beta")) as sandbox:
        url = urlsplit(sandbox.url)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "ARIZE_API_KEY": sandbox.credential,
            "ARIZE_API_SCHEME": url.scheme,
            "ARIZE_API_HOST": str(url.hostname),
            "ARIZE_API_PORT": str(url.port),
            "EVIL": "hidden-evil",
            "VAULT_TOKEN": "hidden-token",
        }
        yield Checkout(folder=folder, environment=environment, log=tmp_path / "log")


def compare(checkout: Checkout, rows: Mapping[str, str], verb: str) -> tuple[Trace, Trace]:
    """Return a run of honest manifests, and one of these in their place."""
    names = checkout.write(dict.fromkeys(rows, json.dumps(HONEST)))
    honest = checkout.run(verb, "--untrusted", *names)
    assert honest.status in (0, 2), honest.err
    checkout.write(rows)
    return honest, checkout.run(verb, "--untrusted", *names)


def leave_out_benign(touched: Mapping[str, list[str]]) -> Mapping[str, list[str]]:
    """Return what was touched, without the definition in the checkout that benign options name.

    Whether a link there leads elsewhere is looked at before it is judged.
    """
    definition = BENIGN[PROVIDERS, "http"]["definition"]
    kept = {kind: [one for one in found if Path(one).name != definition] for kind, found in touched.items()}
    return {kind: found for kind, found in kept.items() if found}


ROWS = list_hostile()
QUICK = dict(list(ROWS.items())[::16])


@traced
@pytest.mark.parametrize(
    ("rows", "verbs"),
    [
        pytest.param(QUICK, ("plan",), id="some"),
        pytest.param(ROWS, ("validate", "plan", "drift"), marks=pytest.mark.processes, id="all"),
    ],
)
def test_no_manifest_makes_a_run_touch_anything_that_an_honest_one_does_not(
    checkout: Checkout, rows: Mapping[str, str], verbs: tuple[str, ...]
) -> None:
    names = dict(zip(checkout.write(rows), rows, strict=True))
    problems = checkout.validate(list(names))
    accepted = {row: rows[row] for name, row in names.items() if not problems[name] and "region" not in row}
    assert 0 < len(accepted) < len(rows)
    # Of several manifests one that is refused refuses all, so those that are not are looked at alone, too.
    for batch, statuses in ((rows, (3,)), (accepted, (0, 2, 4))):
        for verb in verbs:
            honest, hostile = compare(checkout, batch, verb)
            assert hostile.status in statuses, hostile.err
            assert leave_out_benign(hostile.beyond(honest)) == {}, verb
            assert "hidden" not in hostile.out + hostile.err


@traced
def test_the_watch_sees_what_a_trusted_manifest_does(checkout: Checkout) -> None:
    (checkout.folder / "told").write_text("#!/bin/sh\necho '{\"present\": false}'\n")
    (checkout.folder / "told").chmod(0o700)
    told = {"s": {"type": "command", "argv": ["../told"], "describe": ["../told", "describe"]}}
    (name,) = checkout.write({"trusted": json.dumps({**HONEST, "sinks": told})})
    untrusted, trusted = checkout.run("plan", "--untrusted", name), checkout.run("plan", name)
    assert (untrusted.status, trusted.status) == (0, 0), trusted.err
    assert "../told" in trusted.programs - untrusted.programs


def test_a_delivered_key_is_kept_although_neither_sink_nor_ledger_is_there(checkout: Checkout) -> None:
    (name,) = checkout.write({"honest": json.dumps(HONEST)})
    applied = checkout.say("apply", "--auto-approve", name)
    assert applied.returncode == 0, applied.stderr
    for gone in ("keys", ".keyplan"):
        shutil.rmtree(checkout.folder / "m000" / gone)
    planned = checkout.say("plan", "--untrusted", name)
    assert planned.returncode == 0
    assert "No changes." in planned.stdout
    assert "user/ci: its places were not checked" in planned.stdout
    asked = checkout.say("plan", name)
    assert "(secret missing from sink)" in asked.stdout


def test_its_plan_is_applied_if_sinks_and_ledger_change_nothing(checkout: Checkout) -> None:
    (name,) = checkout.write({"honest": json.dumps(HONEST)})
    assert checkout.say("plan", "--untrusted", "--out", "plan.json", name).returncode == 0
    applied = checkout.say("apply", "plan.json")
    assert (applied.returncode, "1 added" in applied.stdout) == (0, True), applied.stderr


def test_its_plan_is_stale_if_they_do(checkout: Checkout) -> None:
    (name,) = checkout.write({"honest": json.dumps(HONEST)})
    assert checkout.say("apply", "--auto-approve", name).returncode == 0
    shutil.rmtree(checkout.folder / "m000" / "keys")
    assert checkout.say("plan", "--untrusted", "--out", "plan.json", name).returncode == 0
    refused = checkout.say("apply", "plan.json")
    assert (refused.returncode, "made without asking sinks or the ledger (--untrusted)" in refused.stderr) == (4, True)


@pytest.mark.skipif(shutil.which("unshare") is None or os.getuid() != 0, reason="needs a network of its own")
def test_a_plan_needs_no_network_but_the_operator_s_host(checkout: Checkout) -> None:
    """In a network of its own there is nothing but the sandbox: a plan that asked anything else would fail."""
    far = {"type": "vault", "address": "https://vault.evil.example", "path": "x"}
    (name,) = checkout.write({"far": json.dumps({**HONEST, "sinks": {"s": far}})})
    script = f"""
        ip link set lo up; rm -f sandbox.txt
        {PROGRAM} sandbox --port 8123 --api beta >sandbox.txt 2>&1 & served=$!
        trap 'kill $served' EXIT
        until grep -q ARIZE_API_KEY sandbox.txt; do sleep 0.1; done
        ARIZE_API_KEY=$(sed -n 's/.*ARIZE_API_KEY=//p' sandbox.txt) {PROGRAM} plan "$@" {name}
    """
    environment = {**checkout.environment, "ARIZE_API_PORT": "8123"}
    for arguments, status in ((["--untrusted"], 0), ([], 6)):
        done = subprocess.run(
            ["unshare", "-n", "sh", "-c", script, "sh", *arguments],
            cwd=checkout.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == status, done.stdout + done.stderr
