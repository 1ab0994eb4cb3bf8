"""Plans, drifts, applies and validations as a page: what it shows first, and that no text in it is more than text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from attacks import ATTACKS
from drifts import ACCEPTED, GONE, STRANGER, make_drift
from judges import list_controls
from plans import BLOCKED, CREATE, FULL, NOW, REFRESH, make_plan
from renderers.html.overviews import ASSETS
from renderers.html.tags import list_tags, list_texts, read_page
from renderers.test_formats_attacks import make_spoilt_drift, make_spoilt_plan, make_spoilt_report, make_spoilt_sheets
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import ProviderUnavailableError
from keyplan.model.identity import Address
from keyplan.model.plan import Reason
from keyplan.renderers.ci.drift_sheet import build_drift_sheet
from keyplan.renderers.ci.plan_sheet import build_plan_sheet, build_report_sheet
from keyplan.renderers.ci.problem_sheet import build_error_sheet
from keyplan.renderers.html.sheets import render_sheets
from keyplan.renderers.sheet import Sheet, Subject
from keyplan.renderers.style import Style

CALM = "harmless"
SHOWN = 900
"""A text that is longer is cut somewhere."""


def render(*sheets: Sheet, **more: Any) -> str:
    return render_sheets(sheets, style=Style(assets=ASSETS, made_at=NOW, version="1.2.3", **more))


def make_pages(text: str) -> Sequence[str]:
    """Return a page of each kind, with a text in each place where one comes from outside."""
    return [
        render(build_plan_sheet(make_spoilt_plan(text))),
        render(build_report_sheet(make_spoilt_report(text))),
        render(build_drift_sheet(make_spoilt_drift(text))),
        render(*make_spoilt_sheets(text)),
    ]


def list_tiles(page: str) -> dict[str, str]:
    """Return the number of each tile by its words."""
    return {words: number for number, words in re.findall(r"<strong>(\d+)</strong>([^<]+)</li>", page)}


def test_the_page_of_a_plan_has_its_counts_its_rows_and_what_to_do(snapshot: SnapshotAssertion) -> None:
    page = render(build_plan_sheet(FULL))
    _, _, body = page.partition("<body>")
    assert body.replace("><", ">\n<").replace(ASSETS.js, "...") == snapshot


def test_the_page_of_a_drift_has_its_findings(snapshot: SnapshotAssertion) -> None:
    _, _, body = render(build_drift_sheet(make_drift(GONE, STRANGER, ACCEPTED))).partition("<body>")
    assert body.replace("><", ">\n<").replace(ASSETS.js, "...") == snapshot


def test_the_first_tiles_are_what_a_reviewer_must_see() -> None:
    tiles = list_tiles(render(build_plan_sheet(make_plan(CREATE, REFRESH, BLOCKED))))
    assert list(tiles.items())[:5] == [
        ("stop at once (cut off)", "1"),
        ("to destroy", "0"),
        ("blocked", "1"),
        ("to change", "1"),
        ("to add", "1"),
    ]


def test_rows_that_are_alike_become_one_line_beyond_ten() -> None:
    plan = make_plan(*(replace(CREATE, address=Address(f"user/{number}")) for number in range(11)))
    page = render(build_plan_sheet(plan))
    assert re.findall(r"</span> ([^<]+)</summary>", page) == ["11 keys: not created yet"]
    assert page.count("<code>user/") == 11
    ten = render(build_plan_sheet(replace(plan, actions=plan.actions[:10])))
    assert re.findall(r"</span> ([^<]+)</summary>", ten) == []


def test_rows_that_are_alike_stand_together_whatever_their_names() -> None:
    names = [f"user/{number:02}" for number in range(24)]
    plan = make_plan(
        *(
            replace(CREATE, address=Address(name), reason=(Reason.ABSENT, Reason.GONE)[number % 2])
            for number, name in enumerate(names)
        )
    )
    page = render(build_plan_sheet(plan))
    assert re.findall(r"</span> (\d+ keys)[^<]+</summary>", page) == ["12 keys", "12 keys"]


def test_it_says_how_to_apply_exactly_what_it_shows() -> None:
    sheet = build_plan_sheet(make_plan(CREATE))
    assert f"keyplan apply --expect {sheet.digest} keys.yaml" in read_page(render(sheet)).texts
    both = render(sheet, replace(sheet, manifest="b.yaml"), digest="5f" * 32)
    commands = [text for text in read_page(both).texts if text.startswith("keyplan apply")]
    assert commands == [f"keyplan apply --expect {'5f' * 32} keys.yaml b.yaml"]


def test_a_manifest_that_failed_is_on_the_page_of_the_others() -> None:
    error = ProviderUnavailableError("https://api.arize.test refused the connection", advice="try again later")
    page = render(build_plan_sheet(FULL), build_error_sheet(error, about=Subject.PLAN, manifest="broken.yaml"))
    texts = read_page(page).texts
    assert "broken.yaml" in texts
    assert any("refused the connection" in text for text in texts)


def test_a_page_without_a_date_shows_none() -> None:
    page = render_sheets([build_plan_sheet(FULL)], style=Style(assets=ASSETS))
    assert '<p class="faint">Made by keyplan.</p>' in page


def test_the_text_of_a_page_is_an_ordinary_string() -> None:
    assert type(render(build_plan_sheet(FULL))) is str


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_changes_texts_and_nothing_else(attack: str) -> None:
    own = [ASSETS.css, ASSETS.js]
    for calm, attacked in zip(make_pages(CALM), make_pages(attack), strict=True):
        if len(attack) < SHOWN:
            assert list_tags(attacked) == list_tags(calm)
        # Texts that are cut at one length may be the same afterwards, and no text is shown twice.
        assert set(list_tags(attacked)) <= set(list_tags(calm))
        assert [text for text in list_texts(attacked) if text not in own and list_controls(text)] == []


def test_nothing_leads_out_of_a_page_and_nothing_has_a_style_of_its_own() -> None:
    page = render(build_plan_sheet(FULL))
    found = list_tags(page)
    assert [tag for tag, _ in found if tag in ("a", "link", "iframe", "img")] == []
    assert [names for _, names in found if {"style", "src", "href", "action"} & set(names)] == []
