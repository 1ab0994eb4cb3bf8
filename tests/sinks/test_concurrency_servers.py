"""Several runs at one place at the same instant, on real servers and on what stands for them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import hvac
import pyrage
import pytest
import requests
from samples import OWNER, RENAMED_LINEAGE, make_declaration, make_delivery, make_sink_settings
from sinks.aws_servers import Emulator, aws_environment, emulator
from sinks.gcp_fake import PROJECT, GcpFake
from sinks.kubernetes.cluster import TOKENS, Cluster
from sinks.kubernetes.fake import KubernetesFake
from sinks.test_concurrency_races import RUNS, make_racing_context
from sinks.threaded import answering
from sinks.vault_server import ROOT, VaultServer, running_vault

from keyplan.model.manifest import Json
from keyplan.model.observation import Slot
from keyplan.model.secret import Credential
from keyplan.ports import Sink
from keyplan.sinks.age.sink import build as build_age
from keyplan.sinks.aws.secrets_client import SecretsClient
from keyplan.sinks.aws.secrets_manager import build_on as build_aws
from keyplan.sinks.gcp.sink import build as build_gcp
from keyplan.sinks.kubernetes.sink import build as build_kubernetes
from keyplan.sinks.vault.auth import Token
from keyplan.sinks.vault.client import VaultClient, VaultSecret
from keyplan.sinks.vault.sink import build_on as build_vault
from keyplan.system.clock import SystemClock
from keyplan.testing.sink_races import CompareContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
__all__ = ["aws_environment", "emulator"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    with running_vault(tmp_path_factory.mktemp("openbao")) as running:
        yield running


class Uncomparing(VaultClient):
    """A client that sees no version of metadata, as on HashiCorp Vault, which has none."""

    def look(self, mount: str, path: str, *, values: bool) -> VaultSecret:
        return replace(super().look(mount, path, values=values), metadata_version=None)


@pytest.mark.parametrize("client_type", [VaultClient, Uncomparing], ids=["comparing metadata", "by claims"])
class TestVault(CompareContract):
    rounds = 12
    paths: ClassVar[list[str]] = []

    @pytest.fixture
    def rivals(self, server: VaultServer, client_type: type[VaultClient]) -> Sequence[Sink]:
        self.server = server
        self.paths.append(f"race-{len(self.paths)}")

        def build() -> Sink:
            adapter = hvac.adapters.RawAdapter
            client = hvac.Client(url=server.url, token=ROOT, adapter=adapter, ignore_exceptions=True)
            token = Token(Credential(ROOT))
            ours = client_type(client, requests.exceptions, auth=token, clock=SystemClock(), address=server.url)
            settings = make_sink_settings({"path": self.paths[-1]}, sink_type="vault")
            return build_vault(settings, make_racing_context(), ours)

        return [build() for _ in range(RUNS)]

    def value_at(self, slot: Slot) -> str | None:
        return (self.server.fields(str(slot.options["path"])) or {}).get("api_key")


@pytest.mark.parametrize("given", [{}, {"field": "api_key"}], ids=["whole", "a field"])
class TestAwsSecretsManager(CompareContract):
    rounds = 4

    @pytest.fixture
    def rivals(self, emulator: Emulator, given: dict[str, Json]) -> Sequence[Sink]:
        self.emulator, self.client = emulator.name, emulator.client("secretsmanager")
        options = emulator.options(**given)

        def build() -> Sink:
            return build_aws(
                make_sink_settings(options, sink_type="aws-secrets-manager"),
                lineage=RENAMED_LINEAGE,
                client=SecretsClient(*emulator.services("secretsmanager")),
                give_way=lambda _: time.sleep(random.uniform(0, 0.2)),  # noqa: S311 - it spreads pauses
            )

        sinks = [build() for _ in range(RUNS)]
        self.prepare(sinks[0])
        return sinks

    def prepare(self, sink: Sink) -> None:
        """Nothing is there yet."""

    def value_at(self, slot: Slot) -> str | None:
        name = str(slot.options["name"])
        text = self.client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"]
        return json.loads(text)["api_key"] if slot.options.get("field") else text


class TestAwsSecretsWithoutValue(TestAwsSecretsManager):
    """A secret that a user made and left empty: AWS has no label for it."""

    rounds = 1

    def prepare(self, sink: Sink) -> None:
        if self.emulator == "ministack":
            pytest.skip("it gives an empty secret a version, which counts as a user's value")
        slot = sink.locate(OWNER, make_declaration("ci"), make_delivery())
        self.client.create_secret(Name=str(slot.options["name"]))


@pytest.fixture(scope="module")
def google() -> Iterator[tuple[GcpFake, str]]:
    fake = GcpFake()
    with answering(fake) as url:
        yield fake, url


class TestGcpSecretManager(CompareContract):
    rounds = 12

    @pytest.fixture
    def rivals(self, google: tuple[GcpFake, str]) -> Sequence[Sink]:
        self.fake, url = google
        self.fake.reset()
        options: dict[str, Json] = {"project": PROJECT, "name": "arize-{name}", "endpoint": url}
        settings = make_sink_settings(options, sink_type="gcp-secret-manager")
        return [build_gcp(settings, make_racing_context()) for _ in range(RUNS)]

    def value_at(self, slot: Slot) -> str | None:
        return self.fake.value(str(slot.options["name"]))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with answering(KubernetesFake(TOKENS)) as url:
        cluster = Cluster(url)
        yield cluster
        cluster.close()


class TestKubernetes(CompareContract):
    rounds = 12

    @pytest.fixture
    def rivals(self, cluster: Cluster, tmp_path: Path) -> Iterator[Sequence[Sink]]:
        self.cluster, self.namespace = cluster, cluster.make_namespace()
        path = cluster.write_kubeconfig(tmp_path, user="full", namespace=self.namespace)
        options: dict[str, Json] = {"name": "arize-keys", "kubeconfig": str(path)}
        settings = make_sink_settings(options, sink_type="kubernetes")
        sinks: list[Any] = [build_kubernetes(settings, make_racing_context()) for _ in range(RUNS)]
        yield sinks
        for sink in sinks:
            sink._store._api.close()

    def value_at(self, slot: Slot) -> str | None:
        return self.cluster.value(self.namespace, str(slot.options["name"]), str(slot.options["entry"]))


class TestAge(CompareContract):
    @pytest.fixture
    def rivals(self, tmp_path: Path) -> Sequence[Sink]:
        identity = pyrage.x25519.Identity.generate()
        (tmp_path / "key.txt").write_text(str(identity))
        self.folder, self.identity = tmp_path, identity
        options: dict[str, Json] = {"path": "secrets/{name}.age", "recipients": [str(identity.to_public())]}
        settings = make_sink_settings(options | {"identity": {"file": "key.txt"}}, sink_type="age")
        return [build_age(settings, make_racing_context(tmp_path)) for _ in range(RUNS)]

    def value_at(self, slot: Slot) -> str | None:
        path = self.folder / str(slot.options["path"])
        return pyrage.decrypt(path.read_bytes(), [self.identity]).decode() if path.exists() else None
