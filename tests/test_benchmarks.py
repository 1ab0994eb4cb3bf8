"""The benchmarks run by hand: only this notices when a change breaks one. What it measures says nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from e2e.terminal import COMMAND

from benchmarks.__main__ import FIGURES
from benchmarks.stage import Stage

ROOT = Path(__file__).parents[1]


class SmallStage(Stage):
    """A stage of one round with a hundredth of the keys, in this environment."""

    repeats = 1
    python = Path(sys.executable)

    def __init__(self, folder: Path) -> None:
        super().__init__(is_quick=True, divisor=100)
        # The tools that keyplan is measured beside are not installed here; a program that does nothing stands for them.
        self.sdk = Path("/bin/true")
        self.octodns = folder / "python"
        (folder / "octodns-sync").symlink_to("/bin/true")


@pytest.mark.processes
@pytest.mark.e2e
@pytest.mark.enable_socket
@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_measured(tmp_path: Path, name: str) -> None:
    stage = SmallStage(tmp_path)
    try:
        rows = FIGURES[name].measure(stage)
    finally:
        stage.close()
    assert rows
    assert all(row.value > 0 for row in rows)


@pytest.mark.e2e
def test_a_prepared_account_has_a_sound_manifest_its_secrets_and_its_receipts(tmp_path: Path) -> None:
    account = ["--keys", "12", "--spaces", "2", "--provider", "http://127.0.0.1:9"]
    subprocess.run([sys.executable, "-m", "benchmarks.preparing", tmp_path, *account], cwd=ROOT, check=True, timeout=60)

    def ask(*words: str) -> str:
        return subprocess.check_output([COMMAND, *words], cwd=tmp_path, env={}, text=True, timeout=60)

    assert ask("validate") == "keys.yaml is valid: 12 keys.\n"
    assert "12 receipts, 0 open intents." in ask("ledger", "show")
    assert len([path for path in (tmp_path / "secrets").iterdir() if path.suffix == ".key"]) == 12
