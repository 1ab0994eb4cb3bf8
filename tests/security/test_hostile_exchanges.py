"""Answers that never end or are far too large, against every adapter: each ends within a minute and below 100 MB.

The deadline itself takes its real 50 seconds here, so that this is the long form; `tests/net/test_deadline.py` has the
short one, with each kind of client.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from security.hostile_server import TOO_MUCH, too_slow
from security.hostile_subjects import SUBJECTS, require_packages

pytestmark = [pytest.mark.enable_socket, pytest.mark.sinks]
TESTS = Path(__file__).parents[1]
LONGEST_SECONDS, MOST_MEGABYTES = 60, 100
_PROGRAM = """
import json, resource, sys, time, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
from security.hostile_server import TOO_MUCH, Reply, too_slow
from security.hostile_subjects import SUBJECTS, alone
from security.test_hostile_answers import find_error
name, folder, *titles = sys.argv[2:]
folder = Path(folder)
subject = SUBJECTS[name]
# All modules are loaded by a first run, so that the others show what an answer takes.
with alone(subject, lambda _: Reply(body=b"{}"), folder) as url:
    find_error(subject, url, folder)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = []
for title in titles:
    behave = (too_slow(1.0) | TOO_MUCH)[title]
    with alone(subject, behave, folder) as url:
        began = time.monotonic()
        error = find_error(subject, url, folder)
        took = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found.append({
        "title": title, "kind": type(error).__name__, "text": str(error),
        "status": getattr(error, "exit_status", None), "seconds": took, "megabytes": (after - before) / 1024,
    })
print(json.dumps(found))
"""


def find_problems(name: str, titles: Iterable[str], folder: Path) -> list[str]:
    """Return what is wrong with how these answers end, one after the other in a process that measures them."""
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(TESTS), name, str(folder), *titles],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return [f"{name}: {found}" for found in json.loads(ran.stdout.splitlines()[-1]) if not _is_well(name, found)]


def _is_well(name: str, found: dict[str, Any]) -> bool:
    is_right = found["status"] in SUBJECTS[name].statuses and "\n" not in found["text"]
    return is_right and found["seconds"] < LONGEST_SECONDS and found["megabytes"] < MOST_MEGABYTES


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_an_answer_that_is_too_large_ends_soon_and_small(name: str, tmp_path: Path) -> None:
    require_packages(SUBJECTS[name])
    assert find_problems(name, TOO_MUCH, tmp_path / "folder") == []


def test_an_answer_without_an_end_ends_within_a_minute_with_every_adapter(tmp_path: Path) -> None:
    titles = sorted(too_slow(1.0))
    assert _find_all([(name, titles[turn % len(titles)]) for turn, name in enumerate(sorted(SUBJECTS))], tmp_path) == []


@pytest.mark.soak
def test_every_answer_without_an_end_ends_within_a_minute_with_every_adapter(tmp_path: Path) -> None:
    assert _find_all([(name, title) for name in sorted(SUBJECTS) for title in too_slow(1.0)], tmp_path) == []


def _find_all(pairs: list[tuple[str, str]], folder: Path) -> list[str]:
    # All at once: they do nothing but wait.
    with ThreadPoolExecutor(max_workers=12) as pool:
        found = pool.map(lambda pair: _find(*pair, folder / f"{pair[0]} {pair[1]}"), pairs)
        return [told for one in found for told in one]


def _find(name: str, title: str, folder: Path) -> list[str]:
    if not all(map(_is_installed, SUBJECTS[name].needs)):
        return []
    return find_problems(name, [title], folder)


def _is_installed(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True
