"""Several runs at one place at the same instant, on real servers and on what stands for them."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import hvac
import pyrage
import pytest
import requests
from samples import (
    NOW,
    OTHER_RAW,
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_receipt,
    make_runner,
    make_sink_settings,
)
from sinks.aws_servers import Emulator, aws_environment, emulator
from sinks.gcp_fake import PROJECT, GcpFake
from sinks.interleaved import Interrupted, Interruption, points, refused
from sinks.kubernetes.cluster import TOKENS, Cluster
from sinks.kubernetes.fake import KubernetesFake
from sinks.test_concurrency_races import RUNS, make_racing_context
from sinks.threaded import answering
from sinks.vault_server import ROOT, VaultServer, running_vault

from keyplan.model.identity import KeyId
from keyplan.model.manifest import Json, SinkSettings
from keyplan.model.observation import Content, Slot
from keyplan.model.secret import Credential, RawKey
from keyplan.ports import Sink
from keyplan.sinks.age.sink import build as build_age
from keyplan.sinks.aws.secrets_client import SecretsClient
from keyplan.sinks.aws.secrets_manager import build_on as build_aws
from keyplan.sinks.gcp.sink import build as build_gcp
from keyplan.sinks.kubernetes.sink import build as build_kubernetes
from keyplan.sinks.patience import open_retrier
from keyplan.sinks.vault.auth import Token
from keyplan.sinks.vault.client import VaultClient, VaultSecret
from keyplan.sinks.vault.sink import build_on as build_vault
from keyplan.testing.sink_races import CompareContract, make_racing_intent

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
            retrier = open_retrier({}, make_racing_context(), name="vault")
            ours = client_type(client, requests.exceptions, auth=token, retrier=retrier, address=server.url)
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


# every order of the requests of two runs


class Pair:
    """Two sinks on one store; before each request of the first one, something is called."""

    def __init__(self, first: Any, second: Sink, install: Callable[[Any, Interruption], None]) -> None:
        self.first: Sink = first
        self.second = second
        self.install = lambda interruption: install(first, interruption)


OpenPair = Callable[[], Pair]


@pytest.fixture
def open_aws(emulator: Emulator) -> OpenPair:
    def install(sink: Any, interruption: Interruption) -> None:
        service = sink._store._client._service
        service._client = Interrupted(service._client, interruption)

    def build(settings: SinkSettings) -> Sink:
        client = SecretsClient(*emulator.services("secretsmanager"))
        return build_aws(settings, lineage=RENAMED_LINEAGE, client=client)

    def open_pair() -> Pair:
        settings = make_sink_settings(emulator.options(), sink_type="aws-secrets-manager")
        return Pair(build(settings), build(settings), install)

    return open_pair


@pytest.fixture
def open_gcp(google: tuple[GcpFake, str]) -> OpenPair:
    fake, url = google
    options: dict[str, Json] = {"project": PROJECT, "name": "arize-{name}", "endpoint": url}
    settings = make_sink_settings(options, sink_type="gcp-secret-manager")

    def install(sink: Any, interruption: Interruption) -> None:
        sink._store._manager = Interrupted(sink._store._manager, interruption)

    def open_pair() -> Pair:
        fake.reset()
        return Pair(*(build_gcp(settings, make_racing_context()) for _ in range(2)), install)

    return open_pair


@pytest.fixture
def open_kubernetes(cluster: Cluster, tmp_path: Path) -> Iterator[OpenPair]:
    opened: list[Any] = []

    def install(sink: Any, interruption: Interruption) -> None:
        sink._store._api = Interrupted(sink._store._api, interruption)

    def open_pair() -> Pair:
        path = cluster.write_kubeconfig(tmp_path, user="full", namespace=cluster.make_namespace())
        options: dict[str, Json] = {"name": "arize-keys", "kubeconfig": str(path)}
        settings = make_sink_settings(options, sink_type="kubernetes")
        pair = [build_kubernetes(settings, make_racing_context()) for _ in range(2)]
        opened.extend(pair)
        return Pair(*pair, install)

    yield open_pair
    for sink in opened:
        sink._store._api.close()


def check_that_one_goes_on(open_pair: OpenPair, *, is_filled: bool) -> None:
    def run(point: int) -> Interruption:
        pair = open_pair()
        slot = pair.first.locate(OWNER, make_declaration("ci"), make_delivery())
        if is_filled:
            pair.first.put(slot, RawKey(RAW), make_receipt())
        seen = pair.first.inspect([slot])[slot].revision
        interruption = Interruption(point, lambda: pair.second.intend(slot, make_racing_intent("b"), over=seen))
        pair.install(interruption)
        interruption.arm()
        told = refused(lambda: pair.first.intend(slot, make_racing_intent("a"), over=seen))
        interruption.disarm()
        winners = [run for run, errors in (("a", [told] if told else []), ("b", interruption.errors)) if not errors]
        if interruption.has_happened:
            assert len(winners) == 1, (point, told, interruption.errors)
            assert pair.second.inspect([slot])[slot].intent == make_racing_intent(winners[0])
        return interruption

    assert len(list(points(run))) > 1


def check_who_has_the_last_word(open_pair: OpenPair, *, may_note_late: bool = False) -> None:
    def run(point: int) -> Interruption:
        pair = open_pair()
        slot = pair.first.locate(OWNER, make_declaration("ci"), make_delivery())
        pair.first.put(slot, RawKey(RAW), make_receipt())
        ours = make_racing_intent("a")
        pair.first.intend(slot, ours)
        theirs = replace(ours, runner=make_runner("b"), attempts=2)
        later = make_receipt(OTHER_RAW, key_id=KeyId("key-2"), delivered_at=NOW + timedelta(seconds=1))

        def take_over() -> None:
            seen = pair.second.inspect([slot])[slot].revision
            pair.second.intend(slot, theirs, over=seen)
            pair.second.put(slot, RawKey(OTHER_RAW), later, intent=theirs)

        interruption = Interruption(point, take_over)
        pair.install(interruption)
        interruption.arm()
        late = make_receipt("ak-late", key_id=KeyId("key-3"), delivered_at=NOW + timedelta(seconds=2))
        told = refused(lambda: pair.first.put(slot, RawKey("ak-late"), late, intent=ours))
        interruption.disarm()
        if interruption.has_happened and not interruption.errors:
            held = pair.second.read(slot)
            assert held is not None
            assert later.fingerprint is not None
            assert later.fingerprint.matches(held), point
            found = pair.second.inspect([slot])[slot]
            # AWS sets tags unconditionally: a receipt that comes too late names another value than is there.
            is_noticed = found.content is Content.DIFFERS and told is None and may_note_late
            assert found.receipt == later or is_noticed, (point, told)
        return interruption

    assert len(list(points(run))) > 1


FILLED = pytest.mark.parametrize("is_filled", [False, True], ids=["empty", "filled"])


@FILLED
def test_of_two_runs_in_aws_one_goes_on(open_aws: OpenPair, is_filled: bool) -> None:
    check_that_one_goes_on(open_aws, is_filled=is_filled)


@FILLED
def test_of_two_runs_in_gcp_one_goes_on(open_gcp: OpenPair, is_filled: bool) -> None:
    check_that_one_goes_on(open_gcp, is_filled=is_filled)


@FILLED
def test_of_two_runs_in_kubernetes_one_goes_on(open_kubernetes: OpenPair, is_filled: bool) -> None:
    check_that_one_goes_on(open_kubernetes, is_filled=is_filled)


def test_the_run_that_takes_over_in_aws_has_the_last_word(open_aws: OpenPair) -> None:
    check_who_has_the_last_word(open_aws, may_note_late=True)


def test_the_run_that_takes_over_in_gcp_has_the_last_word(open_gcp: OpenPair) -> None:
    check_who_has_the_last_word(open_gcp)


def test_the_run_that_takes_over_in_kubernetes_has_the_last_word(open_kubernetes: OpenPair) -> None:
    check_who_has_the_last_word(open_kubernetes)
