"""Environments of other Pythons, and the test suite in each: `python -m release.pythons`, with tests/ on the path.

Every supported Python that is installed gets an environment of its own in `.pythons`, made from the lock files;
nothing is downloaded but packages, and a Python that is missing is named. With `--lowest` it is one environment, of the
oldest of them, with the lowest releases that pyproject.toml allows for keyplan's own dependencies. Other arguments are
pytest's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic

from release.locks import LOCKS, REPOSITORY, list_requirements, read_project

ENVIRONMENTS = REPOSITORY / ".pythons"
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
"""What `requires-python` admits and is out."""
LOWEST = "lowest"
NEWER = frozenset({"check-jsonschema", "import-linter"})
"""Tools of `make check` that need newer releases of what keyplan needs, too; the suite runs without them."""
TESTED = ("3.11", "3.12", "3.13")
"""Those that the suite runs on."""
_UV = (sys.executable, "-m", "uv", "--quiet", "--no-config", "--no-python-downloads")
_INSTALL = (*_UV, "pip", "install", "--python")


def find_pythons(versions: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield version and program of each Python that is there, by its name on the path or among pyenv's."""
    for version in versions:
        kept = Path.home() / ".pyenv" / "versions"
        named = [f"python{version}", *map(str, sorted(kept.glob(f"{version}.*/bin/python{version}")))]
        for program in named:
            # A shim of pyenv is on the path even if the version is not chosen.
            if shutil.which(program) and _succeeds([program, "-c", "import ssl, venv"]):
                yield version, program
                break


def _succeeds(argv: Sequence[str]) -> bool:
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def make_locked(name: str, program: str, locks: Sequence[str]) -> str:
    """Return the Python of an environment that has what some lock files pin, and nothing else."""
    python = _make_empty(name, program)
    _call([*_INSTALL, python, "--require-hashes", *(part for lock in locks for part in ("-r", LOCKS / f"{lock}.lock"))])
    return python


def make_environment(name: str, program: str) -> str:
    """Return the Python of an environment with what the lock files pin for tests, and this checkout."""
    python = make_locked(name, program, ("build", "core", "dev"))
    _call([*_INSTALL, python, "--no-deps", "--no-build-isolation", "--editable", "."])
    return python


def make_lowest(program: str) -> str:
    """Return the Python of an environment with the lowest releases of what keyplan needs, and new test tools."""
    python = _make_empty(LOWEST, program)
    pins = ENVIRONMENTS / LOWEST / "pins.txt"
    wanted = ["pyproject.toml", "--extra", "all", "--python", python, "--output-file", pins]
    _call([*_UV, "pip", "compile", "--resolution", "lowest-direct", *wanted])
    tools = [str(tool) for tool in list_requirements(read_project())["dev"] if tool.name not in NEWER]
    _call([*_INSTALL, python, "--constraint", pins, *tools, "--requirements", "requirements/build.lock"])
    _call([*_INSTALL, python, "--constraint", pins, "--no-build-isolation", "--editable", "."])
    return python


def _make_empty(name: str, program: str) -> str:
    folder = ENVIRONMENTS / name
    _call([*_UV, "venv", "--clear", "--seed", "--python", program, folder])
    return str(folder / "bin" / "python")


def _call(argv: Sequence[str | Path]) -> None:
    subprocess.run(argv, cwd=REPOSITORY, check=True)


def run_suite(python: str, arguments: Sequence[str]) -> int:
    """Return the exit status of the tests that need no server, in one environment."""
    began = monotonic()
    argv = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    status = subprocess.run(argv, cwd=REPOSITORY, check=False).returncode
    _say(f"{Path(python).parents[1].name}: exit status {status} after {monotonic() - began:.0f} s")
    return status


def main(arguments: Sequence[str]) -> int:
    """Return 0 if the suite passed in every environment that could be made."""
    found = dict(find_pythons(SUPPORTED))
    given = [argument for argument in arguments if argument != f"--{LOWEST}"]
    if len(given) < len(arguments):
        return run_suite(make_lowest(found[min(found, key=SUPPORTED.index)]), given)
    return _run_all(found, given)


def _run_all(found: Mapping[str, str], arguments: Sequence[str]) -> int:
    ended = {version: run_suite(make_environment(version, program), arguments) for version, program in found.items()}
    for version in SUPPORTED:
        _say(f"Python {version}: {describe(ended.get(version))}")
    return 1 if any(ended.values()) or not ended else 0


def describe(status: int | None) -> str:
    """Return what an exit status of the suite means; none stands for a Python that is not installed."""
    return "not installed, so not tested" if status is None else "failed" if status else "passed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
