"""The sink `vault` on a real OpenBao server."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import hvac
import pytest
from samples import (
    NOW,
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)
from sinks.journey import travelling
from sinks.vault_kubernetes import PUBLIC_KEY, SUBJECT, Cluster, reviewing_tokens, sign_jwt
from sinks.vault_server import ROOT, VaultServer, running_vault

from keyplan.context import PluginContext
from keyplan.errors import SinkDeniedError, SinkPausedError, SinkUnavailableError
from keyplan.model.identity import KeyId
from keyplan.model.observation import Abilities, Content, Holding, Slot
from keyplan.model.receipt import Superseded
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.vault import sink as vault
from keyplan.sinks.vault.places import VaultPlace
from keyplan.system.clock import SystemClock
from keyplan.system.secrets import resolve
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

READ_WRITE = """
path "secret/data/PREFIX/*" { capabilities = ["create", "update", "read", "delete"] }
path "secret/metadata/PREFIX/*" { capabilities = ["create", "update", "patch", "read"] }
"""
WRITE_ONLY = """
path "secret/data/PREFIX/*" { capabilities = ["create", "update", "patch", "delete"] }
path "secret/metadata/PREFIX/*" { capabilities = ["create", "update", "patch", "read"] }
"""
WRITE_ONLY_UNPATCHED = """
path "secret/data/PREFIX/*" { capabilities = ["create", "update", "delete"] }
path "secret/metadata/PREFIX/*" { capabilities = ["create", "update", "read"] }
"""
METADATA_READ_ONLY = """
path "secret/data/PREFIX/*" { capabilities = ["create", "update", "delete"] }
path "secret/metadata/PREFIX/*" { capabilities = ["read"] }
"""


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    with running_vault(tmp_path_factory.mktemp("openbao")) as running:
        yield running


@pytest.fixture(scope="session")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultServer]:
    with running_vault(tmp_path_factory.mktemp("openbao-tls"), tls=True) as running:
        yield running


@pytest.fixture
def prefix() -> str:
    """Return a folder of secrets that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


Build = Callable[..., Sink]


def make_sink(folder: Path, options: Mapping[str, Any], environment: Mapping[str, str]) -> Sink:
    context = PluginContext(
        folder=str(folder),
        lineage=RENAMED_LINEAGE,
        clock=SystemClock(),
        jitter=lambda limit: limit,
        resolve=lambda source: resolve(source, environment=environment, folder=str(folder)),
        environment=environment,
        say=print,
    )
    return vault.build(make_sink_settings(options, sink_type="vault"), context)


@pytest.fixture
def build(server: VaultServer, prefix: str, tmp_path: Path) -> Build:
    """Return what builds a sink on the server: with a policy of HCL, or as root, and with further options."""

    def build_one(policy: str = "", **options: Any) -> Sink:
        token = server.token_for(policy.replace("PREFIX", prefix)) if policy else ROOT
        given = {"address": server.url, "path": f"{prefix}/{{name}}", **options}
        return make_sink(tmp_path, given, {"VAULT_TOKEN": token})

    return build_one


def slot_of(sink: Sink, name: str = "ci", **options: Any) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(options))


def look(sink: Sink, slot: Slot) -> Holding:
    return sink.inspect([slot])[slot]


class VaultContract(SinkContract):
    policy: ClassVar[str] = ""
    options: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def sink(self, server: VaultServer, build: Build) -> Sink:
        self.server = server
        return build(self.policy, **self.options)

    def fields_at(self, slot: Slot) -> dict[str, Any]:
        return self.server.fields(str(slot.options["path"])) or {}

    def value_at(self, slot: Slot) -> str | None:
        return self.fields_at(slot).get(str(slot.options["field"]))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        fields = {**self.fields_at(slot), str(slot.options["field"]): raw_text}
        self.server.write(str(slot.options["path"]), **fields)


class TestAsRoot(VaultContract):
    pass


class TestWithTheLeastPolicy(VaultContract):
    policy = READ_WRITE


class TestSeveralKeysInOneSecret(VaultContract):
    policy = READ_WRITE
    options: ClassVar[dict[str, Any]] = {"field": "{name}"}

    @pytest.fixture
    def sink(self, server: VaultServer, build: Build, prefix: str) -> Sink:
        self.server = server
        return build(self.policy, **self.options, path=f"{prefix}/shared")


