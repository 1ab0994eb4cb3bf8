"""docs/planning.md and the planner agree: every row has its function, and every citation has its row."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/planning.md"
SOURCES = sorted((ROOT / "keyplan").rglob("*.py"))

_LINK = re.compile(r"\[`(?P<function>\w+)`\]\(\.\./(?P<path>keyplan/[\w/]+\.py)\)")
_CITATION = re.compile(r"docs/planning\.md, rows? (?P<rows>[0-9]+[bc]?(?:(?:, | and | to )[0-9]+[bc]?)*)")
_LISTED = re.compile(
    r"rows? (?P<rows>[0-9]+[bc]?(?:(?:, | and | to )[0-9]+[bc]?)*) of docs/planning\.md", re.IGNORECASE
)
_ROW = re.compile(r"\| (?P<number>[0-9]+[bc]?) \| (?P<rest>.*)")


def split_rows(text: str) -> tuple[str, ...]:
    """Return the numbers that `1, 2 and 5b` or `6 to 8` names."""
    numbers: list[str] = []
    for part in re.split(r", | and ", text):
        first, _, last = part.partition(" to ")
        numbers += [str(number) for number in range(int(first), int(last) + 1)] if last else [first]
    return tuple(numbers)


@cache
def read_rows() -> Mapping[str, str]:
    """Return the lines of the planning table by their numbers."""
    found = (_ROW.match(line) for line in PAGE.read_text().splitlines())
    return {row["number"]: row["rest"] for row in found if row}


@cache
def list_functions(path: str) -> Mapping[str, str]:
    """Return the docstrings of a module's functions by their names."""
    tree = ast.parse((ROOT / path).read_text())
    return {node.name: ast.get_docstring(node) or "" for node in tree.body if isinstance(node, ast.FunctionDef)}


def find_citations(text: str) -> Iterator[str]:
    """Yield every row number that a text cites."""
    for pattern in (_CITATION, _LISTED):
        for found in pattern.finditer(" ".join(text.split())):
            yield from split_rows(found["rows"])


def test_the_table_has_the_rows_that_are_implemented() -> None:
    assert list(read_rows()) == [
        *("0", "1", "1b", "2", "3", "4", "5", "5b", "6", "7", "8", "9", "9b", "9c"),
        *("10", "11", "12", "13", "14", "14b", "15", "16"),
    ]


@pytest.mark.parametrize("number", read_rows())
def test_every_row_names_one_function_that_cites_it(number: str) -> None:
    (link,) = _LINK.finditer(read_rows()[number])
    functions = list_functions(link["path"])
    assert link["function"] in functions
    assert number in find_citations(functions[link["function"]])


def test_every_function_that_the_page_names_exists() -> None:
    links = list(_LINK.finditer(PAGE.read_text()))
    assert len(links) > len(read_rows())
    assert [link[0] for link in links if link["function"] not in list_functions(link["path"])] == []


def test_every_row_that_the_code_cites_exists() -> None:
    cited = {path: set(find_citations(path.read_text())) for path in SOURCES}
    assert {path: rows - read_rows().keys() for path, rows in cited.items() if rows - read_rows().keys()} == {}
    assert set().union(*cited.values()) == set(read_rows())


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param("(docs/planning.md, row 8)", ["8"], id="one"),
        pytest.param("docs/planning.md, rows 3 and 4", ["3", "4"], id="two"),
        pytest.param("docs/planning.md, rows 6 to 8.", ["6", "7", "8"], id="a range"),
        pytest.param("Rows 5, 5b\nand 7 of docs/planning.md", ["5", "5b", "7"], id="over a line break"),
        pytest.param("docs/planning.md, row 17", ["17"], id="one that does not exist"),
        pytest.param("row 8 of a table", [], id="another table"),
    ],
)
def test_citations_are_found(text: str, rows: list[str]) -> None:
    assert list(find_citations(text)) == rows
