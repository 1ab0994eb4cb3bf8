"""A licence that is not on the list fails, and so does an exception that no package needs."""

from __future__ import annotations

import pytest
from release.licences import UNKNOWN, find_licence_problems, read_rules

RULES = {
    "allowed": ["MIT", "MPL-2.0", "Apache-2.0"],
    "names": {"MIT License": "MIT", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0"},
    "packages": {"copy-left": ["LGPL-3.0-only", "a reason"]},
}
EXCEPTION = {
    "Name": "Copy_Left",
    "Version": "1",
    "License-Expression": "LGPL-3.0-only",
    "License-Classifier": UNKNOWN,
    "License-Metadata": UNKNOWN,
}


def describe(expression: str = UNKNOWN, classifier: str = UNKNOWN, metadata: str = UNKNOWN) -> dict[str, str]:
    """Return a package as pip-licenses describes it."""
    sources = {"License-Expression": expression, "License-Classifier": classifier, "License-Metadata": metadata}
    return {"Name": "thing", "Version": "1.0", **sources}


@pytest.mark.parametrize(
    "package",
    [
        describe("MIT"),
        describe("MIT OR GPL-3.0-only"),
        describe("(MIT AND Apache-2.0)"),
        describe(classifier="MIT License"),
        describe(classifier="Mozilla Public License 2.0 (MPL 2.0)"),
        describe(metadata="MIT"),
        describe("MIT", classifier="GNU General Public License v3 (GPLv3)"),
    ],
    ids=str,
)
def test_an_allowed_licence_passes(package: dict[str, str]) -> None:
    assert list(find_licence_problems([package, EXCEPTION], RULES)) == []


@pytest.mark.parametrize(
    ("package", "named"),
    [
        (describe("AGPL-3.0-only"), "AGPL-3.0-only"),
        (describe("MIT AND GPL-3.0-only"), "MIT AND GPL-3.0-only"),
        (describe(classifier="MIT License; Other/Proprietary License"), "MIT License; Other/Proprietary License"),
        (describe(), UNKNOWN),
    ],
)
def test_any_other_licence_fails(package: dict[str, str], named: str) -> None:
    [problem] = find_licence_problems([package, EXCEPTION], RULES)
    assert problem == f"thing 1.0: the licence '{named}' is not allowed"


def test_an_exception_holds_for_one_licence_of_one_package() -> None:
    [problem] = find_licence_problems([EXCEPTION | {"License-Expression": "GPL-3.0-only"}], RULES)
    assert problem == "copy-left 1: the licence 'GPL-3.0-only' is not allowed"


def test_an_exception_that_no_package_needs_fails() -> None:
    assert list(find_licence_problems([describe("MIT")], RULES)) == ["copy-left: needs no exception"]


def test_every_exception_of_the_list_has_a_reason() -> None:
    assert all(licence and len(reason) > 20 for licence, reason in read_rules()["packages"].values())
