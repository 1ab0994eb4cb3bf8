"""State files: what outlives the server, and which files are refused."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sandbox.sandbox_client import Client, OpenClient, bearer

from keyplan.sandbox.application import open_sandbox
from keyplan.sandbox.options import SandboxError, SandboxOptions


def reopened(opened: OpenClient, former: Client, **options: object) -> Client:
    """Close a sandbox and open its state again, presenting the same credential."""
    former.sandbox.database.close()
    client = opened(**options)
    client.headers.update(former.headers)
    return client


def test_keys_and_clock_outlive_the_server(opened: OpenClient, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    first = opened(state=state)
    made = first.create()
    first.advance(3600)
    second = reopened(opened, first, state=state)
    assert second.works(made["key"])
    assert second.get("/_sandbox/clock").json()["ahead_seconds"] == 3600


def test_a_state_made_in_alpha_can_be_served_as_beta(opened: OpenClient, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    first = opened(api="alpha", state=state)
    first.create_service()
    second = reopened(opened, first, api="beta", state=state)
    (key,) = second.listed(key_type="SERVICE")
    assert [space["role"]["name"] for space in key["bot_user"]["organizations"][0]["spaces"]] == ["MEMBER"]


def test_no_raw_key_is_in_the_state_file(opened: OpenClient, tmp_path: Path) -> None:
    client = opened(state=tmp_path / "state.db")
    raw = [client.create()["key"], client.sandbox.credentials.first]
    content = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(each.encode() in content for each in raw)


def test_the_first_credential_is_known_only_when_it_was_made(opened: OpenClient, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    first = opened(state=state, second_user=True)
    second = reopened(opened, first, state=state, second_user=True)
    made, known = first.sandbox.credentials, second.sandbox.credentials
    assert (made.first_is_new, bool(made.first), bool(made.second)) == (True, True, True)
    assert (known.first_is_new, known.first, known.second) == (False, "", "")
    assert second.works(made.first)


def test_a_chosen_credential_is_made_once(opened: OpenClient, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    first = opened(state=state, credential="ak-chosen-by-me")
    second = reopened(opened, first, state=state, credential="ak-chosen-by-me")
    assert [each.sandbox.credentials.first_is_new for each in (first, second)] == [True, False]
    assert [key["redacted_key"] for key in second.listed()] == ["ak-cho...-me"]


def test_another_credential_is_added_to_an_old_state(opened: OpenClient, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    second = reopened(opened, opened(state=state), state=state, credential="ak-another")
    assert second.sandbox.credentials.first_is_new
    assert len(second.get("/v2/api-keys", headers=bearer("ak-another")).json()["api_keys"]) == 2


def test_a_dead_credential_is_refused(opened: OpenClient, tmp_path: Path) -> None:
    state = tmp_path / "state.db"
    client = opened(state=state, credential="ak-chosen-by-me")
    client.end(client.listed()[0]["id"])
    client.sandbox.database.close()
    with pytest.raises(SandboxError, match="dead key"):
        opened(state=state, credential="ak-chosen-by-me")


def test_the_first_credential_is_a_user_key_without_description(either: Client) -> None:
    (key,) = either.listed()
    assert (key["name"], key["key_type"].lower(), "description" in key) == ("keyplan sandbox", "user", False)


def foreign_database(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE customers (name TEXT)")
    connection.close()


def later_version(path: Path) -> None:
    open_sandbox(SandboxOptions(state=path), close_connection=lambda _scope: None).database.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        pytest.param(foreign_database, "not a sandbox's state", id="another program's database"),
        pytest.param(later_version, "another version", id="a later sandbox's state"),
        pytest.param(lambda path: path.write_text("hello" * 100), "not a database", id="no database"),
        pytest.param(lambda path: path.mkdir(), "unable to open", id="a folder"),
    ],
)
def test_an_unusable_state_file_is_refused_by_name(tmp_path: Path, prepare: object, message: str) -> None:
    assert callable(prepare)
    state = tmp_path / "state.db"
    prepare(state)
    with pytest.raises(SandboxError, match=rf"state\.db: .*{message}"):
        open_sandbox(SandboxOptions(state=state), close_connection=lambda _scope: None)
