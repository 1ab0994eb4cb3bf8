"""A password becomes a token once per run, and appears in no other request and in no message."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from scripted_zenml import PASSWORD, Zenml, desire

from keyplan.errors import KeyplanError, ProviderDeniedError, ProviderUnavailableError
from keyplan.model.manifest import FromEnvironment
from keyplan.model.mask import hide

LOGIN = "/api/v1/login"


def logins(zenml: Zenml) -> list[httpx.Request]:
    return [request for request in zenml.requests if request.url.path == LOGIN]


def test_a_run_logs_in_once_and_presents_the_token(zenml: Zenml) -> None:
    ports = zenml.provider(username="admin")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ports.reader.list_keys([]), range(4)))
    ports.writer.create(desire(), expires_at=None)
    assert len(logins(zenml)) == 1
    assert zenml.fetched == [FromEnvironment("ZENML_ADMIN_PASSWORD")]
    others = [request for request in zenml.requests if request.url.path != LOGIN]
    assert {request.headers["Authorization"] for request in others} == {"Bearer login-token-1"}
    assert not any(PASSWORD.encode() in request.content for request in others)


def test_nothing_is_sent_before_it_is_needed(zenml: Zenml) -> None:
    zenml.provider(username="admin").reader.laws()
    assert zenml.requests == []
    assert zenml.fetched == []


def test_the_password_is_sent_as_a_form_without_any_other_credential(zenml: Zenml) -> None:
    zenml.provider(username="admin").reader.list_keys([])
    (login,) = logins(zenml)
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Authorization" not in login.headers
    assert "Cookie" not in login.headers


def test_the_token_of_a_login_is_hidden_in_what_is_written(zenml: Zenml) -> None:
    zenml.provider(username="admin").reader.list_keys([])
    assert "login-token-1" not in hide("the token is login-token-1.")


def test_a_refused_password_is_tried_once(zenml: Zenml) -> None:
    ports = zenml.provider(username="root")
    for _ in range(3):
        with pytest.raises(ProviderDeniedError, match="log in: 401 Unauthorized") as caught:
            ports.reader.list_keys([])
        assert "check provider.credential and its username" in caught.value.advice
        assert PASSWORD not in caught.value.message + caught.value.advice
    assert len(logins(zenml)) == 1


@pytest.mark.parametrize(
    "passing",
    [
        pytest.param(httpx.ReadTimeout(""), id="answer lost"),
        pytest.param(httpx.Response(500), id="internal error"),
        pytest.param(httpx.Response(429, headers={"Retry-After": "3"}), id="throttled"),
    ],
)
def test_a_transient_failure_is_repeated(zenml: Zenml, passing: httpx.Response | Exception) -> None:
    zenml.break_once("POST", LOGIN, passing)
    zenml.provider(username="admin").reader.list_keys([])
    assert len(logins(zenml)) == 2


def test_a_lasting_failure_is_not_repeated(zenml: Zenml) -> None:
    zenml.break_once("POST", LOGIN, httpx.UnsupportedProtocol(""))
    with pytest.raises(ProviderUnavailableError):
        zenml.provider(username="admin").reader.list_keys([])
    assert len(logins(zenml)) == 1


@pytest.mark.parametrize("body", [{}, {"access_token": ""}, {"access_token": 7}, {"access_token": "two words"}, []])
def test_an_answer_without_a_token_is_an_error_that_quotes_nothing(zenml: Zenml, body: object) -> None:
    zenml.break_once("POST", LOGIN, httpx.Response(200, json=body))
    with pytest.raises(KeyplanError) as caught:
        zenml.provider(username="admin").reader.list_keys([])
    assert isinstance(caught.value, ProviderUnavailableError)
    assert "two words" not in caught.value.message
