"""Explanations for tests: of the simulated world, and one with everything in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from samples import make_observation
from scenario import Scenario

from keyplan.app.plan import guard_plan
from keyplan.model.calendar import Event, Happening
from keyplan.model.explanation import (
    AskedRow,
    Decision,
    DeclaredField,
    Evidence,
    ExplainedKey,
    ExplainedPlace,
    Explanation,
    Occurrence,
    PastEvent,
    PlaceState,
    RowAnswer,
    SubjectStanding,
    TableRow,
    ValueSource,
)
from keyplan.model.identity import Address, KeyId, UserId
from keyplan.model.manifest import Manifest, Place
from keyplan.model.observation import Snapshot
from keyplan.model.plan import Action, Blocked, FieldChange, Guard, Reason, Request, Verb
from keyplan.planner.desired import resolve_in
from keyplan.planner.explanation import Explainer
from keyplan.planner.plan import make_traced_plan

NOW = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)
CI = Address("user/ci")


def make_explainer(manifest: Manifest, snapshot: Snapshot) -> Explainer:
    """Return what explains the subjects of a snapshot."""
    traced = make_traced_plan(manifest, resolve_in(manifest, snapshot), snapshot, Request())
    return Explainer(
        manifest=manifest, snapshot=snapshot, traced=traced, plan=guard_plan(traced.plan, manifest, snapshot)
    )


def explain(scenario: Scenario, subject: str) -> Explanation:
    """Return what is known of a subject in a scenario."""
    return make_explainer(scenario.manifest, scenario.observe()).explain(subject)


FULL = Explanation(
    subject="user/ci",
    manifest="keys.yaml",
    owner="ml-platform",
    provider="https://api.simulated.test",
    dialect="beta",
    now=NOW,
    standing=SubjectStanding.DECLARED,
    address=CI,
    fields=(
        DeclaredField(name="name", value="ci", source=ValueSource.DECLARATION, place=Place("keys.yaml", 8, 12)),
        DeclaredField(name="sink", value="local", source=ValueSource.DEFAULTS, place=Place("keys.yaml", 6, 18)),
        DeclaredField(name="protect", value="false", source=ValueSource.BUILT_IN, place=None),
        DeclaredField(name="import", value="none", source=ValueSource.BUILT_IN, place=None),
    ),
    key=ExplainedKey(
        key=make_observation(last_used_at=NOW, expires_at=NOW + timedelta(days=9)),
        standing=SubjectStanding.DECLARED,
        evidence=Evidence.MADE_BY_US,
        creator=UserId("user-1"),
        creator_source="the user of the credential",
    ),
    others=(
        ExplainedKey(key=make_observation("key-0"), standing=SubjectStanding.SUPERSEDED, evidence=Evidence.RECORDED),
    ),
    places=(
        ExplainedPlace(location="local:secrets/ci.key", state=PlaceState.CURRENT, changed_at=NOW),
        ExplainedPlace(location="vault:ci", state=PlaceState.OTHER_KEY, detail="it holds key key-0"),
    ),
    history=(
        PastEvent(at=NOW, occurrence=Occurrence.DELIVERED, key_id=KeyId("key-1"), detail="generation 1"),
        PastEvent(at=None, occurrence=Occurrence.REVOKED, key_id=KeyId("key-0")),
        PastEvent(at=None, occurrence=Occurrence.BEGUN),
    ),
    decision=Decision(
        row=TableRow.CHANGED,
        action=Action(
            address=CI,
            verb=Verb.REPLACE,
            reason=Reason.CHANGED,
            key_id=KeyId("key-1"),
            changes=(FieldChange(field="description", before="", after="new"),),
            explanation="a description can't be changed",
            notes=("roles can't be seen",),
            blocked=Blocked(guard=Guard.PROTECT, advice="it is protected"),
        ),
        asked=(
            AskedRow(row=TableRow.OBSTACLE, answer=RowAnswer.NO, fact="its keys are all seen"),
            AskedRow(row=TableRow.FOREIGN, answer=RowAnswer.NOT_ASKED),
            AskedRow(row=TableRow.CHANGED, answer=RowAnswer.YES, fact="not as declared: description"),
            AskedRow(row=TableRow.REQUESTED, answer=RowAnswer.NO),
            AskedRow(row=TableRow.EXPIRING, answer=RowAnswer.YES),
        ),
    ),
    further=(
        Decision(
            row=TableRow.OLD_KEY,
            action=Action(address=CI, verb=Verb.DELETE, reason=Reason.SUPERSEDED, key_id=KeyId("key-0")),
        ),
        Decision(row=None, action=None),
    ),
    events=(Event(at=NOW, happening=Happening.EXPIRES, address=CI, key_id=KeyId("key-1"), note="nothing renews it"),),
)
"""Everything that an explanation can have."""
BARE = Explanation(
    subject="key-9",
    manifest="keys.yaml",
    owner="ml-platform",
    provider="https://api.simulated.test",
    dialect="alpha",
    now=NOW,
    standing=SubjectStanding.UNMANAGED,
    address=None,
    decision=Decision(row=TableRow.BUSY, action=None),
)
"""As little as an explanation can have."""
