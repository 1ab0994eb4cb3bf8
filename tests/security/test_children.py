"""No program that a manifest names finds a secret of the run: in its environment, or in that of keyplan's process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).parent / "keyplan"
MANIFEST = """\
version: 1
owner: ml
provider: {base_url: "http://127.0.0.1:1", api: beta, credential: {command: [./look]}}
sinks: {v: {type: vault, address: "http://127.0.0.1:1", path: p, auth: {method: token, token: {env: VAULT}}}}
keys: [{name: ci, key_type: user, sink: v}]
"""
LOOK = """#!/bin/sh
{ env; tr '\\0' '\\n' < /proc/$PPID/environ; } > seen
echo ak-from-a-program
"""
SECRETS = {
    "ARIZE_API_KEY": "hidden-credential",
    "COPY_OF_IT": "hidden-credential",
    "VAULT": "hidden-token",
    "VAULT_TOKEN": "hidden-other-token",
    "KEYPLAN_LEDGER_DSN": "postgresql://u:hidden@db/keys",
    "KEYPLAN_NOTIFY": "http://127.0.0.1:1/hidden",
}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="/proc is of Linux")
def test_a_program_of_the_manifest_reads_no_secret_anywhere(tmp_path: Path) -> None:
    (tmp_path / "keys.yaml").write_text(MANIFEST)
    (tmp_path / "look").write_text(LOOK)
    (tmp_path / "look").chmod(0o700)
    environment = {**SECRETS, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OTHER": "kept"}
    done = subprocess.run([PROGRAM, "plan"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    seen = (tmp_path / "seen").read_text()
    # Once: in the program's own environment, and not in what its parent shows.
    assert seen.count("OTHER=kept") == 1
    assert "hidden" not in seen
