"""A drift in each format, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drifts import ACCEPTED, DUE, ENDING, FULL, GONE, MOVED, STRANGER, WAIVER, make_drift
from syrupy.assertion import SnapshotAssertion

from keyplan.model.drift import Drift, DriftKind
from keyplan.model.identity import Address, KeyId
from keyplan.renderers.drift_summary import summarize_drifts
from keyplan.renderers.formats import DRIFT_FORMATS
from keyplan.renderers.formats import render_drift as render
from keyplan.renderers.style import ANSI, Style
from keyplan.renderers.text.drift import render_drift

HOSTILE = "x\r\n::error::\x1b[31m\u202e\u2028"
FORMATS = pytest.mark.parametrize("as_format", DRIFT_FORMATS)


@FORMATS
def test_a_drift_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render(FULL, as_format=as_format) == snapshot


@FORMATS
def test_a_world_in_order_has_these_formats(as_format: str, snapshot: SnapshotAssertion) -> None:
    assert render(make_drift(in_order=(Address("user/ok"),)), as_format=as_format) == snapshot


def test_a_coloured_drift_reads_like_this(snapshot: SnapshotAssertion) -> None:
    assert render_drift(FULL, Style(palette=ANSI)) == snapshot


@pytest.mark.parametrize(
    ("drift", "line"),
    [
        pytest.param(make_drift(GONE, DUE, ENDING), "Drift: 1 drifted, 1 pending, 1 expiring.", id="several kinds"),
        pytest.param(make_drift(GONE, GONE), "Drift: 2 drifted.", id="one kind"),
        pytest.param(
            make_drift(replace(STRANGER, is_report_only=False)), "Drift: 1 unmanaged.", id="unmanaged that counts"
        ),
        pytest.param(
            make_drift(STRANGER, kinds=(DriftKind.DRIFT, DriftKind.PENDING)),
            "Nothing of that kind needs to be done.",
            id="a part",
        ),
        pytest.param(make_drift(STRANGER, MOVED, ACCEPTED), "No drift. Nothing needs to be done.", id="no alarm"),
    ],
)
def test_the_last_line_counts_what_has_to_be_dealt_with(drift: Drift, line: str) -> None:
    assert summarize_drifts([drift]) == line
    assert render_drift(drift).splitlines()[-1] == line


def test_what_was_not_looked_for_is_not_called_fine() -> None:
    assert "Only drift and expiring was checked." in render_drift(
        make_drift(kinds=(DriftKind.DRIFT, DriftKind.EXPIRING))
    )


def test_every_unmanaged_key_is_listed_with_its_id_and_what_they_share_stands_once() -> None:
    many = [replace(STRANGER, key_id=KeyId(f"key-{number}")) for number in range(40)]
    text = render_drift(make_drift(*many))
    assert [f"by hand  key-{number}\n" in text for number in range(40)] == [True] * 40
    assert text.count("found ") == 1


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


WIDTHS = (60, 80, 100, 200)
LARGE = make_drift(
    *(replace(DUE, address=Address(f"service/production/ingest-{number:02}")) for number in range(30)),
    *(replace(GONE, address=Address(f"user/gone-{number:02}")) for number in range(12)),
    *(
        replace(STRANGER, name=f"by hand {number}", key_id=KeyId(f"QXBpS2V5OjE6YUFh{number:04}"))
        for number in range(12)
    ),
    ENDING,
    ACCEPTED,
)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_large_drift_reads_like_this(width: int, snapshot: SnapshotAssertion) -> None:
    text = render_drift(LARGE, Style(width=width))
    assert [line for line in text.splitlines() if len(line) > width] == []
    assert text == snapshot


@pytest.mark.parametrize("width", WIDTHS)
def test_every_key_that_needs_an_action_is_named(width: int) -> None:
    text = render_drift(LARGE, Style(width=width))
    named = [f"gone-{number:02}" for number in range(12)] + [f"ingest-{number:02}" for number in range(30)]
    assert [name in text for name in named] == [True] * 42
