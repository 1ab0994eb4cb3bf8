"""What is sent to change something, what is read from the answer, and what happens if an answer is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from scripted_zenml import CI, TOKEN, StoredKey, Zenml, desire, id_of

from keyplan.errors import (
    InDoubtError,
    InputError,
    KeyplanError,
    ProviderDeniedError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from keyplan.model.identity import KeyId
from keyplan.model.observation import Observation
from keyplan.model.secret import RawKey
from keyplan.ports import Editor, Issued, ProviderPorts

NO_GRACE = timedelta(0)
LOST = httpx.ReadTimeout("")
REFUSED_CONNECTION = httpx.ConnectError("")
REFUSED_CONNECTION.__cause__ = ConnectionRefusedError(111, "Connection refused")
INTERNAL = httpx.Response(500, json=["RuntimeError", "(sqlite3.IntegrityError) UNIQUE constraint failed"])


def create(ports: ProviderPorts, name: str = "ingest") -> Issued:
    return ports.writer.create(desire(name), expires_at=None)


def rotate(ports: ProviderPorts, key: StoredKey, grace: timedelta = NO_GRACE) -> Issued:
    return ports.writer.refresh(id_of(key), expires_at=None, grace=grace)


def edit(ports: ProviderPorts, key: StoredKey, name: str, description: str) -> Observation:
    writer = ports.writer
    assert isinstance(writer, Editor)
    return writer.update(id_of(key), desire(name, description))


def only(zenml: Zenml) -> StoredKey:
    (key,) = zenml.keys.values()
    return key


def posts(zenml: Zenml) -> list[httpx.Request]:
    return [request for request in zenml.requests if request.method == "POST"]


# creating


def test_a_create_returns_what_is_listed_afterwards_and_the_raw_key(zenml: Zenml) -> None:
    ports = zenml.provider()
    issued = create(ports)
    assert ports.reader.list_keys([]) == (issued.key,)
    assert issued.key.marker == desire().marker
    assert ports.writer.verify(issued.raw)


def test_a_create_sends_name_and_marked_description_with_a_number_of_its_own(zenml: Zenml) -> None:
    ports = zenml.provider()
    create(ports, "one")
    create(ports, "two")
    assert zenml.bodies()[0] == {"name": "one", "description": desire("one").full_description}
    numbers = [UUID(request.headers["Idempotency-Key"]) for request in posts(zenml)]
    assert [number.version for number in numbers] == [4, 4]
    assert len(set(numbers)) == 2


def test_creates_look_an_account_up_once(zenml: Zenml) -> None:
    ports = zenml.provider()
    ports.reader.find_scopes([CI])
    create(ports, "one")
    create(ports, "two")
    assert zenml.lines().count("GET /api/v1/service_accounts") == 1


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(LOST, id="no answer in time"),
        pytest.param(httpx.RemoteProtocolError(""), id="connection dropped"),
        pytest.param(httpx.ReadError(""), id="reset"),
        pytest.param(httpx.Response(502, html="<p>Bad Gateway</p>"), id="gateway"),
        pytest.param(httpx.Response(200, html="<p>Sign in</p>"), id="a page in place of the answer"),
    ],
)
def test_a_create_whose_answer_is_lost_is_asked_for_again_and_makes_one_key(zenml: Zenml, lost: Any) -> None:
    ports = zenml.provider()
    zenml.break_once("POST", "/api_keys", lost, acted=True)
    issued = create(ports)
    assert issued.key.id == only(zenml).id
    assert ports.writer.verify(issued.raw)
    first, second = posts(zenml)
    assert first.content == second.content
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]


def test_a_create_is_repeated_within_the_time_that_the_server_remembers_it(zenml: Zenml) -> None:
    began = zenml.clock.now()
    times: list[timedelta] = []

    def lose(request: httpx.Request) -> Exception | None:
        if request.method != "POST":
            return None
        times.append(zenml.clock.now() - began)
        return LOST

    zenml.after.append(lose)
    with pytest.raises(InDoubtError):
        create(zenml.provider(patience_seconds=240))
    assert len(times) > 1
    assert max(times) < timedelta(seconds=250)
    only(zenml)


@pytest.mark.parametrize(
    "later",
    [
        pytest.param(
            httpx.Response(409, json={"detail": ["EntityExistsError", "x"]}), id="the name is taken: by whom?"
        ),
        pytest.param(httpx.Response(401, json={"detail": ["CredentialsNotValid", "x"]}), id="no longer accepted"),
        pytest.param(httpx.Response(422, json=["ValueError", "x"]), id="refused"),
    ],
)
def test_a_refusal_after_a_lost_answer_is_in_doubt(zenml: Zenml, later: httpx.Response) -> None:
    zenml.break_once("POST", "/api_keys", LOST, acted=True)
    zenml.break_once("POST", "/api_keys", later, acted=True)
    with pytest.raises(InDoubtError, match="an earlier answer was lost"):
        create(zenml.provider())


def test_a_server_that_is_gone_after_a_lost_answer_leaves_a_doubt(zenml: Zenml) -> None:
    def rule(request: httpx.Request) -> Exception | None:
        return (REFUSED_CONNECTION if len(posts(zenml)) > 1 else LOST) if request.method == "POST" else None

    zenml.rules.append(rule)
    with pytest.raises(InDoubtError, match="an earlier answer was lost"):
        create(zenml.provider())


def test_a_server_that_is_not_there_leaves_no_doubt(zenml: Zenml) -> None:
    zenml.rules.append(lambda request: REFUSED_CONNECTION if request.method == "POST" else None)
    with pytest.raises(ProviderUnavailableError):
        create(zenml.provider())


def test_a_name_that_is_taken_is_refused_with_what_to_do(zenml: Zenml) -> None:
    zenml.add_key("ingest")
    with pytest.raises(ProviderRefusedError, match="create key 'ingest': 409 Conflict") as caught:
        create(zenml.provider())
    assert caught.value.status == 409
    assert "import it, rename or delete it" in caught.value.advice
    assert len(posts(zenml)) == 1


def test_another_account_can_have_a_key_of_the_same_name(zenml: Zenml) -> None:
    zenml.add_key("ingest", "prod")
    create(zenml.provider())
    assert len(zenml.keys) == 2


def test_a_create_that_another_run_overtook_is_in_doubt(zenml: Zenml) -> None:
    # The server answers 500 to the loser of a race, and 409 to its repetition: the winner's key has that name.
    zenml.break_once("POST", "/api_keys", INTERNAL)
    zenml.add_key("ingest")
    with pytest.raises(InDoubtError):
        create(zenml.provider())


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            httpx.Response(200, json={"id": "1", "name": "ingest", "body": {"key": "ZENKEY_canary"}}), id="half"
        ),
        pytest.param(httpx.Response(200, json={"body": {"key": "ZENKEY_canary"}}), id="no id"),
        pytest.param(httpx.Response(200, content=b'{"body": {"key": "ZENKEY_canary'), id="truncated"),
        pytest.param(httpx.Response(200, content=b"null"), id="null"),
    ],
)
def test_an_answer_that_cannot_be_read_is_in_doubt_and_never_quoted(zenml: Zenml, broken: httpx.Response) -> None:
    zenml.break_once("POST", "/api_keys", broken, acted=True)
    with pytest.raises(InDoubtError) as caught:
        create(zenml.provider())
    assert "canary" not in repr(caught.value) + caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("raw", [None, "", "two words"])
def test_an_answer_without_a_usable_raw_key_is_in_doubt(zenml: Zenml, raw: str | None) -> None:
    body = {"created": "2026-11-23T07:31:00", "updated": "2026-11-23T07:31:00", "active": True, "key": raw}
    answer = {"id": "1", "name": "ingest", "body": body, "metadata": {}}
    zenml.break_once("POST", "/api_keys", httpx.Response(200, json=answer))
    with pytest.raises(InDoubtError, match="no usable key"):
        create(zenml.provider())


@pytest.mark.parametrize(
    ("name", "description", "said"),
    [("n" * 256, "", "a name has 1 to 255"), ("", "", "a name has 1 to 255"), ("n", "d" * 65_500, "at most 65535")],
)
def test_a_text_that_is_too_long_is_refused_before_anything_is_sent(
    zenml: Zenml, name: str, description: str, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        zenml.provider().writer.create(desire(name, description), expires_at=None)
    assert zenml.requests == []


def test_a_key_without_an_account_is_refused_before_anything_is_sent(zenml: Zenml) -> None:
    desired = desire()
    homeless = replace(desired, declaration=replace(desired.declaration, scope=None))
    with pytest.raises(InputError, match="needs a service_account"):
        zenml.provider().writer.create(homeless, expires_at=None)
    assert zenml.requests == []


def test_no_key_gets_an_expiry(zenml: Zenml) -> None:
    key, ports, expiry = zenml.add_key("a"), zenml.provider(), datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(InputError, match="have no expiry"):
        ports.writer.create(desire(), expires_at=expiry)
    with pytest.raises(InputError, match="have no expiry"):
        ports.writer.refresh(id_of(key), expires_at=expiry, grace=NO_GRACE)
    assert zenml.requests == []


def test_a_credential_that_may_only_read_is_denied(zenml: Zenml) -> None:
    denied = httpx.Response(403, json={"detail": ["IllegalOperationError", "Only admin users can"]})
    zenml.break_once("POST", "/api_keys", denied)
    with pytest.raises(ProviderDeniedError) as caught:
        create(zenml.provider())
    assert "the key of a service account can only read" in caught.value.advice


def test_a_server_that_is_busy_with_the_same_create_is_asked_again(zenml: Zenml) -> None:
    zenml.break_once("POST", "/api_keys", httpx.Response(429, headers={"Retry-After": "1"}))
    create(zenml.provider())
    assert len(posts(zenml)) == 2


# rotating


@pytest.mark.parametrize(
    ("grace", "minutes"),
    [
        (NO_GRACE, 0),
        (timedelta(microseconds=1), 1),
        (timedelta(seconds=60), 1),
        (timedelta(seconds=61), 2),
        (timedelta(hours=24), 1440),
        (timedelta(days=30), 43_200),
    ],
)
def test_a_grace_is_sent_in_whole_minutes_rounded_up(zenml: Zenml, grace: timedelta, minutes: int) -> None:
    key = zenml.add_key("a")
    rotate(zenml.provider(), key, grace)
    assert zenml.bodies() == [{"retain_period_minutes": minutes}]
    assert zenml.lines()[-1] == f"PUT /api/v1/service_accounts/{key.account}/api_keys/{key.id}/rotate"


def test_a_longer_grace_than_the_laws_allow_is_refused_before_anything_is_sent(zenml: Zenml) -> None:
    with pytest.raises(InputError, match="at most 30 days"):
        rotate(zenml.provider(), zenml.add_key("a"), timedelta(days=30, seconds=1))
    assert zenml.requests == []


def test_a_rotation_keeps_the_old_raw_key_for_the_grace_and_no_longer(zenml: Zenml) -> None:
    ports, old = zenml.provider(), RawKey((key := zenml.add_key("a")).secret)
    issued = rotate(ports, key, timedelta(minutes=2))
    assert ports.writer.verify(old)
    assert ports.writer.verify(issued.raw)
    zenml.clock.advance(timedelta(minutes=2))
    assert not ports.writer.verify(old)
    assert ports.writer.verify(issued.raw)


def test_a_rotation_answers_with_the_edition_that_is_listed_afterwards(zenml: Zenml) -> None:
    ports, key = zenml.provider(), zenml.add_key("a")
    before = ports.reader.list_keys([])[0]
    issued = rotate(ports, key, timedelta(minutes=2))
    listed = ports.reader.list_keys([])[0]
    assert issued.key.id == listed.id == key.id
    assert issued.key.edition == listed.edition != before.edition
    assert issued.key.previous_until == listed.previous_until is not None
    assert listed.created_at == before.created_at


@pytest.mark.parametrize("lost", [LOST, httpx.RemoteProtocolError(""), INTERNAL, httpx.Response(200, content=b"{")])
def test_a_rotation_whose_answer_is_lost_is_in_doubt_and_never_repeated(zenml: Zenml, lost: Any) -> None:
    key = zenml.add_key("a")
    zenml.break_once("PUT", "/rotate", lost, acted=True)
    with pytest.raises(InDoubtError):
        rotate(zenml.provider(), key, timedelta(minutes=2))
    assert sum(line.endswith("/rotate") for line in zenml.lines()) == 1


def test_a_key_that_is_gone_is_not_rotated(zenml: Zenml) -> None:
    ports = zenml.provider()
    with pytest.raises(ProviderRefusedError, match="no service account has such a key") as caught:
        ports.writer.refresh(KeyId("gone"), expires_at=None, grace=NO_GRACE)
    assert caught.value.status == 404


def test_a_key_that_was_deleted_since_is_not_rotated(zenml: Zenml) -> None:
    ports, key = zenml.provider(), zenml.add_key("a")
    ports.reader.list_keys([])
    zenml.keys.clear()
    with pytest.raises(ProviderRefusedError, match="404 Not Found"):
        rotate(ports, key)


# changing


def test_an_update_changes_texts_and_leaves_the_raw_key(zenml: Zenml) -> None:
    ports, key = zenml.provider(), zenml.add_key("a", description="by hand")
    before = ports.reader.list_keys([])[0]
    after = edit(ports, key, "b", "Used for CI")
    assert (after.id, after.name, after.description) == (key.id, "b", "Used for CI")
    assert after.marker == desire("b").marker
    assert after.edition == before.edition
    assert ports.writer.verify(RawKey(key.secret))
    assert ports.reader.list_keys([]) == (after,)


def test_an_update_whose_answer_is_lost_is_repeated(zenml: Zenml) -> None:
    key = zenml.add_key("a")
    zenml.break_once("PUT", key.id, LOST, acted=True)
    assert edit(zenml.provider(), key, "b", "").name == "b"


def test_a_name_of_another_key_is_refused_with_what_to_do(zenml: Zenml) -> None:
    key, _ = zenml.add_key("a"), zenml.add_key("b")
    with pytest.raises(ProviderRefusedError, match="409") as caught:
        edit(zenml.provider(), key, "b", "")
    assert "declare another name" in caught.value.advice


@pytest.mark.parametrize("answer", [{"id": "1"}, {}])
def test_an_answer_to_an_update_that_cannot_be_read_is_unavailable(zenml: Zenml, answer: dict[str, str]) -> None:
    key = zenml.add_key("a")
    zenml.break_once("PUT", key.id, httpx.Response(200, json=answer))
    with pytest.raises(ProviderUnavailableError, match="cannot be read"):
        edit(zenml.provider(), key, "b", "")


# deleting and verifying


def test_a_delete_can_be_repeated(zenml: Zenml) -> None:
    ports, key = zenml.provider(), zenml.add_key("a")
    ports.writer.delete(id_of(key))
    ports.writer.delete(id_of(key))
    assert zenml.keys == {}
    assert not ports.writer.verify(RawKey(key.secret))


def test_a_delete_of_an_unknown_key_deletes_nothing(zenml: Zenml) -> None:
    zenml.add_key("a")
    zenml.provider().writer.delete(KeyId("unknown"))
    assert len(zenml.keys) == 1


def test_a_delete_whose_answer_is_lost_is_repeated(zenml: Zenml) -> None:
    key = zenml.add_key("a")
    zenml.break_once("DELETE", key.id, LOST, acted=True)
    zenml.provider().writer.delete(id_of(key))
    assert sum(line.startswith("DELETE") for line in zenml.lines()) == 2


def test_a_refused_delete_is_an_error(zenml: Zenml) -> None:
    key = zenml.add_key("a")
    zenml.break_once("DELETE", key.id, httpx.Response(403, json={"detail": ["X", "y"]}))
    with pytest.raises(ProviderDeniedError):
        zenml.provider().writer.delete(id_of(key))


def test_a_suspended_key_does_not_verify(zenml: Zenml) -> None:
    key = zenml.add_key("a", active=False)
    assert not zenml.provider().writer.verify(RawKey(key.secret))


def test_a_raw_key_is_presented_alone_when_it_is_verified(zenml: Zenml) -> None:
    key = zenml.add_key("a")
    assert zenml.provider().writer.verify(RawKey(key.secret))
    assert zenml.lines() == ["GET /api/v1/current-user"]
    assert zenml.requests[0].headers["Authorization"] == f"Bearer {key.secret}"
    assert zenml.fetched == []


def test_a_broken_answer_says_nothing_of_a_raw_key(zenml: Zenml) -> None:
    zenml.rules.append(lambda _: INTERNAL)
    with pytest.raises(ProviderUnavailableError):
        zenml.provider().writer.verify(RawKey("ZENKEY_x"))


def test_no_failure_quotes_a_secret(zenml: Zenml) -> None:
    leaky = httpx.Response(422, json=["ValueError", f"input {TOKEN} in /usr/lib/zenml.py"])
    zenml.rules.append(lambda request: leaky if request.method == "POST" else None)
    with pytest.raises(KeyplanError) as caught:
        create(zenml.provider())
    assert TOKEN not in caught.value.message + caught.value.advice
    assert "zenml.py" not in caught.value.message
