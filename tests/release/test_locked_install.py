"""What is installed from the lock files, for real: exactly what they pin, and keyplan works with it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.utils import canonicalize_name
from release.locks import LOCKS, REPOSITORY, read_locks, read_pins

import keyplan

pytestmark = pytest.mark.release

OF_VENV = ("pip==", "setuptools==")
"""What an empty environment has already, by its Python's version."""


def test_the_action_installs_what_the_locks_pin_and_nothing_else(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "ACTION_VERSION": "",
        "ACTION_EXTRAS": "age,kubernetes",
        "GITHUB_ACTION_PATH": str(REPOSITORY),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "RUNNER_TEMP": str(tmp_path),
    }
    done = subprocess.run(
        [REPOSITORY / "action" / "install"], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"keyplan {keyplan.__version__}\n"), done.stderr
    python = tmp_path / "keyplan-environment" / "bin" / "python3"
    listed = subprocess.run([python, "-m", "pip", "list", "--format=json"], capture_output=True, check=True).stdout
    found = {f"{canonicalize_name(one['name'])}=={one['version']}" for one in json.loads(listed)}
    pins = [pin for name in ("build", "core", "age") for pin in read_pins(read_locks(LOCKS)[name])]
    pinned = {str(pin) for pin in pins if not pin.marker or Marker(pin.marker).evaluate()}
    assert {one for one in found if not one.startswith(OF_VENV)} == pinned | {f"keyplan=={keyplan.__version__}"}


def test_a_file_whose_digest_is_not_in_the_lock_is_refused(tmp_path: Path) -> None:
    pin = next(read_pins(read_locks(LOCKS)["age"]))
    (tmp_path / "age.lock").write_text(f"{pin} \\\n    --hash=sha256:{'0' * 64}\n")
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run(["python3", "-m", "venv", tmp_path / "venv"], check=True, timeout=120)
    argv = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", tmp_path / "age.lock"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr
