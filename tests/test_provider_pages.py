"""The pages about providers agree with the code: each law is explained, and the table says what is declared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from keyplan.app.plugin_files import make_file_reader
from keyplan.model.laws import Laws
from keyplan.model.manifest import KeyType
from keyplan.model.times import write_duration
from keyplan.providers.arize.dialects import ALPHA, BETA
from keyplan.providers.http.definition_reader import read_definition
from keyplan.providers.phoenix.laws import PHOENIX_LAWS
from keyplan.providers.zenml.laws import ZENML_LAWS

ROOT = Path(__file__).parents[1]
PROVIDERS = ROOT / "docs" / "providers"
DEFINITIONS = sorted((ROOT / "examples" / "providers").glob("*.yaml"))
NAMES = tuple(field.name for field in fields(Laws))
DECLARED: Mapping[str, Laws] = {
    "`arize` alpha": ALPHA.laws,
    "`arize` beta": BETA.laws,
    "`phoenix`": PHOENIX_LAWS,
    "`zenml`": ZENML_LAWS,
}


def read_table(path: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading, its first row first."""
    text = path.read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows]


def show(value: object) -> str:
    """Return a law as the table says it."""
    match value:
        case bool():
            return "yes" if value else "no"
        case timedelta():
            return write_duration(value) if value else "none"
        case frozenset():
            texts = (each.value if isinstance(each, KeyType) else str(each) for each in value)
            return ", ".join(sorted(texts)) or "none"
    return str(value)


def test_a_page_explains_every_law_and_nothing_else() -> None:
    rows = read_table(ROOT / "docs" / "writing-a-provider.md", "Laws, one by one")[1:]
    assert [row[0] for row in rows] == [f"`{name}`" for name in NAMES]
    assert all(len(row) == 3 and all(row) for row in rows)


def test_the_table_of_laws_says_what_each_provider_declares() -> None:
    heads, *rows = read_table(PROVIDERS / "README.md", "What each API allows and shows")
    assert heads == ["law", *DECLARED, "`http`"]
    expected = [[f"`{name}`", *(show(getattr(laws, name)) for laws in DECLARED.values())] for name in NAMES]
    assert [row[:-1] for row in rows] == expected


def test_what_the_table_says_of_http_holds_for_every_definition_that_ships() -> None:
    _, *rows = read_table(PROVIDERS / "README.md", "What each API allows and shows")
    reader = make_file_reader(ROOT / "examples" / "providers")
    every = [read_definition(reader(path.name, "provider.v1")).laws for path in DEFINITIONS]
    fixed = {row[0].strip("`"): row[-1] for row in rows if "`" not in row[-1]}
    assert every
    assert {name: {show(getattr(laws, name)) for laws in every} for name in fixed} == {
        name: {said} for name, said in fixed.items()
    }


def test_every_word_of_a_definition_that_decides_a_law_is_explained_on_its_page() -> None:
    _, *rows = read_table(PROVIDERS / "README.md", "What each API allows and shows")
    words = {word for row in rows for word in re.findall(r"`([\w.]+)`", row[-1])} - {"http"}
    explained = (PROVIDERS / "http.md").read_text()
    assert len(words) > 8
    assert [word for word in sorted(words) if word.rpartition(".")[2] not in explained] == []


@pytest.mark.parametrize("name", sorted(found.name for found in entry_points(group="keyplan.providers")))
def test_the_index_names_every_provider_and_what_it_was_proven_on(name: str) -> None:
    rows = {row[0]: row for row in read_table(PROVIDERS / "README.md", "What there is")[1:]}
    (found,) = (row for head, row in rows.items() if f"`{name}`" in head)
    assert all(found)
    assert len(found) == 4


def test_every_page_of_a_provider_is_linked_in_the_index() -> None:
    index = (PROVIDERS / "README.md").read_text()
    pages = {path.name for path in PROVIDERS.glob("*.md")} - {"README.md"}
    assert [page for page in sorted(pages) if f"({page})" not in index] == []
