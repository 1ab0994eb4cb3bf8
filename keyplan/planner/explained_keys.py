"""What each key of an account is to a manifest, and by which evidence: "Ownership" of docs/planning.md.

Whose a key is was decided by `ownership`; here it is only looked up.
"""

from __future__ import annotations

from collections.abc import Iterable

from keyplan.model.explanation import Evidence, ExplainedKey, SubjectStanding
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Manifest
from keyplan.model.observation import Observation, Snapshot
from keyplan.planner.ownership import OwnedKeys
from keyplan.planner.plan import TracedPlan
from keyplan.planner.records import AddressIndex, LedgerRecords
from keyplan.planner.recovery import find_undelivered

_WITHOUT_OWN_EVIDENCE = {
    SubjectStanding.CLAIMED: Evidence.CLAIMED,
    SubjectStanding.STRAY: Evidence.CLAIMED,
    SubjectStanding.ELSEWHERE: Evidence.NONE,
    SubjectStanding.UNMANAGED: Evidence.NONE,
}


class KeyIndex:
    """The keys that provider and ledger know, each with its standing and its evidence."""

    def __init__(self, manifest: Manifest, snapshot: Snapshot, traced: TracedPlan) -> None:
        ownership = traced.ownership
        self._authority = traced.authority
        self._now = snapshot.now
        self.keys = {key.id: key for key in (*snapshot.revoked, *snapshot.keys)}
        index = AddressIndex.of([owned.desired for owned in ownership.declared], manifest.lineage)
        self._imports = index.imports
        self._recorded = LedgerRecords.of(snapshot, index).by_key
        self._intents = {key.id for owned in ownership.declared for key in owned.alive if _was_led_to(owned, key)}
        self._standings: dict[KeyId, SubjectStanding] = {}
        self._note(ownership.unmanaged, SubjectStanding.UNMANAGED)
        self._note(ownership.others, SubjectStanding.ELSEWHERE)
        self._note(ownership.strays, SubjectStanding.STRAY)
        undecided = (key for found in ownership.undecided.values() for key in found)
        self._note((*ownership.claimed, *undecided), SubjectStanding.CLAIMED)
        self._note((one.key for one in ownership.orphans if one.key), SubjectStanding.UNDECLARED)
        undelivered = {
            case.declaration.address: find_undelivered(case) for case in traced.cases if _lacks_current(case.owned)
        }
        for case in traced.cases:
            owned = case.owned
            self._note(owned.older, SubjectStanding.SUPERSEDED)
            lost = undelivered.get(case.declaration.address)
            self._note((*owned.newer, *([lost] if lost else [])), SubjectStanding.UNDELIVERED)
            self._note([owned.current] if owned.current else [], SubjectStanding.DECLARED)

    def _note(self, keys: Iterable[Observation], standing: SubjectStanding) -> None:
        self._standings.update({key.id: standing for key in keys})

    def find(self, key_id: str) -> Observation | None:
        """Return the key of an id; None if the provider does not show it."""
        return self.keys.get(KeyId(key_id))

    def explain(self, key: Observation) -> ExplainedKey:
        """Return what a key is, by which evidence, and who made it."""
        standing = self._standings.get(key.id, SubjectStanding.ENDED)
        source = self._authority.at(key.provider).creators.get(key.created_by)
        return ExplainedKey(
            key=key,
            standing=standing,
            evidence=self._find_evidence(key, standing),
            creator=key.created_by,
            creator_source=source.value if source else "",
        )

    def _find_evidence(self, key: Observation, standing: SubjectStanding) -> Evidence:
        """Return the strongest evidence of a key, in the order of `ownership`."""
        if standing in _WITHOUT_OWN_EVIDENCE:
            return _WITHOUT_OWN_EVIDENCE[standing]
        if key.id in self._recorded:
            return Evidence.RECORDED
        if standing is SubjectStanding.ENDED:
            return Evidence.NONE
        if key.id in self._imports:
            return Evidence.DECLARED
        if key.marker is not None:
            return Evidence.MADE_BY_US
        return Evidence.INTENT if key.id in self._intents else Evidence.ADOPTED


def _lacks_current(owned: OwnedKeys) -> bool:
    return owned.current is None or owned.receipt is None


def _was_led_to(owned: OwnedKeys, key: Observation) -> bool:
    """Whether an open intent of the ledger may have led to an unmarked key."""
    return any(one.is_unmarked and one.could_have_made(key.id, key.created_at) for one in owned.recorded_intents)
