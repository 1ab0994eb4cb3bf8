"""Say of a plan that sinks or the ledger were not asked for it, so that no reader takes it for the whole truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from keyplan.model.observation import Snapshot
from keyplan.model.plan import UNCHECKED_NOTE, FreshPlan
from keyplan.planner.notes import summarize_notes


def mark_unchecked(plan: FreshPlan, snapshot: Snapshot) -> FreshPlan:
    """Return the plan with what was not asked noted on it and on every key; unchanged if everything was asked."""
    asks_sinks = all(ability.is_asked for ability in snapshot.abilities.values())
    if asks_sinks and snapshot.is_ledger_asked:
        return plan
    noted = plan if asks_sinks else _note_each(plan)
    warnings = {*noted.warnings, *_warn(asks_sinks=asks_sinks, asks_ledger=snapshot.is_ledger_asked)}
    return replace(noted, is_unchecked=True, warnings=tuple(sorted(warnings)))


def _note_each(plan: FreshPlan) -> FreshPlan:
    actions = tuple(replace(action, notes=(*action.notes, UNCHECKED_NOTE)) for action in plan.actions)
    # Kept keys are not listed: their notes are warnings.
    alone = (replace(action, notes=(UNCHECKED_NOTE,)) for action in plan.actions)
    return replace(plan, actions=actions, warnings=(*plan.warnings, *summarize_notes(alone)))


def _warn(*, asks_sinks: bool, asks_ledger: bool) -> Iterator[str]:
    if not asks_sinks:
        yield (
            "no sink was asked: the newest key of each declaration counts as delivered, whatever its places hold; an "
            "apply asks them, and refuses this plan if it then makes another one"
        )
    if not asks_ledger:
        yield (
            "the ledger was not asked: keys without this manifest's marker, or made by another user, may be its own "
            "although the plan shows them as unmanaged or absent"
        )
