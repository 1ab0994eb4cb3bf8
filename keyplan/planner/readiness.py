"""The guard `sink_not_ready` of docs/planning.md: what an apply would refuse at a place, the plan says.

No key is made for a place that can't take it. Nothing is decided here about a place: the sinks said what is in the way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from keyplan.model.basis import CopyBasis, ImportBasis
from keyplan.model.examination import Finding
from keyplan.model.observation import Slot, Snapshot
from keyplan.model.plan import Blocked, FreshPlan, Guard, PlannedAction, Verb

_MOST_SHOWN = 3
"""At most so many places that cannot be written are named for one key; the rest is counted."""


def hold_unready(plan: FreshPlan, snapshot: Snapshot) -> FreshPlan:
    """Return the plan, with each action blocked that would write a place that can't be written.

    A kept key writes no place, so it is not blocked: a note says what its next rotation would meet.
    """
    if not snapshot.findings:
        return plan
    return replace(plan, actions=tuple(_judge(action, snapshot) for action in plan.actions))


def _judge(action: PlannedAction, snapshot: Snapshot) -> PlannedAction:
    found = [finding for slot in _list_places(action) for finding in snapshot.findings.get(slot, ())]
    if action.blocked or not found:
        return action
    told = _describe(found)
    if action.verb is Verb.KEEP:
        notes = (f"its next rotation would be refused: {one}" for one in told)
        return replace(action, notes=tuple(sorted({*action.notes, *notes})))
    return replace(action, blocked=Blocked(guard=Guard.SINK_NOT_READY, advice="; ".join(told)))


def _list_places(action: PlannedAction) -> tuple[Slot, ...]:
    """Return the places that an action writes; of a kept key, those that its next rotation writes."""
    basis = action.basis
    if isinstance(basis, (CopyBasis, ImportBasis)):
        return basis.lacking
    is_written = action.stores_raw_key or action.verb in (Verb.EMPTY, Verb.KEEP)
    return basis.slots if is_written else ()


def _describe(findings: Iterable[Finding]) -> list[str]:
    """Return a sentence for each finding, each once: what is in the way, and doctor's advice."""
    told = list(dict.fromkeys(_write(finding) for finding in findings))
    left = len(told) - _MOST_SHOWN
    return [*told[:_MOST_SHOWN], *([f"and {left} more: keyplan doctor shows all"] if left > 0 else [])]


def _write(finding: Finding) -> str:
    advice = f" ({finding.advice})" if finding.advice else ""
    return f"sink '{finding.sink}': {finding.detail}{advice}"
