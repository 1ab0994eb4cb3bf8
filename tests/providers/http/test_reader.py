"""The reader beyond its listings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from providers.http.connected import connect, connect_reader, script

from keyplan.errors import InputError, ProviderDeniedError, ProviderRefusedError, ProviderUnavailableError
from keyplan.model.checked_file import CheckedFile
from keyplan.model.identity import ScopeId
from keyplan.model.manifest import KeyType, ScopeByName

Load = Callable[..., CheckedFile]
KEYS = {"data": [{"id": "k2", "off": True}, {"id": "k1", "off": False}]}


def test_dead_keys_are_found_by_a_search_alone(load: Load, tmp_path: Path) -> None:
    load(fields__disabled="/off")
    reader = connect(script(KEYS), tmp_path).reader
    assert [key.id for key in reader.list_keys(())] == ["k1"]
    for active, ids in ((True, ["k1"]), (False, ["k2"]), (None, ["k1", "k2"])):
        found = reader.search_keys(key_type=KeyType.API, active=active, scope_id=None)
        assert [key.id for key in found] == ids


def test_keys_of_another_type_are_not_there(load: Load, tmp_path: Path) -> None:
    load()
    server = script(KEYS)
    assert connect(server, tmp_path).reader.search_keys(key_type=KeyType.USER, active=None, scope_id=None) == ()
    assert server.requests == []


def test_there_are_no_scopes(load: Load, tmp_path: Path) -> None:
    load()
    reader = connect(script(KEYS), tmp_path).reader
    assert reader.find_scopes([]) == {}
    with pytest.raises(InputError, match="Acme keys have no scope"):
        reader.find_scopes([ScopeByName("x")])
    with pytest.raises(InputError, match="Acme keys have no scope"):
        reader.search_keys(key_type=None, active=None, scope_id=ScopeId("s"))


def test_the_credential_is_recognized_by_its_redacted_form_where_forms_are_shown(load: Load, tmp_path: Path) -> None:
    load()
    reader = connect(script(KEYS), tmp_path).reader
    assert reader.presents("admin-...-1")
    assert not reader.presents("other-...-1")
    load(fields__redacted=None)
    assert not connect(script(KEYS), tmp_path).reader.presents("admin-...-1")


def test_the_skew_of_the_server_s_clock_is_known_after_an_answer(load: Load, tmp_path: Path) -> None:
    load()
    answer = httpx.Response(200, json=KEYS, headers={"Date": "Sun, 29 Nov 2026 08:00:00 GMT"})
    reader = connect(script(answer), tmp_path).reader
    assert reader.clock_skew() is None
    reader.list_keys(())
    assert isinstance(reader.clock_skew(), timedelta)


def test_the_reader_alone_presents_its_own_credential(load: Load, tmp_path: Path) -> None:
    load(headers={"X-Version": "2"})
    server = script(KEYS)
    ports = connect_reader(server, tmp_path)
    ports.reader.list_keys(())
    ports.close()
    (request,) = server.requests
    assert request.headers["Authorization"] == "Bearer reader-credential-1"
    assert request.headers["X-Version"] == "2"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401, text="no"), ProviderDeniedError),
        (httpx.Response(403, json={"detail": "admins only"}), ProviderDeniedError),
        (httpx.Response(404), ProviderRefusedError),
        (httpx.Response(302, headers={"Location": "https://elsewhere.test"}), ProviderRefusedError),
        (httpx.Response(500, text="oops"), ProviderUnavailableError),
        (httpx.Response(200, html="<html></html>"), ProviderUnavailableError),
        (httpx.Response(200, text='{"data": ['), ProviderUnavailableError),
        (httpx.ReadTimeout("slow"), ProviderUnavailableError),
    ],
)
def test_each_failure_is_one_of_keyplan_s_errors(
    load: Load, tmp_path: Path, answer: httpx.Response | Exception, error: type[Exception]
) -> None:
    load()
    with pytest.raises(error, match="list keys"):
        connect(script(answer), tmp_path).reader.list_keys(())
