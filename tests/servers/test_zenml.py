"""What keyplan relies on of ZenML, asked of the server alone: a new version that breaks a law fails here first."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from servers.fixtures import STARTUP
from servers.installation import ZENML
from servers.zenml import RunningZenml

pytestmark = [pytest.mark.providers, pytest.mark.enable_socket]

RAW_KEY = re.compile(r"ZENKEY_eyJpZCI6[A-Za-z0-9+/]{150}==")


@dataclass(frozen=True)
class Account:
    """A service account and a client of the administrator."""

    client: httpx.Client
    id: str

    @property
    def keys(self) -> str:
        """Return the path of its keys."""
        return f"/api/v1/service_accounts/{self.id}/api_keys"

    def create(self, name: str = "one", *, idempotency_key: str | None = None, description: str = "") -> dict[str, Any]:
        """Create a key, and return the answer."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer = self.client.post(self.keys, json={"name": name, "description": description}, headers=headers)
        assert answer.status_code == 200, answer.status_code
        made: dict[str, Any] = answer.json()
        return made

    def rotate(self, key: str, minutes: int = 0) -> dict[str, Any]:
        """Rotate a key, and return the answer."""
        answer = self.client.put(f"{self.keys}/{key}/rotate", json={"retain_period_minutes": minutes})
        assert answer.status_code == 200, answer.status_code
        rotated: dict[str, Any] = answer.json()
        return rotated

    def items(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return a page of the list."""
        answer = self.client.get(self.keys, params=parameters)
        assert answer.status_code == 200, answer.status_code
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


@pytest.fixture
def account(zenml: RunningZenml) -> Iterator[Account]:
    with zenml.client() as client:
        yield Account(client, zenml.create_service_account(f"account-{uuid.uuid4().hex}"))


def test_the_server_is_of_the_version_that_this_file_was_written_for(
    zenml: RunningZenml, record_property: Callable[[str, object], None]
) -> None:
    with zenml.client() as client:
        answer = client.get("/api/v1/info").json()
    assert (answer["version"], answer["active"]) == (ZENML.version, True)
    assert uuid.UUID(answer["id"]), "the id that binds a ledger to this server"
    record_property(STARTUP, f"zenml {ZENML.version}: {zenml.startup_seconds:.1f} s")


def test_a_create_shows_the_raw_key_and_list_and_get_do_not(account: Account) -> None:
    made = account.create()
    raw = made["body"]["key"]
    for path in (f"{account.keys}?hydrate=true", f"{account.keys}/{made['id']}"):
        answer = account.client.get(path)
        assert made["id"] in answer.text
        assert raw not in answer.text


def test_a_raw_key_has_a_fixed_shape_and_names_the_id_that_the_list_shows(account: Account) -> None:
    made = account.create()
    raw = made["body"]["key"]
    assert RAW_KEY.fullmatch(raw)
    inside = json.loads(base64.b64decode(raw.removeprefix("ZENKEY_")))
    assert set(inside) == {"id", "key"}
    assert inside["id"] == made["id"]


def test_the_description_is_listed_only_with_hydrate(account: Account) -> None:
    account.create(description="[keyplan team/key]")
    (bare,), (hydrated,) = account.items(), account.items(hydrate="true")
    assert bare["metadata"] is None
    assert hydrated["metadata"]["description"] == "[keyplan team/key]"


def test_the_list_has_pages_and_one_beyond_the_last_is_an_error(account: Account) -> None:
    made = {account.create(f"key {number}")["id"] for number in range(3)}
    pages = [account.items(page=number, size=2) for number in (1, 2)]
    assert [len(page) for page in pages] == [2, 1]
    assert {key["id"] for page in pages for key in page} == made
    assert account.client.get(account.keys, params={"page": 3, "size": 2}).status_code == 400


def test_a_name_is_taken_once_per_account(zenml: RunningZenml, account: Account) -> None:
    account.create("one")
    account.create("One")
    answer = account.client.post(account.keys, json={"name": "one"})
    assert (answer.status_code, answer.json()["detail"][0]) == (409, "EntityExistsError")
    Account(account.client, zenml.create_service_account(f"account-{uuid.uuid4().hex}")).create("one")


def test_a_rename_and_a_new_description_keep_id_and_raw_key(zenml: RunningZenml, account: Account) -> None:
    made = account.create()
    change = {"name": "two", "description": "other"}
    answer = account.client.put(f"{account.keys}/{made['id']}", json=change)
    assert answer.status_code == 200
    changed = answer.json()
    assert (changed["id"], changed["name"]) == (made["id"], "two")
    assert changed["metadata"]["description"] == "other"
    assert changed["body"]["key"] is None
    assert zenml.accepts(made["body"]["key"])


def test_an_expiry_is_dropped_without_a_word(account: Account) -> None:
    answer = account.client.post(account.keys, json={"name": "one", "expires_at": "2020-01-01T00:00:00Z"})
    assert answer.status_code == 200
    assert "expires_at" not in account.client.get(f"{account.keys}/{answer.json()['id']}").text


def test_a_rotate_keeps_id_name_description_and_time_of_creation(zenml: RunningZenml, account: Account) -> None:
    made = account.create(description="stays")
    rotated = account.rotate(made["id"])
    assert (rotated["id"], rotated["name"], rotated["body"]["created"]) == (
        made["id"],
        made["name"],
        made["body"]["created"],
    )
    assert RAW_KEY.fullmatch(rotated["body"]["key"])
    assert rotated["body"]["key"] != made["body"]["key"]
    assert account.items(hydrate="true")[0]["metadata"]["description"] == "stays"
    assert zenml.accepts(rotated["body"]["key"])
    assert not zenml.accepts(made["body"]["key"]), "retained without being asked to"


def test_the_answer_to_a_rotate_has_the_time_of_the_rotation_in_updated(account: Account) -> None:
    made = account.create()
    rotated = account.rotate(made["id"], 1)
    shown = account.items(hydrate="true")[0]["metadata"]
    assert rotated["metadata"] is None
    assert shown["last_rotated"] == rotated["body"]["updated"]
    assert shown["retain_period_minutes"] == 1


def test_a_rotate_with_retention_keeps_one_previous_key_and_no_more(zenml: RunningZenml, account: Account) -> None:
    first = account.create()
    second = account.rotate(first["id"], 5)
    assert [zenml.accepts(key["body"]["key"]) for key in (first, second)] == [True, True]
    third = account.rotate(first["id"], 5)
    assert [zenml.accepts(key["body"]["key"]) for key in (first, second, third)] == [False, True, True]
    account.rotate(first["id"], 0)
    assert [zenml.accepts(key["body"]["key"]) for key in (second, third)] == [False, False]


def test_a_create_with_the_same_idempotency_key_replays_the_answer(account: Account) -> None:
    token = str(uuid.uuid4())
    first, again = account.create(idempotency_key=token), account.create(idempotency_key=token)
    assert again == first
    assert len(account.items()) == 1


def test_a_replay_does_not_look_at_the_body_nor_whether_the_key_lives(zenml: RunningZenml, account: Account) -> None:
    token = str(uuid.uuid4())
    first = account.create(idempotency_key=token)
    assert account.create("other", idempotency_key=token) == first
    assert account.client.delete(f"{account.keys}/{first['id']}").status_code == 200
    assert account.create(idempotency_key=token) == first
    assert not zenml.accepts(first["body"]["key"])


def test_a_rotate_is_not_replayed(account: Account) -> None:
    made = account.create()
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    path, body = f"{account.keys}/{made['id']}/rotate", {"retain_period_minutes": 1}
    first, second = (account.client.put(path, json=body, headers=headers).json() for _ in range(2))
    assert first["body"]["key"] != second["body"]["key"]


def test_a_suspended_key_is_refused_until_it_is_active_again(zenml: RunningZenml, account: Account) -> None:
    made = account.create()
    path = f"{account.keys}/{made['id']}"
    assert account.client.put(path, json={"active": False}).status_code == 200
    assert not zenml.accepts(made["body"]["key"])
    assert account.client.put(path, json={"active": True}).status_code == 200
    assert zenml.accepts(made["body"]["key"])


def test_a_deleted_key_is_gone_and_dead_at_once(zenml: RunningZenml, account: Account) -> None:
    made = account.create()
    path = f"{account.keys}/{made['id']}"
    assert zenml.accepts(made["body"]["key"])
    assert account.client.delete(path).status_code == 200
    assert not zenml.accepts(made["body"]["key"])
    assert (account.client.get(path).status_code, account.client.delete(path).status_code) == (404, 404)
    assert account.items() == []


def test_a_raw_key_reads_but_changes_nothing(zenml: RunningZenml, account: Account) -> None:
    made = account.create()
    with zenml.client(made["body"]["key"]) as client:
        own = Account(client, account.id)
        assert [key["id"] for key in own.items()] == [made["id"]]
        statuses = {
            client.post(own.keys, json={"name": "two"}).status_code,
            client.put(f"{own.keys}/{made['id']}", json={"name": "two"}).status_code,
            client.put(f"{own.keys}/{made['id']}/rotate", json={}).status_code,
            client.delete(f"{own.keys}/{made['id']}").status_code,
        }
    assert statuses == {403}


def test_times_have_no_zone_and_are_in_utc(account: Account) -> None:
    created = datetime.fromisoformat(account.create()["body"]["created"])
    assert created.tzinfo is None
    assert abs(created.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_wrong_credential_is_refused_in_json(zenml: RunningZenml, account: Account) -> None:
    with zenml.client("wrong") as client:
        answer = client.get(account.keys)
    assert (answer.status_code, answer.json()["detail"][0]) == (401, "CredentialsNotValid")


def test_an_account_is_found_by_its_name_and_its_keys_by_its_id_alone(account: Account) -> None:
    found = account.client.get(f"/api/v1/service_accounts/{account.id}").json()
    by_name = account.client.get(f"/api/v1/service_accounts/{found['name']}")
    assert by_name.json()["id"] == account.id
    assert account.client.get(f"/api/v1/service_accounts/{found['name']}/api_keys").status_code == 422
    assert account.client.get("/api/v1/service_accounts/not-there").status_code == 404
