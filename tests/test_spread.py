"""Tests of a slow file run in several processes, those of another in one."""

from __future__ import annotations

import pytest
from spread import SPREAD, SpreadScheduling


@pytest.mark.parametrize("file", sorted(SPREAD))
def test_each_test_of_a_slow_file_is_a_unit_of_its_own(file: str, pytestconfig: pytest.Config) -> None:
    assert (pytestconfig.rootpath / file).is_file()
    scheduling = object.__new__(SpreadScheduling)
    assert len({scheduling._split_scope(f"{file}::test_a[{case}]") for case in ("one", "two")}) == 2


def test_the_tests_of_another_file_stay_together() -> None:
    scheduling = object.__new__(SpreadScheduling)
    assert {scheduling._split_scope(f"tests/test_other.py::test_a[{case}]") for case in ("one", "two")} == {
        "tests/test_other.py"
    }
