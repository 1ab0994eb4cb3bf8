"""What is built from the settings, what it presents, and that a reader holds nothing that changes keys."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from scripted_zenml import TOKEN, Zenml

from keyplan.errors import InputError
from keyplan.model.manifest import FromEnvironment
from keyplan.ports import Editor
from keyplan.providers.client import ProviderClient
from keyplan.providers.zenml import build, build_reader, find_named_url

MISSING = FromEnvironment("NOT_SET")


def test_nothing_is_sent_and_no_credential_is_fetched_before_the_first_call(zenml: Zenml) -> None:
    ports = zenml.provider()
    assert zenml.requests == []
    assert zenml.fetched == []
    assert isinstance(ports.writer, Editor)
    ports.close()


def test_the_token_of_the_credential_is_presented(zenml: Zenml) -> None:
    zenml.provider().reader.list_keys([])
    assert {request.headers["Authorization"] for request in zenml.requests} == {f"Bearer {TOKEN}"}


def test_a_missing_credential_says_which_variable_to_set(zenml: Zenml) -> None:
    settings = replace(zenml.settings(), credential=MISSING)
    ports = build(settings, zenml.context(), transport=httpx.MockTransport(zenml))
    with pytest.raises(InputError) as caught:
        ports.reader.list_keys([])
    assert "set ZENML_ADMIN_TOKEN" in caught.value.advice


def test_a_reader_holds_no_client_that_changes_keys(zenml: Zenml) -> None:
    ports = zenml.reader()
    assert not any(isinstance(held, ProviderClient) for held in vars(ports.reader).values())
    assert ports.reader.list_keys([]) == ()
    ports.close()


def test_a_reader_never_falls_back_to_the_credential_that_may_change_keys(zenml: Zenml) -> None:
    with pytest.raises(InputError):
        zenml.reader(MISSING).reader.list_keys([])
    assert zenml.fetched == [MISSING]


@pytest.mark.parametrize("url", [None, "", 7])
def test_a_base_url_is_needed(zenml: Zenml, url: str | int | None) -> None:
    settings = zenml.settings(base_url=url)
    with pytest.raises(InputError, match=r"provider\.base_url is missing"):
        build(settings, zenml.context())
    with pytest.raises(InputError, match=r"provider\.base_url is missing"):
        build_reader(settings, zenml.context())


def test_plain_http_to_another_machine_is_refused(zenml: Zenml) -> None:
    with pytest.raises(InputError, match="plain http"):
        build(zenml.settings(base_url="http://zenml.example.com"), zenml.context())


def test_the_named_url_is_that_of_the_options() -> None:
    assert find_named_url({"base_url": "https://zenml.example.com/"}) == "https://zenml.example.com"
    assert find_named_url({}) is None


def test_without_a_transport_requests_go_to_the_network(zenml: Zenml) -> None:
    ports = build(zenml.settings(base_url="http://127.0.0.1:9", patience_seconds=1), zenml.context())
    assert ports.reader.base_url == "http://127.0.0.1:9"
    ports.close()
