"""The example of a sink package: installed apart from keyplan, it passes the contract and delivers real keys."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from timelapse import EXAMPLES

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

PACKAGE = EXAMPLES / "sink-package"
KEYPLAN = Path(sys.executable).with_name("keyplan")
SECONDS = 120

pytestmark = pytest.mark.enable_socket


def run(*argv: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with PATH and HOME alone of this process's environment."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        argv, cwd=folder, env=inherited | environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Return the environment in which the package is installed, built from a copy: a build leaves things behind."""
    source = shutil.copytree(PACKAGE, tmp_path_factory.mktemp("source") / "package")
    target = tmp_path_factory.mktemp("site")
    alone = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index")
    done = run(sys.executable, "-m", "pip", "install", *alone, "--target", target, source, folder=target)
    assert done.returncode == 0, done.stderr
    return {"PYTHONPATH": str(target), "PYTHONDONTWRITEBYTECODE": "1"}


def test_it_passes_the_contract_that_every_sink_passes(installed: Mapping[str, str]) -> None:
    done = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder=PACKAGE, **installed)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_keyplan_delivers_into_it_and_withdraws_from_it(installed: Mapping[str, str], tmp_path: Path) -> None:
    manifest = (PACKAGE / "keys.yaml").read_text()
    with running(SandboxOptions()) as sandbox:
        environment = {**installed, "ARIZE_API_KEY": sandbox.credential}
        (tmp_path / "keys.yaml").write_text(f"{manifest}provider: {{base_url: '{sandbox.url}'}}\n")
        done = run(KEYPLAN, "apply", "--auto-approve", folder=tmp_path, **environment)
        assert "Apply complete! Resources: 1 added, 0 changed, 0 destroyed." in done.stdout, done.stderr
        (raw,) = read_box(tmp_path)
        answer = httpx.get(f"{sandbox.url}/v2/spaces", headers={"Authorization": f"Bearer {raw}"})
        assert answer.status_code == httpx.codes.OK
        assert run(KEYPLAN, "plan", "--detailed-exitcode", folder=tmp_path, **environment).returncode == 0
        (tmp_path / "keys.yaml").write_text(
            f"{manifest.partition('keys:')[0]}keys: []\nprovider: {{base_url: '{sandbox.url}'}}\n"
        )
        done = run(KEYPLAN, "apply", "--auto-approve", folder=tmp_path, **environment)
        assert done.returncode == 0, done.stderr
        assert read_box(tmp_path) == []


def test_without_the_package_its_type_is_unknown(tmp_path: Path) -> None:
    shutil.copy(PACKAGE / "keys.yaml", tmp_path)
    done = run(KEYPLAN, "validate", folder=tmp_path)
    assert done.returncode == 3
    assert "sqlite-box" in done.stderr


def read_box(folder: Path) -> list[str]:
    """Return every raw key in the box."""
    with closing(sqlite3.connect(folder / "box.db")) as connection:
        return [value for (value,) in connection.execute("SELECT value FROM box")]
