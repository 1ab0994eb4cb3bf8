"""The facts of the API that the code cites: each exists, and each is cited or marked as background."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "arize-api.md").read_text()
FACT = re.compile(r"^### (A[0-9]+)\. .+\n\n(?:.+\n)+\n\*([^*]+)\*$", re.MULTILINE)
CITATION = re.compile(r"docs/arize-api\.md`{0,2}, (A[0-9]+(?:(?:, | and )A[0-9]+)*)")
LABELS = ("stated", "documented", "tested", "observed", "unstated")


def facts() -> dict[str, str]:
    """Return the line of generation, certainty and source of each fact, by its id."""
    return {fact: " ".join(line.split()) for fact, line in FACT.findall(DOCUMENT)}


def citations() -> Iterator[tuple[Path, str]]:
    for folder in ("keyplan", "tests", "benchmarks", "docs"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".md"} and path.name != "arize-api.md":
                # A citation may go on in the next line of a comment or a docstring.
                text = re.sub(r"\n\s*#?\s*", " ", path.read_text())
                yield from ((path, fact) for ids in CITATION.findall(text) for fact in re.findall("A[0-9]+", ids))


def test_the_facts_are_numbered_without_gaps() -> None:
    headings = re.findall(r"^### (\w+)\.", DOCUMENT, re.MULTILINE)
    assert headings == [f"A{number}" for number in range(1, len(headings) + 1)]
    assert list(facts()) == headings


@pytest.mark.parametrize("fact", facts())
def test_each_fact_names_its_generation_and_its_certainty(fact: str) -> None:
    line = facts()[fact]
    assert re.search("alpha|beta", line)
    assert any(label in line for label in LABELS)


@pytest.mark.parametrize("fact", facts())
def test_each_stated_fact_names_its_source(fact: str) -> None:
    parts = facts()[fact].removeprefix("background · ").split(" · ")
    assert len(parts) == 3 or parts[1] == "unstated"


def test_each_cited_fact_exists() -> None:
    assert [(str(path), fact) for path, fact in citations() if fact not in facts()] == []


def test_each_fact_is_cited_by_code_or_is_background() -> None:
    in_code = {fact for path, fact in citations() if path.is_relative_to(ROOT / "keyplan")}
    background = {fact for fact, line in facts().items() if line.startswith("background")}
    assert in_code == set(facts()) - background
