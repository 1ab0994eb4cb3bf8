"""What the CronJobs of `examples/kubernetes` and the pre-commit hook ask of keyplan, asked of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

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
    [hook] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *rest = hook["entry"].split()
    assert program == "keyplan"
    for name, text in (("a.yaml", manifest(CI)["keys.yaml"]), ("b.yaml", manifest(declared)["keys.yaml"])):
        (tmp_path / name).write_text(text.replace("owner: pipelines", f"owner: {name[0]}"))
    assert run(world, tmp_path, *rest, "a.yaml", "b.yaml") == status