class TestSeveralKeysInOneSecretThatMayNotBeRead(TestSeveralKeysInOneSecret):
    policy = WRITE_ONLY
    options: ClassVar[dict[str, Any]] = {"field": "{name}", "write_only": True}


class TestWriteOnly(VaultContract):
    policy = WRITE_ONLY
    options: ClassVar[dict[str, Any]] = {"write_only": True}


class TestWriteOnlyWithoutTheRightToPatch(VaultContract):
    policy = WRITE_ONLY_UNPATCHED
    options: ClassVar[dict[str, Any]] = {"write_only": True}


class TestMetadataThatMayOnlyBeRead(VaultContract):
    policy = METADATA_READ_ONLY
    options: ClassVar[dict[str, Any]] = {"write_only": True, "receipts": False, "overwrite": True}

    def look(self, sink: Sink, slot: Slot) -> Holding:
        holding = super().look(sink, slot)
        self.changed_at = holding.changed_at
        # Each write has its own time, which is all that tells one from the next.
        return replace(holding, changed_at=None)

    def test_weak_proof_comes_only_where_it_is_promised(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        self.look(sink, slot)
        assert sink.abilities == Abilities(holds_receipts=False, readable=False, weak_proof=True)
        assert self.changed_at is not None
        assert self.changed_at >= NOW


class TestJson(VaultContract):
    options: ClassVar[dict[str, Any]] = {"format": "json"}

    def value_at(self, slot: Slot) -> str | None:
        text = super().value_at(slot)
        return json.loads(text)["key"] if text else None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        super().person_writes(slot, json.dumps({"key": raw_text}))


class TestValuesThatEndInANewline(VaultContract):
    options: ClassVar[dict[str, Any]] = {"newline": True}

    def value_at(self, slot: Slot) -> str | None:
        text = super().value_at(slot)
        assert text is None or text.endswith("\n")
        return text and text[:-1]

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        super().person_writes(slot, f"{raw_text}\n")


class TestFieldsOfOthers:
    def test_other_fields_are_kept_when_the_secret_can_be_read(self, server: VaultServer, build: Build) -> None:
        sink = build(READ_WRITE)
        slot = slot_of(sink)
        server.write(str(slot.options["path"]), database="theirs")
        sink.put(slot, RawKey(RAW), make_receipt())
        assert server.fields(str(slot.options["path"])) == {"database": "theirs", "api_key": RAW}
        sink.withdraw(slot, OWNER)
        assert server.fields(str(slot.options["path"])) == {"database": "theirs"}

    def test_a_patch_keeps_other_fields_that_cannot_be_read(self, server: VaultServer, build: Build) -> None:
        sink = build(WRITE_ONLY, write_only=True, overwrite=True)
        slot = slot_of(sink)
        server.write(str(slot.options["path"]), database="theirs")
        sink.put(slot, RawKey(RAW), make_receipt())
        assert server.fields(str(slot.options["path"])) == {"database": "theirs", "api_key": RAW}
        sink.withdraw(slot, OWNER)
        assert server.fields(str(slot.options["path"])) == {"database": "theirs"}

    def test_a_secret_that_is_not_all_ours_is_not_written_as_a_whole(self, server: VaultServer, build: Build) -> None:
        ours = build(READ_WRITE)
        slot = slot_of(ours)
        server.write(str(slot.options["path"]), database="theirs")
        ours.put(slot, RawKey(RAW), make_receipt())
        blind = build(WRITE_ONLY_UNPATCHED, write_only=True)
        with pytest.raises(SinkDeniedError, match="patch"):
            blind.intend(slot, make_intent())
        with pytest.raises(SinkDeniedError, match="other fields"):
            blind.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        with pytest.raises(SinkDeniedError, match="other fields"):
            blind.withdraw(slot, OWNER)
        assert server.fields(str(slot.options["path"])) == {"database": "theirs", "api_key": RAW}

    def test_a_secret_that_keyplan_made_is_written_as_a_whole(self, server: VaultServer, build: Build) -> None:
        sink = build(WRITE_ONLY_UNPATCHED, write_only=True)
        slot = slot_of(sink)
        for text in (RAW, OTHER_RAW):
            sink.intend(slot, make_intent())
            sink.put(slot, RawKey(text), make_receipt(text))
        assert server.fields(str(slot.options["path"])) == {"api_key": OTHER_RAW}

    def test_a_policy_without_read_is_found_out_without_being_told(self, server: VaultServer, build: Build) -> None:
        sink = build(WRITE_ONLY)
        slot = slot_of(sink)
        sink.put(slot, RawKey(RAW), make_receipt())
        assert look(sink, slot) == Holding(present=True, receipt=make_receipt())
        assert server.fields(str(slot.options["path"])) == {"api_key": RAW}


class TestWritersAtTheSameTime:
    def test_no_change_of_anybody_is_lost(self, server: VaultServer, build: Build, prefix: str) -> None:
        sinks = [build(READ_WRITE, path=f"{prefix}/shared", field="{name}") for _ in range(4)]
        slots = [slot_of(sink, f"key-{number}") for number, sink in enumerate(sinks)]

        def put(number: int) -> None:
            sinks[number].put(slots[number], RawKey(f"ak-{number}"), make_receipt(f"ak-{number}"))

        def add_by_hand() -> None:
            kv = server.client().secrets.kv.v2
            for number in range(10):
                retry_patch(kv, f"{prefix}/shared", {f"theirs-{number}": "x"})

        server.write(f"{prefix}/shared", theirs="x")
        with ThreadPoolExecutor() as pool:
            futures = [pool.submit(add_by_hand), *(pool.submit(put, number) for number in range(4))]
            for future in futures:
                future.result()
        held = server.fields(f"{prefix}/shared") or {}
        assert {name for name in held if name.startswith("key-")} == {f"key-{number}" for number in range(4)}
        assert len(held) == 1 + 10 + 4
        assert all(look(sink, slot).content is Content.MATCHES for sink, slot in zip(sinks, slots, strict=True))

    def test_a_store_that_demands_check_and_set_is_served(self, server: VaultServer, build: Build) -> None:
        sink = build(READ_WRITE)
        slot = slot_of(sink)
        server.client().secrets.kv.v2.update_metadata(str(slot.options["path"]), cas_required=True)
        for text in (RAW, OTHER_RAW):
            sink.put(slot, RawKey(text), make_receipt(text))
        assert server.fields(str(slot.options["path"])) == {"api_key": OTHER_RAW}


def retry_patch(kv: Any, path: str, fields: Mapping[str, str]) -> None:
    """Add fields as a careful person does."""
    while True:
        found = kv.read_secret_version(path, raise_on_deleted_version=True)["data"]
        try:
            kv.create_or_update_secret(path, {**found["data"], **fields}, cas=found["metadata"]["version"])
        except hvac.exceptions.InvalidRequest:
            continue
        return


class TestDrift:
    @pytest.mark.parametrize("write_only", [False, True], ids=["readable", "write-only"])
    def test_a_value_that_is_rolled_back_is_noticed(self, server: VaultServer, build: Build, write_only: bool) -> None:
        sink = build(WRITE_ONLY if write_only else READ_WRITE, write_only=write_only)
        slot = slot_of(sink)
        for text in (RAW, OTHER_RAW):
            sink.put(slot, RawKey(text), make_receipt(text))
        server.write(str(slot.options["path"]), api_key=RAW)  # what `bao kv rollback` does
        assert look(sink, slot).content is Content.DIFFERS
        sink.withdraw(slot, OWNER)
        assert server.fields(str(slot.options["path"])) == {"api_key": RAW}, "a person's value stays"

    @pytest.mark.parametrize("how", ["delete", "destroy", "forget"])
    def test_a_value_that_is_deleted_is_noticed(self, server: VaultServer, build: Build, how: str) -> None:
        sink = build(READ_WRITE)
        slot = slot_of(sink)
        sink.put(slot, RawKey(RAW), make_receipt())
        kv, path = server.client().secrets.kv.v2, str(slot.options["path"])
        match how:
            case "delete":
                kv.delete_latest_version_of_secret(path)
            case "destroy":
                kv.destroy_secret_versions(path, [1])
            case _:
                kv.delete_metadata_and_all_versions(path)
        assert look(sink, slot) == Holding(present=False)
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(RAW), make_receipt())
        assert server.fields(path) == {"api_key": RAW}

    def test_writing_one_field_casts_no_doubt_on_another(self, build: Build, prefix: str) -> None:
        sink = build(WRITE_ONLY, write_only=True, path=f"{prefix}/shared", field="{name}")
        first, second = slot_of(sink, "first"), slot_of(sink, "second")
        sink.put(first, RawKey(RAW), make_receipt())
        sink.put(second, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert [look(sink, slot).content for slot in (first, second)] == [Content.UNREAD] * 2

    def test_a_secret_that_will_delete_itself_is_there_until_then(self, server: VaultServer, build: Build) -> None:
        sink = build(WRITE_ONLY, write_only=True)
        slot = slot_of(sink)
        server.client().secrets.kv.v2.update_metadata(str(slot.options["path"]), delete_version_after="1h")
        sink.put(slot, RawKey(RAW), make_receipt())
        assert look(sink, slot) == Holding(present=True, receipt=make_receipt())

    def test_a_crash_between_value_and_receipt_is_seen(self, server: VaultServer, build: Build) -> None:
        sink = build(WRITE_ONLY, write_only=True)
        slot = slot_of(sink)
        sink.intend(slot, make_intent())
        server.write(str(slot.options["path"]), api_key=RAW)
        assert look(sink, slot) == Holding(present=True, intent=make_intent())
        sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert server.fields(str(slot.options["path"])) == {"api_key": OTHER_RAW}


def make_superseded(count: int) -> tuple[Superseded, ...]:
    """Return so many old keys, with long ids."""
    return tuple(
        Superseded(key_id=KeyId(f"k{number:03}" * 10), switched_at=NOW, delete_after=NOW) for number in range(count)
    )


class TestNotes:
    def test_a_long_receipt_takes_several_entries_and_a_shorter_one_leaves_none(
        self, server: VaultServer, build: Build
    ) -> None:
        sink = build(READ_WRITE)
        slot = slot_of(sink)
        sink.put(slot, RawKey(RAW), make_receipt(superseded=make_superseded(20)))
        assert look(sink, slot).receipt == make_receipt(superseded=make_superseded(20))
        many = server.metadata(str(slot.options["path"]))["custom_metadata"]
        sink.annotate(slot, make_receipt())
        few = server.metadata(str(slot.options["path"]))["custom_metadata"]
        assert len(many) > len(few)
        assert few["keyplan-owner"] == OWNER

    @pytest.mark.parametrize("policy", [READ_WRITE, WRITE_ONLY_UNPATCHED], ids=["patched", "replaced"])
    def test_metadata_of_others_is_kept(self, server: VaultServer, build: Build, policy: str) -> None:
        sink = build(policy)
        slot = slot_of(sink)
        server.client().secrets.kv.v2.update_metadata(str(slot.options["path"]), custom_metadata={"team": "ml"})
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(RAW), make_receipt())
        sink.withdraw(slot, OWNER)
        assert server.metadata(str(slot.options["path"]))["custom_metadata"] == {"team": "ml"}

    def test_a_secret_takes_as_many_keys_as_its_metadata_has_room_for(self, build: Build, prefix: str) -> None:
        sink = build(READ_WRITE, path=f"{prefix}/shared", field="{name}")
        slots = [slot_of(sink, f"key-{number}") for number in range(20)]
        for slot in slots:
            sink.put(slot, RawKey(RAW), make_receipt())
        with pytest.raises(SinkDeniedError, match=f"{prefix}/shared.*no room"):
            sink.put(slot_of(sink), RawKey(RAW), make_receipt(superseded=make_superseded(300)))
        held = sink.inspect(slots)
        assert all(holding.content is Content.MATCHES for holding in held.values())

    def test_a_thousand_receipts_are_read(self, build: Build) -> None:
        sink = build()
        slots = [slot_of(sink, f"key-{number}") for number in range(1000)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda slot: sink.put(slot, RawKey(RAW), make_receipt()), slots))
        assert all(holding.content is Content.MATCHES for holding in sink.inspect(slots).values())


