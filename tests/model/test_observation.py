"""Markers, access and expiry, as everything else relies on them."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import IDENTITY, NOW, OWNER, make_access, make_observation
from simulator import make_space

from keyplan.model.identity import Address, Identity, OrganizationId, ScopeId, SinkName
from keyplan.model.manifest import KeyType, OrganizationGrant, Role, SpaceGrant
from keyplan.model.observation import Access, Marker, Slot, split_marker

MARKER = Marker.of(IDENTITY, Address("user/ci"))


def test_a_marker_names_the_manifest_and_ten_digits_of_the_address() -> None:
    assert Marker("ml-platform", "8cf3ab1a7e", IDENTITY.id) != MARKER
    assert MARKER.attach("") == f"[keyplan ml-platform:k7f3a9c2/{MARKER.ref}]"
    assert len(MARKER.ref) == 10


def test_a_marker_of_a_manifest_without_id_names_the_owner_alone() -> None:
    marker = Marker.of(Identity("ml-platform"), Address("user/ci"))
    assert marker.attach("for CI") == f"for CI [keyplan ml-platform/{marker.ref}]"
    assert split_marker(marker.attach("for CI")) == ("for CI", marker)
    assert marker != MARKER


@pytest.mark.parametrize(
    "description",
    [
        pytest.param("", id="empty"),
        pytest.param("for CI", id="plain"),
        pytest.param("  for CI ", id="blanks at both ends are kept: to lose one would rotate for ever"),
        pytest.param(" ", id="nothing but a blank"),
        pytest.param("for CI\n", id="a line end"),
        pytest.param("x [keyplan other/0123456789]", id="ends like a marker"),
    ],
)
def test_a_description_survives_its_marker(description: str) -> None:
    assert split_marker(MARKER.attach(description)) == (description, MARKER)


@given(st.text(max_size=40))
def test_any_description_survives_its_marker(description: str) -> None:
    assert split_marker(MARKER.attach(description)) == (description, MARKER)


PIECES = ("[keyplan ", " [keyplan ", "ml-platform", ":k7f3a9c2", "/", MARKER.ref, "]", " ", "x", "[", "\n", "é")


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_a_marker_is_what_one_pattern_finds_at_the_end(description: str) -> None:
    marker = r" ?\[keyplan ([a-z0-9][a-z0-9._-]*)(?::([a-z][a-z0-9]*))?/([0-9a-f]{10})\]\Z"
    found = re.search(marker, description)
    expected = (description[: found.start()], Marker(found[1], found[3], found[2] or "")) if found else None
    assert split_marker(description) == (expected or (description, None))


@pytest.mark.parametrize(
    "description",
    [
        pytest.param("for CI", id="none"),
        pytest.param(f"{MARKER.attach('')} and more", id="not at the end"),
        pytest.param(f"{MARKER.attach('')}\n", id="a line end after it"),
        pytest.param("[keyplan ml-platform/0123]", id="too short a reference"),
        pytest.param("[keyplan ml-platform/012345678Z]", id="no hex digits"),
        pytest.param("[keyplan -x/0123456789]", id="no slug"),
    ],
)
def test_what_is_no_marker_stays_in_the_description(description: str) -> None:
    assert split_marker(description) == (description, None)


@pytest.mark.parametrize(
    ("active", "left", "is_live"),
    [
        pytest.param(True, None, True, id="never expires"),
        pytest.param(True, timedelta(microseconds=1), True, id="expires in a moment"),
        pytest.param(True, timedelta(0), False, id="expires exactly now: has passed"),
        pytest.param(True, timedelta(seconds=-1), False, id="expired, whatever its status says"),
        pytest.param(False, None, False, id="revoked"),
    ],
)
def test_a_key_lives_while_active_and_before_its_expiry(active: bool, left: timedelta | None, is_live: bool) -> None:
    key = make_observation(active=active, expires_at=None if left is None else NOW + left)
    assert key.is_live(NOW) is is_live


def test_an_access_lists_every_space_once_sorted() -> None:
    spaces = (SpaceGrant(space_id=ScopeId("b")), SpaceGrant(space_id=ScopeId("a")))
    granted = (OrganizationGrant(org_id=None, spaces=spaces), OrganizationGrant(org_id=None, spaces=spaces[:1]))
    assert Access(account_role=Role("member"), organizations=granted).scope_ids() == ("a", "b")


def test_an_access_digest_changes_with_a_role_and_not_with_organization_ids() -> None:
    named, unnamed = (make_access(make_space("production"), names_organizations=named) for named in (True, False))
    stronger = Access(account_role=Role("admin"), organizations=named.organizations)
    assert named.digest() == unnamed.digest() != stronger.digest()
    assert len(named.digest()) == 16


def test_an_observation_as_json_names_what_the_api_names() -> None:
    key = make_observation(marker=MARKER, expires_at=NOW, last_used_at=NOW, scope_ids=frozenset({ScopeId("s")}))
    document = json.loads(key.to_json())
    assert (document["key_type"], document["status"], document["owner"], document["space_ids"]) == (
        "user",
        "active",
        OWNER,
        ["s"],
    )
    assert document["expires_at"] == document["last_used_at"] == "2026-11-23T07:31:00+00:00"


def test_an_observation_as_json_leaves_the_unknown_null() -> None:
    document = make_observation(key_type=None, active=False, created_by="").to_dict()
    unknown = ["key_type", "owner", "created_by_user_id", "expires_at", "last_used_at", "space_ids", "access"]
    assert [document[name] for name in unknown] == [None] * 7
    assert document["status"] == "revoked"


def test_an_observation_as_json_shows_roles_in_full() -> None:
    access = make_access(make_space("production"))
    document = make_observation(key_type=KeyType.SERVICE, access=access).to_dict()["access"]
    assert document["account_role"] == "member"
    assert document["organizations"][0]["org_id"] == OrganizationId("org-of-production")
    assert document["organizations"][0]["spaces"] == [{"space_id": "space-production", "role": "member"}]


def test_slots_are_compared_by_sink_and_location() -> None:
    one = Slot(sink=SinkName("local"), location="a", options={"x": 1})
    assert one == Slot(sink=SinkName("local"), location="a")
    assert len({one, Slot(sink=SinkName("local"), location="a")}) == 1
