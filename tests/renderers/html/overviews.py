"""Overviews for tests: a key of each standing, events of each kind."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from calendars import BLOCKED as BLOCKED_EVENT
from calendars import CREATES, DAY, EXPIRES, RETIRES, ROTATES
from drifts import make_drift
from plans import CREATE, DELETE, NOW, REPLACE, make_plan
from samples import make_observation

from keyplan.model.explanation import (
    Evidence,
    ExplainedKey,
    ExplainedPlace,
    Occurrence,
    PastEvent,
    PlaceState,
    SubjectStanding,
)
from keyplan.model.identity import Address, KeyId, UserId
from keyplan.model.manifest import KeyType
from keyplan.model.overview import Dossier, KeyLife, LifeState, Overview
from keyplan.renderers.style import Assets

FOLDER = files("keyplan.renderers.html")
ASSETS = Assets(css=FOLDER.joinpath("report.css").read_text(), js=FOLDER.joinpath("report.js").read_text())

CURRENT = KeyLife(
    address=REPLACE.address,
    standing=LifeState.CURRENT,
    key_id=REPLACE.key_id,
    name="ci",
    key_type=KeyType.USER,
    created_at=NOW - 40 * DAY,
    delivered_at=NOW - 40 * DAY,
    expires_at=NOW + 50 * DAY,
    last_used_at=NOW - DAY,
    dossier=Dossier(
        key=ExplainedKey(
            key=make_observation(),
            standing=SubjectStanding.DECLARED,
            evidence=Evidence.RECORDED,
            creator=UserId("ada"),
            creator_source="the credential's own user",
        ),
        places=(
            ExplainedPlace(location="vault:arize/ci", state=PlaceState.CURRENT, changed_at=NOW - 40 * DAY),
            ExplainedPlace(location="local:ci.env", state=PlaceState.OTHER_KEY, detail="it holds key key-0"),
        ),
        history=(
            PastEvent(at=NOW - 40 * DAY, occurrence=Occurrence.CREATED, key_id=KeyId("key-1"), detail="by user ada"),
            PastEvent(at=None, occurrence=Occurrence.REVOKED, key_id=KeyId("key-0")),
        ),
    ),
    action=REPLACE,
    events=(ROTATES, BLOCKED_EVENT, EXPIRES),
)
OLD = KeyLife(
    address=REPLACE.address,
    standing=LifeState.OLD,
    key_id=KeyId("key-0"),
    name="ci",
    key_type=KeyType.USER,
    created_at=NOW - 80 * DAY,
    action=DELETE,
    events=(RETIRES,),
)
MISSING = KeyLife(
    address=CREATE.address,
    standing=LifeState.MISSING,
    key_id=None,
    name="new",
    key_type=KeyType.SERVICE,
    spaces=("production",),
    action=CREATE,
    events=(CREATES,),
)
REMOVED = KeyLife(
    address=Address("user/old"),
    standing=LifeState.REMOVED,
    key_id=KeyId("key-7"),
    name="old",
    key_type=None,
    created_at=NOW,
    action=DELETE,
)


def make_overview(*lives: KeyLife, **changes: Any) -> Overview:
    """Return an overview of these keys, or of one of each standing."""
    values: dict[str, Any] = {
        "plan": make_plan(CREATE, REPLACE, DELETE),
        "drift": make_drift(),
        "since": NOW,
        "until": NOW + 90 * DAY,
        "keys": lives or (CURRENT, OLD, MISSING, REMOVED),
    }
    return Overview(**(values | changes))
