"""Answers that never end or are far too large, against every adapter: each ends within a minute and below 100 MB.

The deadline itself takes its real 50 seconds here, so that this is the long form; `tests/net/test_deadline.py` has the
short one, with each kind of client.
"""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
name, title, folder = sys.argv[2], sys.argv[3], Path(sys.argv[4])
subject = SUBJECTS[name]
# All modules are loaded by a first run, so that the second shows what an answer takes.
with alone(subject, lambda _: Reply(body=b"{}"), folder) as url:
    find_error(subject, url, folder)
behave = (too_slow(1.0) | TOO_MUCH)[title]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.monotonic()
with alone(subject, behave, folder) as url:
    error = find_error(subject, url, folder)
    took = time.monotonic() - began
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "kind": type(error).__name__, "text": str(error), "status": getattr(error, "exit_status", None),
    "seconds": took, "megabytes": (after - before) / 1024,
}))
"""


def measure(name: str, title: str, folder: Path) -> dict[str, object]:
    """Return what one answer comes to, measured in a process of its own."""
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(TESTS), name, title, str(folder)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return found


def problems(name: str, title: str, folder: Path) -> list[str]:
    """Return what is wrong with how one answer ends."""
    found = measure(name, title, folder)
    told = f"{name}, {title}: {found}"
    is_right = found["status"] in SUBJECTS[name].statuses and "\n" not in str(found["text"])
    is_short = float(str(found["seconds"])) < LONGEST_SECONDS
    is_small = float(str(found["megabytes"])) < MOST_MEGABYTES
    return [] if is_right and is_short and is_small else [told]


@pytest.mark.parametrize("name", sorted(SUBJECTS))
def test_an_answer_that_is_too_large_ends_soon_and_small(name: str, tmp_path: Path) -> None:
    require_packages(SUBJECTS[name])
    wrong = [told for number, title in enumerate(TOO_MUCH) for told in problems(name, title, tmp_path / str(number))]
    assert wrong == []


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
    return problems(name, title, folder)


def _is_installed(name: str) -> bool:
    try:
        __import__(name)
    except ImportError:
        return False
    return True
