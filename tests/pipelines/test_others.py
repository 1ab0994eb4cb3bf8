"""What the CronJobs of `examples/kubernetes` and the pre-commit hook ask of keyplan, asked of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import httpx
import pytest
import yaml
from pipelines.conftest import CI, Manifest, Provider
from pipelines.steps import ROOT
from pipelines.world import INSTALLED, World

pytestmark = [pytest.mark.processes, pytest.mark.enable_socket]


def run(world: World, folder: Path, *arguments: str) -> int:
    """Return keyplan's exit status in a folder."""
    environment = {**world.secrets, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [INSTALLED, *arguments], cwd=folder, env=environment, capture_output=True, timeout=60, check=False
    )
    return done.returncode


def arguments(cron_job: str, folder: Path) -> list[str]:
    """Return a CronJob's arguments, its mounts replaced by a folder."""
    job = yaml.safe_load((ROOT / f"examples/kubernetes/{cron_job}.yaml").read_text())
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return [
        one.replace("/etc/keyplan", str(folder)).replace("/ledger/", f"{folder}/ledger/") for one in container["args"]
    ]


def test_the_cron_jobs_apply_and_then_find_nothing(
    world: World, provider: Provider, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "ledger").mkdir()
    (tmp_path / "keys.yaml").write_text(manifest(CI)["keys.yaml"])
    assert run(world, tmp_path, *arguments("apply", tmp_path)) == 0
    assert (provider.live_names(), (tmp_path / "ledger/keyplan/ledger.db").exists()) == (["ci"], True)
    assert run(world, tmp_path, *arguments("drift", tmp_path)) == 0
    assert run(world, tmp_path, *arguments("rotate", tmp_path)) == 0
    assert not (tmp_path / ".keyplan").exists()
    provider.revoke("ci")
    assert run(world, tmp_path, *arguments("drift", tmp_path)) == 2


@pytest.mark.parametrize(("declared", "status"), [(CI, 0), ("  - {name: ci, key_type: nobody}\n", 3)])
def test_the_hook_is_given_several_files_at_once(
    world: World, manifest: Manifest, tmp_path: Path, declared: str, status: int
) -> None:
    hook, _ = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *rest = hook["entry"].split()
    assert program == "keyplan"
    for name, text in (("a", manifest(CI)["keys.yaml"]), ("b", manifest(declared)["keys.yaml"])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keys.yaml").write_text(text.replace("owner: pipelines", f"owner: {name}"))
    assert run(world, tmp_path, *rest, "a/keys.yaml", "b/keys.yaml") == status


def test_the_deployment_watches_is_ready_and_stops(
    world: World, provider: Provider, manifest: Manifest, tmp_path: Path
) -> None:
    (tmp_path / "keys.yaml").write_text(manifest(CI)["keys.yaml"])
    deployment, *_ = yaml.safe_load_all((ROOT / "examples/kubernetes/watch/watch.yaml").read_text())
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    given = [one.replace("/etc/keyplan", str(tmp_path)) for one in container["args"]]
    listening = [one if not one.startswith("--listen=") else "--listen=127.0.0.1:0" for one in given]
    environment = {**world.secrets, "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    environment[container["env"][0]["name"]] = str(tmp_path / "ledger" / "ledger.db")
    with subprocess.Popen(
        [INSTALLED, *listening], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as watch:
        assert watch.stderr
        lines = iter(watch.stderr.readline, "")
        url = next(found[1] for line in lines if (found := re.search(r"metrics on (127\.0\.0\.1:\d+)", line)))
        # Nothing is due, and a new key waits for a reviewed apply.
        assert next(line for line in lines if '"planned"' in line)
        probes = [container[name]["httpGet"]["path"] for name in ("livenessProbe", "readinessProbe")]
        assert [httpx.get(f"http://{url}{path}", timeout=10).status_code for path in probes] == [200, 200]
        watch.terminate()
        assert watch.wait(30) == 0
    assert provider.live_names() == []
