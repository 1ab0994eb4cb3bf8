"""Every page of the built site in a real Chromium, without network: it fits, nothing complains, and a search finds."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from browser.pages import CHROMIUM, PICTURES, SCHEMES, find_violations, take_picture
from website.build import SITE

pytestmark = [
    pytest.mark.docs,
    pytest.mark.enable_socket,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: make docs-look installs it where it may"),
]
WIDTHS = (390, 1280)
MAIN = ("index", "start/first-ten-minutes", "commands/plan", "reference/manifest.v1", "planning", "search")
"""Pages of each kind, for what takes a second a page."""


class _Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """Yield the address of a plain server of the site."""
    handler = functools.partial(_Silent, directory=str(SITE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def open_tab(browser: Any, *, scheme: str = "light") -> tuple[Any, list[str]]:
    """Return a page that answers nothing from another host, and what it says about what it shows."""
    context = browser.new_context(viewport={"width": WIDTHS[0], "height": 900}, color_scheme=scheme)
    page, told = context.new_page(), []

    def refuse(route: Any) -> None:
        told.append(f"{page.url} asked for {route.request.url}")
        route.abort()

    # A pattern is compared inside the browser; a function would see each of thousands of files.
    context.route(re.compile(r"^(?!file:|data:|http://127\.0\.0\.1:)"), refuse)
    page.on("console", lambda message: told.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: told.append(f"{page.url}: {error}"))
    page.on("requestfailed", lambda request: told.append(f"{page.url}: no {request.url}"))
    return page, told


def address(name: str) -> str:
    return (SITE / f"{name}.html").as_uri()


def find_wide(page: Any, paths: Sequence[Path]) -> list[tuple[str, int]]:
    """Open each page and return which of them scroll sideways, and at which width."""
    wide = []
    for number, path in enumerate(paths):
        page.goto(path.as_uri())
        # The last width of a page is the first one of the next.
        for width in WIDTHS if number % 2 else reversed(WIDTHS):
            page.set_viewport_size({"width": width, "height": 900})
            if page.evaluate("document.documentElement.scrollWidth") > width:
                wide.append((path.name, width))
    return wide


def test_every_page_fits_at_both_widths_and_nothing_complains(browser: Any) -> None:
    pages = sorted(SITE.rglob("*.html"))
    assert len(pages) > 200, "the site is not built: run make docs"
    page, told = open_tab(browser)
    assert find_wide(page, pages) == []
    assert told == []


def test_a_page_that_is_wide_or_asks_another_host_would_be_noticed(browser: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        '<img src="https://cdn.example.com/a.png"><script>console.warn("!")</script><p style="width: 800px">wide'
    )
    page, told = open_tab(browser)
    assert find_wide(page, [bad]) == [("bad.html", 390)]
    assert f"{bad.as_uri()} asked for https://cdn.example.com/a.png" in told
    assert f"{bad.as_uri()}: !" in told


@pytest.mark.parametrize("from_folder", [True, False], ids=["from a folder", "from a server"])
def test_a_search_finds_without_a_network(browser: Any, served: str, *, from_folder: bool) -> None:
    page, told = open_tab(browser)
    page.goto(address("index") if from_folder else f"{served}/index.html")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("input[name=q]").first.fill("copy_from")
    page.keyboard.press("Enter")
    hit = page.locator("#search-results li a").first
    hit.wait_for()
    page.wait_for_function("document.querySelector('#search-results .search-summary').textContent.includes('found')")
    if not from_folder:
        page.locator("#search-results li p.context").first.wait_for()
    page.wait_for_load_state("networkidle")
    take_picture(page, f"site-search-{'folder' if from_folder else 'server'}")
    assert told == []
    hit.click()
    page.wait_for_url(lambda url: "search.html" not in url)
    assert "copy_from" in page.locator("article").text_content()


@SCHEMES
@pytest.mark.parametrize("name", MAIN)
def test_axe_finds_nothing_in_light_and_dark(browser: Any, name: str, scheme: str) -> None:
    page, told = open_tab(browser, scheme=scheme)
    page.goto(address(name))
    # Before axe-core, which reads the styles again, and complains that a folder forbids it.
    assert told == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        # Colours are the same at every width.
        assert (scheme, width) == ("dark", WIDTHS[0]) or find_violations(page) == []
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=PICTURES / f"site-{name.replace('/', '-')}-{width}-{scheme}.png")


def test_light_and_dark_differ_and_a_button_switches(browser: Any) -> None:
    colours = {}
    for scheme in ("light", "dark"):
        page, _ = open_tab(browser, scheme=scheme)
        page.goto(address("index"))
        colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours["light"] != colours["dark"]
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("button.theme-toggle:visible").first.click()
    assert page.evaluate("document.body.dataset.theme") in ("light", "dark")