class TestRights:
    def test_a_policy_that_lacks_update_is_found_before_a_key_is_made(self, server: VaultServer, build: Build) -> None:
        sink = build(READ_WRITE.replace('"create", "update", "read"', '"create", "read"'))
        slot = slot_of(sink)
        with pytest.raises(SinkDeniedError, match="lacks 'update'") as caught:
            sink.intend(slot, make_intent())
        assert "secret/data/" in caught.value.advice
        with pytest.raises(hvac.exceptions.InvalidPath):
            server.metadata(str(slot.options["path"]))

    @pytest.mark.parametrize("act", ["inspect", "intend", "put", "annotate", "retract", "withdraw"])
    def test_a_token_without_rights_is_denied(self, build: Build, act: str) -> None:
        sink = build('path "secret/other" { capabilities = ["read"] }')
        slot = slot_of(sink)
        acts: dict[str, Callable[[], object]] = {
            "inspect": lambda: sink.inspect([slot]),
            "intend": lambda: sink.intend(slot, make_intent()),
            "put": lambda: sink.put(slot, RawKey(RAW), make_receipt()),
            "annotate": lambda: sink.annotate(slot, make_receipt()),
            "retract": lambda: sink.retract(slot, make_intent()),
            "withdraw": lambda: sink.withdraw(slot, OWNER),
        }
        with pytest.raises(SinkDeniedError, match="does not allow the token to read secret/metadata/") as caught:
            acts[act]()
        assert "policy" in caught.value.advice

    def test_metadata_that_may_only_be_read_is_found_before_a_key_is_made(self, build: Build) -> None:
        sink = build(METADATA_READ_ONLY, write_only=True)
        with pytest.raises(SinkDeniedError, match="secret/metadata/") as caught:
            sink.intend(slot_of(sink), make_intent())
        assert "receipts: false" in caught.value.advice

    def test_a_missing_mount_is_found_before_a_key_is_made(self, build: Build) -> None:
        sink = build(mount="no-such-mount")
        with pytest.raises(SinkDeniedError, match="no-such-mount") as caught:
            sink.intend(slot_of(sink), make_intent())
        assert "mount" in caught.value.advice

    def test_a_kv_engine_of_version_1_is_refused_and_left_alone(
        self, server: VaultServer, build: Build, prefix: str
    ) -> None:
        client = server.client()
        client.sys.enable_secrets_engine("kv", path=prefix, options={"version": "1"})
        sink = build(mount=prefix)
        with pytest.raises(SinkDeniedError, match="version 2"):
            sink.intend(slot_of(sink), make_intent())
        with pytest.raises(hvac.exceptions.InvalidPath):
            client.secrets.kv.v1.list_secrets("", mount_point=prefix)


