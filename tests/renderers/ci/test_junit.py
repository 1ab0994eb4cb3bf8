"""Sheets as JUnit XML: a suite per manifest, a case per key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheets import APPLY, BLOCKED, CALM, CREATED, DRIFT, PLAN, REPLACED, SHEETS, STRANGER
from sheets import sheets as any_sheets
from syrupy.assertion import SnapshotAssertion

from keyplan.renderers.ci.junit import render_junit
from keyplan.renderers.sheet import Level, Sheet, Subject


def read(*some: Sheet) -> ET.Element:
    return ET.fromstring(render_junit(some).encode())  # noqa: S314 - nobody else wrote it


def failed(sheet: Sheet) -> list[str]:
    return [case.attrib["name"] for case in read(sheet).iter("testcase") if case.find("failure") is not None]


@pytest.mark.parametrize("some", SHEETS.values(), ids=SHEETS)
def test_sheets_read_like_this(some: Sequence[Sheet], snapshot: SnapshotAssertion) -> None:
    assert render_junit(some) == snapshot


def test_each_declaration_is_a_case_and_unchanged_ones_pass() -> None:
    (suite,) = read(PLAN)
    assert len(suite.findall("testcase")) == 3 + len(PLAN.unchanged) == int(suite.attrib["tests"])
    assert not list(suite.findall("testcase")[-1])


def test_a_plan_fails_what_is_blocked_and_an_apply_what_failed() -> None:
    assert failed(PLAN) == [BLOCKED.subject]
    assert failed(APPLY) == [REPLACED.subject]
    assert not failed(CALM)


def test_a_drift_fails_everything_but_what_somebody_accepted() -> None:
    assert failed(DRIFT) == [CREATED.subject, REPLACED.subject]


@pytest.mark.parametrize(
    ("about", "level", "fails"),
    [
        (Subject.DRIFT, Level.ERROR, True),
        (Subject.DRIFT, Level.WARNING, True),
        (Subject.DRIFT, Level.NOTICE, False),
        (Subject.PLAN, Level.WARNING, False),
        (Subject.VALIDATE, Level.ERROR, True),
    ],
)
def test_a_level_fails_by_what_the_sheet_is_about(about: Subject, level: Level, *, fails: bool) -> None:
    sheet = replace(PLAN, about=about, rows=(replace(CREATED, level=level),))
    assert bool(failed(sheet)) is fails


def test_a_failure_says_what_to_do() -> None:
    failure = read(PLAN).find(".//failure")
    assert failure is not None
    assert failure.attrib == {"message": f"{BLOCKED.word}: {BLOCKED.reason}", "type": BLOCKED.rule}
    assert BLOCKED.advice in (failure.text or "")


def test_a_case_says_where_its_declaration_stands() -> None:
    case = read(replace(PLAN, rows=(REPLACED,))).find(".//testcase")
    assert case is not None
    assert (case.attrib["file"], case.attrib["line"]) == ("keys.yaml", "20")


def test_each_delete_is_a_case_beside_its_declaration() -> None:
    ended = replace(BLOCKED, ends_key=True)
    sheet = replace(PLAN, rows=(ended, replace(ended, word="delete")), unchanged=(BLOCKED.subject,))
    names = [case.attrib["name"] for case in read(sheet).iter("testcase")]
    assert names == ["user/old", "user/old (2)", "user/old (3)"]


def test_all_other_rows_of_a_declaration_are_one_case_which_fails_if_one_of_them_does() -> None:
    beside = replace(
        BLOCKED, mark="-", word="empty", rule="plan/left", level=Level.NOTICE, reason="a place that is left"
    )
    sheet = replace(PLAN, rows=(beside, BLOCKED), unchanged=(BLOCKED.subject,))
    (case,) = read(sheet).iter("testcase")
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["type"] == BLOCKED.rule
    assert "a place that is left" in (failure.text or "")


def test_unmanaged_keys_have_no_case() -> None:
    assert not [case for case in read(PLAN).iter("testcase") if case.attrib["name"] == STRANGER.subject]


def test_unmanaged_keys_that_the_manifest_refuses_are_one_case_together() -> None:
    refused = [replace(STRANGER, subject=f"key-{number}", level=Level.ERROR) for number in range(3)]
    (case,) = read(replace(PLAN, rows=tuple(refused), unchanged=())).iter("testcase")
    failure = case.find("failure")
    assert failure is not None
    assert (failure.text or "").count("hand-made") == 3


def test_counts_of_all_suites_are_added_up() -> None:
    assert read(PLAN, DRIFT).attrib == {"name": "keyplan", "tests": "9", "failures": "3"}


@settings(max_examples=25)
@given(st.lists(any_sheets, max_size=3))
def test_any_sheets_are_well_formed_and_the_same_each_time(some: list[Sheet]) -> None:
    root = read(*some)
    assert [suite.tag for suite in root] == ["testsuite"] * len(some)
    assert render_junit(some) == render_junit(some)
