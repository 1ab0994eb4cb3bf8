"""A drift word for word, and as a sheet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drifts import ACCEPTED, DUE, ENDING, FULL, GONE, MOVED, STRANGER, WAIVER, make_drift
from syrupy.assertion import SnapshotAssertion

from keyplan.model.drift import Cause, Drift, Finding, Kind
from keyplan.model.manifest import Address, KeyId
from keyplan.model.plan import Guard
from keyplan.renderers.ci.drift_sheet import sheet_of_drift
from keyplan.renderers.ci.sheet import Level, Row, Subject
from keyplan.renderers.formats import DRIFT_FORMATS
from keyplan.renderers.formats import render_drift as render
from keyplan.renderers.palette import ANSI
from keyplan.renderers.text.drift import UNMANAGED_SHOWN, render_drift, summarize

HOSTILE = "x\r\n::error::\x1b[31m\u202e\u2028"
FORMATS = pytest.mark.parametrize("as_format", DRIFT_FORMATS)


@FORMATS
def test_a_drift_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render(FULL, as_format=as_format) == snapshot


@FORMATS
def test_a_world_in_order_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render(make_drift(in_order=(Address("user/ok"),)), as_format=as_format) == snapshot


def test_a_coloured_drift_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_drift(FULL, ANSI) == snapshot


@pytest.mark.parametrize(
    ("drift", "line"),
    [
        pytest.param(make_drift(GONE, DUE, ENDING), "Drift: 1 drifted, 1 pending, 1 expiring.", id="several kinds"),
        pytest.param(make_drift(GONE, GONE), "Drift: 2 drifted.", id="one kind"),
        pytest.param(
            make_drift(replace(STRANGER, is_report_only=False)), "Drift: 1 unmanaged.", id="unmanaged that counts"
        ),
        pytest.param(
            make_drift(STRANGER, kinds=(Kind.DRIFT, Kind.PENDING)),
            "Nothing of that kind needs to be done.",
            id="a part",
        ),
        pytest.param(make_drift(STRANGER, MOVED, ACCEPTED), "No drift. Nothing needs to be done.", id="no alarm"),
    ],
)
def test_the_last_line_counts_what_has_to_be_dealt_with(drift: Drift, line: str) -> None:
    assert summarize(drift) == line
    assert render_drift(drift).splitlines()[-1] == line


def test_what_was_not_looked_for_is_not_called_fine() -> None:
    assert "Only drift and expiring was looked for." in render_drift(make_drift(kinds=(Kind.DRIFT, Kind.EXPIRING)))


def test_of_many_unmanaged_keys_some_are_named_and_the_rest_is_counted() -> None:
    many = [replace(STRANGER, key_id=KeyId(f"key-{number}")) for number in range(UNMANAGED_SHOWN + 2)]
    text = render_drift(make_drift(*many))
    assert text.count("unmanaged          by hand") == UNMANAGED_SHOWN
    assert "and 2 more; keyplan list shows all" in text


def test_what_is_accepted_asks_for_nothing_and_what_has_no_detail_has_no_line() -> None:
    text = render_drift(make_drift(replace(ENDING, waiver=WAIVER), replace(ACCEPTED, detail="")))
    assert "what to do" not in text
    assert text.count("found ") == 1


def hostile() -> Drift:
    waiver = replace(WAIVER, owner=HOSTILE, reason=HOSTILE)
    said = replace(GONE, address=Address(HOSTILE), detail=HOSTILE, advice=HOSTILE, key_id=KeyId(HOSTILE), lapsed=waiver)
    stranger = replace(ACCEPTED, name=HOSTILE, waiver=waiver)
    return make_drift(said, stranger, owner=HOSTILE, manifest=HOSTILE, warnings=(HOSTILE,))


@pytest.mark.parametrize("as_format", ["text", "json"])
def test_somebody_elses_text_is_harmless(as_format: str) -> None:
    text = render(hostile(), as_format=as_format)
    assert not {"\r", "\x1b", "\u202e", "\u2028"} & set(text)
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


# As a sheet.


def row_of(finding: Finding) -> Row:
    (row,) = sheet_of_drift(make_drift(finding)).rows
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
def test_the_level_says_who_has_to_act(finding: Finding, level: Level) -> None:
    assert row_of(finding).level is level


def test_the_worst_comes_first_and_what_is_accepted_last() -> None:
    blocked = replace(GONE, guard=Guard.VISIBILITY, address=Address("user/blind"))
    sheet = sheet_of_drift(make_drift(ACCEPTED, STRANGER, replace(DUE, guard=None), ENDING, GONE, blocked))
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
        reason="older than its rotation allows: in use since 2026-09-01T00:00:00Z, to be renewed every 30d",
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
        pytest.param(STRANGER, "key-8", "a live user key that nobody declared: by hand", id="its id"),
        pytest.param(
            replace(STRANGER, key_id=None, detail=""),
            "by hand",
            "a live key that nobody declared: by hand",
            id="a name",
        ),
    ],
)
def test_a_key_without_address_is_called_by(finding: Finding, subject: str, reason: str) -> None:
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
    sheet = sheet_of_drift(FULL)
    assert (sheet.about, sheet.owner, sheet.unchanged) == (Subject.DRIFT, "ml-platform", ("user/ok",))
    assert (sheet.is_different, sheet.summary) == (True, "Drift: 1 drifted, 1 pending, 1 expiring.")
    assert sheet.remarks[0] == FULL.warnings[0]
    assert not sheet_of_drift(make_drift(STRANGER)).is_different


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words_and_a_rule(cause: Cause) -> None:
    row = row_of(replace(GONE, cause=cause))
    assert row.reason
    assert row.rule == f"drift/{cause.value}"
