"""A calendar for tests, with an event of each kind."""

from __future__ import annotations

from datetime import timedelta

from plans import NOW

from keyplan.model.calendar import Calendar, Event, Happening
from keyplan.model.identity import Address, KeyId
from keyplan.model.plan import Guard, Reason, Verb

DAY = timedelta(days=1)
CREATES = Event(
    at=NOW, happening=Happening.CREATES, address=Address("user/new"), verb=Verb.CREATE, reason=Reason.ABSENT
)
ROTATES = Event(
    at=NOW + DAY,
    happening=Happening.ROTATES,
    address=Address("user/ci"),
    key_id=KeyId("key-1"),
    verb=Verb.REPLACE,
    reason=Reason.TOO_OLD,
    overlap=timedelta(hours=12),
    note="replace: the manifest says so",
)
RETIRES = Event(
    at=NOW + 1.5 * DAY,
    happening=Happening.RETIRES,
    address=Address("user/ci"),
    key_id=KeyId("key-1"),
    verb=Verb.DELETE,
    reason=Reason.SUPERSEDED,
    note="its overlap is over",
)
BLOCKED = Event(
    at=NOW + 2 * DAY,
    happening=Happening.ROTATES,
    address=Address("service/production/ingest"),
    verb=Verb.REFRESH,
    reason=Reason.EXPIRING,
    overlap=timedelta(0),
    guard=Guard.PROTECT,
    note="it is protected: nothing renews it",
)
EXPIRES = Event(
    at=NOW + 9 * DAY,
    happening=Happening.EXPIRES,
    address=Address("service/production/ingest"),
    note="it is protected: nothing renews it",
)


def make_calendar(*events: Event) -> Calendar:
    """Return a calendar of these events."""
    return Calendar(
        owner="ml-platform",
        manifest="keys.yaml",
        provider="https://api.arize.test",
        dialect="beta",
        since=NOW,
        until=NOW + 90 * DAY,
        events=events,
    )


FULL = make_calendar(CREATES, ROTATES, RETIRES, BLOCKED, EXPIRES)
