"""Which fields differ, and which only seem to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from planner.situations import DAY, HOUR, recorded
from samples import NOW, make_access, make_desired, make_desired_service, make_observation
from simulator import make_space

from keyplan.model.field_change import FieldChange
from keyplan.model.identity import OrganizationId
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access
from keyplan.model.receipt import UNKNOWN_TIME
from keyplan.planner.diff import compare, find_differences, same_instant
from keyplan.planner.key_view import flatten_access

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
PRODUCTION = make_space("production")
SERVICE = make_desired_service(PRODUCTION)
ADMIN = replace(make_access(PRODUCTION), account_role=Role("admin"))


def fields(changes: tuple[FieldChange, ...]) -> list[str]:
    return [change.field for change in changes]


@pytest.mark.parametrize(
    ("declared", "observed", "changed"),
    [
        pytest.param({}, {}, [], id="as declared"),
        pytest.param({"description": "x"}, {"description": "x"}, [], id="the same description"),
        pytest.param({"description": "x y"}, {"description": "x  y"}, ["description"], id="a blank more"),
        pytest.param({"description": "x "}, {"description": " x\n"}, [], id="white space at both ends"),
        pytest.param({"description": "x \ny"}, {"description": "x\r\ny"}, [], id="white space at the end of a line"),
        pytest.param({"description": "caf\u00e9"}, {"description": "cafe\u0301"}, [], id="another normal form"),
        pytest.param({"name": "ci"}, {"name": "ci "}, [], id="white space at the end of a name"),
        pytest.param({}, {"name": "cd"}, ["name"], id="another name"),
        pytest.param({}, {"key_type": KeyType.SERVICE}, ["key_type"], id="another type"),
        pytest.param({}, {"key_type": None}, [], id="a type that nobody knows"),
        pytest.param({"description": "x"}, {"name": "cd"}, ["description", "name"], id="two, sorted"),
    ],
)
def test_plain_fields_are_compared(declared: dict[str, Any], observed: dict[str, Any], changed: list[str]) -> None:
    assert fields(compare(make_desired(**declared), make_observation(**observed), None)) == changed


def test_a_change_tells_both_values() -> None:
    (change,) = compare(make_desired(description="new"), make_observation(description="old"), None)
    assert change == FieldChange(field="description", before="old", after="new")


def test_a_declared_text_that_ends_like_a_marker_does_not_rotate_for_ever() -> None:
    desired = replace(make_desired(description="x [keyplan a/0123456789]"), marker=None)
    assert compare(desired, make_observation(description="x"), None) == ()


@pytest.mark.parametrize(
    ("declared", "expires_at", "changed"),
    [
        pytest.param({}, None, [], id="never, never"),
        pytest.param({}, NOW + DAY, ["expires_at"], id="never declared, but it ends"),
        pytest.param({"expires_at": NOW + DAY}, None, ["expires_at"], id="an end declared, but none"),
        pytest.param({"expires_at": NOW + DAY}, NOW + DAY, [], id="the same end"),
        pytest.param({"expires_at": NOW + DAY}, NOW + DAY - SECOND, [], id="a second is what rounding does"),
        pytest.param({"expires_at": NOW + DAY}, NOW + DAY + 2 * SECOND, ["expires_at"], id="two seconds are not"),
        pytest.param({"expires_in": DAY}, NOW + DAY, [], id="a relative end, reckoned from the creation"),
        pytest.param({"expires_in": DAY}, NOW + HOUR, [], id="an earlier one waits for the next rotation"),
        pytest.param({"expires_in": DAY}, NOW + DAY + 5 * MINUTE + SECOND, [], id="clocks differ by five minutes"),
        pytest.param({"expires_in": DAY}, NOW + DAY + 5 * MINUTE + 2 * SECOND, ["expires_at"], id="no more than that"),
        pytest.param({"expires_in": DAY}, None, ["expires_at"], id="a relative end, but none"),
    ],
)
def test_expiry_is_compared(declared: dict[str, Any], expires_at: datetime | None, changed: list[str]) -> None:
    assert fields(compare(make_desired(**declared), make_observation(expires_at=expires_at), None)) == changed


def test_a_changed_expiry_is_told_in_words() -> None:
    (change,) = compare(make_desired(expires_in=2 * DAY), make_observation(), None)
    assert (change.before, change.after) == ("never", "2d after issue")
    (change,) = compare(make_desired(), make_observation(expires_at=NOW), None)
    assert (change.before, change.after) == ("2026-11-23T07:31:00+00:00", "never")
    (change,) = compare(make_desired(expires_at=NOW), make_observation(), None)
    assert (change.before, change.after) == ("never", "2026-11-23T07:31:00+00:00")


@pytest.mark.parametrize(
    ("receipt", "changed"),
    [
        pytest.param(recorded(expires_at=NOW + DAY), [], id="issued for this wish: the provider has a maximum"),
        pytest.param(
            recorded(expires_at=NOW + DAY, declared_expires_at=NOW + DAY), ["expires_at"], id="the wish changed"
        ),
        pytest.param(recorded(expires_at=NOW + 2 * DAY), ["expires_at"], id="changed after the issue"),
        pytest.param(None, ["expires_at"], id="nobody knows what it was issued for"),
    ],
)
def test_an_expiry_that_the_provider_set_is_no_change(receipt: Any, changed: list[str]) -> None:
    assert fields(compare(make_desired(), make_observation(expires_at=NOW + DAY), receipt)) == changed


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [(None, None, True), (NOW, None, False), (None, NOW, False), (NOW, NOW + SECOND, True), (NOW, NOW - SECOND, True)],
)
def test_instants_are_the_same_within_a_second(one: datetime | None, other: datetime | None, same: bool) -> None:
    assert same_instant(one, other) is same


@pytest.mark.parametrize(
    ("access", "remembered", "changed"),
    [
        pytest.param(make_access(PRODUCTION), "", [], id="shown, and as declared"),
        pytest.param(ADMIN, "", ["account_role"], id="shown, another role"),
        pytest.param(
            make_access(make_space("staging")),
            "",
            [
                "organization org-of-production",
                "organization org-of-staging",
                "space space-production",
                "space space-staging",
            ],
            id="shown, another space",
        ),
        pytest.param(None, make_access(PRODUCTION).digest(), [], id="not shown, delivered as declared"),
        pytest.param(None, ADMIN.digest(), ["access"], id="not shown, delivered as something else"),
        pytest.param(None, "", [], id="nobody knows: nothing is rotated on a guess"),
    ],
)
def test_access_is_compared_where_anything_is_known(access: Access | None, remembered: str, changed: list[str]) -> None:
    key = make_observation(name="ingest", key_type=KeyType.SERVICE, access=access)
    assert fields(compare(SERVICE, key, recorded(access=remembered))) == changed


def test_access_that_is_not_shown_is_told_by_what_was_delivered_and_what_is_declared() -> None:
    key = make_observation(name="ingest", key_type=KeyType.SERVICE)
    (change,) = compare(SERVICE, key, recorded(access="0123"))
    digest = make_access(PRODUCTION).digest()
    assert (change.before, change.after) == ("as delivered (0123)", f"as declared ({digest})")


def test_a_lost_role_is_shown_as_nothing() -> None:
    key = make_observation(name="ingest", key_type=KeyType.SERVICE, access=make_access(make_space("staging")))
    changes = {change.field: (change.before, change.after) for change in compare(SERVICE, key, None)}
    assert changes["space space-staging"] == ("member", "(none)")
    assert changes["space space-production"] == ("(none)", "member")


def test_a_user_key_with_access_differs_in_all_of_it() -> None:
    key = make_observation(access=make_access(PRODUCTION))
    assert "account_role" in fields(compare(make_desired(), key, None))


def test_a_user_key_has_no_access_to_remember() -> None:
    assert fields(compare(make_desired(), make_observation(), recorded(access="0123"))) == ["access"]


def test_access_is_flat_by_what_each_role_is_for() -> None:
    grant = SpaceGrant(space_id=PRODUCTION.id, role=Role("r1", custom=True))
    organizations = (
        OrganizationGrant(org_id=OrganizationId("o"), spaces=(grant,)),
        OrganizationGrant(org_id=None, role=Role("admin")),
    )
    assert flatten_access(Access(account_role=Role("member"), organizations=organizations)) == {
        "account_role": "member",
        "organization o": "read-only",
        "space space-production": "custom:r1",
    }


BY_OTHERS = {"raw_text": None}


@pytest.mark.parametrize(
    ("expires_at", "receipt", "changed"),
    [
        pytest.param(
            NOW + 8 * DAY,
            {"created_at": NOW - 90 * DAY, "delivered_at": NOW + DAY},
            [],
            id="refreshed: the provider keeps when the key was created",
        ),
        pytest.param(NOW + 7 * DAY, {"delivered_at": NOW + HOUR}, [], id="delivered late"),
        pytest.param(NOW + 8 * DAY, {"delivered_at": NOW}, ["expires_at"], id="it outlives its issue"),
        pytest.param(
            NOW + 8 * DAY,
            {**BY_OTHERS, "created_at": NOW, "delivered_at": NOW + DAY},
            ["expires_at"],
            id="imported: issued when it was created",
        ),
        pytest.param(
            NOW + 8 * DAY,
            {**BY_OTHERS, "created_at": UNKNOWN_TIME, "delivered_at": NOW + DAY},
            [],
            id="imported, and its creation time is unknown",
        ),
        pytest.param(
            NOW + 9 * DAY,
            {"expires_at": NOW + 9 * DAY, "declared_expires_in": 7 * DAY},
            [],
            id="as issued for this wish",
        ),
        pytest.param(
            NOW + 9 * DAY,
            {"expires_at": NOW + 9 * DAY, "declared_expires_in": 8 * DAY},
            ["expires_at"],
            id="as issued for another wish",
        ),
        pytest.param(None, {"declared_expires_in": 7 * DAY}, [], id="the provider knows no expiry"),
    ],
)
def test_a_relative_expiry_is_reckoned_from_the_issue(
    expires_at: datetime | None, receipt: dict[str, Any], changed: list[str]
) -> None:
    key = make_observation(expires_at=expires_at)
    assert fields(compare(make_desired(expires_in=7 * DAY), key, recorded(**receipt))) == changed


def test_nothing_is_known_of_the_life_of_a_key_that_nobody_saw_created() -> None:
    key = make_observation(expires_at=NOW + 9 * DAY, created_at=UNKNOWN_TIME)
    assert compare(make_desired(expires_in=7 * DAY), key, None) == ()


@pytest.mark.parametrize(
    ("answered", "is_repeated"),
    [
        pytest.param(ADMIN.digest(), True, id="the provider answered so"),
        pytest.param("", False, id="it answered as it was asked: another party altered it"),
        pytest.param("0123", False, id="it answered something else"),
    ],
)
def test_roles_that_the_provider_gave_instead_are_not_asked_for_again(answered: str, is_repeated: bool) -> None:
    key = make_observation(name="ingest", key_type=KeyType.SERVICE, access=ADMIN)
    receipt = recorded(name="ingest", access=make_access(PRODUCTION).digest(), answered_access=answered)
    found = find_differences(SERVICE, key, receipt)
    assert (fields(found.pressing), fields(found.repeated)) == (
        ([], ["account_role"]) if is_repeated else (["account_role"], [])
    )