class TestLogins:
    @pytest.fixture
    def policy(self, server: VaultServer, prefix: str) -> str:
        server.client().sys.create_or_update_policy(prefix, READ_WRITE.replace("PREFIX", prefix))
        return prefix

    @pytest.fixture
    def sink_with(self, server: VaultServer, prefix: str, tmp_path: Path) -> Callable[..., Sink]:
        def build_with(secret: str = "", **auth: Any) -> Sink:
            options = {"address": server.url, "path": f"{prefix}/{{name}}", "auth": auth}
            return make_sink(tmp_path, options, {"SECRET": secret})

        return build_with

    def deliver(self, sink: Sink) -> None:
        slot = slot_of(sink)
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(RAW), make_receipt())
        assert look(sink, slot).content is Content.MATCHES

    @pytest.fixture
    def approle(self, server: VaultServer, prefix: str, policy: str) -> tuple[str, str, str]:
        """Mount AppRole anew with a role of short life; return mount, role id and secret id."""
        client = server.client()
        client.sys.enable_auth_method("approle", path=prefix)
        client.auth.approle.create_or_update_approle("r", token_policies=[policy], token_ttl="2s", mount_point=prefix)
        role_id = client.auth.approle.read_role_id("r", mount_point=prefix)["data"]["role_id"]
        secret_id = client.auth.approle.generate_secret_id("r", mount_point=prefix)["data"]["secret_id"]
        return prefix, role_id, secret_id

    def test_an_approle_logs_in(self, sink_with: Callable[..., Sink], approle: tuple[str, str, str]) -> None:
        mount, role_id, secret_id = approle
        self.deliver(sink_with(secret_id, method="approle", role_id=role_id, secret_id={"env": "SECRET"}, mount=mount))

    def test_an_approle_logs_in_again_before_its_token_ends(
        self, sink_with: Callable[..., Sink], approle: tuple[str, str, str]
    ) -> None:
        mount, role_id, secret_id = approle
        sink = sink_with(secret_id, method="approle", role_id=role_id, secret_id={"env": "SECRET"}, mount=mount)
        self.deliver(sink)
        SystemClock().sleep(timedelta(seconds=2.5))
        self.deliver(sink)

    def test_a_wrong_secret_id_is_denied_and_not_quoted(
        self, sink_with: Callable[..., Sink], approle: tuple[str, str, str]
    ) -> None:
        mount, role_id, _ = approle
        sink = sink_with("wrong-secret", method="approle", role_id=role_id, secret_id={"env": "SECRET"}, mount=mount)
        with pytest.raises(SinkDeniedError, match=f"does not accept the AppRole at auth/{mount}") as caught:
            self.deliver(sink)
        assert "wrong-secret" not in tell_all(caught.value)

    def test_a_pod_logs_in_with_its_service_account(
        self, server: VaultServer, sink_with: Callable[..., Sink], prefix: str, policy: str, tmp_path: Path
    ) -> None:
        client = server.client()
        client.sys.enable_auth_method("kubernetes", path=prefix)
        (tmp_path / "jwt").write_text(sign_jwt())
        with reviewing_tokens() as cluster:
            set_up_kubernetes(client, cluster, mount=prefix)
            client.auth.kubernetes.create_role("keyplan", "keyplan", "ml", policies=[policy], mount_point=prefix)
            self.deliver(sink_with(method="kubernetes", role="keyplan", jwt={"file": "jwt"}, mount=prefix))

    def test_a_role_that_does_not_fit_the_service_account_is_denied(
        self, server: VaultServer, sink_with: Callable[..., Sink], prefix: str, policy: str
    ) -> None:
        client = server.client()
        client.sys.enable_auth_method("kubernetes", path=prefix)
        with reviewing_tokens() as cluster:
            set_up_kubernetes(client, cluster, mount=prefix)
            client.auth.kubernetes.create_role("keyplan", "another", "ml", policies=[policy], mount_point=prefix)
            sink = sink_with(sign_jwt(), method="kubernetes", role="keyplan", jwt={"env": "SECRET"}, mount=prefix)
            with pytest.raises(SinkDeniedError, match="does not accept the role 'keyplan'") as caught:
                self.deliver(sink)
        assert sign_jwt() not in tell_all(caught.value)

    def test_a_jwt_mount_serves_as_well(
        self, server: VaultServer, sink_with: Callable[..., Sink], prefix: str, policy: str
    ) -> None:
        client = server.client()
        client.sys.enable_auth_method("jwt", path=prefix)
        client.auth.jwt.configure(jwt_validation_pubkeys=[PUBLIC_KEY], path=prefix)
        role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["vault"], "token_policies": [policy]}
        client.write_data(f"auth/{prefix}/role/keyplan", data={**role, "bound_subject": SUBJECT})
        self.deliver(sink_with(sign_jwt(), method="kubernetes", role="keyplan", jwt={"env": "SECRET"}, mount=prefix))


