"""docs/security.md and the tests agree: every promise names a test that exists, and every proof is named."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/security.md"
PROOFS = sorted(path.name for path in (ROOT / "tests/security").glob("test_*.py"))

_ROW = re.compile(r"^\| (?!promise |---|asset )(?P<promise>.+) \| (?P<test>[^|]*) \|$", re.MULTILINE)
_LINK = re.compile(r"\[`(?P<test>test_\w+)`\]\(\.\./(?P<path>tests/[\w/]+\.py)\)")


def list_tests(path: str) -> set[str]:
    """Return the names of a module's tests."""
    return {node.name for node in ast.parse((ROOT / path).read_text()).body if isinstance(node, ast.FunctionDef)}


def read_promises() -> dict[str, str]:
    """Return the last cell of each promise."""
    tables = PAGE.read_text().partition("## Who can do what")[2]
    return {row["promise"]: row["test"] for row in _ROW.finditer(tables)}


def test_the_page_makes_promises_to_everyone_it_names() -> None:
    sections = PAGE.read_text().partition("## Who can do what")[2].split("\n### ")[1:]
    assert len(sections) >= 6
    assert all(_LINK.search(section) for section in sections)


@pytest.mark.parametrize(("promise", "cell"), read_promises().items(), ids=list(read_promises()))
def test_every_promise_names_one_test_that_exists(promise: str, cell: str) -> None:
    link = _LINK.fullmatch(cell)
    assert link, promise
    assert link["test"] in list_tests(link["path"])


@pytest.mark.parametrize("module", PROOFS)
def test_every_module_of_attacks_is_named(module: str) -> None:
    assert f"(../tests/security/{module})" in PAGE.read_text()


def test_the_policy_says_how_to_report_in_private() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    assert "Report a vulnerability" in text
    assert "(docs/security.md)" in text
    assert "@" not in text
