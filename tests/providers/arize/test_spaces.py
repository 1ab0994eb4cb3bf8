"""Spaces by name and id."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_arize import Arize, refusal

from keyplan.applier.scope_survey import SpaceLister
from keyplan.errors import InputError, ProviderDeniedError
from keyplan.model.identity import ScopeId
from keyplan.model.manifest import ScopeById, ScopeByName, ScopeRef
from keyplan.model.observation import Scope


def spaces(*items: tuple[str, str] | tuple[str, str, str], cursor: str | None = None) -> dict[str, Any]:
    named = [dict(zip(("id", "name", "organization_id"), item, strict=False)) for item in items]
    return {"spaces": named, "pagination": {"has_more": bool(cursor), "next_cursor": cursor}}


def find(arize: Arize, reference: ScopeRef, api: str = "beta") -> Scope:
    return arize.provider(api=api).reader.find_scopes([reference])[reference]


PRODUCTION = ScopeByName("production")
BY_ID = ScopeById(ScopeId("S=1"))


def test_a_name_is_matched_exactly_on_all_pages(arize: Arize) -> None:
    first = spaces(("S1", "Production", "O1"), ("S2", "production-eu", "O1"), cursor="c2")
    arize.on("GET", "/v2/spaces?name=production&limit=100", first, spaces(("S3", "production", "O2")))
    assert find(arize, PRODUCTION) == Scope(id=ScopeId("S3"), name="production", organization_id="O2")  # type: ignore[arg-type]  # an id is text


def test_all_spaces_are_listed_from_all_pages_sorted_by_id(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces?limit=100", spaces(("S2", "b"), cursor="c2"), spaces(("S1", "a", "O1")))
    reader = arize.provider(api="beta").reader
    assert isinstance(reader, SpaceLister)
    assert [(space.id, space.name) for space in reader.list_scopes()] == [("S1", "a"), ("S2", "b")]


@pytest.mark.parametrize(
    ("listed", "advice"),
    [
        pytest.param(spaces(("S1", "Production"), ("S2", "x")), "did you mean 'Production'?", id="another case"),
        pytest.param(spaces(("S1", "prodution")), "did you mean 'prodution'?", id="a slip"),
        pytest.param(spaces(("S1", "research")), "check that the credential may see it", id="nothing near"),
        pytest.param({"spaces": None}, "check that the credential may see it", id="nothing listed"),
        pytest.param({"spaces": [None, {"name": None}]}, "check that the credential may see it", id="garbled list"),
    ],
)
def test_an_unknown_name_gets_a_hint(arize: Arize, listed: dict[str, Any], advice: str) -> None:
    arize.on("GET", "/v2/spaces?limit=100", listed)
    arize.on("GET", "/v2/spaces?name=production", spaces())
    with pytest.raises(InputError, match="space 'production' is unknown") as caught:
        find(arize, PRODUCTION)
    assert advice in caught.value.advice


def test_a_name_of_several_spaces_asks_for_an_id(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces?name=production", spaces(("S2", "production"), ("S1", "production")))
    with pytest.raises(InputError, match="the name of several spaces") as caught:
        find(arize, PRODUCTION)
    assert caught.value.advice == "give one as space_id: S1, S2"


def test_a_name_is_found_in_another_normal_form(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces?name=caf%C3%A9", spaces(("S1", "cafe\u0301", "O1")))
    assert find(arize, ScopeByName("caf\u00e9")).id == "S1"


def test_a_space_on_two_pages_is_one(arize: Arize) -> None:
    again = spaces(("S1", "production", "O1"))
    arize.on("GET", "/v2/spaces?name=production", spaces(("S1", "production", "O1"), cursor="c2"), again)
    assert find(arize, PRODUCTION).id == "S1"


def test_an_id_is_looked_up_for_its_organization_in_beta(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces/S%3D1", {"id": "S=1", "name": "production", "organization_id": "O1"})
    assert find(arize, BY_ID) == Scope(id=ScopeId("S=1"), name="production", organization_id="O1")  # type: ignore[arg-type]  # an id is text
    assert arize.lines() == ["GET /v2/spaces/S%3D1"]


def test_an_id_needs_no_request_in_alpha(arize: Arize) -> None:
    assert find(arize, BY_ID, "alpha") == Scope(id=ScopeId("S=1"), name="S=1")
    assert arize.requests == []


def test_a_name_needs_no_organization_in_alpha(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces?name=production", spaces(("S1", "production")))
    assert find(arize, PRODUCTION, "alpha") == Scope(id=ScopeId("S1"), name="production")


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_id_is_an_input_error(arize: Arize, status: int) -> None:
    arize.on("GET", "/v2/spaces/", refusal(status))
    with pytest.raises(InputError, match="space_id S=1 is unknown"):
        find(arize, BY_ID)


def test_a_credential_that_is_refused_is_no_unknown_space(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces/", refusal(403))
    with pytest.raises(ProviderDeniedError):
        find(arize, BY_ID)


def test_another_refusal_is_no_unknown_space(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces/", refusal(409))
    with pytest.raises(Exception, match="409"):
        find(arize, BY_ID)


@pytest.mark.parametrize(
    "shown", [{"id": "S=1", "name": "production"}, {}], ids=["an older server omits it", "an empty answer"]
)
def test_an_organization_that_is_not_said_is_searched(arize: Arize, shown: dict[str, Any]) -> None:
    arize.on("GET", "/v2/spaces/S%3D1", shown)
    arize.on("GET", "/v2/organizations?limit=100", {"organizations": [{"id": "O1"}, {"id": "O2"}, {"id": None}]})
    arize.on("GET", "/v2/spaces?org_id=O1", spaces(("S0", "other")))
    arize.on("GET", "/v2/spaces?org_id=O2", spaces(("S=1", "production")))
    assert find(arize, BY_ID).organization_id == "O2"


def test_an_organization_that_cannot_be_found_is_an_input_error(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces/S%3D1", {"id": "S=1", "name": "production"})
    arize.on("GET", "/v2/organizations", {"organizations": []})
    with pytest.raises(InputError, match="organization of space 'production' cannot be found"):
        find(arize, BY_ID)


def test_each_reference_is_looked_up_once(arize: Arize) -> None:
    arize.on("GET", "/v2/spaces/S%3D1", {"id": "S=1", "name": "production", "organization_id": "O1"})
    arize.on("GET", "/v2/spaces?name=production", spaces(("S=1", "production", "O1")))
    found = arize.provider().reader.find_scopes([BY_ID, PRODUCTION, BY_ID, PRODUCTION])
    assert found[BY_ID] == found[PRODUCTION]
    assert len(arize.requests) == 2


def test_no_reference_needs_no_request(arize: Arize) -> None:
    assert arize.provider().reader.find_scopes([]) == {}
    assert arize.requests == []
