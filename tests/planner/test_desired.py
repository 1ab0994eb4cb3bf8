"""Declarations become desired keys: sorted, spaces resolved, marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import PLACE, make_declaration
from scenario import make_manifest

from keyplan.model.desired import address_of
from keyplan.model.identity import Identity, OrganizationId, ProviderName, ScopeId
from keyplan.model.manifest import (
    Declaration,
    KeyType,
    Manifest,
    OrganizationGrant,
    Role,
    ScopeById,
    ScopeByName,
    SpaceGrant,
)
from keyplan.model.observation import Access, Marker, Scope
from keyplan.planner.desired import find_lookalikes, list_scopes, list_space_ids, resolve_desired

Read = Callable[[str], Manifest]

SPACES = {
    ScopeByName("production"): Scope(id=ScopeId("s1"), name="production", organization_id=OrganizationId("o1")),
    ScopeById(ScopeId("s2")): Scope(id=ScopeId("s2"), name="staging"),
}
USER = "  - {name: z, key_type: user, sink: local}\n"
BY_NAME = "  - {name: b, key_type: service, space: production, sink: local, roles: {space_role: admin}}\n"
BY_ID = "  - {name: c, key_type: service, space_id: s2, sink: local, roles: {account_role: admin}}\n"
SEVERAL = (
    "  - {name: d, key_type: service, sink: local, organizations: [{org_id: o9, spaces: [{space_id: s8}]}, "
    "{org_id: o3, role: admin, spaces: [{space_id: s5}, {space_id: s4, role: admin}]}]}\n"
)
ALL = (USER, BY_NAME, BY_ID, SEVERAL)


@pytest.mark.parametrize(
    ("key_type", "name", "space", "address"),
    [
        pytest.param(KeyType.USER, "ci", "", "user/ci", id="user"),
        pytest.param(KeyType.SERVICE, "ci", "production", "service/production/ci", id="service"),
        pytest.param(KeyType.SERVICE, "a/b", "c/d", "service/c%2Fd/a%2Fb", id="slashes"),
        pytest.param(KeyType.USER, "a%2Fb", "", "user/a%252Fb", id="a percent sign, so that no slash is faked"),
        pytest.param(KeyType.USER, "ü b", "", "user/ü b", id="anything else stays"),
    ],
)
def test_an_address_is_made_of_type_space_and_name(key_type: KeyType, name: str, space: str, address: str) -> None:
    assert address_of(key_type, name, space) == address


PARTS = st.text(alphabet="a/%2F5", min_size=1, max_size=6)


@given(st.tuples(PARTS, PARTS), st.tuples(PARTS, PARTS))
def test_different_keys_have_different_addresses(one: tuple[str, str], other: tuple[str, str]) -> None:
    same = address_of(KeyType.SERVICE, *one) == address_of(KeyType.SERVICE, *other)
    assert same == (one == other)


def test_the_spaces_to_look_up_are_those_of_single_space_keys(read_keys: Read) -> None:
    assert list_scopes(read_keys("".join(ALL))) == {ScopeByName("production"), ScopeById(ScopeId("s2"))}


def test_the_spaces_to_list_are_all(read_keys: Read) -> None:
    assert list_space_ids(resolve_desired(read_keys("".join(ALL)), SPACES)) == {"s1", "s2", "s4", "s5", "s8"}


def test_desired_keys_are_sorted_by_address(read_keys: Read) -> None:
    desired = resolve_desired(read_keys("".join(ALL)), SPACES)
    assert [key.address for key in desired] == ["service/production/b", "service/s2/c", "service/s8/d", "user/z"]


@given(st.permutations(ALL))
def test_the_order_of_declarations_does_not_matter(read_keys: Read, keys: list[str]) -> None:
    def describe(lines: list[str]) -> list[object]:
        return [
            (key.address, key.access, key.marker, key.full_description)
            for key in resolve_desired(read_keys("".join(lines)), SPACES)
        ]

    assert describe(keys) == describe(list(ALL))


def test_a_key_is_marked_with_owner_and_address(read_keys: Read) -> None:
    (desired,) = resolve_desired(read_keys(USER), SPACES)
    assert (desired.owner, desired.marker) == ("ml", Marker.of(Identity("ml"), desired.address))


def test_a_manifest_may_turn_markers_off(read_text: Read) -> None:
    text = f"version: 1\nowner: ml\nmarker: false\nsinks: {{local: {{type: vault}}}}\nkeys:\n{USER}"
    assert [key.marker for key in resolve_desired(read_text(text), {})] == [None]


def test_a_user_key_has_no_access(read_keys: Read) -> None:
    assert [key.access for key in resolve_desired(read_keys(USER), {})] == [None]


def test_a_space_brings_its_organization(read_keys: Read) -> None:
    (desired,) = resolve_desired(read_keys(BY_NAME), SPACES)
    space = SpaceGrant(space_id=ScopeId("s1"), role=Role("admin"))
    granted = OrganizationGrant(org_id=OrganizationId("o1"), role=Role("read-only"), spaces=(space,))
    assert desired.access == Access(account_role=Role("member"), organizations=(granted,))


def test_a_space_without_an_organization_has_none(read_keys: Read) -> None:
    (desired,) = resolve_desired(read_keys(BY_ID), SPACES)
    granted = OrganizationGrant(org_id=None, spaces=(SpaceGrant(space_id=ScopeId("s2")),))
    assert desired.access == Access(account_role=Role("admin"), organizations=(granted,))


def test_organizations_and_their_spaces_are_sorted(read_keys: Read) -> None:
    (desired,) = resolve_desired(read_keys(SEVERAL), SPACES)
    assert desired.access is not None
    assert [granted.org_id for granted in desired.access.organizations] == ["o3", "o9"]
    assert [grant.space_id for grant in desired.access.organizations[0].spaces] == ["s4", "s5"]


@pytest.mark.parametrize(
    ("names", "warned"),
    [
        pytest.param(("ci", "CI"), True, id="upper and lower case"),
        pytest.param(("k", "\u212a"), True, id="the sign of a unit"),
        pytest.param(("ci", "cd"), False, id="two names"),
    ],
)
def test_addresses_that_look_alike_are_named_with_their_places(names: tuple[str, str], warned: bool) -> None:
    one, other = make_declaration(names[0]), make_declaration(names[1])
    other = replace(other, place=replace(PLACE, line=PLACE.line + 1))
    (*sentences,) = find_lookalikes(make_manifest(one, other))
    sentence = f"{one.address} ({one.place}) and {other.address} ({other.place}) look alike"
    assert sentences == ([f"{sentence}: give them names that readers can distinguish"] if warned else [])


def test_only_addresses_that_look_alike_are_warned_of() -> None:
    manifest = make_manifest(*map(make_declaration, ("ci", "CI", "b")))
    (sentence,) = find_lookalikes(manifest)
    assert sentence.startswith("user/ci (")
    assert " and user/CI (" in sentence


ACCOUNT = make_declaration(
    "k", key_type=KeyType.SERVICE, scope=ScopeByName("production"), scope_field="service_account"
)


@pytest.mark.parametrize(
    ("declared", "scope_ids"),
    [
        pytest.param(ACCOUNT, ("s1",), id="known"),
        pytest.param(replace(ACCOUNT, scope=ScopeByName("nowhere")), (), id="unknown"),
        pytest.param(replace(ACCOUNT, scope=None), (), id="none"),
    ],
)
def test_a_key_of_a_service_account_has_a_scope_and_no_access(
    declared: Declaration, scope_ids: tuple[str, ...]
) -> None:
    (desired,) = resolve_desired(make_manifest(declared), SPACES)
    assert (desired.access, desired.scope_ids) == (None, scope_ids)


def test_the_spaces_of_a_further_provider_have_its_name_in_front(read_keys: Read) -> None:
    (declared,) = read_keys(SEVERAL).keys
    manifest = make_manifest(replace(declared, provider=ProviderName("other")))
    (desired,) = resolve_desired(manifest, {})
    assert desired.scope_ids == ("other:s4", "other:s5", "other:s8")
