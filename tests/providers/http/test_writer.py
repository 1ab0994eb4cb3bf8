"""What is sent to create, refresh, delete and verify, and what follows from each answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from providers.http.connected import Script, connect, script
from simulated.clock import START, SimulatedClock

from keyplan.errors import (
    InDoubtError,
    InputError,
    KeyplanError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from keyplan.model.checked_file import CheckedFile
from keyplan.model.desired import Desired
from keyplan.model.identity import KeyId
from keyplan.model.manifest import KeyType
from keyplan.model.secret import RawKey
from keyplan.testing.samples import make_desired

Load = Callable[..., CheckedFile]
RAW = "ak-secret-of-this-test-1"
MADE = {"id": "k1", "name": "ci", "key": RAW}
ROTATE = {"path": "/keys/${id}/rotate", "method": "PUT", "raw": "/value", "body": {"retain": "${grace}"}}
HOUR = timedelta(hours=1)


def sent(server: Script) -> Any:
    """Return the last body."""
    return json.loads(server.requests[-1].content)


@pytest.fixture
def desired() -> Desired:
    """Return a key to make."""
    return make_desired("ci", key_type=KeyType.API, description="Used for CI")


def test_a_create_sends_the_declared_key_with_its_marker(load: Load, tmp_path: Path, desired: Desired) -> None:
    load()
    server = script(MADE)
    issued = connect(server, tmp_path).writer.create(desired, expires_at=None)
    assert server.lines() == ["POST /keys"]
    assert sent(server) == {"name": "ci", "note": desired.full_description}
    assert (issued.key.id, issued.key.marker, issued.raw.reveal()) == ("k1", desired.marker, RAW)


def test_a_marker_in_the_name_is_visible_there(load: Load, tmp_path: Path, desired: Desired) -> None:
    load(marker="name")
    server = script(MADE)
    connect(server, tmp_path).writer.create(desired, expires_at=None)
    assert desired.marker is not None
    assert sent(server) == {"name": desired.marker.attach("ci"), "note": "Used for CI"}


def test_a_key_without_marker_and_description_sends_neither(load: Load, tmp_path: Path) -> None:
    load(marker="none")
    server = script(MADE)
    connect(server, tmp_path).writer.create(make_desired("ci", key_type=KeyType.API, description=""), expires_at=None)
    assert sent(server) == {"name": "ci"}


@pytest.mark.parametrize(
    ("form", "expiry"),
    [("rfc3339", None), ("unix", int((START + HOUR).timestamp())), ("seconds", 3600), ("duration", "1h")],
)
def test_an_expiry_is_sent_in_the_form_of_the_definition(
    load: Load, tmp_path: Path, desired: Desired, form: str, expiry: object
) -> None:
    load(expiry={"send": form})
    server = script(MADE)
    connect(server, tmp_path).writer.create(desired, expires_at=START + HOUR)
    assert sent(server)["expires"] == (expiry or (START + HOUR).isoformat().replace("+00:00", "Z"))


def test_an_expiry_that_the_api_does_not_take_is_refused_before_anything_is_sent(
    load: Load, tmp_path: Path, desired: Desired
) -> None:
    load(create__body={"name": "${name}", "note": "${description}"})
    server = script(MADE)
    with pytest.raises(InputError, match="Acme keys have no expiry"):
        connect(server, tmp_path).writer.create(desired, expires_at=START + HOUR)
    assert server.requests == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(401, text="no"), ProviderDeniedError),
        (httpx.Response(403, text="no"), ProviderDeniedError),
        (httpx.Response(409, json={"error": "taken"}), ProviderRefusedError),
        (httpx.Response(422, json={"detail": [{"input": RAW}]}), ProviderRefusedError),
        (httpx.Response(500, text=RAW), InDoubtError),
        (httpx.Response(200, html=f"<html>{RAW}</html>"), InDoubtError),
        (httpx.Response(200, json=MADE), InDoubtError),
        (httpx.Response(201, json={"name": RAW}), InDoubtError),
        (httpx.Response(201, json={"id": "k1", "key": "line\nbreak"}), InDoubtError),
        (httpx.Response(201, json={"key": RAW}), InDoubtError),
        (httpx.Response(201, json=[RAW]), InDoubtError),
        (httpx.Response(201, json={**MADE, "expires": RAW}), InDoubtError),
        (httpx.Response(201, text=f'{{"key": "{RAW}"'), InDoubtError),
        (httpx.ReadTimeout(RAW), InDoubtError),
        (httpx.ConnectTimeout(RAW), ProviderUnavailableError),
        (httpx.Response(429, headers={"Retry-After": "1"}), ProviderUnavailableError),
    ],
)
def test_each_failure_of_a_create_says_whether_a_key_may_exist_and_quotes_nothing(
    load: Load, tmp_path: Path, desired: Desired, answer: httpx.Response | Exception, error: type[KeyplanError]
) -> None:
    load(create__statuses=[201])
    server = script(answer)
    with pytest.raises(error, match="create key 'ci'") as failed:
        connect(server, tmp_path).writer.create(desired, expires_at=None)
    assert type(failed.value) is error
    assert RAW not in f"{failed.value} {failed.value.advice}"
    assert error is ProviderUnavailableError or len(server.requests) == 1


def test_a_refresh_sends_grace_and_id_and_takes_the_new_id(load: Load, tmp_path: Path) -> None:
    grace = {"form": "minutes", "longest": 7200}
    load(refresh={**ROTATE, "grace": grace})
    server = script({"id": "k2", "value": RAW, "name": "ci"})
    issued = connect(server, tmp_path).writer.refresh(KeyId("k 1"), expires_at=None, grace=HOUR)
    assert (server.lines(), sent(server)) == (["PUT /keys/k%201/rotate"], {"retain": 60})
    assert (issued.key.id, issued.key.name, issued.raw.reveal()) == ("k2", "ci", RAW)


def test_a_refresh_that_keeps_the_id_needs_none_in_its_answer(load: Load, tmp_path: Path) -> None:
    load(refresh={"path": "/keys/${id}/rotate", "raw": "/value", "id": "kept", "body": {"expires": "${expires_at}"}})
    server = script({"value": RAW})
    issued = connect(server, tmp_path).writer.refresh(KeyId("k1"), expires_at=START + HOUR, grace=timedelta(0))
    assert (issued.key.id, issued.key.expires_at) == ("k1", START + HOUR)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({}, "can't be refreshed"), ({"refresh": {**ROTATE, "grace": {"longest": 60}}}, "at most")],
)
def test_a_refresh_that_the_api_does_not_have_is_refused_before_anything_is_sent(
    load: Load, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    load(**changes)
    server = script(MADE)
    with pytest.raises(InputError, match=message):
        connect(server, tmp_path).writer.refresh(KeyId("k1"), expires_at=None, grace=HOUR)
    assert server.requests == []


def test_a_lost_answer_to_a_refresh_is_in_doubt(load: Load, tmp_path: Path) -> None:
    load(refresh={"path": "/keys/${id}/rotate", "raw": "/value"})
    server = script(httpx.ReadError("reset"))
    with pytest.raises(InDoubtError, match="refresh key k1"):
        connect(server, tmp_path).writer.refresh(KeyId("k1"), expires_at=None, grace=timedelta(0))
    assert len(server.requests) == 1


def test_an_id_is_one_part_of_the_path_whatever_it_holds(load: Load, tmp_path: Path) -> None:
    load()
    server = script(httpx.Response(204))
    connect(server, tmp_path).writer.delete(KeyId("a/../b?c#d"))
    assert server.lines() == ["DELETE /keys/a%2F..%2Fb%3Fc%23d"]
    with pytest.raises(InputError, match="another path"):
        connect(server, tmp_path).writer.delete(KeyId(".."))


def test_a_deletion_may_be_a_post_with_the_id_in_its_body(load: Load, tmp_path: Path) -> None:
    load(delete={"method": "POST", "path": "/keys/delete", "body": {"keys": ["${id}"]}})
    server = script(httpx.Response(200, json={}))
    connect(server, tmp_path).writer.delete(KeyId("k1"))
    assert (server.lines(), sent(server)) == (["POST /keys/delete"], {"keys": ["k1"]})


@pytest.mark.parametrize(("status", "is_gone"), [(404, False), (409, True), (403, False), (500, False)])
def test_the_definition_says_which_statuses_mean_that_a_key_is_gone(
    load: Load, tmp_path: Path, status: int, is_gone: bool
) -> None:
    load(delete__gone=[409])
    writer = connect(script(httpx.Response(status)), tmp_path).writer
    if is_gone:
        writer.delete(KeyId("k1"))
        return
    with pytest.raises(KeyplanError, match="delete key k1"):
        writer.delete(KeyId("k1"))


@pytest.mark.parametrize(
    ("changes", "header", "value"),
    [
        ({}, "Authorization", f"Bearer {RAW}"),
        ({"verify__authentication": {"header": "X-API-Key"}}, "X-API-Key", RAW),
        ({"verify__authentication": "basic"}, "Authorization", "Basic YWstc2VjcmV0LW9mLXRoaXMtdGVzdC0x"),
    ],
)
def test_a_raw_key_is_presented_as_the_definition_says(
    load: Load, tmp_path: Path, changes: dict[str, Any], header: str, value: str
) -> None:
    load(**changes)
    server = script(httpx.Response(200, json={}))
    assert connect(server, tmp_path).writer.verify(RawKey(RAW))
    assert server.requests[-1].headers[header] == value
    assert RAW not in str(server.requests[-1].url)


@pytest.mark.parametrize(
    ("status", "answer"), [(200, True), (204, True), (403, True), (401, False), (400, False), (404, None), (500, None)]
)
def test_statuses_say_yes_no_or_nothing(load: Load, tmp_path: Path, status: int, answer: bool | None) -> None:
    load(verify={"path": "/me", "method": "HEAD", "accepted": [403], "refused": [400, 401]})
    writer = connect(script(httpx.Response(status)), tmp_path, clock=SimulatedClock()).writer
    if answer is not None:
        assert writer.verify(RawKey(RAW)) is answer
        return
    with pytest.raises(ProviderUnavailableError, match="verify a new raw key"):
        writer.verify(RawKey(RAW))
