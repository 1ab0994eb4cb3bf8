"""Links lead somewhere: in the repository, with their anchors, and on the site, which has other places."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from website.links import convert_page, find_links, join_path, make_relative, place_on_site
from website.nav import ROOT
from website.source import PROJECT

PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*map(ROOT.joinpath, PROJECT), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md"))
)
_ANCHORED = re.compile(r"\]\((?P<path>[^)#\s:]*)#(?P<anchor>[^)\s]+)\)")


@cache
def list_anchors(page: Path) -> frozenset[str]:
    """Return the anchors that a code host makes from the headings of a page."""
    tokens = MarkdownIt("commonmark").enable("table").parse(page.read_text())
    anchors: list[str] = []
    for before, token in pairwise(tokens):
        if before.type == "heading_open":
            words = "".join(child.content for child in token.children or () if child.type in ("text", "code_inline"))
            anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            taken = sum(1 for one in anchors if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", one))
            anchors.append(f"{anchor}-{taken}" if taken else anchor)
    return frozenset(anchors)


def find_dead(page: str, text: str) -> list[str]:
    """Return the links of a page that lead to no file, or to no heading of it."""
    dead = [target for target in find_links(text) if not (ROOT / join_path(page, target)).exists()]
    for found in _ANCHORED.finditer(text):
        target = ROOT / (join_path(page, found["path"]) if found["path"] else page)
        if target.suffix == ".md" and target.is_file() and found["anchor"] not in list_anchors(target):
            dead.append(f"{found['path']}#{found['anchor']}")
    return dead


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page: str) -> None:
    assert find_dead(page, (ROOT / page).read_text()) == []


def test_a_dead_link_and_a_missing_anchor_are_found() -> None:
    text = "[a](gone.md) [b](glossary.md#nothing) [c](glossary.md#verbs) [d](#x)\n```\n[e](gone-too.md)\n```\n"
    assert find_dead("docs/new.md", text) == ["gone.md", "glossary.md#nothing"]


@pytest.mark.parametrize(
    ("path", "is_folder", "place"),
    [
        ("docs/README.md", False, "index.md"),
        ("docs/sinks/vault.md", False, "sinks/vault.md"),
        ("docs/commands", True, "reference/commands.md"),
        ("docs/pictures/report.png", False, "pictures/report.png"),
        ("docs/nav.toml", False, "repository/docs/nav.toml.md"),
        ("README.md", False, "repository/README.md"),
        ("examples/github", True, "repository/examples/github/index.md"),
        ("keyplan/errors.py", False, "repository/keyplan/errors.py.md"),
    ],
)
def test_each_file_and_folder_has_a_place_on_the_site(path: str, place: str, *, is_folder: bool) -> None:
    assert place_on_site(path, is_folder=is_folder) == place


def test_links_are_written_anew_with_their_anchors_and_code_is_left_alone() -> None:
    text = (
        "See [`a`](../x.py), ![b](p.png), [c](https://example.com/x.py) and [d](#here), [e](../y.md#z).\n"
        "```sh\n[f](g)\n```\n"
    )
    assert convert_page(text, lambda target: f"<{target}>") == (
        "See [`a`](<../x.py>), ![b](<p.png>), [c](https://example.com/x.py) and [d](#here), [e](<../y.md>#z).\n"
        "```sh\n[f](g)\n```\n"
    )


def test_a_block_with_a_title_gets_a_caption_and_hidden_commands_are_left_out() -> None:
    text = '<!-- run: keyplan apply -->\n```yaml title="keys.yaml"\nversion: 1\n```\n'
    assert convert_page(text, str) == "```{code-block} yaml\n:caption: keys.yaml\n\nversion: 1\n```\n"


def test_a_link_counts_from_its_page() -> None:
    assert make_relative("repository/README.md", "sinks/vault.md") == "../repository/README.md"
