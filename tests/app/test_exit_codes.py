"""Exit statuses of plans, applies and drifts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from drifts import ACCEPTED, DUE, ENDING, GONE, MOVED, WAIVER, make_drift
from drifts import STRANGER as UNMANAGED
from plans import BLOCKED, CREATE, DONE, FAILED, FORGET, IN_DOUBT, KEEP, NOT_TRIED, STRANGER, make_plan, make_report

from keyplan.app.exit_codes import status_of_apply, status_of_drift, status_of_error, status_of_plan
from keyplan.errors import InterruptedRunError, SinkError
from keyplan.model.drift import DriftFinding
from keyplan.model.manifest import Unmanaged
from keyplan.model.plan import Plan
from keyplan.model.report import Report

STRANGE = make_plan(KEEP, unmanaged=(STRANGER,), unmanaged_policy=Unmanaged.FAIL)


@pytest.mark.parametrize(
    ("plan", "plain", "detailed"),
    [
        pytest.param(make_plan(KEEP), 0, 0, id="nothing to do"),
        pytest.param(make_plan(CREATE), 0, 2, id="something to do"),
        pytest.param(make_plan(FORGET), 0, 2, id="a receipt to forget"),
        pytest.param(make_plan(CREATE, BLOCKED), 4, 4, id="something is blocked"),
        pytest.param(STRANGE, 4, 4, id="unmanaged keys that fail it"),
    ],
)
def test_the_status_of_a_plan(plan: Plan, plain: int, detailed: int) -> None:
    assert status_of_plan(plan, is_detailed=False) == plain
    assert status_of_plan(plan, is_detailed=True) == detailed


@pytest.mark.parametrize(
    ("report", "status"),
    [
        pytest.param(make_report(DONE), 0, id="done"),
        pytest.param(make_report(DONE, FAILED), 5, id="failed"),
        pytest.param(make_report(IN_DOUBT), 5, id="in doubt"),
        pytest.param(make_report(DONE, NOT_TRIED), 1, id="not tried, and nobody knows why"),
        pytest.param(make_report(FAILED, interrupted_by=15), 143, id="interrupted"),
    ],
)
def test_the_status_of_an_apply(report: Report, status: int) -> None:
    assert status_of_apply(make_plan(CREATE), report) == status


def test_an_apply_beside_something_blocked_is_refused() -> None:
    assert status_of_apply(make_plan(CREATE, BLOCKED), make_report(DONE)) == 4


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        pytest.param((), 0, id="nothing"),
        pytest.param((GONE,), 2, id="the world changed"),
        pytest.param((ENDING,), 2, id="a key ends soon"),
        pytest.param((UNMANAGED, MOVED, ACCEPTED), 0, id="nothing that counts"),
        pytest.param((replace(UNMANAGED, is_report_only=False),), 2, id="an unmanaged key that counts"),
        pytest.param((GONE, DUE), 4, id="something is blocked"),
        pytest.param((replace(DUE, waiver=WAIVER),), 0, id="something blocked that is accepted"),
    ],
)
def test_the_status_of_a_drift(findings: tuple[DriftFinding, ...], status: int) -> None:
    assert status_of_drift(make_drift(*findings)) == status


def test_the_status_of_an_error_is_its_own_or_the_signals() -> None:
    assert status_of_error(SinkError("broken")) == 6
    assert status_of_error(InterruptedRunError("told to stop", signal_number=15)) == 143
