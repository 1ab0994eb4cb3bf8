"""Which Pythons keyplan says it was tested on, and what `make test-all` and `make lowest` do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from release.locks import list_requirements, read_project
from release.pythons import NEWER, SUPPORTED, TESTED, describe, find_pythons

PROJECT = read_project()["project"]


def test_the_classifiers_name_the_pythons_that_ran_the_suite() -> None:
    named = [one.removeprefix("Programming Language :: Python :: ") for one in PROJECT["classifiers"]]
    assert [one for one in named if one.startswith("3.")] == list(TESTED)


def test_every_supported_python_is_admitted_and_the_oldest_is_the_lowest_that_is() -> None:
    admitted = SpecifierSet(PROJECT["requires-python"])
    assert all(version in admitted for version in SUPPORTED)
    major, minor = SUPPORTED[0].split(".")
    assert f"{major}.{int(minor) - 1}" not in admitted


def test_no_classifier_names_windows() -> None:
    systems = {one for one in PROJECT["classifiers"] if one.startswith("Operating System")}
    assert systems == {"Operating System :: MacOS", "Operating System :: POSIX :: Linux"}


def test_a_python_is_found_by_its_name_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python3.98").symlink_to(sys.executable)
    (tmp_path / "python3.99").write_text("#!/bin/sh\nexit 127\n")  # as a shim of pyenv ends for what is not chosen
    (tmp_path / "python3.99").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert dict(find_pythons(["3.97", "3.98", "3.99"])) == {"3.98": "python3.98"}


@pytest.mark.parametrize(
    ("status", "said"), [(None, "not installed, so not tested"), (0, "passed"), (1, "failed"), (5, "failed")]
)
def test_every_python_is_named_with_what_came_of_it(status: int | None, said: str) -> None:
    assert describe(status) == said


def test_what_the_lowest_environment_leaves_out_is_a_tool_of_development() -> None:
    assert {requirement.name for requirement in list_requirements(read_project())["dev"]} >= NEWER
