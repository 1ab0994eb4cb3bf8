"""What counts in a drift."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drifts import ACCEPTED, DUE, ENDING, FULL, GONE, MOVED, STRANGER, WAIVER, make_drift

from keyplan.model.drift import DriftFinding, DriftKind


def test_open_is_what_nobody_accepted() -> None:
    assert FULL.open == (GONE, DUE, MOVED, STRANGER, ENDING)
    assert FULL.accepted == (ACCEPTED,)


def test_an_alarm_is_open_and_more_than_shown() -> None:
    assert FULL.alarms == (GONE, DUE, ENDING)


@pytest.mark.parametrize("kind", DriftKind)
def test_open_findings_are_counted_by_kind(kind: DriftKind) -> None:
    assert (
        FULL.count(kind)
        == {DriftKind.DRIFT: 1, DriftKind.PENDING: 2, DriftKind.UNMANAGED: 1, DriftKind.EXPIRING: 1}[kind]
    )


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param(replace(GONE, lapsed=None, waiver=WAIVER), id="accepted"),
        pytest.param(STRANGER, id="only shown"),
    ],
)
def test_nothing_else_is_an_alarm(finding: DriftFinding) -> None:
    assert make_drift(finding).alarms == ()
