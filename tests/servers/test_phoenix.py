"""What keyplan relies on of Phoenix, asked of the server alone: a new version that breaks a law fails here first."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from servers.fixtures import STARTUP
from servers.installation import PHOENIX
from servers.phoenix import RunningPhoenix, running_phoenix

from keyplan.model.secret_shapes import looks_secret

pytestmark = [pytest.mark.providers, pytest.mark.enable_socket]

KEYS = "/v1/system/api_keys"
RAW_KEY = re.compile(r"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9\.eyJqdGkiOiJBcGlLZXk6[\w-]+\.[\w-]{43}")
SECONDS_TO_FORGET = 25
"""The server deletes what has expired, and reads again what others deleted, every 10 s; twice that and some more."""


@pytest.fixture
def admin(phoenix: RunningPhoenix) -> Iterator[httpx.Client]:
    with phoenix.client() as client:
        yield client


def create(admin: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = admin.post(KEYS, json={"data": {"name": "one", **fields}})
    assert answer.status_code == 201, answer.status_code
    made: dict[str, Any] = answer.json()["data"]
    return made


def list_keys(admin: httpx.Client) -> dict[str, dict[str, Any]]:
    answer = admin.get(KEYS)
    assert answer.status_code == 200
    return {key["id"]: key for key in answer.json()["data"]}


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when the condition holds; AssertionError if it takes too long."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < SECONDS_TO_FORGET
        time.sleep(0.2)


def test_the_server_is_of_the_version_that_this_file_was_written_for(
    phoenix: RunningPhoenix, admin: httpx.Client, record_property: Callable[[str, object], None]
) -> None:
    assert admin.get("/arize_phoenix_version").text == PHOENIX.version
    record_property(STARTUP, f"phoenix {PHOENIX.version}: {phoenix.startup_seconds:.1f} s")


def test_a_create_shows_the_raw_key_and_the_list_does_not(admin: httpx.Client) -> None:
    made = create(admin, description="of a test")
    listed = list_keys(admin)[made["id"]]
    assert set(made) - set(listed) == {"key"}
    assert made["key"] not in admin.get(KEYS).text


def test_a_raw_key_has_the_shape_that_the_search_for_secrets_knows(admin: httpx.Client) -> None:
    raw = create(admin)["key"]
    assert RAW_KEY.fullmatch(raw)
    assert looks_secret(raw)


def test_a_raw_key_names_the_id_that_the_list_shows(admin: httpx.Client) -> None:
    made = create(admin)
    payload = made["key"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    number = base64.b64decode(made["id"]).decode().removeprefix("SystemApiKey:")
    assert claims == {"jti": f"ApiKey:{number}"}


def test_the_list_is_whole_however_many_keys_there_are(admin: httpx.Client) -> None:
    made = [create(admin, name=f"many {number}")["id"] for number in range(120)]
    listed = admin.get(KEYS).json()
    assert set(listed) == {"data"}, "the list has pages now"
    assert set(made) <= {key["id"] for key in listed["data"]}


def test_two_keys_may_have_one_name(admin: httpx.Client) -> None:
    first, second = create(admin, name="twin"), create(admin, name="twin")
    assert first["id"] != second["id"]
    assert first["key"] != second["key"]


def test_an_empty_description_is_left_out_and_another_comes_back_as_it_was(admin: httpx.Client) -> None:
    bare, described = create(admin, description=""), create(admin, description=" [keyplan team/key] \n")
    listed = list_keys(admin)
    assert "description" not in listed[bare["id"]]
    assert listed[described["id"]]["description"] == " [keyplan team/key] \n"


def test_get_of_one_key_answers_with_a_page_for_browsers(admin: httpx.Client) -> None:
    answer = admin.get(f"{KEYS}/{create(admin)['id']}")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/html")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_key_can_not_be_changed(admin: httpx.Client, method: str) -> None:
    answer = admin.request(method, f"{KEYS}/{create(admin)['id']}", json={"data": {"name": "two"}})
    assert answer.status_code == 405


def test_a_deleted_key_is_gone_and_dead_at_once(phoenix: RunningPhoenix, admin: httpx.Client) -> None:
    made = create(admin)
    assert phoenix.accepts(made["key"])
    assert admin.delete(f"{KEYS}/{made['id']}").status_code == 204
    assert not phoenix.accepts(made["key"])
    assert made["id"] not in list_keys(admin)
    assert admin.delete(f"{KEYS}/{made['id']}").status_code == 404


def test_an_expiry_in_another_zone_is_listed_as_the_same_instant_in_utc(admin: httpx.Client) -> None:
    made = create(admin, expires_at="2100-01-01T05:00:00+05:00")
    listed = list_keys(admin)[made["id"]]["expires_at"]
    assert made["expires_at"] != listed
    assert (
        datetime.fromisoformat(made["expires_at"]) == datetime.fromisoformat(listed) == datetime(2100, 1, 1, tzinfo=UTC)
    )


def test_an_expiry_in_the_past_is_refused(admin: httpx.Client) -> None:
    answer = admin.post(KEYS, json={"data": {"name": "late", "expires_at": "2020-01-01T00:00:00Z"}})
    assert answer.status_code == 422


def test_an_expired_key_dies_at_its_date_and_leaves_the_list_soon_after(
    phoenix: RunningPhoenix, admin: httpx.Client
) -> None:
    end = datetime.now(UTC) + timedelta(seconds=3)
    made = create(admin, expires_at=end.isoformat())
    assert phoenix.accepts(made["key"])
    time.sleep(max(0.0, (end - datetime.now(UTC)).total_seconds()) + 0.1)
    assert not phoenix.accepts(made["key"])
    wait_until(lambda: made["id"] not in list_keys(admin))
    assert admin.delete(f"{KEYS}/{made['id']}").status_code == 404


def test_an_api_key_neither_lists_nor_creates_nor_deletes(phoenix: RunningPhoenix, admin: httpx.Client) -> None:
    made = create(admin)
    with phoenix.client(made["key"]) as client:
        assert client.get(KEYS).status_code == 403
        assert client.post(KEYS, json={"data": {"name": "two"}}).status_code == 403
        assert client.delete(f"{KEYS}/{made['id']}").status_code == 403
    assert phoenix.accepts(made["key"])


def test_a_wrong_credential_is_refused_in_plain_text(phoenix: RunningPhoenix) -> None:
    with phoenix.client("wrong") as client:
        answer = client.get(KEYS)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (401, "text/plain")


def test_a_second_process_knows_a_new_key_at_once_and_a_deleted_one_for_some_seconds(
    phoenix: RunningPhoenix, admin: httpx.Client, record_property: Callable[[str, object], None]
) -> None:
    with running_phoenix(phoenix.folder) as other:
        record_property(STARTUP, f"a second phoenix on its database: {other.startup_seconds:.1f} s")
        made = create(admin)
        assert other.accepts(made["key"])
        assert admin.delete(f"{KEYS}/{made['id']}").status_code == 204
        assert not phoenix.accepts(made["key"])
        wait_until(lambda: not other.accepts(made["key"]))
