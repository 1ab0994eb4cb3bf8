"""Forgiving reading of what the server shows (docs/arize-api.md, A10, A14, A15 and A35)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from keyplan.model.identity import OrganizationId, ScopeId
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access, Marker, Observation
from keyplan.providers.arize.parser import (
    EPOCH,
    KeyParser,
    UniqueNotices,
    read_raw_key,
    read_space,
    read_text,
    read_time,
)

INSTANT = datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)
MEMBER = {"type": "PREDEFINED", "name": "MEMBER"}
READ_ONLY = {"type": "PREDEFINED", "name": "READ_ONLY"}
BOT = {
    "id": "VXNlcjo5",
    "name": "ingest",
    "account_role": MEMBER,
    "organizations": [
        {"org_id": "O2", "role": READ_ONLY, "spaces": [{"space_id": "S3", "role": {"type": "CUSTOM", "id": "R7"}}]},
        {
            "org_id": "O1",
            "role": READ_ONLY,
            "spaces": [{"space_id": "S2", "role": MEMBER}, {"space_id": "S1", "role": MEMBER}],
        },
    ],
}


def parse(item: dict[str, Any], *, shows_scopes: bool = True, said: list[str] | None = None) -> Observation:
    say = (said if said is not None else []).append
    key = KeyParser(UniqueNotices(say), shows_scopes=shows_scopes).read({"id": "key-1", **item})
    assert key is not None
    return key


def test_a_whole_key_is_read() -> None:
    key = parse(
        {
            "name": "ci",
            "description": "Used for CI [keyplan ml-platform/0123456789]",
            "key_type": "USER",
            "status": "ACTIVE",
            "redacted_key": "ak-abc...xyz",
            "created_at": "2026-01-01T00:00:00Z",
            "expires_at": "2027-01-02T03:04:05Z",
            "last_used_at": "2026-06-01T00:00:00.123456789Z",
            "created_by_user_id": "VXNlcjox",
            "brand_new_field": {"of": ["the", "server"]},
        }
    )
    assert key == Observation(
        id=key.id,
        name="ci",
        key_type=KeyType.USER,
        description="Used for CI",
        marker=Marker("ml-platform", "0123456789"),
        active=True,
        redacted="ak-abc...xyz",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        expires_at=INSTANT,
        last_used_at=datetime(2026, 6, 1, 0, 0, 0, 123456, tzinfo=UTC),
        created_by="VXNlcjox",
        scope_ids=frozenset(),
        access=None,
    )


@pytest.mark.parametrize("empty", [{}, dict.fromkeys(("name", "description", "key_type", "status", "created_at"))])
def test_a_key_that_says_nothing_but_its_id_is_read(empty: dict[str, None]) -> None:
    said: list[str] = []
    key = parse(empty, said=said)
    assert (key.name, key.key_type, key.active, key.created_at, key.expires_at) == ("", None, True, EPOCH, None)
    assert said == []


@pytest.mark.parametrize("item", [{}, {"id": None}, {"id": ""}, {"id": 7}])
def test_a_key_without_an_id_is_left_out_with_one_notice(item: dict[str, object]) -> None:
    said: list[str] = []
    parser = KeyParser(UniqueNotices(said.append), shows_scopes=True)
    assert parser.read(item) is None
    assert parser.read(item) is None
    assert said == ["the server listed a key without an id; it is left out"]


@pytest.mark.parametrize(
    ("status", "active"),
    [
        ("active", True),
        ("ACTIVE", True),
        ("deleted", False),
        ("revoked", False),
        ("REVOKED", False),
        ("suspended", False),
        ("", False),
        (7, False),
    ],
)
def test_anything_but_active_is_dead(status: object, *, active: bool) -> None:
    assert parse({"status": status}).active is active


@pytest.mark.parametrize(
    ("word", "expected"),
    [("user", KeyType.USER), ("SERVICE", KeyType.SERVICE), ("ROBOT", None), (None, None), (7, None)],
)
def test_an_unknown_type_ends_no_listing(word: object, expected: KeyType | None) -> None:
    assert parse({"key_type": word}).key_type is expected


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2027-01-02T03:04:05Z", id="UTC"),
        pytest.param("2027-01-02t03:04:05z", id="lower case"),
        pytest.param("2027-01-02T03:04:05+00:00", id="offset zero"),
        pytest.param("2027-01-02T05:04:05+02:00", id="another offset"),
        pytest.param("2027-01-02 03:04:05Z", id="space for T"),
        pytest.param("2027-01-02T03:04:05", id="no offset is UTC"),
        pytest.param("2027-01-02T03:04:05.000000000Z", id="nanoseconds"),
        pytest.param(1798859045, id="epoch"),
        pytest.param(1798859045.0, id="epoch as fraction"),
        pytest.param("1798859045", id="epoch as text"),
    ],
)
def test_a_time_is_understood(value: object) -> None:
    assert read_time(value) == INSTANT


@pytest.mark.parametrize(
    "value",
    ["", "soon", "2027-13-01T00:00:00Z", True, [], {}, 1e300, float("nan"), "9" * 30, "0001-01-01T00:00:00+14:00"],
)
def test_an_unreadable_time_is_unknown_with_a_notice(value: object) -> None:
    said: list[str] = []
    assert parse({"expires_at": value}, said=said).expires_at is None
    assert said == ["key key-1: expires_at is not a time that keyplan understands; it is treated as not set"]


def test_the_access_is_read_in_full_and_sorted() -> None:
    member, read_only = Role("member"), Role("read-only")
    spaces = (SpaceGrant(space_id=ScopeId("S1"), role=member), SpaceGrant(space_id=ScopeId("S2"), role=member))
    custom = (SpaceGrant(space_id=ScopeId("S3"), role=Role("R7", custom=True)),)
    assert parse({"bot_user": BOT}).access == Access(
        account_role=member,
        organizations=(
            OrganizationGrant(org_id=OrganizationId("O1"), role=read_only, spaces=spaces),
            OrganizationGrant(org_id=OrganizationId("O2"), role=read_only, spaces=custom),
        ),
    )


def test_the_spaces_of_a_service_key_are_read() -> None:
    assert parse({"bot_user": BOT}).scope_ids == {"S1", "S2", "S3"}


ORGANIZATION = BOT["organizations"][1]  # type: ignore[index]  # a JSON value


@pytest.mark.parametrize(
    "bot_user",
    [
        pytest.param(None, id="none"),
        pytest.param("bot", id="no object"),
        pytest.param({**BOT, "name": ""}, id="not resolved: roles are placeholders"),
        pytest.param({**BOT, "organizations": []}, id="no organizations: says nothing"),
        pytest.param({**BOT, "organizations": None}, id="null organizations"),
        pytest.param({**BOT, "organizations": "O1"}, id="organizations are text"),
        pytest.param({**BOT, "account_role": None}, id="no account role"),
        pytest.param({**BOT, "account_role": {"type": "MYSTERY"}}, id="unknown type of role"),
        pytest.param({**BOT, "account_role": {"type": "PREDEFINED", "name": None}}, id="role without a name"),
        pytest.param({**BOT, "organizations": [{**ORGANIZATION, "role": None}]}, id="no organization role"),  # type: ignore[dict-item]  # a JSON value
        pytest.param({**BOT, "organizations": [{**ORGANIZATION, "org_id": ""}]}, id="no organization id"),  # type: ignore[dict-item]  # a JSON value
        pytest.param({**BOT, "organizations": [{**ORGANIZATION, "spaces": [{}]}]}, id="space without id"),  # type: ignore[dict-item]  # a JSON value
    ],
)
def test_an_access_that_cannot_be_relied_on_is_unknown(bot_user: object) -> None:
    assert parse({"bot_user": bot_user}).access is None


def test_no_spaces_are_known_if_the_dialect_shows_none() -> None:
    key = parse({"bot_user": BOT}, shows_scopes=False)
    assert (key.scope_ids, key.access) == (None, None)


def test_a_role_s_words_are_read_in_lower_case_with_hyphens() -> None:
    access = parse({"bot_user": {**BOT, "account_role": {"type": "PREDEFINED", "name": "MEMBER_UI_ONLY"}}}).access
    assert access is not None
    assert access.account_role == Role("member-ui-only")


def test_a_raw_key_is_read_as_it_is() -> None:
    raw = read_raw_key({"key": "ak-~!x"})
    assert raw is not None
    assert raw.reveal() == "ak-~!x"


@pytest.mark.parametrize("key", ["", None, 7, "a b", "a\n", "\u00e9"])
def test_a_raw_key_that_no_header_carries_is_none(key: object) -> None:
    assert read_raw_key({"key": key}) is None


def test_half_a_surrogate_pair_does_not_reach_a_file_or_terminal() -> None:
    assert read_text("a\ud800b") == "a?b"


@pytest.mark.parametrize(
    ("item", "organization"),
    [({"organization_id": "O1"}, "O1"), ({"organization_id": None}, None), ({"organization_id": ""}, None), ({}, None)],
)
def test_a_space_may_say_its_organization(item: dict[str, object], organization: str | None) -> None:
    space = read_space({"id": "S1", "name": "production", **item})
    assert space is not None
    assert (space.id, space.name, space.organization_id) == ("S1", "production", organization)


def test_a_space_without_an_id_is_none() -> None:
    assert read_space({"name": "production"}) is None
