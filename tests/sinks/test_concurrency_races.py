"""Several runs at one place at the same instant, in stores that need no server."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from samples import OWNER, RAW, RENAMED_LINEAGE, make_declaration, make_delivery, make_receipt, make_sink_settings
from sinks.fake_vault import EXCEPTIONS, FakeVault

from keyplan.context import PluginContext
from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.model.secret import Credential, RawKey
from keyplan.ports import Sink
from keyplan.sinks.file import build_at
from keyplan.sinks.patience import open_retrier
from keyplan.sinks.vault.auth import Token
from keyplan.sinks.vault.client import VaultClient
from keyplan.sinks.vault.sink import build_on
from keyplan.system.clock import SystemClock
from keyplan.system.git import GitIgnoring
from keyplan.testing.sink_races import CompareContract

RUNS = 5


class FileRaces(CompareContract):
    options: ClassVar[dict[str, Json]]

    @pytest.fixture
    def rivals(self, tmp_path: Path) -> Sequence[Sink]:
        self.folder = tmp_path
        return [
            build_at(
                make_sink_settings(self.options), base=str(tmp_path), lineage=RENAMED_LINEAGE, ignoring=GitIgnoring({})
            )
            for _ in range(RUNS)
        ]

    def value_at(self, slot: Slot) -> str | None:
        path = self.folder / slot.location.partition("#")[0]
        return self.parse(path.read_text()) if path.exists() else None

    def parse(self, text: str) -> str:
        return text


class TestRawFiles(FileRaces):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/{name}.key"}


class TestJsonFiles(FileRaces):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/{name}.json", "format": "json"}

    def parse(self, text: str) -> str:
        return str(json.loads(text)["key"])


class TestDotenvFiles(FileRaces):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/all.env", "format": "dotenv", "variable": "{name}"}

    def parse(self, text: str) -> str:
        return text.strip().partition("=")[2]


def make_vault_sink(server: FakeVault, options: dict[str, Json]) -> Sink:
    settings = make_sink_settings({"path": "arize/shared", **options}, sink_type="vault")
    token = Token(Credential("hvs-token-of-a-test"))
    context = make_racing_context()
    retrier = open_retrier(options, context, name="vault")
    client = VaultClient(server, EXCEPTIONS, auth=token, retrier=retrier, address="https://vault.test")
    return build_on(settings, context, client)


def make_racing_context(folder: Path | str = "/") -> PluginContext:
    def resolve(source: object) -> Credential:
        raise AssertionError(source)

    return PluginContext(
        folder=str(folder),
        lineage=RENAMED_LINEAGE,
        clock=SystemClock(),
        jitter=lambda limit: random.uniform(0, limit),  # noqa: S311 - it spreads pauses
        resolve=resolve,
        environment={},
        say=print,
    )


class VaultRaces(CompareContract):
    options: ClassVar[dict[str, Json]] = {}

    @pytest.fixture(params=[False, True], ids=["as HashiCorp Vault", "as OpenBao"])
    def rivals(self, request: pytest.FixtureRequest) -> Sequence[Sink]:
        self.server = FakeVault(compares_metadata=request.param)
        sinks = [make_vault_sink(self.server, self.options) for _ in range(RUNS)]
        self.prepare(sinks[0])
        return sinks

    def prepare(self, sink: Sink) -> None:
        """Nothing is there yet."""

    def value_at(self, slot: Slot) -> str | None:
        entry = self.server.paths.get("arize/shared")
        held = entry.versions[-1] if entry and entry.versions else None
        return (held or {}).get(str(slot.options["field"]))


class TestSecretsOfVault(VaultRaces):
    pass


class TestFieldsOfVault(VaultRaces):
    options: ClassVar[dict[str, Json]] = {"field": "{name}"}

    def prepare(self, sink: Sink) -> None:
        sink.put(sink.locate(OWNER, make_declaration("second"), make_delivery()), RawKey(RAW), make_receipt())
