"""The sink `kubernetes` against a fake that is held to recorded answers, and against a real API server.

The real one runs where KEYPLAN_KUBE_APISERVER names its binary (docs/sinks/kubernetes.md tells how to get it).
"""

from __future__ import annotations

import base64
import json
import logging
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from samples import (
    FORMER,
    IDENTITY,
    LINEAGE,
    OWNER,
    RAW,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
)
from sinks.examined import assert_told_beforehand
from sinks.journey import travelling
from sinks.kubernetes.cluster import TOKENS, Cluster
from sinks.kubernetes.exchanges import converse, read_recorded, record
from sinks.kubernetes.fake import KubernetesFake
from sinks.kubernetes.real import serving
from sinks.threaded import answering

from keyplan.context import PluginContext
from keyplan.errors import SinkDeniedError, SinkUnavailableError
from keyplan.model.identity import KeyId, Lineage
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import Credential, RawKey
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.kubernetes.client import KubeApi
from keyplan.sinks.kubernetes.places import digest
from keyplan.sinks.kubernetes.sink import build
from keyplan.sinks.kubernetes.store import KubernetesSecrets
from keyplan.system.clock import SystemClock
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.samples import make_context as make_plain_context
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]

BINARY = "KEYPLAN_KUBE_APISERVER"
MANY = 260
"""More Secrets than one page of a listing has."""


@dataclass(frozen=True)
class Place:
    """A fresh namespace of a cluster, and what opens sinks there."""

    cluster: Cluster
    namespace: str
    folder: Path
    opened: list[SinkEngine]

    def open(
        self, user: str = "full", *, owner: str = OWNER, lineage: Lineage | None = None, **options: Json
    ) -> SinkEngine:
        path = self.cluster.write_kubeconfig(self.folder, user=user, namespace=self.namespace)
        sink = build(
            make_sink_settings({"name": "arize-keys", "kubeconfig": str(path), **options}, sink_type="kubernetes"),
            make_context(owner, lineage=lineage),
        )
        assert isinstance(sink, SinkEngine)
        self.opened.append(sink)
        return sink

    def secret(self, name: str = "arize-keys") -> dict[str, Any]:
        found = self.cluster.secret(self.namespace, name)
        assert found is not None
        return found

    def value(self, entry: str = "ci", name: str = "arize-keys") -> str | None:
        return self.cluster.value(self.namespace, name, entry)

    def person_writes(self, text: str, entry: str = "ci") -> None:
        self.cluster.person_writes(self.namespace, "arize-keys", entry, text)

    def patch(self, changes: Mapping[str, Any]) -> None:
        self.cluster.patch(self.namespace, "arize-keys", changes)


