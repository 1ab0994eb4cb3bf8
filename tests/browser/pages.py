"""A real Chromium for tests of pages: what it says of a page, what axe-core finds in it, and pictures to look at."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER = [
    pytest.mark.browser,
    pytest.mark.enable_socket,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed: make report installs it where it may"),
]
WIDTHS = pytest.mark.parametrize("width", [pytest.param(1280, id="desk"), pytest.param(390, id="phone")])
SCHEMES = pytest.mark.parametrize("scheme", ["light", "dark"])
PICTURES = Path(__file__).parents[2] / ".browser"
"""Git ignores it. Each test that looks at a page leaves a picture of it there."""


def open_page(browser: Any, path: Path, *, width: int = 1280, **options: Any) -> tuple[Any, list[str]]:
    """Return the open page, and what its console and network said."""
    page = browser.new_context(viewport={"width": width, "height": 900}, **options).new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url) if request.url != path.as_uri() else None)
    page.goto(path.as_uri())
    return page, told


def find_violations(page: Any) -> list[tuple[str, list[str]]]:
    """Return what axe-core finds on a page whose folds are all open: the rule, and the elements that break it."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is installed by make report")
    page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
    found = axe.Axe().run(page)
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found.response["violations"]]


def take_picture(page: Any, name: str) -> None:
    """Keep what a page looks like."""
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def list_focused(page: Any) -> list[str]:
    """Return the tags of what the Tab key reaches, in its order."""
    reached = []
    for _ in range(200):
        page.keyboard.press("Tab")
        tag = page.evaluate("document.activeElement.tagName")
        if tag == "BODY":
            break
        reached.append(tag)
    return reached
