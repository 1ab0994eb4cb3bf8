"""A report as text, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from large_plans import GROWN, ROTATIONS, block_foreign
from plans import (
    DONE,
    EMPTY,
    FAILED,
    FORGET,
    IN_DOUBT,
    MOVING,
    NOT_TRIED,
    REPLACE,
    make_report,
)
from syrupy.assertion import SnapshotAssertion

from keyplan.model.identity import KeyId
from keyplan.model.report import Done, Failed, Report
from keyplan.renderers.formats import render_report
from keyplan.renderers.style import Style
from keyplan.renderers.summary import summarize_reports
from keyplan.renderers.text.report import render_report as render_text
from keyplan.renderers.text.report import render_reports

ONE_ADDED = "Resources: 1 added, 0 changed, 0 destroyed."
REPORTS = {
    "nothing to do": make_report(),
    "all done": make_report(DONE, Done(action=REPLACE, key_id=KeyId("key-8")), Done(action=FORGET)),
    "places were left": make_report(Done(action=MOVING, key_id=KeyId("key-8")), Done(action=EMPTY)),
    "something of everything": make_report(DONE, FAILED, IN_DOUBT, NOT_TRIED),
    "interrupted": make_report(DONE, NOT_TRIED, interrupted_by=15),
    "interrupted by an odd signal": make_report(DONE, interrupted_by=10),
    "failed without advice": make_report(replace(FAILED, advice="", next_run="")),
}


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_a_report_reads_like_this(report: Report, snapshot: SnapshotAssertion) -> None:
    assert render_report(report, as_format="text") == snapshot


def test_several_reports_have_one_summary_as_the_last_line(snapshot: SnapshotAssertion) -> None:
    assert render_reports([make_report(DONE, FAILED), make_report(NOT_TRIED)]) == snapshot


@pytest.mark.parametrize(
    ("report", "line"),
    [
        (make_report(DONE), f"Apply complete! {ONE_ADDED}"),
        (make_report(), "Apply complete! Resources: 0 added, 0 changed, 0 destroyed."),
        (
            make_report(DONE, FAILED, IN_DOUBT, NOT_TRIED),
            f"Apply incomplete. {ONE_ADDED} Not done: 1 failed, 1 in doubt, 1 not tried.",
        ),
    ],
)
def test_a_report_is_called_complete_only_if_it_is(report: Report, line: str) -> None:
    assert summarize_reports([report]) == line


WIDTHS = (60, 80, 100, 200)
LARGE = make_report(
    *(
        Done(action=one, key_id=KeyId(f"QXBpS2V5OjE6{n:04}"), delivered=one.locations)
        for n, one in enumerate(GROWN.actions)
    ),
    *(
        Failed(action=one, message="403 Forbidden: no right to make user keys", advice="ask an admin of the space")
        for one in block_foreign(12).actions
    ),
)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_large_report_reads_like_this(width: int, snapshot: SnapshotAssertion) -> None:
    text = render_text(LARGE, Style(width=width))
    assert [line for line in text.splitlines() if len(line) > width] == []
    assert text == snapshot


@pytest.mark.parametrize("width", WIDTHS)
def test_every_key_that_failed_is_named(width: int) -> None:
    text = render_text(LARGE, Style(width=width))
    assert [f"old-{number:02}" in text for number in range(12)] == [True] * 12


def test_verbose_shows_where_each_key_is_stored() -> None:
    done = [Done(action=one, delivered=one.locations) for one in ROTATIONS.actions]
    assert render_text(make_report(*done), Style(is_verbose=True)).count("stored in") == 60
    assert "stored in" not in render_text(make_report(*done))


def test_what_a_user_should_know_of_one_key_is_not_folded_away() -> None:
    first, *others = (Done(action=one) for one in ROTATIONS.actions)
    text = render_text(make_report(replace(first, notes=("the clock is 90 s off",)), *others))
    assert "the clock is 90 s off" in text
