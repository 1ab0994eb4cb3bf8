"""The site that `make docs` built: complete, without dead links, and loading nothing from another host."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from website.build import SITE, run_sphinx
from website.nav import ROOT
from website.source import Source

pytestmark = pytest.mark.docs
_LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio|embed|object|input)\b[^>]*?\b(?:src|data)=["']([^"']+)"""
    r"""|<link\b[^>]*?\bhref=["']([^"']+)""",
    re.IGNORECASE,
)
_LOADED_BY_STYLE = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
_LINK = re.compile(r"""<a\b[^>]*?\bhref=["']([^"']+)""")
_ANCHOR = re.compile(r"""\b(?:id|name)=["']([^"']+)""")


def list_pages() -> list[Path]:
    pages = sorted(SITE.rglob("*.html"))
    assert pages, "the site is not built: run make docs"
    return pages


@cache
def read(path: Path) -> str:
    return path.read_text()


@cache
def list_anchors(path: Path) -> frozenset[str]:
    return frozenset(_ANCHOR.findall(read(path)))


def is_elsewhere(target: str) -> bool:
    parts = urlsplit(target)
    return bool(parts.netloc) or parts.scheme not in ("", "data")


def find_dead(page: Path) -> list[str]:
    """Return the links of a built page that lead to no file of the site, or to no anchor in it."""
    dead = []
    for link in set(_LINK.findall(read(page))):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in list_anchors(target)):
            dead.append(link)
    return dead


def test_every_page_of_the_source_is_on_the_site() -> None:
    built = {str(path.relative_to(SITE).with_suffix(".md")) for path in list_pages()}
    wanted = {name for name, _ in Source(ROOT).list_files() if name.endswith(".md")}
    assert wanted - built == set()
    assert len(wanted) > 200


def test_pages_and_styles_load_nothing_from_another_host() -> None:
    loaded = {(page.name, target) for page in list_pages() for pair in _LOADED.findall(read(page)) for target in pair}
    styles = {
        (path.name, target)
        for path in SITE.rglob("*.css")
        for pair in _LOADED_BY_STYLE.findall(read(path))
        for target in pair
    }
    assert ("index.html", "_static/site.css") in {(name, target.partition("?")[0]) for name, target in loaded}
    assert [(name, target) for name, target in sorted(loaded | styles) if is_elsewhere(target)] == []


@pytest.mark.parametrize("target", ["https://fonts.example.com/a.css", "//cdn.example.com/a.js", "http://x/y.png"])
def test_another_host_would_be_noticed(target: str) -> None:
    for text in (f'<script src="{target}">', f"<link rel=a href='{target}'>", f'<img alt="" src="{target}">'):
        assert [is_elsewhere(one) for pair in _LOADED.findall(text) for one in pair if one] == [True]


def test_every_link_of_every_page_leads_somewhere() -> None:
    dead = {str(page.relative_to(SITE)): find_dead(page) for page in list_pages()}
    assert {page: links for page, links in dead.items() if links} == {}


def test_a_dead_link_of_a_built_page_would_be_found(tmp_path: Path) -> None:
    page, other = tmp_path / "a.html", tmp_path / "b.html"
    page.write_text('<a href="b.html#there"></a><a href="b.html#x"></a><a href="c.html"></a><a href="https://x"></a>')
    other.write_text('<p id="there"></p>')
    assert sorted(find_dead(page)) == ["b.html#x", "c.html"]


def test_files_outside_of_docs_are_pages_of_the_site() -> None:
    assert "def run(" in re.sub("<[^>]*>", "", read(SITE / "repository/keyplan/applier/issue.py.html"))
    assert (SITE / "repository/examples/kubernetes/index.html").is_file()
    assert 'href="repository/CONTRIBUTING.html"' in read(SITE / "index.html")


GOOD = {
    "index.md": "# Start\n\n[two](two.md#second)\n\n```{toctree}\n:hidden:\n\n/two\n```\n",
    "two.md": "# Two\n\n## Second\n\n[here](#second) and [back](index.md)\n",
}


def build_small(folder: Path, pages: dict[str, str]) -> tuple[int, str]:
    source = folder / "source"
    source.mkdir()
    for name, text in pages.items():
        (source / name).write_text(text)
    done = run_sphinx(source, folder / "site")
    return done.returncode, done.stderr


def test_a_small_site_without_mistakes_is_built(tmp_path: Path) -> None:
    assert build_small(tmp_path, GOOD) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        pytest.param("two.md", "# Two\n\n## Second\n\n[a](gone.md)\n", "target not found: 'gone.md'", id="dead link"),
        pytest.param("two.md", "# Two\n", "second", id="missing anchor on another page"),
        pytest.param("two.md", "# Two\n\n## Second\n\n[a](#gone)\n", "gone", id="missing anchor on the page itself"),
        pytest.param("lost.md", "# Lost\n", "lost.md: WARNING: document isn't included in any toctree", id="lost page"),
        pytest.param("two.md", "# Two\n\n## Second\n\n![a](no.png)\n", "no.png", id="picture that is not there"),
    ],
)
def test_a_mistake_fails_the_build(tmp_path: Path, name: str, text: str, problem: str) -> None:
    status, said = build_small(tmp_path, {**GOOD, name: text})
    assert status == 1
    assert problem in said
