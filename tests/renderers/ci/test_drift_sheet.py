"""A drift as a sheet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drifts import ACCEPTED, DUE, ENDING, FULL, GONE, MOVED, STRANGER, WAIVER, make_drift

from keyplan.model.drift import Cause, DriftFinding
from keyplan.model.identity import Address
from keyplan.model.plan import Guard
from keyplan.renderers.ci.drift_sheet import build_drift_sheet
from keyplan.renderers.sheet import Level, Row, Subject


def row_of(finding: DriftFinding) -> Row:
    (row,) = build_drift_sheet(make_drift(finding)).rows
    return row


@pytest.mark.parametrize(
    ("finding", "level"),
    [
        pytest.param(GONE, Level.ERROR, id="the world changed"),
        pytest.param(replace(DUE, guard=None), Level.WARNING, id="pending"),
        pytest.param(DUE, Level.ERROR, id="pending, and an apply does nothing about it"),
        pytest.param(ENDING, Level.WARNING, id="expiring"),
        pytest.param(STRANGER, Level.NOTICE, id="unmanaged: report"),
        pytest.param(replace(STRANGER, is_report_only=False), Level.ERROR, id="unmanaged: fail"),
        pytest.param(MOVED, Level.NOTICE, id="only shown"),
        pytest.param(ACCEPTED, Level.NOTICE, id="accepted"),
        pytest.param(replace(GONE, waiver=WAIVER), Level.NOTICE, id="accepted drift"),
    ],
)
def test_the_level_says_who_has_to_act(finding: DriftFinding, level: Level) -> None:
    assert row_of(finding).level is level


def test_the_worst_comes_first_and_what_is_accepted_last() -> None:
    blocked = replace(GONE, guard=Guard.UNSEEN, address=Address("user/blind"))
    sheet = build_drift_sheet(make_drift(ACCEPTED, STRANGER, replace(DUE, guard=None), ENDING, GONE, blocked))
    assert [row.subject for row in sheet.rows] == [
        "user/blind",
        "user/ci",
        "user/report",
        "service/production/ingest",
        "key-8",
        "key-9",
    ]


def test_a_row_says_all_that_the_text_says() -> None:
    assert row_of(DUE) == Row(
        subject="service/production/ingest",
        mark="!",
        word="due (pending)",
        reason="due for rotation: in use since 2026-09-01T00:00:00Z, to be renewed every 30d",
        rule="drift/due",
        level=Level.ERROR,
        danger=50,
        details=(
            ("key id", "key-2"),
            ("blocked by", "protect"),
        ),
        advice="it is protected: protect: false, apply, then try again",
        place=DUE.place,
    )


def test_an_accepted_row_names_who_accepted_it_and_asks_for_nothing() -> None:
    row = row_of(replace(GONE, waiver=WAIVER, lapsed=None, advice="do something"))
    assert (row.mark, row.word, row.advice) == ("=", "gone (drift, accepted)", "")
    assert ("accepted", "by ada until 2026-12-23T07:31:00Z: made by hand for the launch") in row.details


@pytest.mark.parametrize(
    ("finding", "subject", "reason"),
    [
        pytest.param(STRANGER, "key-8", "an unmanaged user key: by hand", id="its id"),
        pytest.param(
            replace(STRANGER, key_id=None, detail=""),
            "by hand",
            "an unmanaged key: by hand",
            id="a name",
        ),
    ],
)
def test_a_key_without_address_is_called_by(finding: DriftFinding, subject: str, reason: str) -> None:
    row = row_of(finding)
    assert (row.subject, row.reason, row.mark) == (subject, reason, ".")


def test_a_word_says_on_whose_side_it_is_unless_the_cause_does() -> None:
    words = [row_of(finding).word for finding in (GONE, DUE, ENDING, STRANGER, ACCEPTED)]
    assert words == ["gone (drift)", "due (pending)", "expires_soon", "unmanaged", "unmanaged (accepted)"]


def test_what_is_found_is_said_once() -> None:
    row = row_of(replace(GONE, lapsed=None))
    assert row_of(STRANGER).details == ()
    assert row.reason == "deleted outside keyplan: its key, delivered at 2026-11-01T00:00:00Z, is no longer there"
    assert row.details == (("key id", "key-1"),)


def test_a_sheet_keeps_what_is_in_order_and_what_concerns_the_whole() -> None:
    sheet = build_drift_sheet(FULL)
    assert (sheet.about, sheet.owner, sheet.unchanged) == (Subject.DRIFT, "ml-platform", ("user/ok",))
    assert (sheet.is_different, sheet.summary) == (True, "Drift: 1 drifted, 1 pending, 1 expiring.")
    assert sheet.remarks[0] == FULL.warnings[0]
    assert not build_drift_sheet(make_drift(STRANGER)).is_different


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words_and_a_rule(cause: Cause) -> None:
    row = row_of(replace(GONE, cause=cause))
    assert row.reason
    assert row.rule == f"drift/{cause.value}"
