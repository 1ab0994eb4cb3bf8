"""The page of a report: what it shows, and that no text in it is ever more than text."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from attacks import ATTACKS
from drifts import ACCEPTED, GONE, STRANGER, make_drift
from judges import list_controls
from plans import BLOCKED, CREATE, REPLACE, make_plan
from renderers.html.overviews import ASSETS, CURRENT, MISSING, OLD, make_overview
from renderers.html.tags import list_tags, list_texts, read_page
from syrupy.assertion import SnapshotAssertion

from keyplan.errors import ProviderUnavailableError
from keyplan.model.identity import Address, KeyId, UserId
from keyplan.model.overview import Dossier, Overview
from keyplan.renderers.ci.drift_sheet import build_drift_sheet
from keyplan.renderers.ci.problem_sheet import build_error_sheet
from keyplan.renderers.html.report import render_report_page
from keyplan.renderers.sheet import Subject

FULL = make_drift(GONE, STRANGER, ACCEPTED)


def render(*overviews: Overview, **more: Any) -> str:
    pairs = [(overview, build_drift_sheet(overview.drift)) for overview in overviews]
    return render_report_page(pairs, assets=ASSETS, version="1.2.3", **more)


def spoil_dossier(dossier: Dossier, text: str) -> Dossier:
    key = dossier.key
    return replace(
        dossier,
        key=key and replace(key, creator=UserId(text), creator_source=text),
        places=tuple(replace(one, location=text, detail=text) for one in dossier.places),
        history=tuple(replace(one, key_id=KeyId(text), detail=text) for one in dossier.history),
    )


def spoil(overview: Overview, text: str) -> Overview:
    """Return an overview with a text in each place where one comes from outside."""
    drift = make_drift(
        *(replace(one, name=text, detail=text, advice=text) for one in (GONE, STRANGER, ACCEPTED)),
        owner=text,
        manifest=text,
        warnings=(text,),
    )
    plan = make_plan(CREATE, REPLACE, BLOCKED, owner=text, manifest=text, provider=text, dialect=text)
    keys = tuple(
        replace(
            life,
            address=Address(text),
            key_id=life.key_id and KeyId(text),
            name=text,
            spaces=(text,),
            dossier=spoil_dossier(life.dossier, text),
            action=replace(life.action, address=Address(text), explanation=text, locations=(text,)),
            events=tuple(replace(event, note=text, address=Address(text)) for event in life.events),
        )
        for life in overview.keys
    )
    return replace(overview, drift=drift, plan=plan, keys=keys)


def test_a_page_shows_tiles_findings_and_every_key(snapshot: SnapshotAssertion) -> None:
    assert render(make_overview(drift=FULL)).replace("><", ">\n<") == snapshot


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_changes_texts_and_nothing_else(attack: str) -> None:
    calm, attacked = (render(spoil(make_overview(), text)) for text in ("harmless", attack))
    assert list_tags(attacked) == list_tags(calm)
    own = [ASSETS.css, ASSETS.js]
    assert [text for text in list_texts(attacked) if text not in own and list_controls(text)] == []


@pytest.mark.parametrize(
    "attack",
    [
        "</script><script>alert(1)</script>",
        "</style><img src=x onerror=alert(1)>",
        '" onmouseover="alert(1)',
        "'><svg onload=alert(1)>",
        "<!-- ",
        "&lt;script&gt;",
        "]]>",
        "javascript:alert(1)",
        "{{constructor.constructor('alert(1)')()}}",
    ],
)
def test_markup_of_others_is_shown_as_it_was_written(attack: str) -> None:
    page = render(spoil(make_overview(), attack))
    assert list_tags(page) == list_tags(render(spoil(make_overview(), "harmless")))
    assert any(attack in text for text in list_texts(page))


def test_the_policy_allows_this_style_and_this_script_and_no_network() -> None:
    page = render(make_overview())
    policy = next(value for value in read_page(page).values if value.startswith("default-src"))
    inside = {
        name: re.search(rf"<{name}>(.*?)</{name}>", page, re.DOTALL)[1]  # type: ignore[index]  # there is one
        for name in ("style", "script")
    }
    hashes = {name: b64encode(sha256(text.encode()).digest()).decode() for name, text in inside.items()}
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashes['style']}'; script-src 'sha256-{hashes['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert [names for _, names in list_tags(page) if {"style", "src", "href", "action"} & set(names)] == []
    assert [names for _, names in list_tags(page) if any(name.startswith("on") for name in names)] == []


def test_a_manifest_that_failed_is_named_before_the_others() -> None:
    error = ProviderUnavailableError("https://api.arize.test refused the connection", advice="try again later")
    failed = build_error_sheet(error, about=Subject.DRIFT, manifest="broken.yaml")
    text = "\n".join(read_page(render(make_overview(), failed=[failed])).texts)
    assert "manifests that could not be read" in text
    assert 0 < text.find("https://api.arize.test refused the connection") < text.find("ml-platform in keys.yaml")


def test_each_manifest_has_a_table_of_its_own_and_no_id_twice() -> None:
    page = render(make_overview(CURRENT), make_overview(MISSING, OLD))
    ids = re.findall(r' id="([^"]+)"', page)
    assert ids == ["search-1", "filter-1", "search-2", "filter-2"]


def test_without_findings_it_says_so() -> None:
    assert "Nothing needs attention." in read_page(render(make_overview())).texts


def test_a_fold_has_evidence_places_history_and_what_comes_next() -> None:
    texts = read_page(render(make_overview(CURRENT))).texts
    assert [text for text in texts if text in ("Evidence", "Places", "History", "Next")] == [
        "Evidence",
        "Places",
        "History",
        "Next",
    ]
    assert "recorded: the ledger says which address issued it" in texts
    assert "holds another key: it holds key key-0" in texts
    assert "created key key-1: by user ada" in texts


def test_a_long_history_shows_its_newest_part_and_counts_the_rest() -> None:
    past = CURRENT.dossier.history[:1] * 25
    life = replace(CURRENT, dossier=replace(CURRENT.dossier, history=past), events=CURRENT.events[:1] * 25)
    texts = read_page(render(make_overview(life))).texts
    assert texts.count("created key key-1: by user ada") == 20
    assert "5 more; keyplan explain shows them" in texts
    assert "5 more; keyplan calendar shows them" in texts


def test_no_link_leads_anywhere() -> None:
    assert [tag for tag, _ in list_tags(render(make_overview())) if tag in ("a", "link", "iframe", "img")] == []
