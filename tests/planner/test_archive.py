"""The dossier of each key says what `explain` says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from explanations import make_explainer
from hypothesis import HealthCheck, given, note, settings
from planner.situations import CI, DAY, LATER, old, ours, recorded, situate
from planner.strategies import Walk, walks
from samples import NOW, make_desired, make_observation
from scenario import make_manifest

from keyplan.model.basis import OldKeyBasis
from keyplan.model.desired import Desired
from keyplan.model.explanation import Evidence, Occurrence, PlaceState
from keyplan.model.history import AppliedAction, Author, HistoryEntry
from keyplan.model.identity import Address, KeyId
from keyplan.model.observation import Snapshot
from keyplan.model.overview import Dossier
from keyplan.model.plan import Reason, Request
from keyplan.planner.archive import Archive
from keyplan.planner.plan import make_traced_plan

DESIRED = make_desired()
OLD = Address("user/old")
ENTRY = HistoryEntry(
    digest="5f" * 32,
    started_at=NOW,
    finished_at=NOW,
    added=1,
    changed=0,
    destroyed=0,
    failed=0,
    author=Author(name="ada", source="git"),
    actions=(
        AppliedAction(address=CI, verb="create", reason="absent", status="done", key_id=KeyId("key-1")),
        AppliedAction(address=OLD, verb="create", reason="absent", status="done", key_id=KeyId("key-9")),
    ),
)


def list_dossiers(
    snapshot: Snapshot, *desired: Desired, entries: Sequence[HistoryEntry] = (ENTRY,)
) -> dict[tuple[str, str | None], Dossier]:
    """Return the dossier of each action by its address and key."""
    manifest = make_manifest(*(one.declaration for one in desired))
    traced = make_traced_plan(manifest, desired, snapshot, Request())
    archive = Archive(manifest, snapshot, traced, entries)
    return {
        (action.address, action.key_id): archive.open(action, is_old=isinstance(action.basis, OldKeyBasis))
        for action in traced.plan.actions
    }


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(walks())
def test_it_agrees_with_the_explanation_of_each_declaration_in_every_past(walk: Walk) -> None:
    note("\n".join(walk.story))
    manifest, snapshot = walk.scenario.manifest, walk.scenario.observe()
    explainer = make_explainer(manifest, snapshot)
    archive = Archive(manifest, snapshot, explainer.traced)
    declared = {declaration.address for declaration in manifest.keys}
    for action in explainer.plan.actions:
        is_old = isinstance(action.basis, OldKeyBasis) or action.reason is Reason.SUPERSEDED
        dossier = archive.open(action, is_old=is_old)
        if action.address in declared and not is_old:
            found = explainer.explain(action.address)
            assert (dossier.places, dossier.history) == (found.places, found.history)
        if action.key_id and dossier.key:
            assert dossier.key == explainer.explain(action.key_id).key


def test_a_declaration_has_its_evidence_its_places_and_the_applies_of_its_address() -> None:
    dossier = list_dossiers(situate(DESIRED, keys=[ours()], receipts=[recorded()]), DESIRED)[CI, "key-1"]
    assert dossier.key
    assert dossier.key.evidence is Evidence.RECORDED
    assert [one.state for one in dossier.places] == [PlaceState.CURRENT]
    assert [one.occurrence for one in dossier.history] == [
        Occurrence.CREATED,
        Occurrence.DELIVERED,
        Occurrence.APPLIED,
    ]
    assert dossier.history[-1].detail == "create (absent): done by ada, plan 5f5f5f5f5f5f"


def test_an_old_key_has_its_own_past_alone_and_no_place() -> None:
    receipt = recorded("key-2", superseded=(old("key-1", ends=LATER + DAY),))
    keys = [ours("key-1"), ours("key-2", created_at=NOW)]
    dossier = list_dossiers(situate(DESIRED, keys=keys, receipts=[receipt]), DESIRED)[CI, "key-1"]
    assert (dossier.places, [one.occurrence for one in dossier.history]) == ((), [Occurrence.CREATED])


def test_a_dead_key_is_in_the_history_if_ledger_or_applies_name_it() -> None:
    dead = [make_observation(key_id, active=False, created_at=NOW) for key_id in ("key-1", "key-5")]
    snapshot = replace(situate(DESIRED, receipts=[recorded()]), revoked=tuple(dead))
    (dossier,) = list_dossiers(snapshot, DESIRED).values()
    revoked = [one.key_id for one in dossier.history if one.occurrence is Occurrence.REVOKED]
    assert revoked == ["key-1"]


def test_what_is_declared_nowhere_has_the_places_of_its_receipt() -> None:
    receipt = recorded("key-9", OLD, name="old")
    snapshot = situate(keys=[ours("key-9", OLD, name="old")], receipts=[receipt])
    dossier = list_dossiers(snapshot)[OLD, "key-9"]
    assert [one.state for one in dossier.places] == [PlaceState.NOT_ASKED]
    assert Occurrence.APPLIED in [one.occurrence for one in dossier.history]


def test_a_key_that_nothing_shows_has_no_evidence() -> None:
    dossier = list_dossiers(situate(receipts=[recorded("key-9", OLD, name="old")]))
    assert [one.key for one in dossier.values()] == [None]
