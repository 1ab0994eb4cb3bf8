"""Spaces and organizations: the seeds, and how they are found."""

from __future__ import annotations

import pytest
from sandbox.sandbox_client import (
    ACME,
    LABS,
    PRODUCTION,
    RESEARCH,
    STAGING,
    UNKNOWN_ORGANIZATION,
    UNKNOWN_SPACE,
    Client,
    OpenClient,
)


def space_names(client: Client, **query: str) -> list[str]:
    return [space["name"] for space in client.get("/v2/spaces", params=query).json()["spaces"]]


def test_the_seeds_have_the_ids_that_documents_name(either: Client) -> None:
    spaces = {space["name"]: space["id"] for space in either.get("/v2/spaces").json()["spaces"]}
    organizations = {each["name"]: each["id"] for each in either.get("/v2/organizations").json()["organizations"]}
    assert spaces == {"production": PRODUCTION, "staging": STAGING, "research": RESEARCH}
    assert organizations == {"acme": ACME, "labs": LABS}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        pytest.param({"name": "prod"}, ["production"], id="part of a name"),
        pytest.param({"name": "STAG"}, ["staging"], id="whatever the case"),
        pytest.param({"name": ""}, ["production", "staging", "research"], id="empty name"),
        pytest.param({"name": "r%"}, [], id="no wildcards"),
        pytest.param({"org_id": LABS}, ["research"], id="one organization"),
        pytest.param({"org_id": LABS, "name": "prod"}, [], id="both"),
    ],
)
def test_spaces_are_filtered(either: Client, query: dict[str, str], names: list[str]) -> None:
    assert space_names(either, **query) == names


@pytest.mark.parametrize(
    "query", [{"name": "x" * 256}, {"org_id": "acme"}, {"colour": "red"}], ids=["long name", "no id", "unknown"]
)
def test_a_listing_of_spaces_refuses_with_400(either: Client, query: dict[str, str]) -> None:
    assert either.get("/v2/spaces", params=query).status_code == 400


def test_organizations_are_filtered_by_name(either: Client) -> None:
    found = either.get("/v2/organizations", params={"name": "LAB"}).json()["organizations"]
    assert [set(each) for each in found] == [{"id", "name", "description", "created_at"}]
    assert either.get("/v2/organizations", params={"org_id": ACME}).status_code == 400


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param(f"/v2/spaces/{PRODUCTION}", 200, id="space"),
        pytest.param(f"/v2/spaces/{UNKNOWN_SPACE}", 404, id="unknown space"),
        pytest.param("/v2/spaces/production", 400, id="a space's name"),
        pytest.param(f"/v2/organizations/{ACME}", 200, id="organization"),
        pytest.param(f"/v2/organizations/{UNKNOWN_ORGANIZATION}", 404, id="unknown organization"),
        pytest.param("/v2/organizations/acme", 400, id="an organization's name"),
        pytest.param("/v2/projects", 404, id="nothing of ours"),
    ],
)
def test_one_is_looked_up_by_id(either: Client, path: str, status: int) -> None:
    answer = either.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == ("application/json" if status == 200 else "application/problem+json")


def test_further_spaces_belong_to_the_first_organization(opened: OpenClient) -> None:
    client = opened(spaces=2)
    assert space_names(client, name="space-", org_id=ACME) == ["space-0001", "space-0002"]


def test_a_space_of_a_name_that_exists_elsewhere_can_be_made(either: Client) -> None:
    answer = either.post("/_sandbox/spaces", json={"name": "production", "organization_id": LABS})
    assert answer.status_code == 201
    assert either.get(f"/v2/spaces/{answer.json()['id']}").json()["name"] == "production"
    assert space_names(either, name="production") == ["production", "production"]