def set_up_kubernetes(client: hvac.Client, cluster: Cluster, *, mount: str) -> None:
    """Tell a kubernetes auth mount which cluster it is for."""
    client.auth.kubernetes.configure(
        cluster.url,
        kubernetes_ca_cert=cluster.ca_certificate,
        token_reviewer_jwt=sign_jwt(),
        disable_local_ca_jwt=True,
        mount_point=mount,
    )


class TestTheServer:
    def test_a_namespace_is_a_world_of_its_own(self, server: VaultServer, prefix: str, tmp_path: Path) -> None:
        server.client().write_data(f"sys/namespaces/{prefix}", data={})
        inside = server.client(namespace=prefix)
        inside.sys.enable_secrets_engine("kv", path="secret", options={"version": "2"})
        token = server.token_for(READ_WRITE.replace("PREFIX", "arize"), namespace=prefix)
        options = {"address": server.url, "path": "arize/{name}", "namespace": prefix}
        sink = make_sink(tmp_path, options, {"VAULT_TOKEN": token})
        slot = slot_of(sink)
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(RAW), make_receipt())
        assert server.fields("arize/ci", namespace=prefix) == {"api_key": RAW}
        assert server.fields("arize/ci") is None

    def test_an_unknown_namespace_is_found_before_a_key_is_made(self, build: Build) -> None:
        sink = build(namespace="no-such-namespace")
        with pytest.raises(SinkDeniedError) as caught:
            sink.intend(slot_of(sink), make_intent())
        assert "namespace" in caught.value.advice

    def test_a_certificate_of_a_named_authority_is_trusted(self, tls_server: VaultServer, tmp_path: Path) -> None:
        options = {"address": tls_server.url, "path": "{name}", "ca_file": tls_server.ca_file}
        sink = make_sink(tmp_path, options, {"VAULT_TOKEN": ROOT})
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert tls_server.fields("ci") == {"api_key": RAW}

    def test_the_variables_of_the_servers_own_command_line_are_honoured(
        self, tls_server: VaultServer, tmp_path: Path
    ) -> None:
        environment = {"BAO_ADDR": tls_server.url, "VAULT_CACERT": str(tls_server.ca_file), "VAULT_TOKEN": ROOT}
        sink = make_sink(tmp_path, {"path": "by-variables"}, environment)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert tls_server.fields("by-variables") == {"api_key": RAW}

    def test_a_certificate_of_an_unknown_authority_is_refused(self, tls_server: VaultServer, tmp_path: Path) -> None:
        sink = make_sink(tmp_path, {"address": tls_server.url, "path": "{name}"}, {"VAULT_TOKEN": ROOT})
        with pytest.raises(SinkDeniedError, match="not trusted") as caught:
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert "ca_file" in caught.value.advice
        assert_silent(caught.value)

    def test_a_sealed_server_is_told_at_once(self, tmp_path: Path) -> None:
        with running_vault(tmp_path) as server:
            sink = make_sink(tmp_path, {"address": server.url, "path": "{name}"}, {"VAULT_TOKEN": ROOT})
            server.client().sys.seal()
            with pytest.raises(SinkPausedError, match="is sealed") as caught:
                sink.intend(slot_of(sink), make_intent())
            assert "unseal" in caught.value.advice

    @pytest.mark.parametrize("tells_time", [True, False], ids=["with Retry-After", "without"])
    def test_a_rate_limit_quota_is_waited_for(self, tmp_path: Path, tells_time: bool) -> None:
        with running_vault(tmp_path) as server:
            sink = make_sink(tmp_path, {"address": server.url, "path": "{name}"}, {"VAULT_TOKEN": ROOT})
            slot = slot_of(sink)
            ask = server.client().adapter.post
            ask("/v1/sys/quotas/config", json={"enable_rate_limit_response_headers": tells_time})
            ask("/v1/sys/quotas/rate-limit/tight", json={"rate": 2, "interval": "1s", "path": "secret/"})
            # More requests than two a second.
            sink.intend(slot, make_intent())
            sink.put(slot, RawKey(RAW), make_receipt())
            assert sink.inspect([slot])[slot].content is Content.MATCHES
            with pytest.raises(hvac.exceptions.RateLimitExceeded):
                # What keyplan waited for stops a client that does not wait.
                [server.fields("ci") for _ in range(9)]

    def test_the_token_of_a_login_on_the_command_line_is_used(self, server: VaultServer, tmp_path: Path) -> None:
        (tmp_path / ".vault-token").write_text(ROOT)
        sink = make_sink(tmp_path, {"address": server.url, "path": "by-login"}, {"HOME": str(tmp_path)})
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert server.fields("by-login") == {"api_key": RAW}

    def test_a_server_that_is_gone_is_unavailable(self, tmp_path: Path) -> None:
        with running_vault(tmp_path) as server:
            sink = make_sink(tmp_path, {"address": server.url, "path": "{name}"}, {"VAULT_TOKEN": ROOT})
            slot = slot_of(sink)
            sink.intend(slot, make_intent())
        with pytest.raises(SinkUnavailableError, match=r"127\.0\.0\.1:[0-9]+: connection refused") as caught:
            sink.put(slot, RawKey(RAW), make_receipt())
        assert_silent(caught.value)


