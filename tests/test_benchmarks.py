"""What the benchmarks prepare is what keyplan reads; they run by hand, so that only this would notice a change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from e2e.terminal import COMMAND

ROOT = Path(__file__).parents[1]


@pytest.mark.e2e
def test_a_prepared_account_has_a_sound_manifest_its_secrets_and_its_receipts(tmp_path: Path) -> None:
    account = ["--keys", "12", "--spaces", "2", "--provider", "http://127.0.0.1:9"]
    subprocess.run([sys.executable, "-m", "benchmarks.preparing", tmp_path, *account], cwd=ROOT, check=True, timeout=60)

    def ask(*words: str) -> str:
        return subprocess.check_output([COMMAND, *words], cwd=tmp_path, env={}, text=True, timeout=60)

    assert ask("validate") == "keys.yaml is valid: 12 keys.\n"
    assert "12 receipts, 0 open intents." in ask("ledger", "show")
    assert len([path for path in (tmp_path / "secrets").iterdir() if path.suffix == ".key"]) == 12
