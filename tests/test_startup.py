"""keyplan starts fast: what is slow to import is imported when it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = (
    "httpx",
    "jsonschema",
    "deepdiff",
    "rich",
    "yaml",
    "starlette",
    "uvicorn",
    "sqlite3",
    "keyplan.planner",
    "keyplan.manifest",
)
SCRIPT = """
import atexit, sys
sys.argv = ["keyplan", *{arguments!r}]
atexit.register(lambda: print("slow:", [name for name in {slow!r} if name in sys.modules]))
from keyplan.__main__ import main
main()
"""


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["version"], ["completion", "fish"], ["nonsense"]])
def test_nothing_slow_is_imported_for(arguments: list[str]) -> None:
    script = SCRIPT.format(arguments=arguments, slow=SLOW)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "slow: []"


def test_importing_the_package_imports_nothing_else_of_it() -> None:
    script = "import sys, keyplan; print(sorted(name for name in sys.modules if name.startswith('keyplan')))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "['keyplan']\n"


def test_planning_on_a_pipe_does_not_import_rich() -> None:
    script = SCRIPT.format(arguments=["plan", "none.yaml"], slow=("rich",))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "slow: []"


def test_validating_an_ordinary_manifest_imports_no_client_and_asks_for_no_plugins() -> None:
    slow = ("httpx", "jsonschema", "sqlite3", "importlib.metadata", "keyplan.model.drift", "keyplan.renderers.ci.junit")
    script = SCRIPT.format(arguments=["validate", "examples/01-start/keys.yaml"], slow=slow)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [done.stdout.splitlines()[0], "slow: []"]


def test_running_the_module_is_running_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "keyplan", "version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("keyplan ")
