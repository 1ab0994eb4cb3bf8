"""A new raw key is announced to GitHub's runner, and to nobody else: real processes below a stand-in for the runner.

The stand-in is started through a link called Runner.Worker, which is the name that Linux then gives it, and does what
the runner does: it starts a step's script with pipes for stdout and stderr, and reads both.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux" or not shutil.which("bash"), reason="needs Linux and bash"),
]

RAW = "ak-canary" + "0" * 44
MASKED, REFUSED = f"::add-mask::{RAW}", "not masked: stderr does not go straight to the runner"
WORKER = """
import json, subprocess, sys
step = subprocess.run(["bash", "-e", sys.argv[1]], capture_output=True, text=True)
print(json.dumps([step.returncode, step.stdout, step.stderr]))
"""
KEYPLAN = """
import os, sys
from keyplan.app.masks import find_mask
from keyplan.model.secret import RawKey
mask = find_mask(os.environ, sys.stderr, lambda text: print(text, file=sys.stderr, flush=True))
if mask:
    mask(RawKey("ak-canary" + "0" * 44))
"""


def run_step(folder: Path, script: str, *, name: str = "Runner.Worker") -> tuple[str, str]:
    """Return what the runner read from stdout and stderr of a step; `keyplan` in it announces a raw key."""
    runner = folder / name
    # The interpreter itself: a virtual environment's is a link already, which finds its packages by its place.
    runner.symlink_to(Path(sys.executable).resolve())
    (folder / "worker.py").write_text(WORKER)
    (folder / "keyplan.py").write_text(KEYPLAN)
    (folder / "step.sh").write_text(f'keyplan() {{ "{sys.executable}" -P keyplan.py; }}\n{script}\n')
    environment = {"PATH": os.environ["PATH"], "GITHUB_ACTIONS": "true"}
    done = subprocess.run(
        [runner, "worker.py", "step.sh"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    status, out, err = json.loads(done.stdout)
    assert status == 0, err
    return out, err


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("keyplan", id="straight"),
        pytest.param("keyplan > out.log", id="stdout into a file"),
        pytest.param("keyplan | cat", id="stdout into a pipe"),
        pytest.param("bash -c 'source step_of_mine'", id="a script in between"),
    ],
)
def test_what_goes_straight_to_the_runner_is_announced(tmp_path: Path, script: str) -> None:
    (tmp_path / "step_of_mine").write_text(f'"{sys.executable}" -P keyplan.py')
    out, err = run_step(tmp_path, script)
    assert (out, err.split("\n")) == ("", ["", MASKED, ""])


def test_both_streams_in_one_reach_the_runner_too(tmp_path: Path) -> None:
    out, err = run_step(tmp_path, "keyplan 2>&1")
    assert (out.split("\n"), err) == (["", MASKED, ""], "")


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("keyplan 2> log", id="into a file"),
        pytest.param("keyplan 2>&1 | tee log", id="through tee"),
        pytest.param("exec 2> log; keyplan", id="into a file, for the whole step"),
        pytest.param("exec 2> >(tee log >&2); keyplan; exec 2>&-; wait", id="through tee, for the whole step"),
        pytest.param('x=$(keyplan 2>&1); echo "$x" > log', id="into a variable"),
        pytest.param("mkfifo f; cat f > log & keyplan 2> f; wait", id="through a named pipe"),
    ],
)
def test_what_anybody_else_could_read_is_not_announced(tmp_path: Path, script: str) -> None:
    out, err = run_step(tmp_path, script)
    assert RAW not in out + err + (tmp_path / "log").read_text()
    assert REFUSED in (tmp_path / "log").read_text()


def test_below_anything_but_the_runner_nothing_is_announced(tmp_path: Path) -> None:
    out, err = run_step(tmp_path, "keyplan", name="Runner.Other")
    assert (out, err.startswith(REFUSED)) == ("", True)


def test_without_stderr_nothing_is_announced(tmp_path: Path) -> None:
    # Python's print to a stderr that is not there goes to stdout.
    out, err = run_step(tmp_path, "keyplan 2>&-")
    assert (out.startswith(REFUSED), RAW in out, err) == (True, False, "")
