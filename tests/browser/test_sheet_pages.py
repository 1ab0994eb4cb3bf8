"""The pages of plan, drift and calendar in a real Chromium: width, keyboard, axe-core, paper, and text of strangers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser.pages import BROWSER, SCHEMES, WIDTHS, find_violations, list_focused, open_page, take_picture
from drifts import ACCEPTED, GONE, STRANGER, make_drift
from plans import BLOCKED, CREATE, DELETE, FULL, REFRESH, REPLACE, make_plan
from renderers.html.test_calendar import FULL as CALENDAR
from renderers.html.test_calendar import render_page as render_calendar
from renderers.html.test_sheets import make_pages, render

from keyplan.model.identity import Address
from keyplan.renderers.ci.drift_sheet import build_drift_sheet
from keyplan.renderers.ci.plan_sheet import build_plan_sheet

pytestmark = BROWSER
MANY = make_plan(
    REFRESH,
    replace(DELETE, address=Address("user/gone")),
    BLOCKED,
    *(replace(REPLACE, address=Address(f"service/production/job-{number:02}")) for number in range(60)),
    CREATE,
)
PAGES: Mapping[str, str] = {
    "plan": render(build_plan_sheet(FULL)),
    "big-plan": render(build_plan_sheet(MANY)),
    "calendar": render_calendar(CALENDAR),
    "drift": render(build_drift_sheet(make_drift(GONE, STRANGER, ACCEPTED))),
}
NAMED = pytest.mark.parametrize("name", PAGES)


@pytest.fixture
def site(tmp_path: Path, name: str) -> Path:
    path = tmp_path / "page.html"
    path.write_text(PAGES[name])
    return path


@NAMED
@WIDTHS
@SCHEMES
def test_it_fits_nothing_complains_and_axe_finds_no_violation(
    browser: Any, site: Path, name: str, width: int, scheme: str
) -> None:
    page, told = open_page(browser, site, width=width, color_scheme=scheme, bypass_csp=True)
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    take_picture(page, f"{name}-{width}-{scheme}")
    assert find_violations(page) == []


@NAMED
def test_each_fold_is_reached_and_opened_by_keyboard(browser: Any, site: Path) -> None:
    page, told = open_page(browser, site)
    assert list_focused(page) == ["SUMMARY"] * page.locator("summary:visible").count()
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") == ""
    assert told == []


def test_sixty_rotations_fit_on_one_screen(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGES["big-plan"])
    page, _ = open_page(browser, path)
    assert page.evaluate("document.documentElement.scrollHeight") <= 900


def test_a_printed_plan_shows_every_detail(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGES["big-plan"])
    page, _ = open_page(browser, path)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0


@pytest.mark.parametrize(
    "attack", ["</script><script>document.title='owned'</script>", "<img src=x onerror=\"document.title='owned'\">"]
)
def test_text_of_strangers_runs_nothing(browser: Any, tmp_path: Path, attack: str) -> None:
    for number, text in enumerate(make_pages(attack)):
        path = tmp_path / f"{number}.html"
        path.write_text(text)
        page, told = open_page(browser, path)
        assert "owned" not in page.evaluate("document.title").replace(attack, "")
        assert page.locator("img").count() == 0
        assert told == []
