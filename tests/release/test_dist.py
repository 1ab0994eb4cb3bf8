"""Wheel and sdist: everything that belongs in them, nothing else, and a wheel that works where it is installed."""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

import keyplan

pytestmark = pytest.mark.release

REPOSITORY = Path(__file__).parents[2]


def _run(*argv: str | Path) -> str:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def test_digests_are_those_of_the_files(wheel: Path, sdist: Path) -> None:
    told = (wheel.parent / "SHA256SUMS").read_text().splitlines()
    assert told == [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in sorted([wheel, sdist])]


def test_the_sdist_holds_all_that_git_holds(members: dict[str, tarfile.TarInfo]) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    kept = {name for name in listed.splitlines() if (REPOSITORY / name).exists()}
    assert kept - members.keys() == set()


@pytest.mark.parametrize(
    "name",
    [
        "schemas/manifest.v1.json",
        "examples/01-start/keys.yaml",
        "docs/container.md",
        "action.yml",
        ".pre-commit-hooks.yaml",
        "benchmarks/",
        "Dockerfile",
        "man/keyplan-plan.1",
    ],
)
def test_the_sdist_holds(members: dict[str, tarfile.TarInfo], name: str) -> None:
    assert any(member.startswith(name) for member in members)


def test_the_sdist_holds_nothing_that_a_run_leaves(members: dict[str, tarfile.TarInfo]) -> None:
    left = (".pyc", ".db", ".sqlite", ".env", ".coverage", "credential.txt")
    # What earlier versions left behind is what the upgrade tests are about; its keys are those of a sandbox.
    own = [name for name in members if not name.startswith("tests/upgrades/worlds/")]
    assert [name for name in own if name.endswith(left) or ".keyplan/" in name or ".venv/" in name] == []


def test_the_sdist_names_nobody_who_built_it(members: dict[str, tarfile.TarInfo]) -> None:
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members.values()} == {(0, 0, "", "")}


def test_the_wheel_holds_keyplan_and_its_description(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    own = f"keyplan-{keyplan.__version__}"
    assert {name.partition("/")[0] for name in names} == {"keyplan", f"{own}.dist-info", f"{own}.data"}
    assert "keyplan/py.typed" in names


def test_the_wheel_holds_every_schema(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("keyplan/schemas/")}
    assert held == {f"keyplan/schemas/{path.name}" for path in (REPOSITORY / "schemas").iterdir()}


def test_an_installed_wheel_has_man_pages_where_man_looks(installed: Path) -> None:
    assert (installed.parent / "share" / "man" / "man1" / "keyplan-plan.1").is_file()


def test_an_installed_wheel_tells_its_version(installed: Path) -> None:
    assert _run(installed / "keyplan", "--version").split()[-1] == keyplan.__version__


def test_an_installed_wheel_prints_the_schema_of_manifests(installed: Path) -> None:
    assert '"$schema"' in _run(installed / "keyplan", "schema", "manifest")


def test_an_installed_wheel_validates_the_example(installed: Path) -> None:
    assert _run(installed / "keyplan", "validate", REPOSITORY / "examples" / "01-start" / "keys.yaml")
