"""What is known of every key of a plan beside the plan itself: evidence, places, history. Nothing is decided here.

`planner.explanation` shows the same of one key, and more; a report asks about a thousand, so each part is read once.
"""

from __future__ import annotations

from collections.abc import Iterable

from keyplan.model.explanation import PastEvent
from keyplan.model.history import HistoryEntry
from keyplan.model.intent import Intent
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Observation, Snapshot
from keyplan.model.overview import Dossier
from keyplan.model.plan import PlannedAction
from keyplan.model.receipt import Receipt
from keyplan.planner.explained_keys import KeyIndex
from keyplan.planner.explained_places import describe_past, explain_places, group_applies, list_recorded
from keyplan.planner.plan import TracedPlan


class Archive:
    """The dossiers of all keys, from one look at the account and at the ledger."""

    def __init__(
        self, manifest: Manifest, snapshot: Snapshot, traced: TracedPlan, entries: Iterable[HistoryEntry] = ()
    ) -> None:
        self._snapshot = snapshot
        self._keys = KeyIndex(manifest, snapshot, traced)
        self._cases = {case.declaration.address: case for case in traced.cases}
        orphans = traced.ownership.orphans
        self._receipts = {(one.address, one.key.id if one.key else None): one.receipt for one in orphans}
        self._applies = group_applies(entries)
        self._dead = {key.id: key for key in snapshot.revoked}

    def open(self, action: PlannedAction, *, is_old: bool) -> Dossier:
        """Return what is known of the key of an action; `is_old` if it is one that works beside its successor."""
        key = self._keys.find(action.key_id) if action.key_id else None
        found = Dossier(key=self._keys.explain(key) if key else None)
        if is_old:
            return Dossier(key=found.key, history=describe_past(None, (), [key] if key else ()))
        applies = self._applies.get(action.address, ())
        if case := self._cases.get(action.address):
            owned = case.owned
            return Dossier(
                key=found.key,
                places=tuple(explain_places(case, self._snapshot)),
                history=self._describe_past(owned.receipt, owned.intents, owned.alive, applies),
            )
        receipt = self._receipts.get((action.address, key.id if key else None))
        return Dossier(
            key=found.key,
            places=tuple(list_recorded(receipt)),
            history=self._describe_past(receipt, (), [key] if key else (), applies),
        )

    def _describe_past(
        self,
        receipt: Receipt | None,
        intents: Iterable[Intent],
        alive: Iterable[Observation],
        applies: Iterable[PastEvent],
    ) -> tuple[PastEvent, ...]:
        """Return the history of an address, with those of the dead keys that ledger or history name."""
        told = describe_past(receipt, intents, (), applies)
        named = {event.key_id for event in told if event.key_id}
        dead = [self._dead[key_id] for key_id in sorted(named) if key_id in self._dead]
        return describe_past(receipt, intents, (*alive, *dead), applies)
