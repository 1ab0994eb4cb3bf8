"""Every page of docs/ is in the navigation of the site, and each line of docs/nav.toml names a page that exists."""

from __future__ import annotations

import pytest
from website.nav import ROOT, read_nav, write_toctree
from website.source import Source

TEXT = """
[[section]]
title = "Start"
pages = ["first", {page = "sinks", title = "Choose", below = "sinks/*"}]

[[section]]
title = "More"
pages = ["more/last", "more/*"]
"""
PAGES = ("first", "more/a", "more/last", "sinks", "sinks/file", "sinks/vault")


def test_every_page_is_in_the_navigation_once() -> None:
    assert Source(ROOT).nav.problems == ()


def test_pages_stand_in_the_order_of_the_lines_and_patterns_take_the_rest() -> None:
    nav = read_nav(TEXT, PAGES)
    start, more = nav.sections
    assert nav.problems == ()
    assert [(entry.page, entry.title, entry.below) for entry in start.entries] == [
        ("first", "", ()),
        ("sinks", "Choose", ("sinks/file", "sinks/vault")),
    ]
    assert [entry.page for entry in more.entries] == ["more/last", "more/a"]


@pytest.mark.parametrize(
    ("text", "pages", "problem"),
    [
        pytest.param(TEXT, (*PAGES, "lost"), "no line of docs/nav.toml names lost", id="a page that no line names"),
        pytest.param(TEXT, PAGES[1:], "docs/nav.toml names first, and there is no such page", id="a page that is gone"),
        pytest.param(TEXT.replace('"more/last"', '"first"'), PAGES, "docs/nav.toml names first twice", id="twice"),
    ],
)
def test_what_does_not_fit_is_a_problem(text: str, pages: tuple[str, ...], problem: str) -> None:
    assert read_nav(text, pages).problems == (problem,)


def test_a_toctree_has_the_titles_of_the_navigation() -> None:
    start, _ = read_nav(TEXT, PAGES).sections
    assert write_toctree(start.entries, title="Start") == (
        "```{toctree}\n:hidden:\n:caption: Start\n\n/first\nChoose </sinks>\n```\n"
    )
