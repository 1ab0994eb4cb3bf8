"""Manifests of keys that exist: what is declared, what is not and why, and that the text means what was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import NOW, make_observation

from keyplan.app.export import AccountKeys, ExportFilter, SplitBy, choose_declarations, make_manifests
from keyplan.app.files import Input, read_manifest
from keyplan.model.identity import KeyId, ManifestId, OrganizationId, ScopeId, UserId
from keyplan.model.manifest import KeyType, Manifest, OrganizationGrant, Role, ScopeById, ScopeByName, SpaceGrant
from keyplan.model.observation import Access, Marker, Observation, Scope
from keyplan.model.texts import is_same

HOUR = timedelta(hours=1)
PRODUCTION = Scope(id=ScopeId("U3BhY2U6MQ=="), name="production")
STAGING = Scope(id=ScopeId("U3BhY2U6Mg=="), name="staging")
SECRET = "ak-" + "0aB1" * 12


def make_account(*keys: Observation, spaces: tuple[Scope, ...] = (PRODUCTION, STAGING), **changes: Any) -> AccountKeys:
    values: dict[str, Any] = {"base_url": "https://api.arize.com", "now": NOW, "own_keys": frozenset(), "survey": None}
    return AccountKeys(keys=keys, spaces=spaces, **(values | changes))


def service(key_id: str = "key-1", *spaces: Scope, **changes: Any) -> Observation:
    ids = frozenset(space.id for space in spaces or (PRODUCTION,))
    return make_observation(key_id, key_type=KeyType.SERVICE, **({"scope_ids": ids} | changes))


def write(account: AccountKeys, owner: str = "acme", split_by: SplitBy | None = None) -> dict[str, str]:
    made = make_manifests(account, owner=owner, provider={}, split_by=split_by, make_id=lambda: ManifestId("k7f3a9c2"))
    return {one.manifest.folder: one.text for one in made}


def read(account: AccountKeys) -> Manifest:
    return read_text(write(account)[""])


def read_text(text: str) -> Manifest:
    return read_manifest(Input(name="keys.yaml", folder=Path(), content=text.encode()))


def explain(account: AccountKeys) -> dict[str, str]:
    return {entry.key.id: entry.obstacle for entry in choose_declarations(account)}


def test_each_key_is_declared_as_it_is_and_imported() -> None:
    user = make_observation(description="of the pipeline", expires_at=NOW + HOUR)
    manifest = read(make_account(user, service("key-2")))
    of_service, of_user = manifest.keys
    assert (of_user.name, of_user.key_type, of_user.description) == ("ci", KeyType.USER, "of the pipeline")
    assert (of_user.expires_at, of_user.import_id) == (NOW + HOUR, "key-1")
    assert (of_service.scope, of_service.import_id) == (ScopeByName("production"), "key-2")
    assert (manifest.owner, manifest.id) == ("acme", "k7f3a9c2")


def test_every_address_has_a_place_of_its_own() -> None:
    manifest = read(make_account(make_observation(), service("key-2"), service("key-3", STAGING)))
    (sink,) = manifest.sinks.values()
    assert all("{" + field + "}" in str(sink.options["path"]) for field in ("key_type", "space", "name"))


def test_roles_are_declared_if_the_provider_shows_them() -> None:
    granted = OrganizationGrant(
        org_id=OrganizationId("T3JnOjE="),
        role=Role("admin"),
        spaces=(SpaceGrant(space_id=PRODUCTION.id, role=Role("Um9sZTox", custom=True)),),
    )
    access = Access(account_role=Role("admin"), organizations=(granted,))
    (declared,) = read(make_account(service(access=access))).keys
    assert declared.scope == ScopeByName("production")
    assert (declared.roles.space_role, declared.roles.org_role, declared.roles.account_role) == (
        Role("Um9sZTox", custom=True),
        Role("admin"),
        Role("admin"),
    )


def test_a_key_of_several_spaces_is_declared_with_its_organizations() -> None:
    organizations = tuple(
        OrganizationGrant(org_id=OrganizationId(org), spaces=(SpaceGrant(space_id=space.id),))
        for org, space in (("T3JnOjE=", PRODUCTION), ("T3JnOjI=", STAGING))
    )
    access = Access(account_role=Role("member"), organizations=organizations)
    (declared,) = read(make_account(service("key-1", PRODUCTION, STAGING, access=access))).keys
    assert (declared.scope, declared.organizations) == (None, organizations)


@pytest.mark.parametrize("spaces", [(), (PRODUCTION, replace(STAGING, name="production"))], ids=["unknown", "twice"])
def test_a_space_whose_name_does_not_identify_it_is_named_by_its_id(spaces: tuple[Scope, ...]) -> None:
    (declared,) = read(make_account(service(), spaces=spaces)).keys
    assert declared.scope == ScopeById(PRODUCTION.id)


@pytest.mark.parametrize(
    ("key", "changes", "reason"),
    [
        pytest.param(
            make_observation(), {"own_keys": frozenset({"key-1"})}, "the credential that keyplan uses", id="own"
        ),
        pytest.param(
            make_observation(marker=Marker("ops", "0123456789")), {}, "the manifest of owner ops manages it", id="owned"
        ),
        pytest.param(make_observation(expires_at=NOW), {}, "it has expired", id="expired"),
        pytest.param(make_observation(key_type=None), {}, "its type is unknown", id="a new type"),
        pytest.param(service(scope_ids=None), {}, "does not show its space", id="alpha"),
        pytest.param(service(scope_ids=frozenset()), {}, "does not show its space", id="no space seen"),
        pytest.param(service("key-1", PRODUCTION, STAGING), {}, "does not show its roles", id="several spaces"),
        pytest.param(make_observation(name=""), {}, "'name'", id="a name that manifests refuse"),
        pytest.param(make_observation(name=SECRET), {}, "secret", id="a name like a secret"),
        pytest.param(make_observation(description=SECRET), {}, "secret", id="a description like a secret"),
    ],
)
def test_what_cannot_be_declared_is_a_comment_with_the_reason(
    key: Observation, changes: dict[str, Any], reason: str
) -> None:
    text = write(make_account(key, **changes))[""]
    comments = [line for line in text.splitlines() if line.startswith("  # Not declared: ")]
    assert len(comments) == 1
    assert reason in comments[0]
    assert read_text(text).keys == ()
    assert SECRET not in text


def test_the_newest_of_several_keys_of_one_address_is_declared() -> None:
    older, newer = make_observation("key-2", created_at=NOW - HOUR), make_observation("key-1")
    elsewhere = service("key-3")
    account = make_account(newer, older, elsewhere)
    assert explain(account) == {
        "key-1": "",
        "key-2": "key key-1 has the same type, name and space, and is newer",
        "key-3": "",
    }
    assert [declared.import_id for declared in read(account).keys] == ["key-3", "key-1"]


def test_an_account_without_keys_makes_a_manifest_without_keys() -> None:
    assert read(make_account()).keys == ()
    assert write(make_account(), split_by=SplitBy.SPACE) == {}


def test_a_manifest_for_each_space_has_an_owner_and_a_folder_of_its_own() -> None:
    odd = Scope(id=ScopeId("U3BhY2U6Mw=="), name="Größe/../x")
    account = make_account(make_observation(), service("key-2"), service("key-3", odd), spaces=(PRODUCTION, odd))
    texts = write(account, split_by=SplitBy.SPACE)
    owners = {folder: read_text(text).owner for folder, text in texts.items()}
    assert owners == {
        "user-keys": "acme-user-keys",
        "production": "acme-production",
        "Gr%C3%B6%C3%9Fe%2F..%2Fx": "acme-groe-..-x",
    }


def test_a_manifest_for_each_creator_holds_the_keys_of_that_creator() -> None:
    account = make_account(
        make_observation(created_by=UserId("VXNlcjox")),
        make_observation("key-2", created_by=UserId("vxnlcjox")),
        make_observation("key-3", created_by=UserId("")),
    )
    texts = write(account, split_by=SplitBy.CREATOR)
    # User ids differ in case alone, and owners have lower case letters alone.
    assert {folder: read_text(text).owner for folder, text in texts.items()} == {
        "VXNlcjox": "acme-vxnlcjox",
        "unknown": "acme-unknown",
        "vxnlcjox": "acme-vxnlcjox-2",
    }


def test_owners_of_long_names_stay_within_what_an_owner_may_be() -> None:
    spaces = tuple(Scope(id=ScopeId(f"U3BhY2U6{n}"), name=f"{'s' * 80}{n}") for n in range(12))
    account = make_account(*(service(f"key-{n}", space) for n, space in enumerate(spaces)), spaces=spaces)
    owners = [read_text(text).owner for text in write(account, split_by=SplitBy.SPACE).values()]
    assert len(set(owners)) == 12
    assert max(map(len, owners)) == 63


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        pytest.param(ExportFilter(), {"key-1", "key-2", "key-3"}, id="all"),
        pytest.param(ExportFilter(key_type=KeyType.USER), {"key-1"}, id="type"),
        pytest.param(ExportFilter(spaces=("production",)), {"key-2"}, id="space"),
        pytest.param(ExportFilter(names=("c?", "other")), {"key-1", "key-3"}, id="name"),
        pytest.param(ExportFilter(creators=frozenset({UserId("VXNlcjox")})), {"key-2"}, id="creator"),
    ],
)
def test_a_filter_takes_the_keys_that_fit_all_its_parts(wanted: ExportFilter, ids: set[str]) -> None:
    keys = (
        make_observation(created_by=UserId("VXNlcjoy")),
        service("key-2", name="ingest", created_by=UserId("VXNlcjox")),
        service("key-3", STAGING, name="other", created_by=UserId("VXNlcjoy")),
    )
    assert {key.id for key in keys if wanted.takes(key, {PRODUCTION.id})} == ids


TEXTS = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(max_examples=50)
@given(name=TEXTS, description=TEXTS, space=TEXTS, creator=TEXTS)
def test_no_text_of_the_provider_gets_out_of_its_place(name: str, description: str, space: str, creator: str) -> None:
    named = Scope(id=PRODUCTION.id, name=space)
    hostile = service("key-1", name=name, description=description, created_by=UserId(creator))
    text = write(make_account(hostile, make_observation("key-2", name="sound"), spaces=(named,)))[""]
    assert text.isascii()
    assert text.isprintable() or set(text) - set(filter(str.isprintable, text)) == {"\n"}
    manifest = read_text(text)
    declared = {one.import_id: one for one in manifest.keys}
    assert KeyId("key-2") in declared
    if KeyId("key-1") in declared:
        one = declared[KeyId("key-1")]
        assert (one.name, str(one.scope)) == (name, space)
        assert is_same(one.description, description)
    else:
        assert "# Not declared: " in text
