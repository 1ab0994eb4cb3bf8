"""Plans and reports for tests: a few that are read easily, and strategies for all others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from keyplan.model.field_change import FieldChange
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType, Unmanaged
from keyplan.model.place import Place
from keyplan.model.plan import Action, Blocked, Guard, KeyView, Plan, Reason, Request, Verb
from keyplan.model.report import Done, Failed, InDoubt, NotTried, Report
from keyplan.model.vacancy import Vacancy

NOW = datetime(2026, 11, 23, 7, 31, tzinfo=UTC)
LOCATION = "local:secrets/ci.env#ARIZE_API_KEY"

CREATE = Action(
    address=Address("user/ci"),
    verb=Verb.CREATE,
    reason=Reason.ABSENT,
    after=KeyView(name="ci", key_type=KeyType.USER, description="Used for CI", expires_in=timedelta(days=90)),
    locations=(LOCATION,),
    place=Place("keys.yaml", 12, 5),
)
REPLACE = Action(
    address=Address("service/production/ingest"),
    verb=Verb.REPLACE,
    reason=Reason.CHANGED,
    key_id=KeyId("key-1"),
    before=KeyView(id=KeyId("key-1"), name="ingest", key_type=KeyType.SERVICE, spaces=("space-1",)),
    after=KeyView(name="ingest", key_type=KeyType.SERVICE, description="new", spaces=("space-1",), roles="space=admin"),
    changes=(
        FieldChange(field="description", before="", after="new"),
        FieldChange(field="roles", before="member", after="admin"),
    ),
    explanation="changing the description requires a new key",
    consequences=("the old key works for 24h after the switch",),
    locations=("local:secrets/ingest.env",),
    overlap=timedelta(hours=24),
    place=Place("keys.yaml", 20, 5),
)
REFRESH = Action(
    address=Address("user/batch"),
    verb=Verb.REFRESH,
    reason=Reason.EXPIRING,
    key_id=KeyId("key-2"),
    consequences=("the old raw key stops working at once",),
    cuts_off=True,
    locations=("local:secrets/batch.env",),
)
DELIVER = Action(
    address=Address("user/spread"),
    verb=Verb.DELIVER,
    reason=Reason.UNDELIVERED,
    key_id=KeyId("key-8"),
    explanation="deliver: no new key is needed, it is copied from local:secrets/spread.env",
    locations=("vault:secret/arize/spread#api_key",),
)
DELETE = Action(address=Address("user/old"), verb=Verb.DELETE, reason=Reason.UNDECLARED, key_id=KeyId("key-3"))
FORGET = Action(address=Address("user/lost"), verb=Verb.FORGET, reason=Reason.GONE)
KEEP = Action(address=Address("user/calm"), verb=Verb.KEEP, reason=Reason.UP_TO_DATE, key_id=KeyId("key-4"))
OVERLAPPING = Action(
    address=Address("user/slow"),
    verb=Verb.KEEP,
    reason=Reason.OVERLAPPING,
    key_id=KeyId("key-5"),
    explanation="it is deleted by the first apply after 2026-11-24T07:31:00Z",
)
MOVED = Action(
    address=Address("service/production/new"),
    verb=Verb.KEEP,
    reason=Reason.MOVED,
    key_id=KeyId("key-6"),
    previous_address=Address("service/old/new"),
)
EMPTY = Action(
    address=Address("user/calm"),
    verb=Verb.EMPTY,
    reason=Reason.LEFT,
    key_id=KeyId("key-4"),
    locations=("vault:secret/arize/calm#api_key",),
)
LEAVING = replace(
    KEEP,
    vacancies=(
        Vacancy(location="aws:calm", leaves="its sink is no longer configured"),
        Vacancy(location="local:a.env", empty_after=NOW + timedelta(hours=3)),
        Vacancy(location="local:b.env", overlap=timedelta(hours=24)),
    ),
    notes=("it stays in local:c.env until its next rotation, which goes to local:d.env",),
)
MOVING = replace(REPLACE, overlap=timedelta(0), vacancies=(Vacancy(location="local:old.env"),))
BLOCKED = replace(DELETE, blocked=Blocked(guard=Guard.DELETES, advice="if that is meant, say --allow-deletes 1"))
STRANGER = KeyView(id=KeyId("key-9"), name="hand-made", key_type=KeyType.USER)


def make_plan(*actions: Action, **changes: object) -> Plan:
    """Return a plan of these actions."""
    plan = Plan(
        owner="ml-platform",
        manifest="keys.yaml",
        provider="https://api.arize.test",
        dialect="beta",
        actions=actions,
    )
    return replace(plan, **changes)  # type: ignore[arg-type]  # fields by name


FULL = make_plan(
    CREATE,
    REPLACE,
    REFRESH,
    DELIVER,
    DELETE,
    FORGET,
    KEEP,
    OVERLAPPING,
    MOVED,
    unmanaged=(STRANGER,),
    warnings=("mind this",),
)


def make_report(*outcomes: Done | Failed | InDoubt | NotTried, interrupted_by: int | None = None) -> Report:
    """Return a report of these outcomes."""
    return Report(
        owner="ml-platform",
        manifest="keys.yaml",
        digest="0" * 64,
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=3),
        outcomes=outcomes,
        interrupted_by=interrupted_by,
    )


DONE = Done(action=CREATE, key_id=KeyId("key-7"), delivered=(LOCATION,), notes=("the clock is 90 s off",))
FAILED = Failed(
    action=REPLACE,
    message="403 Forbidden: no right to make service keys",
    advice="ask an admin of the space",
    exit_status=5,
    next_run="tries again",
)
IN_DOUBT = InDoubt(action=REFRESH, message="the answer was lost", next_run="looks what became of it")
NOT_TRIED = NotTried(action=DELETE, why="something failed before")

_texts = st.text(max_size=12)
_ids = st.text(min_size=1, max_size=8).map(KeyId)
_addresses = st.text(min_size=1, max_size=12).map(Address)
_durations = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=20_000))
_times = st.datetimes(timezones=st.just(UTC))
_tuples = st.lists(_texts, max_size=2).map(tuple)
_counts = st.none() | st.integers(0, 10**9)

_views = st.builds(
    KeyView,
    id=st.none() | _ids,
    name=_texts,
    key_type=st.none() | st.sampled_from(KeyType),
    description=_texts,
    expires_at=st.none() | _times,
    expires_in=st.none() | _durations,
    spaces=_tuples,
    roles=_texts,
)
_actions = st.builds(
    Action,
    address=_addresses,
    verb=st.sampled_from(Verb),
    reason=st.sampled_from(Reason),
    key_id=st.none() | _ids,
    before=st.none() | _views,
    after=st.none() | _views,
    changes=st.lists(st.builds(FieldChange, field=_texts, before=_texts, after=_texts), max_size=2).map(tuple),
    explanation=_texts,
    consequences=_tuples,
    locations=_tuples,
    overlap=_durations,
    cuts_off=st.booleans(),
    vacancies=st.lists(
        st.builds(Vacancy, location=_texts, leaves=_texts, overlap=_durations, empty_after=st.none() | _times),
        max_size=2,
    ).map(tuple),
    notes=_tuples,
    previous_address=st.none() | _addresses,
    blocked=st.none() | st.builds(Blocked, guard=st.sampled_from(Guard), advice=_texts),
    place=st.none() | st.builds(Place, _texts, st.integers(1, 10**6), st.integers(1, 10**6)),
)
plans = st.builds(
    Plan,
    owner=_texts,
    manifest=_texts,
    provider=_texts,
    dialect=_texts,
    actions=st.lists(_actions, max_size=3).map(tuple),
    unmanaged=st.lists(_views, max_size=2).map(tuple),
    unmanaged_policy=st.sampled_from(Unmanaged),
    request=st.builds(
        Request, rotate=_tuples, targets=_tuples, allow_deletes=_counts, allow_missing=_counts, now=st.booleans()
    ),
    serial=st.integers(0, 10**6),
    warnings=_tuples,
    policies=_tuples,
)
