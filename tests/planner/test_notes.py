"""What a plan says about the keys that it keeps: what waits, what the provider changed, and what nothing shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import DAY, LATER, holding, ours, plan, recorded, situate, slot_of, words
from samples import NOW, make_access, make_desired, make_desired_service
from simulator import make_space

from keyplan.documents.plan import digest
from keyplan.model.desired import Desired
from keyplan.model.identity import Address
from keyplan.model.manifest import KeyType, OnDescriptionChange, Rotation
from keyplan.model.plan import Action

PRODUCTION = make_space("production")
YEAR = 365 * DAY


def kept(desired: Desired, key: dict[str, Any], receipt: dict[str, Any], **world: Any) -> Action:
    """Return the action for a delivered key, which is to be kept."""
    made = plan(situate(desired, keys=[ours(**key)], receipts=[recorded(**receipt)], **world), desired)
    assert words(made) == ["keep up_to_date key-1"]
    return made.actions[0]


@pytest.mark.parametrize(
    ("declared", "key", "receipt", "note"),
    [
        pytest.param(
            {"description": "new"},
            {"description": "old"},
            {},
            'description changes with the next rotation: from "old" to "new", which nothing schedules',
            id="a description, and no rotation",
        ),
        pytest.param(
            {"description": "new", "rotation": Rotation(every=30 * DAY)},
            {"description": "old"},
            {},
            'description changes with the next rotation: from "old" to "new", on 2026-12-23T07:31:00+00:00',
            id="a description, and a rotation by age",
        ),
        pytest.param(
            {"expires_in": YEAR},
            {"expires_at": NOW + 30 * DAY},
            {"expires_at": NOW + 30 * DAY, "declared_expires_in": 30 * DAY},
            "expiry changes with the next rotation: expires_in: 365d takes effect on 2026-12-13T07:31:00+00:00",
            id="a longer life",
        ),
        pytest.param(
            {"expires_in": YEAR},
            {"expires_at": NOW + 30 * DAY},
            {"expires_at": NOW + 30 * DAY},
            "expiry changes with the next rotation: expires_in: 365d takes effect on 2026-12-13T07:31:00+00:00",
            id="a longer life, and an older keyplan issued the key",
        ),
        pytest.param(
            {},
            {"expires_at": NOW + 30 * DAY},
            {"expires_at": NOW + 30 * DAY, "declared_expires_in": 30 * DAY},
            "expiry changes with the next rotation: no expiry takes effect on 2026-12-13T07:31:00+00:00",
            id="a life without end",
        ),
        pytest.param(
            {"expires_in": YEAR},
            {"expires_at": NOW + 30 * DAY},
            {"expires_at": NOW + 30 * DAY, "declared_expires_in": YEAR},
            "expiry is the provider's own: the key ends at 2026-12-23T07:31:00+00:00, and "
            "expires_in: 365d was asked for",
            id="the account caps it",
        ),
        pytest.param(
            {"expires_in": 30 * DAY},
            {"expires_at": NOW + 31 * DAY},
            {"expires_at": NOW + 31 * DAY, "declared_expires_in": 30 * DAY},
            "expiry is the provider's own: the key ends at 2026-12-24T07:31:00+00:00, and "
            "expires_in: 30d was asked for",
            id="the provider rounds it up",
        ),
        pytest.param(
            {"expires_in": 30 * DAY},
            {},
            {"declared_expires_in": 30 * DAY},
            "expiry is the provider's own: the key never ends, and expires_in: 30d was asked for",
            id="the provider ignores it",
        ),
        pytest.param(
            {"expires_at": NOW + YEAR},
            {"expires_at": NOW + 300 * DAY},
            {"expires_at": NOW + 300 * DAY, "declared_expires_at": NOW + YEAR},
            "expiry is the provider's own: the key ends at 2027-09-19T07:31:00+00:00, and "
            "expires_at: 2027-11-23T07:31:00+00:00 was asked for",
            id="the account caps an instant",
        ),
        pytest.param(
            {},
            {"expires_at": NOW + 30 * DAY},
            {"expires_at": NOW + 30 * DAY},
            "expiry is the provider's own: the key ends at 2026-12-23T07:31:00+00:00, and no expiry was asked for",
            id="the account caps what never ends",
        ),
        pytest.param({}, {"key_type": None}, {}, "not verifiable: key_type, in the beta API", id="an unknown type"),
    ],
)
def test_what_a_kept_key_lacks_is_noted_and_stops_nothing(
    declared: dict[str, Any], key: dict[str, Any], receipt: dict[str, Any], note: str
) -> None:
    assert kept(make_desired(**declared), key, receipt).notes == (note,)


@pytest.mark.parametrize(
    ("key", "receipt", "dialect", "notes"),
    [
        pytest.param({}, {}, "alpha", ("not verifiable: roles, spaces, in the alpha API",), id="alpha, and no record"),
        pytest.param({}, {"access": make_access(PRODUCTION).digest()}, "alpha", (), id="the receipt remembers it"),
        pytest.param({"access": make_access(PRODUCTION)}, {}, "beta", (), id="beta shows it"),
        pytest.param(
            {"scope_ids": frozenset({PRODUCTION.id})},
            {},
            "beta",
            ("not verifiable: roles, in the beta API",),
            id="beta shows the spaces alone",
        ),
    ],
)
def test_what_nothing_shows_is_named(
    key: dict[str, Any], receipt: dict[str, Any], dialect: str, notes: tuple[str, ...]
) -> None:
    desired = make_desired_service(PRODUCTION)
    service = {"name": "ingest", "key_type": KeyType.SERVICE, "address": desired.address}
    assert kept(desired, {**service, **key}, {**service, **receipt}, dialect=dialect).notes == notes


def test_a_space_that_is_not_declared_is_a_difference_where_nothing_else_tells() -> None:
    desired = make_desired_service(PRODUCTION)
    service = {"name": "ingest", "key_type": KeyType.SERVICE, "address": desired.address}
    shown = frozenset({PRODUCTION.id, make_space("staging").id})
    key, receipt = ours(**service, scope_ids=shown), recorded(**service)
    made = plan(situate(desired, keys=[key], receipts=[receipt]), desired)
    assert words(made) == ["replace changed key-1"]
    assert [change.field for change in made.actions[0].changes] == ["spaces"]
    asked = replace(receipt, access=make_access(PRODUCTION).digest())
    assert words(plan(situate(desired, keys=[key], receipts=[asked]), desired)) == ["keep up_to_date key-1"]


def test_a_description_that_is_deferred_is_taken_with_the_next_rotation() -> None:
    desired = make_desired(description="new", rotation=Rotation(generation=2))
    (action,) = plan(situate(desired, keys=[ours(description="old")], receipts=[recorded()]), desired).actions
    assert (action.verb.value, action.reason.value) == ("replace", "requested")
    assert [change.field for change in action.changes] == ["description"]


def test_a_description_changes_at_once_where_the_declaration_says_so() -> None:
    desired = make_desired(description="new", on_description_change=OnDescriptionChange.REPLACE)
    made = plan(situate(desired, keys=[ours(description="old")], receipts=[recorded()]), desired)
    assert words(made) == ["replace changed key-1"]


def test_an_expiry_that_a_provider_shows_otherwise_than_it_answered_makes_one_key() -> None:
    desired = make_desired(expires_in=7 * DAY)
    receipt = recorded(expires_at=NOW + 7 * DAY, declared_expires_in=7 * DAY)
    (action,) = plan(situate(desired, keys=[ours(expires_at=NOW + 9 * DAY)], receipts=[receipt]), desired).actions
    assert action.blocked
    assert action.blocked.guard.value == "stored_differently"
    assert "expires_at: 2026-12-02T07:31:00+00:00" in action.blocked.advice
    elsewhere = ours(expires_at=NOW + 9 * DAY, redacted="ak-oth...111")
    assert words(plan(situate(desired, keys=[elsewhere], receipts=[receipt]), desired)) == [
        "refresh rotated_elsewhere key-1"
    ]


def many(count: int, **declared: Any) -> tuple[list[Desired], dict[str, Any]]:
    desired = [make_desired(f"k{number}", address=Address(f"user/k{number}"), **declared) for number in range(count)]
    keys = [
        ours(f"key-{number}", one.address, name=one.declaration.name, description="old", expires_at=NOW + 90 * DAY)
        for number, one in enumerate(desired)
    ]
    receipts = [
        recorded(f"key-{number}", one.address, name=one.declaration.name, expires_at=NOW + 90 * DAY)
        for number, one in enumerate(desired)
    ]
    held = {slot_of(one.address): holding(receipt) for one, receipt in zip(desired, receipts, strict=True)}
    return desired, {"keys": keys, "receipts": receipts, "held": held}


def test_many_notes_of_one_kind_are_one_warning() -> None:
    desired, world = many(1000, description="new", expires_in=90 * DAY)
    made = plan(situate(*desired, **world), *desired)
    assert not made.has_differences
    (warning,) = made.warnings
    assert warning == (
        'user/k0, user/k1, user/k10 and 997 more: description changes with the next rotation: from "old" to "new", '
        "on 2027-01-22T07:31:00+00:00"
    )


def test_few_notes_are_told_key_by_key() -> None:
    desired, world = many(3, description="new", expires_in=90 * DAY)
    assert len(plan(situate(*desired, **world), *desired).warnings) == 3


def test_notes_of_one_kind_that_differ_are_told_by_their_headline() -> None:
    desired, world = many(4, description="new", expires_in=90 * DAY)
    world["keys"][0] = replace(world["keys"][0], description="older")
    (warning,) = plan(situate(*desired, **world), *desired).warnings
    assert warning == "user/k0, user/k1, user/k2 and 1 more: description changes with the next rotation"


def test_no_note_depends_on_when_the_plan_was_made() -> None:
    desired, world = many(2, description="new", expires_in=YEAR)
    plans = [plan(situate(*desired, **world, now=LATER + hours * timedelta(hours=1)), *desired) for hours in (0, 48)]
    assert plans[0].warnings == plans[1].warnings
    assert digest(plans[0]) == digest(plans[1])
