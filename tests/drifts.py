"""A drift for tests, with a finding of each kind, one accepted, and one whose waiver ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from plans import NOW

from keyplan.model.drift import Cause, Drift, DriftFinding, DriftKind
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import Waiver
from keyplan.model.place import Place
from keyplan.model.plan import Guard

DAY = timedelta(days=1)
PLACE = Place("keys.yaml", 9, 5)
WAIVER = Waiver(
    key_id="key-9",
    owner="ada",
    reason="made by hand for the launch",
    until=NOW + 30 * DAY,
    place=Place("keys.yaml", 20, 5),
)
ENDED = replace(WAIVER, address="user/ci", key_id=None, until=NOW - DAY)
GONE = DriftFinding(
    kind=DriftKind.DRIFT,
    cause=Cause.GONE,
    address=Address("user/ci"),
    name="ci",
    key_id=KeyId("key-1"),
    detail="its key, delivered at 2026-11-01T00:00:00Z, is no longer there",
    place=PLACE,
    lapsed=ENDED,
)
DUE = DriftFinding(
    kind=DriftKind.PENDING,
    cause=Cause.DUE,
    address=Address("service/production/ingest"),
    name="ingest",
    key_id=KeyId("key-2"),
    detail="in use since 2026-09-01T00:00:00Z, to be renewed every 30d",
    advice="it is protected: protect: false, apply, then try again",
    guard=Guard.PROTECT,
    place=PLACE,
)
MOVED = DriftFinding(
    kind=DriftKind.PENDING,
    cause=Cause.MOVED,
    address=Address("user/new"),
    name="new",
    key_id=KeyId("key-3"),
    detail="from user/old",
    is_report_only=True,
    place=PLACE,
)
STRANGER = DriftFinding(
    kind=DriftKind.UNMANAGED,
    cause=Cause.UNMANAGED,
    address=None,
    name="by hand",
    key_id=KeyId("key-8"),
    detail="user key",
    is_report_only=True,
)
ACCEPTED = replace(STRANGER, key_id=KeyId("key-9"), name="launch", waiver=WAIVER)
ENDING = DriftFinding(
    kind=DriftKind.EXPIRING,
    cause=Cause.EXPIRES_SOON,
    address=Address("user/report"),
    name="report",
    key_id=KeyId("key-4"),
    detail="it ends at 2026-11-30T00:00:00Z: nothing renews it before",
    advice="raise expires_at in the manifest, or use expires_in",
    expires_at=NOW + 7 * DAY,
    place=PLACE,
)


def make_drift(*findings: DriftFinding, **changes: Any) -> Drift:
    """Return a drift of these findings."""
    values: dict[str, Any] = {
        "owner": "ml-platform",
        "manifest": "keys.yaml",
        "provider": "https://api.arize.test",
        "dialect": "beta",
        "at": NOW,
        "findings": findings,
    }
    return Drift(**(values | changes))


FULL = make_drift(
    GONE,
    DUE,
    MOVED,
    STRANGER,
    ACCEPTED,
    ENDING,
    in_order=(Address("user/ok"),),
    warnings=("keys.yaml:30:5: the waiver for 'user/former' fits nothing that was found: take it out",),
)
