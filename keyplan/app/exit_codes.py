"""Exit statuses: what a plan and a report mean for the process that started keyplan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING

from keyplan.errors import InterruptedRunError, KeyplanError

if TYPE_CHECKING:
    # Help and version do not need them; without them, both come 50 ms sooner.
    from keyplan.model.drift import Drift
    from keyplan.model.plan import Plan
    from keyplan.model.report import Report


class ExitStatus(IntEnum):
    """The statuses that no error class has."""

    DONE = 0
    UNFORESEEN = 1
    DIFFERENT = 2
    REFUSED = 4
    USAGE = 64
    SIGNALLED = 128
    """Plus the signal's number."""


_MILDNESS: Mapping[int, int] = {ExitStatus.REFUSED: 2, ExitStatus.DIFFERENT: 3, ExitStatus.DONE: 4}


def status_of_plan(plan: Plan, *, is_detailed: bool) -> int:
    """Return the status of a plan: 4 where something is blocked, 2 for differences where details are asked."""
    if plan.blocked or plan.refuses_unmanaged:
        return ExitStatus.REFUSED
    return ExitStatus.DIFFERENT if is_detailed and plan.changes else ExitStatus.DONE


def status_of_drift(drift: Drift) -> int:
    """Return the status of a drift: 4 if a guard keeps an apply from fixing a part of it, 2 for any other."""
    if any(finding.guard for finding in drift.alarms):
        return ExitStatus.REFUSED
    return ExitStatus.DIFFERENT if drift.alarms else ExitStatus.DONE


def status_of_error(error: KeyplanError) -> int:
    """Return the status of an error: the signal's if the user interrupted, else that of its class."""
    return ExitStatus.SIGNALLED + error.signal_number if isinstance(error, InterruptedRunError) else error.exit_status


def combine_statuses(statuses: Sequence[int]) -> int:
    """Return the one status of several: a signal's, else the first failure's, else refused, else different."""
    return min(statuses, key=_rank, default=ExitStatus.DONE)


def _rank(status: int) -> int:
    return 0 if status > ExitStatus.SIGNALLED else _MILDNESS.get(status, 1)


def status_of_apply(plan: Plan, report: Report) -> int:
    """Return the status of an apply: the signal's, else the first failure's, else as for a plan."""
    if report.interrupted_by is not None:
        return ExitStatus.SIGNALLED + report.interrupted_by
    if report.failures:
        return report.failures[0].exit_status
    from keyplan.documents.report import is_complete  # noqa: PLC0415 - see above

    if not is_complete(report):
        return ExitStatus.UNFORESEEN
    return status_of_plan(plan, is_detailed=False)