def tell_all(error: BaseException) -> str:
    """Return all that a traceback of an error, its causes and contexts could show."""
    told, seen = [], []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        told.append(f"{current!r} {vars(current)}")
        current = current.__cause__ or current.__context__
    return " ".join(told)


def assert_silent(error: BaseException) -> None:
    told = tell_all(error)
    assert RAW not in told
    assert ROOT not in told


class TestSecrecy:
    def test_nothing_is_logged_at_any_level(
        self, build: Build, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        sink = build(READ_WRITE)
        slot = slot_of(sink)
        with caplog.at_level(logging.DEBUG):
            sink.intend(slot, make_intent())
            sink.put(slot, RawKey(RAW), make_receipt())
            assert look(sink, slot).present
        assert "urllib3" in {record.name.partition(".")[0] for record in caplog.records}, "the SDK does log"
        assert RAW not in caplog.text + "".join(capfd.readouterr())

    def test_a_denied_write_quotes_nothing(self, build: Build) -> None:
        sink = build(READ_WRITE.replace('"create", "update", "read"', '"read"'))
        with pytest.raises(SinkDeniedError) as caught:
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert_silent(caught.value)

    def test_a_sink_with_values_in_hand_does_not_show_them(self, build: Build) -> None:
        sink = build()
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        store: Any = sink._store  # type: ignore[attr-defined]  # goes below the port
        found = store._find(VaultPlace.of(slot_of(sink)))
        assert found.secret.fields == {"api_key": RAW}
        assert RAW not in repr(found)


class TestReading:
    def test_a_raw_key_is_read_back(self, build: Build) -> None:
        sink: Any = build(READ_WRITE, copy_from=True)
        slot = slot_of(sink)
        assert sink.read(slot) is None
        sink.put(slot, RawKey(RAW), make_receipt())
        assert sink.read(slot).reveal() == RAW

    def test_what_may_not_be_read_is_not(self, build: Build) -> None:
        sink: Any = build(WRITE_ONLY)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert sink.read(slot_of(sink)) is None


POLICIES = {"read and write": (READ_WRITE, {}), "write only": (WRITE_ONLY, {"write_only": True})}


class TestJourney:
    @pytest.mark.parametrize("rights", POLICIES)
    def test_the_life_of_a_key(self, server: VaultServer, prefix: str, tmp_path: Path, rights: str) -> None:
        policy, options = POLICIES[rights]
        kv = server.client().secrets.kv.v2

        def read_value(name: str) -> str | None:
            return (server.fields(f"{prefix}/{name}") or {}).get("api_key")

        with travelling(
            tmp_path,
            sink={"type": "vault", "address": server.url, "path": f"{prefix}/{{name}}", **options},
            read_value=read_value,
            destroy_value=lambda name: kv.delete_metadata_and_all_versions(f"{prefix}/{name}"),
            overwrite_value=lambda name, text: server.write(f"{prefix}/{name}", api_key=text),
            environment={"VAULT_TOKEN": server.token_for(policy.replace("PREFIX", prefix))},
        ) as journey:
            journey.run()

    def test_a_sink_that_cannot_be_written_is_found_before_a_key_is_made(
        self, server: VaultServer, prefix: str, tmp_path: Path
    ) -> None:
        with travelling(
            tmp_path,
            sink={"type": "vault", "address": server.url, "path": f"{prefix}/{{name}}"},
            read_value=lambda name: None,
            destroy_value=lambda name: None,
            environment={"VAULT_TOKEN": server.token_for(METADATA_READ_ONLY.replace("PREFIX", prefix))},
        ) as journey:
            journey.declare("ci")
            ran = journey.keyplan("apply", "--auto-approve")
            assert ran.status == 6
            assert "secret/metadata/" in ran.out + ran.err
            names = [key["name"] for key in json.loads(journey.keyplan("list", "--format", "json").out)]
            assert names == ["keyplan sandbox"], "only the credential itself"
