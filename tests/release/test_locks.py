"""The lock files fit pyproject.toml, and a lock file that does not is noticed without a network."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from release.locks import LOCKS, LockFormatError, find_problems, read_locks, read_pins, read_project

PROJECT = read_project()
DIGEST = f"    --hash=sha256:{'a' * 64}\n"
Change = Callable[[dict[str, Any], dict[str, str]], None]


def test_the_lock_files_fit_the_project() -> None:
    assert list(find_problems(PROJECT, read_locks(LOCKS))) == []


def test_every_lock_but_those_of_empty_extras_pins_something() -> None:
    empty = {name for name, text in read_locks(LOCKS).items() if not list(read_pins(text))}
    extras = PROJECT["project"]["optional-dependencies"]
    assert {name for name, required in extras.items() if not required} <= empty
    assert {"core", "build", "dev", "vault"} & empty == set()


def _add_dependency(project: dict[str, Any], _: dict[str, str]) -> None:
    project["project"]["dependencies"].append("Not.Locked>=1")


def _add_to_an_extra(project: dict[str, Any], _: dict[str, str]) -> None:
    project["project"]["optional-dependencies"]["age"].append("unheard-of")


def _raise_a_bound(project: dict[str, Any], _: dict[str, str]) -> None:
    project["project"]["dependencies"].append("httpx>=999")


def _add_an_extra(project: dict[str, Any], _: dict[str, str]) -> None:
    project["project"]["optional-dependencies"]["fax"] = []


def _keep_a_lock(_: dict[str, Any], locks: dict[str, str]) -> None:
    locks["gone"] = ""


def _change_the_build_backend(project: dict[str, Any], _: dict[str, str]) -> None:
    project["build-system"]["requires"].append("hatch-vcs")


def _name_an_index(_: dict[str, Any], locks: dict[str, str]) -> None:
    locks["age"] += "--index-url https://example.com/simple\n"


def _name_a_path(_: dict[str, Any], locks: dict[str, str]) -> None:
    locks["age"] += f"thing @ file:///home/me/thing \\\n{DIGEST}"


def _leave_out_digests(_: dict[str, Any], locks: dict[str, str]) -> None:
    locks["age"] += "thing==1.0\n"


def _pin_differently(_: dict[str, Any], locks: dict[str, str]) -> None:
    locks["age"] += f"shared==1.0 \\\n{DIGEST}"
    locks["vault"] += f"shared==1.1 \\\n{DIGEST}"


def _pin_twice(_: dict[str, Any], locks: dict[str, str]) -> None:
    locks["age"] += f"httpx==0.1 \\\n{DIGEST}"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (_add_dependency, "core.lock: Not.Locked is not locked"),
        (_add_to_an_extra, "age.lock: unheard-of is not locked"),
        (_raise_a_bound, "does not fit httpx>=999"),
        (_add_an_extra, "fax.lock is missing"),
        (_keep_a_lock, "gone.lock is for an extra that is not there"),
        (_change_the_build_backend, "build.lock: hatch-vcs is not locked"),
        (_name_an_index, "is neither a pin nor a digest: --index-url"),
        (_name_a_path, "is neither a pin nor a digest: thing @"),
        (_leave_out_digests, "age.lock: there is no digest of thing==1.0"),
        (_pin_differently, "vault.lock: shared==1.1 is locked differently elsewhere, as shared==1.0"),
        (_pin_twice, "age.lock: httpx==0.1 is in core.lock"),
    ],
)
def test_a_lock_that_does_not_fit_is_noticed(change: Change, problem: str) -> None:
    project, locks = copy.deepcopy(PROJECT), read_locks(LOCKS)
    change(project, locks)
    assert any(problem in found for found in find_problems(project, locks))


def test_a_file_that_ends_within_a_pin_is_refused() -> None:
    with pytest.raises(LockFormatError, match="ends within thing"):
        list(read_pins("thing==1.0 \\\n"))
