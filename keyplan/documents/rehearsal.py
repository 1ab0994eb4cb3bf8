"""Rehearsals as JSON values, in the format that `schemas/rehearsal.v1.json` publishes."""

from __future__ import annotations

from keyplan.model.manifest import Json
from keyplan.model.rehearsal import (
    Moment,
    Rehearsal,
    RehearsedAction,
    RehearsedDay,
    RehearsedFault,
    RehearsedRun,
    Step,
)
from keyplan.model.times import write_time

FORMAT_VERSION = "1.0"
"""A minor version adds fields, a major one changes meaning."""


def to_document(rehearsal: Rehearsal) -> dict[str, Json]:
    """Return the rehearsal as JSON values; faults and days in their own order."""
    return {
        "format_version": FORMAT_VERSION,
        "owner": rehearsal.owner,
        "manifest": rehearsal.manifest,
        "provider": {"base_url": rehearsal.provider, "dialect": rehearsal.dialect},
        "now": write_time(rehearsal.now),
        "asked": list(rehearsal.asked),
        "keys": [{**_write_action(one.action), "stands_for": one.stands_for} for one in rehearsal.keys],
        "left_out": rehearsal.left_out,
        "faults": [_write_fault(fault) for fault in rehearsal.faults],
        "days": [_write_day(day) for day in rehearsal.days],
    }


def _write_fault(fault: RehearsedFault) -> dict[str, Json]:
    return {
        "fault": fault.kind.value,
        "step": _write_step(fault.step),
        "run": _write_run(fault.run),
        "other_run": _write_run(fault.other) if fault.other else None,
        "next_run": _write_run(fault.next_run),
        "moment": _write_moment(fault.moment),
        "dead_places": list(fault.dead_places),
        "settled": fault.is_settled,
    }


def _write_day(day: RehearsedDay) -> dict[str, Json]:
    return {
        "at": write_time(day.at),
        "run": _write_run(day.run),
        "moments": [_write_moment(moment) for moment in day.moments],
    }


def _write_run(run: RehearsedRun) -> dict[str, Json]:
    return {
        "exit_status": run.exit_status,
        "line": run.line,
        "actions": [_write_action(action) for action in run.actions],
        "waited_seconds": run.waited.total_seconds(),
    }


def _write_action(action: RehearsedAction) -> dict[str, Json]:
    return {
        "address": action.address,
        "verb": action.verb.value,
        "reason": action.reason.value,
        "blocked_by": action.blocked_by,
    }


def _write_step(step: Step | None) -> Json:
    if step is None:
        return None
    return {"number": step.number, "effect": step.name or None, "sink": step.sink or None, "address": step.address}


def _write_moment(moment: Moment) -> dict[str, Json]:
    return {
        "hardship": moment.hardship.value,
        "place": moment.place or None,
        "address": moment.address,
        "since": _write_step(moment.since),
        "until": _write_step(moment.until),
        "ended_by_next_run": moment.is_ended_by_next_run,
        "asked_for": moment.is_asked_for,
    }
