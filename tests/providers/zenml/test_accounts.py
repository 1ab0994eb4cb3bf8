"""Which service account a name means: exactly that one, or none."""

from __future__ import annotations

import httpx
import pytest
from scripted_zenml import CI, Zenml

from keyplan.errors import InputError, ProviderUnavailableError
from keyplan.model.identity import KeyId, ScopeId
from keyplan.model.manifest import ScopeById, ScopeByName
from keyplan.providers.zenml.accounts import path_of_key


def test_an_account_is_found_by_name_and_by_id_alike(zenml: Zenml) -> None:
    account_id = ScopeId(zenml.account_id())
    references = [CI, ScopeByName(account_id.upper()), ScopeById(account_id)]
    found = zenml.provider().reader.find_scopes(references)
    assert {scope.id for scope in found.values()} == {account_id}
    assert {scope.name for scope in found.values()} == {"ci"}


def test_all_references_take_one_request_and_none_takes_none(zenml: Zenml) -> None:
    reader = zenml.provider().reader
    assert reader.find_scopes([]) == {}
    reader.find_scopes([CI, ScopeByName("prod")])
    assert zenml.lines() == ["GET /api/v1/service_accounts"]


@pytest.mark.parametrize("name", ["Ci", "c", "ci ", "contains:c", ".."])
def test_what_is_not_the_name_is_unknown(zenml: Zenml, name: str) -> None:
    with pytest.raises(InputError, match="is unknown"):
        zenml.provider().reader.find_scopes([ScopeByName(name)])


def test_an_unknown_name_is_answered_with_the_nearest(zenml: Zenml) -> None:
    with pytest.raises(InputError, match="service account 'prd' is unknown") as caught:
        zenml.provider().reader.find_scopes([ScopeByName("prd")])
    assert caught.value.advice == "did you mean 'prod'?"


def test_a_name_like_no_other_is_answered_with_what_to_do(zenml: Zenml) -> None:
    with pytest.raises(InputError) as caught:
        zenml.provider().reader.find_scopes([ScopeByName("warehouse")])
    assert "keyplan creates keys, not service accounts" in caught.value.advice


def test_an_unknown_id_is_unknown(zenml: Zenml) -> None:
    with pytest.raises(InputError, match="'0000' is unknown"):
        zenml.provider().reader.find_scopes([ScopeById(ScopeId("0000"))])


def test_a_name_in_another_form_of_unicode_is_found(zenml: Zenml) -> None:
    account_id = zenml.add_account("cafe\u0301")
    composed = ScopeByName("caf\u00e9")
    assert zenml.provider().reader.find_scopes([composed])[composed].id == account_id


def test_an_exact_name_wins_over_one_in_another_form(zenml: Zenml) -> None:
    zenml.add_account("cafe\u0301")
    account_id, composed = zenml.add_account("caf\u00e9"), ScopeByName("caf\u00e9")
    assert zenml.provider().reader.find_scopes([composed])[composed].id == account_id


def test_two_accounts_that_look_alike_are_ambiguous(zenml: Zenml) -> None:
    # Three marks in two orders: neither is in normal form C.
    ids = [zenml.add_account("a\u0301\u0323"), zenml.add_account("a\u0323\u0301")]
    with pytest.raises(InputError, match="name of several accounts") as caught:
        zenml.provider().reader.find_scopes([ScopeByName("\u1ea1\u0301")])
    assert all(account_id in caught.value.advice for account_id in ids)


@pytest.mark.parametrize("item", [{"name": "x"}, {"id": "1"}, {"id": None, "name": "x"}])
def test_an_account_without_id_or_name_is_an_error(zenml: Zenml, item: dict[str, object]) -> None:
    page = {"index": 1, "max_size": 100, "total_pages": 1, "total": 1, "items": [item]}
    zenml.break_once("GET", "/service_accounts", httpx.Response(200, json=page))
    with pytest.raises(ProviderUnavailableError, match="without"):
        zenml.provider().reader.find_scopes([CI])


def test_no_id_can_lead_to_another_path() -> None:
    assert path_of_key(ScopeId("../x"), KeyId("a/b?")) == "/api/v1/service_accounts/..%2Fx/api_keys/a%2Fb%3F"
