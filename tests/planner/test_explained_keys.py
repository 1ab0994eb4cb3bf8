"""What a key is to a manifest, and by which evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from explanations import make_explainer
from planner.situations import CI, HOUR, LATER, holding, ours, recorded, situate, slot_of
from samples import CREATOR, NOW, make_desired, make_intent, make_observation
from scenario import make_manifest

from keyplan.model.explanation import Evidence, SubjectStanding
from keyplan.model.identity import KeyId, ManifestId
from keyplan.model.manifest import Adopt, ProviderSettings
from keyplan.model.observation import Marker

UNMARKED = make_observation()
STRAY = ours(marker=replace(ours().marker, manifest_id=ManifestId("")))  # type: ignore[type-var]  # it has a marker
UNMARKED_INTENT = make_intent(is_unmarked=True, at=NOW)


@pytest.mark.parametrize(
    ("declared", "world", "standing", "evidence"),
    [
        ({}, {"keys": [ours()], "receipts": [recorded()]}, SubjectStanding.DECLARED, Evidence.RECORDED),
        ({}, {"keys": [ours()]}, SubjectStanding.UNDELIVERED, Evidence.MADE_BY_US),
        ({"import_id": KeyId("key-1")}, {"keys": [UNMARKED]}, SubjectStanding.UNDELIVERED, Evidence.DECLARED),
        ({}, {"keys": [UNMARKED], "intents": [UNMARKED_INTENT]}, SubjectStanding.UNDELIVERED, Evidence.INTENT),
        (
            {"adopt": Adopt.REFRESH},
            {"keys": [UNMARKED], "held": {slot_of(CI): holding(recorded())}},
            SubjectStanding.DECLARED,
            Evidence.ADOPTED,
        ),
        (
            {},
            {"keys": [ours(created_by="stranger"), make_observation("key-5", name="x")]},
            SubjectStanding.CLAIMED,
            Evidence.CLAIMED,
        ),
        ({}, {"keys": [STRAY]}, SubjectStanding.STRAY, Evidence.CLAIMED),
        ({}, {"keys": [ours(marker=Marker("other", "0123456789"))]}, SubjectStanding.ELSEWHERE, Evidence.NONE),
        ({}, {"keys": [make_observation(name="x")]}, SubjectStanding.UNMANAGED, Evidence.NONE),
        ({}, {"keys": [ours(active=False)]}, SubjectStanding.ENDED, Evidence.NONE),
        ({}, {"receipts": [recorded()]}, SubjectStanding.ENDED, Evidence.RECORDED),
        (
            {},
            {"keys": [ours(), ours("key-2", created_at=LATER + HOUR)], "receipts": [recorded("key-2")]},
            SubjectStanding.SUPERSEDED,
            Evidence.MADE_BY_US,
        ),
    ],
)
def test_a_key_has_its_standing_and_its_evidence(
    declared: dict[str, Any], world: dict[str, Any], standing: SubjectStanding, evidence: Evidence
) -> None:
    desired = make_desired(**declared)
    manifest = make_manifest(desired.declaration, provider=ProviderSettings(creators=(CREATOR,)))
    found = make_explainer(manifest, situate(desired, **world)).explain("key-1")
    assert found.key
    assert (found.standing, found.key.standing, found.key.evidence) == (standing, standing, evidence)
