"""docs/manifest.md names every field, its example is valid, and no two manifests that users could copy share an id."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from cli.shell import Shell

from keyplan.documents import schemas

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "manifest.md").read_text()
SCHEMA = schemas.load("manifest.v1")


def list_manifests() -> dict[str, str]:
    """Return every whole manifest in examples and docs, by file and number."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
    texts = {
        f"{page.relative_to(ROOT)} {number}": block for page in pages for number, block in enumerate(list_blocks(page))
    }
    texts |= {
        str(file.relative_to(ROOT)): file.read_text()
        for pattern in ("*.yaml", "*.yml")
        for file in sorted((ROOT / "examples").rglob(pattern))
    }
    return {name: text for name, text in texts.items() if find(text, "version") and find(text, "owner")}


def list_blocks(page: Path) -> list[str]:
    """Return the YAML of a page. What other pages let a reader write into files is followed by tests of its own."""
    title = '(?: title="keys.yaml")?' if page == ROOT / "README.md" else ""
    return re.findall(rf"^```ya?ml{title}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def find(text: str, field: str) -> list[str]:
    """Return the values of a field at the top of a manifest."""
    return re.findall(rf"^{field}: (\S+)", text, re.MULTILINE)


MANIFESTS = list_manifests()


def test_the_manifests_of_docs_and_examples_are_found() -> None:
    assert {"README.md 0", "docs/manifest.md 0", "examples/01-start/keys.yaml"} <= MANIFESTS.keys()
    assert len(MANIFESTS) > 15


@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_every_manifest_of_docs_and_examples_has_an_id(name: str) -> None:
    (given,) = find(MANIFESTS[name], "id")
    assert re.fullmatch(SCHEMA["$defs"]["manifest_id"]["pattern"], given)


@pytest.mark.parametrize("field", ["owner", "id"])
def test_no_two_manifests_of_docs_and_examples_share(field: str) -> None:
    counted = Counter(value for text in MANIFESTS.values() for value in find(text, field))
    assert [value for value, times in counted.items() if times > 1] == []


def test_the_page_names_every_field_at_the_top() -> None:
    assert list_fields("At the top") == list(SCHEMA["properties"])


def test_the_page_names_every_field_of_a_declaration() -> None:
    assert sorted(list_fields("A declaration")) == sorted(SCHEMA["$defs"]["declaration"]["properties"])


def test_the_page_has_the_limits_and_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)
    limits = SCHEMA["properties"]["limits"]["properties"]
    assert rows == [(name, str(field["default"])) for name, field in limits.items()]


def test_the_example_of_the_page_is_valid(shell: Shell) -> None:
    shell.write(MANIFESTS["docs/manifest.md 0"])
    done = shell("validate")
    assert (done.status, done.err) == (0, "")


def list_fields(heading: str) -> list[str]:
    """Return the fields in the first table below a heading of the page."""
    section = PAGE.split(f"\n## {heading}\n")[1]
    (table,) = re.findall(r"\A\s*((?:\|.*\n)+)", section)
    return [name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])]
