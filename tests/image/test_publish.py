"""What `tests/image/publish` asks of Docker for a registry; a stand-in notes it and pushes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import keyplan

REPOSITORY = Path(__file__).parents[2]
BASE, PUSHED = f"sha256:{'b' * 64}", f"sha256:{'a' * 64}"
DOCKER = """\
#!/usr/bin/env bash
# Notes its arguments, one a line; answers what is read.
printf '%s\\n' "$@" >>"$NOTED"
case "$2" in
  imagetools) echo "$BASE" ;;
  build)
    while [ "$1" != --metadata-file ]; do shift; done
    printf '{"containerimage.digest": "%s"}' "$PUSHED" >"$2"
    ;;
esac
"""
pytestmark = pytest.mark.skipif(shutil.which("jq") is None, reason="the script reads the digest with jq")


def _publish(folder: Path, *, pushed: str = PUSHED) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Return what publishing came to in a checkout of its own, and what Docker was asked for."""
    checkout, programs = folder / "checkout", folder / "programs"
    subprocess.run(["git", "clone", "--quiet", REPOSITORY, checkout], check=True)
    # What is not committed yet is what is tried.
    shutil.copytree(REPOSITORY / "tests" / "image", checkout / "tests" / "image", dirs_exist_ok=True)
    programs.mkdir()
    (programs / "docker").write_text(DOCKER)
    (programs / "docker").chmod(0o755)
    noted = folder / "noted"
    done = subprocess.run(
        [checkout / "tests" / "image" / "publish", "registry.example/owner/name", folder / "outputs"],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(folder),
            "NOTED": str(noted),
            "BASE": BASE,
            "PUSHED": pushed,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done, noted.read_text().splitlines()


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="the script asks git when the commit was made")
def test_every_platform_is_pushed_with_provenance_and_bill_of_materials_on_a_pinned_base(tmp_path: Path) -> None:
    done, asked = _publish(tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"--push", "linux/amd64,linux/arm64", "mode=max", "--sbom"} <= set(asked)
    assert f"registry.example/owner/name:{keyplan.__version__}" in asked
    (base,) = [line for line in asked if line.startswith("PYTHON_IMAGE=")]
    assert base == f"PYTHON_IMAGE=docker.io/library/python:3.12-slim@{BASE}"
    assert (tmp_path / "outputs").read_text() == f"digest={PUSHED}\n"


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="the script asks git when the commit was made")
def test_a_push_without_a_digest_is_a_failure(tmp_path: Path) -> None:
    done, _ = _publish(tmp_path, pushed="")
    assert done.returncode == 1
    assert "no digest" in done.stderr
    assert not (tmp_path / "outputs").exists()