def make_context(
    owner: str = OWNER, environment: Mapping[str, str] | None = None, *, lineage: Lineage | None = None
) -> PluginContext:
    return PluginContext(
        folder="/",
        lineage=make_plain_context(owner=owner, lineage=lineage).lineage,
        clock=SystemClock(),
        jitter=lambda most: random.uniform(0, most),  # noqa: S311 - no secret
        resolve=lambda _: Credential("unused"),
        environment=environment or {},
        say=lambda _: None,
    )


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return who may vouch for users with certificates."""
    return trustme.CA()


@pytest.fixture(scope="session", params=["fake", "real"])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA
) -> Iterator[Cluster]:
    """Yield a cluster that lives as long as the session."""
    if request.param == "fake":
        with answering(KubernetesFake(TOKENS)) as url:
            fake = Cluster(url)
            yield fake
            fake.close()
        return
    if BINARY not in os.environ:
        pytest.skip(f"{BINARY} names no kube-apiserver")
    folder = tmp_path_factory.mktemp("kube-apiserver")
    authority.cert_pem.write_to_path(str(folder / "users.pem"))
    with serving(os.environ[BINARY], folder, client_authority=folder / "users.pem") as real:
        yield real


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    """Yield a fresh namespace."""
    found = Place(cluster, cluster.make_namespace(), tmp_path, [])
    yield found
    for sink in found.opened:
        api_of(sink).close()


def find_slot(sink: SinkEngine, name: str = "ci", /, **changes: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(changes))


def api_of(sink: SinkEngine) -> KubeApi:
    assert isinstance(sink._store, KubernetesSecrets)
    return sink._store._api


def look(sink: SinkEngine, slot: Slot) -> Holding:
    return sink.inspect([slot])[slot]


def test_the_answers_are_those_that_were_recorded(cluster: Cluster) -> None:
    answers = converse(cluster, cluster.make_namespace())
    if "KEYPLAN_RECORD" in os.environ and cluster.authority:
        record(answers)
    assert answers == read_recorded()


WAYS: Mapping[str, tuple[str, Mapping[str, Json]]] = {
    "entries of one Secret": ("full", {}),
    "a Secret for each key": ("full", {"name": "arize-{name}", "entry": "api_key"}),
    "with a newline": ("full", {"newline": True}),
    "as JSON": ("full", {"format": "json"}),
    "values never asked for": ("full", {"write_only": True}),
    "rights to one Secret": ("named", {}),
    "no right to get": ("writer", {}),
    "no right to get, values never asked for": ("writer", {"write_only": True}),
}


class TestKubernetes(SinkContract):
    @pytest.fixture(params=WAYS.values(), ids=WAYS)
    def sink(self, request: pytest.FixtureRequest, place: Place) -> SinkEngine:
        self.place = place
        user, self.options = request.param
        return place.open(user, **self.options)

    def value_at(self, slot: Slot) -> str | None:
        text = self.place.value(str(slot.options["entry"]), str(slot.options["name"]))
        if self.options.get("format") == "json" and text:
            key = json.loads(text)["key"]
            assert isinstance(key, str)
            return key
        return text.removesuffix("\n") if text and self.options.get("newline") else text

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        text = json.dumps({"key": raw_text}) if self.options.get("format") == "json" else raw_text
        self.place.cluster.person_writes(
            self.place.namespace, str(slot.options["name"]), str(slot.options["entry"]), text
        )


# what is written


def test_value_marks_and_managers_stand_in_one_secret(place: Place) -> None:
    sink = place.open()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    secret = place.secret()
    metadata = secret["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "keyplan", "keyplan/owner": OWNER}
    assert metadata["annotations"]["keyplan/owner"] == OWNER
    receipt = json.loads(metadata["annotations"][f"keyplan/receipt.{digest('ci')}"])
    assert receipt["entry"] == "ci"
    assert receipt["receipt"]["key_id"] == "key-1"
    assert secret["data"] == {"ci": base64.b64encode(RAW.encode()).decode()}
    assert [entry["manager"] for entry in metadata["managedFields"]] == [f"keyplan-{digest('ci')}"]


def test_the_raw_key_arrives_byte_for_byte(place: Place) -> None:
    sink = place.open()
    for slot in (find_slot(sink), find_slot(sink, "second", newline=True)):
        sink.put(slot, RawKey("ak-ü: …\U0001f511 # {}"), make_receipt())
    assert place.value() == "ak-ü: …\U0001f511 # {}"
    assert place.value("second") == "ak-ü: …\U0001f511 # {}\n"


def test_no_raw_key_and_no_token_shows_in_a_log(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sink = place.open()
    sink.intend(find_slot(sink), make_intent())
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert RAW not in caplog.text
    assert base64.b64encode(RAW.encode()).decode() not in caplog.text
    assert "token-of-full" not in caplog.text


def test_keys_that_share_a_secret_never_drop_each_other(place: Place) -> None:
    sinks = [place.open(), place.open(), place.open("writer")]
    names = [f"key-{number}" for number in range(12)]

    def deliver(number: int) -> None:
        sink, raw = sinks[number % len(sinks)], f"ak-{number}"
        slot = find_slot(sink, names[number])
        for generation in ("first", "second"):
            sink.intend(slot, make_intent(generation))
            receipt = make_receipt(f"{raw}-{generation}", key_id=KeyId(generation))
            sink.put(slot, RawKey(f"{raw}-{generation}"), receipt)
            sink.annotate(slot, replace(receipt, protect=True))

    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        list(pool.map(deliver, range(len(names))))
    assert [place.value(name) for name in names] == [f"ak-{number}-second" for number in range(len(names))]
    held = sinks[0].inspect([find_slot(sinks[0], name) for name in names])
    assert all(holding.receipt and holding.receipt.protect for holding in held.values())
    assert {holding.content for holding in held.values()} == {Content.MATCHES}
    assert {holding.intent for holding in held.values()} == {None}


def test_several_programs_may_withdraw_and_deliver_in_one_secret(place: Place) -> None:
    sinks = [place.open() for _ in range(4)]
    start = threading.Barrier(len(sinks))

    def live(number: int) -> None:
        slot = find_slot(sinks[number], f"key-{number}")
        start.wait()
        for _ in range(3):
            persist(lambda: sinks[number].put(slot, RawKey(RAW), make_receipt()))
            persist(lambda: sinks[number].withdraw(slot, OWNER))
        persist(lambda: sinks[number].put(slot, RawKey(f"ak-{number}"), make_receipt(f"ak-{number}")))

    with ThreadPoolExecutor(max_workers=len(sinks)) as pool:
        list(pool.map(live, range(len(sinks))))
    assert [place.value(f"key-{number}") for number in range(len(sinks))] == ["ak-0", "ak-1", "ak-2", "ak-3"]


def persist(attempt: Callable[[], None]) -> None:
    """Try again as flow does."""
    for _ in range(20):
        try:
            return attempt()
        except SinkUnavailableError:
            continue
    return attempt()


# what others wrote


def test_other_entries_of_somebodys_secret_stay_and_so_does_the_secret(place: Place) -> None:
    helm = {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"note": "theirs"}}
    place.cluster.make_secret(place.namespace, "arize-keys", metadata=helm, data={"password": "cHc="})
    sink = place.open()
    slot = find_slot(sink)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert (place.value(), place.value("password")) == (RAW, "pw")
    assert place.secret()["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    sink.withdraw(slot, OWNER)
    left = place.secret()
    assert left["data"] == {"password": "cHc="}
    assert left["metadata"]["labels"] == helm["labels"]
    assert left["metadata"]["annotations"] == helm["annotations"]


def test_somebodys_entry_is_overwritten_where_the_manifest_says_so(place: Place) -> None:
    place.person_writes("theirs")
    place.cluster.controller_applies(place.namespace, "arize-keys", "ci", "theirs")
    sink = place.open(overwrite=True)
    sink.intend(find_slot(sink), make_intent())
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert place.value() == RAW


@pytest.mark.parametrize("user", ["full", "writer"])
def test_a_controller_that_declares_the_entry_is_named(place: Place, user: str) -> None:
    sink = place.open(user)
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    place.cluster.controller_applies(place.namespace, "arize-keys", "ci", OTHER_RAW)
    with pytest.raises(SinkDeniedError, match="argocd-controller") as caught:
        sink.intend(slot, make_intent())
    assert "show-managed-fields" in caught.value.advice
    with pytest.raises(SinkDeniedError, match="argocd-controller"):
        sink.put(slot, RawKey(RAW), make_receipt())
    assert place.value() == OTHER_RAW


def test_without_values_an_edit_by_hand_shows_in_who_wrote_last(place: Place) -> None:
    sink = place.open(write_only=True)
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    place.person_writes("by hand")
    assert look(sink, find_slot(sink)).content is Content.DIFFERS
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert look(sink, find_slot(sink)).content is Content.UNREAD


def test_an_entry_deleted_by_hand_is_missed(place: Place) -> None:
    for sink in (place.open(), place.open("writer", write_only=True)):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
        place.patch({"data": {"ci": None}})
        assert look(sink, find_slot(sink)) == Holding(present=False)


def test_a_person_who_took_the_marks_off_is_not_fought(place: Place) -> None:
    sink = place.open()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    marks = place.secret()["metadata"]
    place.patch({"metadata": {kind: dict.fromkeys(marks[kind]) for kind in ("annotations", "labels")}})
    assert look(sink, slot) == Holding(present=True)
    with pytest.raises(SinkDeniedError, match="a value that keyplan did not write"):
        sink.intend(slot, make_intent())


@pytest.mark.parametrize("damage", ["{", '{"receipt": 1}', "[]", '{"receipt": {}, "intent": {}}'])
def test_damaged_notes_count_as_none_and_are_made_good(place: Place, damage: str) -> None:
    sink = place.open()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    damaged = {f"keyplan/{kind}.{digest('ci')}": damage for kind in ("receipt", "intent")}
    place.patch({"metadata": {"annotations": damaged}})
    assert look(sink, slot) == Holding(present=True)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(OTHER_RAW), content=Content.MATCHES)


def test_another_owner_of_the_secret_is_named(place: Place) -> None:
    other = place.open(owner="another-team")
    other.put(find_slot(other, "theirs"), RawKey(OTHER_RAW), make_receipt(OTHER_RAW, owner="another-team"))
    sink = place.open()
    with pytest.raises(SinkDeniedError, match="another-team"):
        sink.intend(find_slot(sink), make_intent())


@pytest.mark.parametrize("is_intended", [True, False], ids=["rotated", "put"])
def test_a_secret_of_a_former_owner_is_taken_over_entry_by_entry(place: Place, is_intended: bool) -> None:
    former = place.open(lineage=Lineage(identity=FORMER))
    slots = [find_slot(former, name) for name in ("ci", "second")]
    old = make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
    for slot in slots:
        former.put(slot, RawKey(RAW), old)
    sink = place.open()
    if is_intended:
        sink.intend(slots[0], make_intent())
    sink.put(slots[0], RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert place.secret()["metadata"]["labels"]["keyplan/owner"] == OWNER
    assert [look(sink, slot).receipt for slot in slots] == [make_receipt(OTHER_RAW), old]
    assert look(former, slots[0]).owner == IDENTITY
    sink.annotate(slots[1], make_receipt())
    later = place.open(lineage=LINEAGE)
    assert [look(later, slot).content for slot in slots] == [Content.MATCHES, Content.MATCHES]


def test_many_secrets_of_a_former_owner_are_found(place: Place) -> None:
    former = place.open(lineage=Lineage(identity=FORMER), name="{name}")
    slots = [find_slot(former, f"key-{number}") for number in range(6)]
    old = make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
    for slot in slots:
        former.put(slot, RawKey(RAW), old)
    assert {holding.receipt for holding in place.open(name="{name}").inspect(slots).values()} == {old}


def test_an_owner_that_no_label_can_hold_is_found_again(place: Place) -> None:
    sink = place.open(owner="team-", name="{name}")
    slots = [find_slot(sink, f"key-{number}") for number in range(6)]
    for slot in slots:
        sink.put(slot, RawKey(RAW), make_receipt(owner="team-"))
    assert {holding.receipt for holding in sink.inspect(slots).values()} == {make_receipt(owner="team-")}


# removal


def test_what_keyplan_made_goes_with_its_last_entry(place: Place) -> None:
    sink = place.open()
    first, second = find_slot(sink), find_slot(sink, "second")
    sink.put(first, RawKey(RAW), make_receipt())
    sink.intend(second, make_intent())
    sink.withdraw(first, OWNER)
    assert look(sink, second).intent == make_intent()
    sink.retract(second, make_intent())
    assert place.cluster.secret(place.namespace, "arize-keys") is None


def test_without_the_right_to_delete_an_empty_secret_stays(place: Place) -> None:
    sink = place.open("writer")
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.withdraw(find_slot(sink), OWNER)
    secret = place.secret()
    assert not secret.get("data")
    assert not secret["metadata"].get("annotations")


def test_a_value_can_outlive_its_declaration(place: Place) -> None:
    sink = place.open(on_remove="keep")
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.withdraw(find_slot(sink), OWNER)
    assert place.value() == RAW


def test_a_persons_value_in_place_of_ours_stays_but_the_marks_go(place: Place) -> None:
    sink = place.open()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    place.person_writes("theirs")
    sink.withdraw(find_slot(sink), OWNER)
    assert place.value() == "theirs"
    assert look(sink, find_slot(sink)) == Holding(present=True)


# refusals, before a key is made


def test_an_immutable_secret_is_refused_before_a_key_is_made(place: Place) -> None:
    place.person_writes("x", "other")
    place.patch({"immutable": True})
    sink = place.open()
    assert_told_beforehand(sink, find_slot(sink), "immutable")
    (finding,) = sink.examine([find_slot(sink)])
    assert "another name" in finding.advice
    assert "annotations" not in place.secret()["metadata"], "not even an intent was noted"


def test_a_secret_made_immutable_later_keeps_its_value(place: Place) -> None:
    sink = place.open()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    place.patch({"immutable": True})
    with pytest.raises(SinkDeniedError, match="immutable") as caught:
        sink.put(find_slot(sink), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert OTHER_RAW not in f"{caught.value!r} {caught.value.advice}"
    assert look(sink, find_slot(sink)).content is Content.MATCHES


def test_annotations_without_room_are_refused_before_a_key_is_made(place: Place) -> None:
    full = {"annotations": {"theirs": "x" * 260_000}}
    place.cluster.make_secret(place.namespace, "arize-keys", metadata=full)
    sink = place.open()
    with pytest.raises(SinkDeniedError, match="256 KiB"):
        sink.intend(find_slot(sink), make_intent())


def test_a_full_secret_is_refused(place: Place) -> None:
    sink = place.open()
    with pytest.raises(SinkDeniedError, match="1 MiB") as caught:
        sink.put(find_slot(sink), RawKey("x" * 1_100_000), make_receipt())
    assert "xxx" not in f"{caught.value!r} {caught.value.advice}"


@pytest.mark.parametrize(
    ("user", "options", "message", "advice"),
    [
        pytest.param("nobody", {}, "does not allow to get or patch", "kubectl auth can-i", id="no rights"),
        pytest.param("reader", {}, "does not allow to create and patch", "secrets/arize-keys", id="may only read"),
        pytest.param("named", {"name": "other"}, "does not allow", "secrets/other", id="rights to another one"),
        pytest.param("admin", {"namespace": "nowhere"}, "no such namespace", "create it", id="no namespace"),
        pytest.param("stranger", {}, "does not accept the credential", "renew it", id="unknown token"),
    ],
)
def test_a_refusal_comes_before_a_key_is_made(
    place: Place, user: str, options: dict[str, Json], message: str, advice: str
) -> None:
    sink = place.open(user, **options)
    with pytest.raises(SinkDeniedError) as caught:
        sink.intend(find_slot(sink), make_intent())
    assert message in caught.value.message
    assert advice in caught.value.advice
    assert "token-of" not in f"{caught.value!r} {caught.value.advice}"


# many


def test_many_secrets_are_seen_in_a_few_requests(place: Place) -> None:
    sink = place.open(name="{name}", entry="api_key")
    slots = [find_slot(sink, f"n{number}") for number in range(MANY)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(lambda slot: sink.put(slot, RawKey(RAW), make_receipt()), slots))
    for reading in (sink, place.open("reader", name="{name}", entry="api_key", write_only=True)):
        requests = count_requests(reading, lambda reading=reading: reading.inspect(slots))
        assert requests == 2
        assert all(holding.receipt for holding in reading.inspect(slots).values())


def count_requests(sink: SinkEngine, run: Callable[[], object]) -> int:
    """Return how many requests a block makes, by the events of the client that the sink already has."""
    counted: list[object] = []
    run()
    for client in api_of(sink)._clients.values():
        client.event_hooks = {"request": [counted.append]}
    run()
    return len(counted)


def test_without_the_right_to_list_each_is_looked_at(place: Place) -> None:
    sink = place.open("writer", name="{name}")
    slots = [find_slot(sink, f"n{number}") for number in range(6)]
    sink.put(slots[0], RawKey(RAW), make_receipt())
    assert [holding.present for holding in sink.inspect(slots).values()] == [True, *[False] * 5]


# identities


def test_a_certificate_is_an_identity(cluster: Cluster, place: Place, authority: trustme.CA) -> None:
    if not cluster.authority:
        pytest.skip("the fake has no TLS")
    sink = open_as(place, lambda user: user | certify(authority, "full"))
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert place.value() == RAW


def test_a_plugins_token_is_renewed_once_it_is_refused(place: Place, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("token-of-stranger\ntoken-of-full\n")
    plugin = (
        "import json; from pathlib import Path; path = Path('tokens'); first, *rest = path.read_text().split(); "
        "path.write_text('\\n'.join(rest or [first])); "
        "print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1', 'status': {'token': first}}))"
    )
    sink = open_as(place, lambda _: {"exec": {"command": sys.executable, "args": ["-c", plugin]}})
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert place.value() == RAW


def test_a_pod_uses_its_service_account(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    if not cluster.authority:
        pytest.skip("the fake has no TLS")
    from keyplan.sinks.kubernetes.config import find_connection  # noqa: PLC0415 - only here
    from keyplan.sinks.kubernetes.tls import open_http  # noqa: PLC0415 - only here

    for name, text in {"token": "token-of-full\n", "ca.crt": cluster.authority, "namespace": place.namespace}.items():
        (tmp_path / name).write_text(text)
    host, _, port = cluster.url.removeprefix("https://").partition(":")
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    connection = find_connection({}, make_context(environment=environment), account=tmp_path)
    assert connection.namespace == place.namespace
    with open_http(connection, None) as client:
        path = f"{connection.server}/api/v1/namespaces/{place.namespace}/secrets"
        token = connection.identity.present(SystemClock().now(), renewed=False).token
        assert token is not None
        assert client.get(path, headers={"Authorization": f"Bearer {token.reveal()}"}).status_code == 200


def test_an_authority_that_did_not_sign_the_server_is_refused(cluster: Cluster, place: Place) -> None:
    if not cluster.authority:
        pytest.skip("the fake has no TLS")
    stranger = base64.b64encode(trustme.CA().cert_pem.bytes()).decode()
    sink = open_as(place, lambda user: user, cluster={"certificate-authority-data": stranger})
    with pytest.raises(SinkDeniedError, match="certificate"):
        sink.inspect([find_slot(sink)])


def certify(authority: trustme.CA, user: str) -> dict[str, str]:
    leaf = authority.issue_cert(f"{user}.example", common_name=user)
    chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
    encoded = {"client-certificate-data": chain, "client-key-data": leaf.private_key_pem.bytes()}
    return {name: base64.b64encode(content).decode() for name, content in encoded.items()} | {"token": ""}


def open_as(
    place: Place, change: Callable[[dict[str, Any]], dict[str, Any]], *, cluster: Mapping[str, Any] | None = None
) -> SinkEngine:
    """Return a sink whose kubeconfig has another user."""
    path = place.cluster.write_kubeconfig(place.folder, user="full", namespace=place.namespace)
    config = json.loads(path.read_text())
    config["users"][0]["user"] = change(config["users"][0]["user"])
    config["clusters"][0]["cluster"] |= cluster or {}
    path = place.folder / "changed"
    path.write_text(json.dumps(config))
    environment = {name: os.environ[name] for name in ("PATH",)}
    settings = make_sink_settings({"name": "arize-keys", "kubeconfig": str(path)}, sink_type="kubernetes")
    sink = build(settings, make_context(environment=environment))
    assert isinstance(sink, SinkEngine)
    place.opened.append(sink)
    return sink


# end to end


def test_a_key_lives_its_life_there(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    path = cluster.write_kubeconfig(home, user="full", namespace=place.namespace)
    with travelling(
        tmp_path,
        sink={"type": "kubernetes", "name": "arize-keys", "entry": "{name}"},
        read_value=place.value,
        destroy_value=lambda name: place.patch({"data": {name: None}}),
        overwrite_value=lambda name, text: place.person_writes(text, name),
        environment={"KUBECONFIG": str(path)},
    ) as journey:
        journey.run()


def test_a_key_lives_its_life_without_a_right_to_get(place: Place, cluster: Cluster, tmp_path: Path) -> None:
    path = cluster.write_kubeconfig(tmp_path, user="writer", namespace=place.namespace)
    with travelling(
        tmp_path,
        sink={"type": "kubernetes", "name": "arize-keys", "kubeconfig": str(path), "write_only": True},
        read_value=place.value,
        destroy_value=lambda _: cluster.delete(place.namespace, "arize-keys"),
        overwrite_value=lambda name, text: place.person_writes(text, name),
    ) as journey:
        journey.create()
        journey.rotate()
        journey.tamper()
        journey.remove()
