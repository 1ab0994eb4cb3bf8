"""The first ten minutes of the pages about providers, typed beside a real server of each: `make providers`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from documentation.shell_reader import ShellReader
from documentation.shell_rows import ROWS, Here
from e2e.terminal import Terminal
from servers.installation import ZENML
from servers.phoenix import RunningPhoenix
from servers.zenml import ADMIN, ADMIN_PASSWORD, RunningZenml

PHOENIX_PAGE, ZENML_PAGE = "docs/providers/phoenix.md", "docs/providers/zenml.md"
NO_SERVER = "http://127.0.0.1:1"


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[ShellReader]:
    """Return a reader in an empty folder, without a sandbox."""
    folder = tmp_path / "work"
    folder.mkdir()
    terminal = Terminal(folder=folder, url=NO_SERVER, credential="none", api="beta")
    reader = ShellReader(terminal, Here.ON_SERVERS)
    yield reader
    reader.kill_running()


def test_every_page_that_needs_a_server_is_followed_here() -> None:
    followed = {page for page, rows in ROWS.items() if any(Here.ON_SERVERS in row.values() for row in rows.values())}
    assert followed == {PHOENIX_PAGE, ZENML_PAGE}


@pytest.mark.providers
@pytest.mark.e2e
@pytest.mark.enable_socket
def test_the_first_ten_minutes_with_phoenix(reader: ShellReader, empty_phoenix: RunningPhoenix) -> None:
    raw_keys: list[str] = []

    def delete_evals() -> None:
        raw_keys.extend(path.read_text() for path in sorted((reader.folder / "secrets").glob("*.key")))
        with empty_phoenix.client() as client:
            keys = client.get("/v1/system/api_keys").raise_for_status().json()["data"]
            (key_id,) = (key["id"] for key in keys if key["name"] == "evals")
            client.delete(f"/v1/system/api_keys/{key_id}").raise_for_status()

    reader.variables["SECRET"] = empty_phoenix.admin_secret
    reader.follow_page(
        PHOENIX_PAGE,
        replaced={"http://127.0.0.1:6006": empty_phoenix.base_url, "SECRET=...": 'SECRET="$SECRET"'},
        before={"keyplan drift": delete_evals},
    )
    evals, tracing = raw_keys
    assert (empty_phoenix.accepts(evals), empty_phoenix.accepts(tracing)) == (False, True)
    assert [path.name for path in (reader.folder / "secrets").glob("*.key")] == ["tracing.key"]
    assert "system/tracing" in reader.said[3]


@pytest.mark.providers
@pytest.mark.e2e
@pytest.mark.enable_socket
def test_the_first_ten_minutes_with_zenml(reader: ShellReader, empty_zenml: RunningZenml) -> None:
    empty_zenml.create_service_account("ci")
    reader.variables |= {
        "TOKEN": empty_zenml.admin_token,
        "PATH": f"{reader.variables['PATH']}:{ZENML.program('zenml').parent}",
        "ZENML_STORE_TYPE": "rest",
        "ZENML_STORE_URL": empty_zenml.base_url,
        "ZENML_STORE_USERNAME": ADMIN,
        "ZENML_STORE_PASSWORD": ADMIN_PASSWORD,
        "ZENML_ANALYTICS_OPT_IN": "false",
    }
    reader.follow_page(
        ZENML_PAGE, replaced={"https://zenml.example.com": empty_zenml.base_url, "TOKEN=...": 'TOKEN="$TOKEN"'}
    )
    (left,) = (reader.folder / "secrets").glob("*.env")
    assert left.name == "ingest.env"
    assert empty_zenml.accepts(left.read_text().strip().partition("=")[2].strip("'\""))
