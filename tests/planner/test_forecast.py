"""What the next days bring: each row of a table is one declaration's future."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planner.situations import DAY, HOUR, LATER, old, ours, plan, recorded, situate
from samples import AT_ONCE, NOW, make_declaration, make_desired, make_observation
from scenario import Scenario
from simulator import World

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId
from keyplan.model.manifest import OnDescriptionChange, OnRemove, Retire, Rotation, Strategy
from keyplan.model.observation import Snapshot
from keyplan.model.plan import Guard, Reason, Request
from keyplan.model.policy import Policy
from keyplan.planner.desired import resolve_desired
from keyplan.planner.forecast import forecast
from keyplan.planner.guards import apply_guards
from keyplan.planner.plan import make_plan

MONTH = 30 * DAY
EXPIRING = {"expires_in": 90 * DAY}


def look(snapshot: Snapshot, *desired: Desired, days: int = 90, **manifest: Any) -> Calendar:
    made = plan(snapshot, *desired, manifest=manifest)
    return forecast(made, snapshot, until=snapshot.now + days * DAY)


def current(desired: Desired, *, dialect: str = "beta", days: int = 90, **changes: Any) -> list[str]:
    """Return what is foreseen for a key that was made and delivered at NOW as it is declared."""
    expires_at = desired.expiry_from(NOW)
    keys = [ours(expires_at=expires_at, description=desired.declaration.description, **changes)]
    receipt = recorded(expires_at=expires_at, declared_expires_at=desired.declaration.expires_at)
    snapshot = situate(desired, keys=keys, receipts=[receipt], dialect=dialect)
    return tell(look(snapshot, desired, days=days))


def tell(calendar: Calendar) -> list[str]:
    """Return `days happening [verb] [overlap] [guard] [key]` of each event, the days since NOW."""
    return [_tell(event) for event in calendar.events]


def _tell(event: Event) -> str:
    parts = (
        f"{(event.at - NOW) / DAY:g}",
        event.happening.value,
        event.verb.value if event.verb else "",
        f"{event.overlap / HOUR:g}h" if event.overlap else "",
        f"blocked by {event.guard.value}" if event.guard else "",
        event.key_id or "",
    )
    return " ".join(filter(None, parts))


ROWS = [
    pytest.param({}, "beta", [], id="without rotation and expiry nothing ever happens"),
    pytest.param(
        {"rotation": replace(AT_ONCE, every=MONTH)},
        "beta",
        ["30 rotates refresh key-1", "60 rotates refresh", "90 rotates refresh"],
        id="every: again and again, no end where there is no overlap",
    ),
    pytest.param(
        {"rotation": Rotation(every=60 * DAY)},
        "beta",
        ["60 rotates refresh 24h key-1", "61 retires key-1"],
        id="by default a refresh keeps the old raw key for a day",
    ),
    pytest.param(
        {"rotation": Rotation(every=60 * DAY)},
        "alpha",
        ["60 rotates replace 24h key-1", "61 retires delete key-1"],
        id="by default a replace keeps the old key for a day",
    ),
    pytest.param(
        {"rotation": Rotation(every=60 * DAY, strategy=Strategy.REFRESH)},
        "alpha",
        ["60 rotates refresh key-1"],
        id="a refresh that is asked for and that has no grace",
    ),
    pytest.param(
        {"rotation": Rotation(every=40 * DAY, overlap=12 * HOUR)},
        "beta",
        [
            "40 rotates refresh 12h key-1",
            "40.5 retires key-1",
            "80 rotates refresh 12h",
            "80.5 retires",
        ],
        id="refresh with grace: the old raw key ends by itself",
    ),
    pytest.param(
        {"rotation": Rotation(every=40 * DAY, overlap=12 * HOUR)},
        "alpha",
        [
            "40 rotates replace 12h key-1",
            "40.5 retires delete key-1",
            "80 rotates replace 12h",
            "80.5 retires delete",
        ],
        id="replace with overlap: an apply deletes the old key",
    ),
    pytest.param(
        {**EXPIRING, "rotation": replace(AT_ONCE, before_expiry=14 * DAY)},
        "beta",
        ["76 rotates replace key-1"],
        id="expiring",
    ),
    pytest.param(
        {**EXPIRING, "rotation": AT_ONCE},
        "alpha",
        ["60 rotates refresh key-1"],
        id="by default in the last third of its life",
    ),
    pytest.param(
        {"expires_in": 30 * DAY, "rotation": AT_ONCE},
        "beta",
        ["20 rotates replace key-1", "40 rotates replace", "60 rotates replace", "80 rotates replace"],
        id="each successor lives as long as the first",
    ),
    pytest.param(
        {**EXPIRING, "rotation": replace(AT_ONCE, every=76 * DAY, before_expiry=14 * DAY)},
        "beta",
        ["76 rotates replace key-1"],
        id="two grounds at once are one rotation",
    ),
    pytest.param(
        {"expires_in": 30 * DAY, "rotation": Rotation(every=25 * DAY, before_expiry=3 * DAY, overlap=20 * DAY)},
        "beta",
        [
            "25 rotates replace 480h key-1",
            "30 retires key-1",
            "50 rotates replace 480h",
            "55 retires",
            "75 rotates replace 480h",
            "80 retires",
        ],
        id="an overlap ends no later than the old key's own expiry",
    ),
    pytest.param(
        {"expires_at": NOW + 50 * DAY}, "beta", ["50 expires key-1"], id="an absolute expiry: nothing renews it"
    ),
    pytest.param(
        {"expires_at": NOW + 50 * DAY, "rotation": replace(AT_ONCE, every=MONTH)},
        "beta",
        ["30 rotates refresh key-1", "50 expires"],
        id="a rotation by age does not move an absolute expiry",
    ),
    pytest.param({"expires_at": NOW + 500 * DAY}, "beta", [], id="an expiry beyond the end is not shown"),
    pytest.param(
        {**EXPIRING, "protect": True, "rotation": AT_ONCE},
        "beta",
        ["60 rotates replace blocked by protect key-1", "90 expires key-1"],
        id="a protected key: its renewal is held back, and it expires",
    ),
    pytest.param(
        {"rotation": replace(AT_ONCE, every=MONTH), "protect": True},
        "beta",
        ["30 rotates refresh blocked by protect key-1"],
        id="a protected key without expiry: held back once, and that is all",
    ),
]


@pytest.mark.parametrize(("declared", "dialect", "expected"), ROWS)
def test_a_delivered_key_has_this_future(declared: dict[str, Any], dialect: str, expected: list[str]) -> None:
    assert current(make_desired(**declared), dialect=dialect) == expected


def test_keyplans_own_credential_is_held_back_unless_it_may_rotate_itself() -> None:
    for may, expected in ((False, "30 rotates refresh blocked by self key-1"), (True, "30 rotates refresh key-1")):
        desired = make_desired(rotation=replace(AT_ONCE, every=MONTH), may_rotate_itself=may)
        snapshot = situate(desired, keys=[ours()], receipts=[recorded()], own_keys=frozenset({KeyId("key-1")}))
        assert tell(look(snapshot, desired, days=31)) == [expected]


def test_a_life_that_the_account_caps_is_capped_again() -> None:
    desired = make_desired(rotation=AT_ONCE)
    receipt = recorded(expires_at=NOW + 60 * DAY)
    snapshot = situate(desired, keys=[ours(expires_at=NOW + 60 * DAY)], receipts=[receipt])
    assert tell(look(snapshot, desired)) == ["40 rotates replace key-1", "80 rotates replace"]


AT_ONCE_FOR_ITS_DESCRIPTION: dict[str, Any] = {
    "description": "new",
    "on_description_change": OnDescriptionChange.REPLACE,
    "rotation": AT_ONCE,
}


NOW_ROWS = [
    pytest.param({}, [], [], ["creates create"], id="a declaration without key gets one at once"),
    pytest.param(
        {"rotation": replace(AT_ONCE, every=HOUR * 36)},
        [],
        [],
        ["creates create", "1.5 rotates refresh"],
        id="and is renewed from then on",
    ),
    pytest.param(
        {
            "description": "new",
            "on_description_change": OnDescriptionChange.REPLACE,
            "rotation": Rotation(overlap=DAY, strategy=Strategy.REPLACE),
        },
        [ours()],
        [recorded()],
        ["rotates replace 24h key-1", "1 retires delete key-1"],
        id="what is due already stands at now",
    ),
    pytest.param(
        {
            "description": "new",
            "on_description_change": OnDescriptionChange.REPLACE,
            "protect": True,
            "rotation": AT_ONCE,
        },
        [ours(expires_at=NOW + DAY)],
        [recorded(expires_at=NOW + DAY)],
        ["rotates replace blocked by protect key-1", "1 expires key-1"],
        id="a renewal that is blocked now, and the expiry that it does not prevent",
    ),
    pytest.param(
        {
            "description": "new",
            "on_description_change": OnDescriptionChange.REPLACE,
            "protect": True,
            "rotation": AT_ONCE,
        },
        [ours()],
        [recorded()],
        ["rotates replace blocked by protect key-1"],
        id="a renewal that is blocked now, of a key that never expires",
    ),
    pytest.param(
        {}, [make_observation()], [], ["creates create blocked by foreign key-1"], id="a name that is somebody else's"
    ),
]


@pytest.mark.parametrize(("declared", "keys", "receipts", "expected"), NOW_ROWS)
def test_what_is_due_now_is_followed_by_what_it_leads_to(
    declared: dict[str, Any], keys: list[Any], receipts: list[Any], expected: list[str]
) -> None:
    desired = make_desired(**declared)
    seen = tell(look(situate(desired, keys=keys, receipts=receipts, now=NOW), desired, days=2))
    assert [line.removeprefix("0 ") for line in seen] == expected


def superseded(ends: datetime, **changes: Any) -> dict[str, Any]:
    """Return a current key, and one that it superseded at NOW."""
    older = ours("key-0", created_at=NOW - DAY, **changes)
    return {"keys": [ours(), older], "receipts": [recorded(superseded=(old("key-0", ends=ends),))]}


SUPERSEDED_ROWS = [
    pytest.param({}, superseded(NOW + DAY), "1 retires delete key-0", Reason.SUPERSEDED, id="overlap not over"),
    pytest.param(
        {},
        superseded(NOW + DAY, expires_at=NOW + 12 * HOUR),
        "0.5 retires key-0",
        Reason.SUPERSEDED,
        id="it ends by its own expiry before",
    ),
    pytest.param(
        {}, superseded(LATER), "0.0416667 retires delete key-0", Reason.SUPERSEDED, id="overlap over: at once"
    ),
    pytest.param(
        {"rotation": Rotation(retire=Retire.WHEN_UNUSED)},
        superseded(NOW, last_used_at=LATER),
        "0.0416667 retires delete key-0",
        Reason.STILL_USED,
        id="over, and somebody still uses it: as soon as that ends",
    ),
]


@pytest.mark.parametrize(("declared", "world", "expected", "reason"), SUPERSEDED_ROWS)
def test_a_superseded_key_ends_at_its_deadline(
    declared: dict[str, Any], world: dict[str, Any], expected: str, reason: Reason
) -> None:
    desired = make_desired(**declared)
    calendar = look(situate(desired, **world), desired)
    assert (tell(calendar), calendar.events[0].reason) == ([expected], reason)


def test_a_key_that_waits_until_nobody_uses_it_says_so() -> None:
    desired = make_desired(rotation=Rotation(every=MONTH, overlap=DAY, retire=Retire.WHEN_UNUSED))
    calendar = look(situate(desired, keys=[ours()], receipts=[recorded()]), desired, days=40)
    assert calendar.events[1].note == "its overlap is over, if it is no longer used"


@pytest.mark.parametrize(
    ("on_remove", "expected"),
    [
        pytest.param(OnRemove.DELETE, ["0.0416667 retires delete key-1"], id="delete"),
        pytest.param(OnRemove.FORGET, [], id="forget: nothing happens to the key"),
    ],
)
def test_an_undeclared_key_ends_now_or_is_left_alone(on_remove: OnRemove, expected: list[str]) -> None:
    assert tell(look(situate(keys=[ours()], receipts=[recorded(on_remove=on_remove)]))) == expected


def test_an_undeclared_key_that_is_protected_is_held_back() -> None:
    (event,) = look(situate(keys=[ours()], receipts=[recorded(protect=True)])).events
    assert (event.happening, event.guard, event.note) == (
        Happening.RETIRES,
        Guard.PROTECT,
        "it is protected: declare it again with protect: false, apply, then try again",
    )


def test_events_come_by_time_and_then_by_address() -> None:
    one, other = (make_desired(name, rotation=replace(AT_ONCE, every=MONTH)) for name in ("a", "b"))
    keys = [ours("key-b", other.address, name="b"), ours("key-a", one.address, name="a")]
    receipts = [recorded("key-b", other.address, name="b"), recorded("key-a", one.address, name="a")]
    calendar = look(situate(other, one, keys=keys, receipts=receipts), other, one, days=60)
    assert [(event.at - NOW, event.address) for event in calendar.events] == [
        (MONTH, "user/a"),
        (MONTH, "user/b"),
        (2 * MONTH, "user/a"),
        (2 * MONTH, "user/b"),
    ]


def test_a_calendar_says_what_it_is_about() -> None:
    desired = make_desired()
    calendar = look(situate(desired), desired, days=7)
    assert (calendar.owner, calendar.manifest, calendar.dialect) == ("ml-platform", "keys.yaml", "beta")
    assert (calendar.since, calendar.until) == (LATER, LATER + 7 * DAY)


def test_an_event_on_the_last_instant_is_part_of_it_and_a_later_one_is_not() -> None:
    desired = make_desired(rotation=Rotation(every=10 * DAY + HOUR))
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()])
    assert len(look(snapshot, desired, days=10).events) == 1
    assert look(snapshot, desired, days=9).events == ()


rotations = st.builds(
    Rotation,
    every=st.sampled_from([None, 7 * DAY, MONTH]),
    before_expiry=st.sampled_from([None, 5 * DAY]),
    overlap=st.sampled_from([None, timedelta(0), 2 * HOUR, 48 * HOUR]),
    strategy=st.sampled_from([Strategy.AUTO, Strategy.REPLACE]),
)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        pytest.param({"expires_in": 60 * DAY}, ["60 expires key-1"], id="it ends"),
        pytest.param({}, [], id="it never ends"),
    ],
)
def test_a_key_that_breaks_a_policy_is_not_renewed(ends: dict[str, Any], expected: list[str]) -> None:
    desired = make_desired(rotation=Rotation(every=MONTH), **ends)
    expires_at = desired.expiry_from(NOW)
    snapshot = situate(desired, keys=[ours(expires_at=expires_at)], receipts=[recorded(expires_at=expires_at)])
    calendar = look(snapshot, desired, policies=(Policy(file="platform.yaml", names=("x",)),))
    assert tell(calendar) == expected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rotation=rotations,
    expires_in=st.sampled_from([None, 20 * DAY, 90 * DAY]),
    dialect=st.sampled_from(["alpha", "beta"]),
)
def test_what_is_foreseen_is_what_applies_then_do(
    rotation: Rotation, expires_in: timedelta | None, dialect: Any
) -> None:
    scenario = Scenario(World(dialect=dialect))
    scenario.declare(make_declaration(rotation=rotation, expires_in=expires_in))
    scenario.run()
    calendar = _forecast_action(scenario)
    rotated = [event for event in calendar.events if event.happening is Happening.ROTATES]
    for event in rotated:
        clock = scenario.world.clock
        clock.advance(event.at - clock.now() - timedelta(seconds=1))
        assert not [action for action in scenario.actions() if action.issues_raw_key]
        clock.advance(timedelta(seconds=1))
        (action,) = [action for action in scenario.actions() if action.issues_raw_key]
        assert (action.verb, action.reason, action.overlap) == (event.verb, event.reason, event.overlap)
        scenario.run()


def _forecast_action(scenario: Scenario) -> Calendar:
    snapshot = scenario.observe()
    desired = resolve_desired(scenario.manifest, snapshot.spaces)
    made = make_plan(scenario.manifest, desired, snapshot, Request())
    guarded = apply_guards(made, manifest=scenario.manifest)
    return forecast(guarded, snapshot, until=snapshot.now + 60 * DAY)
