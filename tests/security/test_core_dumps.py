"""A process that holds secrets leaves no memory on the disk when it crashes. Real processes."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.terminal import Terminal

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.enable_socket,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]

WAITING = """#!/bin/sh
ulimit -S -c > soft
ulimit -H -c > hard
touch begun
exec sleep 60
"""


def _raise_limit() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.fixture
def cores_allowed() -> None:
    """Skip a test on a machine whose hard limit forbids core dumps: not every root may raise it (containers)."""
    if resource.getrlimit(resource.RLIMIT_CORE)[1] != resource.RLIM_INFINITY:
        pytest.skip("the hard limit of core dumps is set here, so that no process could leave one")


@pytest.fixture
def waiting(beta: Terminal, cores_allowed: None) -> Iterator[subprocess.Popen[str]]:
    """Yield an apply, started where core dumps are wanted, whose sink holds a raw key and does not end."""
    (beta.folder / "store.sh").write_text(WAITING)
    (beta.folder / "store.sh").chmod(0o700)
    text = "{{type: command, argv: [./store.sh], timeout: 5m}}"
    beta.write(
        head=f'version: 1\nowner: e2e\nprovider: {{{{base_url: "{{url}}", api: beta}}}}\nsinks: {{{{local: {text}}}}}\n'
        "defaults: {{sink: local}}\n"
    )
    process = beta.start_apply(preexec_fn=_raise_limit)
    try:
        deadline = time.monotonic() + 30
        while not (beta.folder / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def find_cores(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "core" in path.name]


def test_a_crash_while_a_raw_key_is_held_leaves_no_core(waiting: subprocess.Popen[str], beta: Terminal) -> None:
    limits = Path(f"/proc/{waiting.pid}/limits").read_text()
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core file size")] == [["0", "0"]]
    waiting.send_signal(signal.SIGABRT)
    assert waiting.wait(timeout=30) == -signal.SIGABRT
    assert find_cores(beta.folder) == []


def test_the_programs_of_sinks_leave_none_either(waiting: subprocess.Popen[str], beta: Terminal) -> None:
    assert [(beta.folder / name).read_text().strip() for name in ("soft", "hard")] == ["0", "0"]


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or Path("/proc/sys/kernel/core_pattern").read_text().startswith(("|", "/")),
    reason="core dumps do not go into the working directory here",
)
@pytest.mark.usefixtures("cores_allowed")
def test_a_process_without_the_limit_leaves_one_here(tmp_path: Path) -> None:
    program = f"ulimit -c unlimited && exec '{sys.executable}' -c 'import time; time.sleep(60)'"
    sleeper = subprocess.Popen(["sh", "-c", program], cwd=tmp_path)
    time.sleep(0.5)
    sleeper.send_signal(signal.SIGABRT)
    sleeper.wait(timeout=30)
    assert find_cores(tmp_path) != []
