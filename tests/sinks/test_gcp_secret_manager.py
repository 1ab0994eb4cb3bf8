"""The sink `gcp-secret-manager` through Google's own client: against a stateful fake, and the emulator drongo."""

from __future__ import annotations

import base64
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.secretmanager_v1")

from google.auth.credentials import AnonymousCredentials
from google.cloud.secretmanager_v1 import SecretManagerServiceClient
from google.cloud.secretmanager_v1.services.secret_manager_service.transports.rest import (
    SecretManagerServiceRestTransport,
)
from samples import OWNER, RAW, make_declaration, make_delivery, make_intent, make_receipt, make_sink_settings
from simulated.clock import SimulatedClock
from sinks.faults import Fault
from sinks.gcp_fake import PROJECT, GcpFake, Secret
from sinks.journey import travelling
from sinks.local_context import make_context
from sinks.serving import free_port, listens, serving
from sinks.threaded import answering

from keyplan.errors import InputError, SinkDeniedError, SinkPausedError, SinkUnavailableError
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.receipt import Superseded
from keyplan.model.secret import RawKey
from keyplan.ports import Clock, Sink
from keyplan.sinks.gcp.sink import build
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def google() -> Iterator[tuple[GcpFake, str]]:
    """Yield a fake and its URL."""
    fake = GcpFake()
    with answering(fake) as url:
        yield fake, url


@pytest.fixture
def fake(google: tuple[GcpFake, str]) -> GcpFake:
    """Return the fake, empty."""
    google[0].reset()
    return google[0]


def open_sink(url: str, folder: Path, clock: Clock | None = None, **options: Json) -> Sink:
    given: Mapping[str, Json] = {"project": PROJECT, "name": "arize-{name}", "endpoint": url, **options}
    return build(make_sink_settings(given, sink_type="gcp-secret-manager"), make_context(folder, clock=clock))


@pytest.fixture
def open_fake(google: tuple[GcpFake, str], fake: GcpFake, tmp_path: Path) -> Any:
    """Return what opens a sink on the fake."""
    return partial(open_sink, google[1], tmp_path)


def find_slot(sink: Sink, name: str = "ci", **changes: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(changes))


def look(sink: Sink, slot: Slot) -> Holding:
    return sink.inspect([slot])[slot]


def name_of(slot: Slot) -> str:
    return str(slot.options["name"])


FORMS: Mapping[str, Mapping[str, Json]] = {
    "raw": {},
    "with a newline": {"newline": True},
    "json": {"format": "json"},
    "one former version stays": {"keep_versions": 1},
}


class TestGcpSecretManager(SinkContract):
    @pytest.fixture(params=FORMS.values(), ids=FORMS)
    def sink(self, request: pytest.FixtureRequest, fake: GcpFake, open_fake: Any) -> Sink:
        self.fake, self.form = fake, request.param
        sink: Sink = open_fake(**request.param)
        return sink

    def value_at(self, slot: Slot) -> str | None:
        text = self.fake.value(name_of(slot))
        if text is None or not self.form.keys() & {"format", "newline"}:
            return text
        if self.form.get("newline"):
            assert text.endswith("\n")
            return text[:-1]
        return str(json.loads(text)["key"])

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        text = json.dumps({"key": raw_text}) if self.form.get("format") else raw_text
        text = f"{text}\n" if self.form.get("newline") else text
        self.fake.person_writes(name_of(slot), text)


class TestWriteOnly(SinkContract):
    """Values may not be read; versions tell one from another."""

    @pytest.fixture
    def sink(self, fake: GcpFake, open_fake: Any) -> Sink:
        self.fake = fake
        fake.denied = {"versions.access"}
        sink: Sink = open_fake(write_only=True)
        return sink

    def value_at(self, slot: Slot) -> str | None:
        return self.fake.value(name_of(slot))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.fake.person_writes(name_of(slot), raw_text)

    def test_a_version_that_keyplan_did_not_add_is_missed(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        self.person_writes(slot, OTHER_RAW)
        assert look(sink, slot) == Holding(present=True)


# versions


def test_each_raw_key_is_a_new_version(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    versions = fake.secrets["arize-ci"].versions
    assert [(version.data.decode(), version.state) for version in versions] == [
        (RAW, "ENABLED"),
        (OTHER_RAW, "ENABLED"),
    ]


def test_a_put_that_is_repeated_adds_no_version(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert len(fake.secrets["arize-ci"].versions) == 1


def test_older_versions_are_disabled_where_asked_for(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake(keep_versions=1)
    for number in range(3):
        sink.put(find_slot(sink), RawKey(f"ak-{number}"), make_receipt(f"ak-{number}"))
    states = [version.state for version in fake.secrets["arize-ci"].versions]
    assert states == ["DISABLED", "ENABLED", "ENABLED"]


def test_a_latest_that_lags_behind_is_not_believed(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    fake.lag = 1
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(OTHER_RAW), content=Content.MATCHES)


def test_a_value_disabled_by_hand_is_missed_and_made_good(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.secrets["arize-ci"].versions[-1].state = "DISABLED"
    assert look(sink, slot) == Holding(present=False)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert fake.value("arize-ci") == OTHER_RAW


def test_a_persons_disabled_value_is_no_free_place(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.person_writes("arize-ci", "by-hand")
    fake.secrets["arize-ci"].versions[-1].state = "DISABLED"
    with pytest.raises(SinkDeniedError, match="did not write"):
        sink.intend(find_slot(sink), make_intent())


# a secret that somebody prepared, as Terraform does


@pytest.fixture
def prepared(fake: GcpFake) -> Secret:
    """Return a secret without a version, with an annotation of its own."""
    fake.secrets["arize-ci"] = Secret(annotations={"team": "ml"}, replication={"automatic": {}})
    return fake.secrets["arize-ci"]


def test_a_prepared_secret_is_filled_and_outlives_its_key(prepared: Secret, fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    assert prepared.annotations["team"] == "ml"
    sink.withdraw(slot, OWNER)
    assert prepared.annotations == {"team": "ml", "keyplan-left": "1"}
    assert (fake.value("arize-ci"), look(sink, slot)) == (None, Holding(present=False))


def test_what_was_withdrawn_from_a_prepared_secret_can_be_put_again(
    prepared: Secret, fake: GcpFake, open_fake: Any
) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert look(sink, slot).content is Content.MATCHES


def test_an_intent_on_a_prepared_secret_leaves_it_as_it_was(prepared: Secret, fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.intend(find_slot(sink), make_intent())
    sink.retract(find_slot(sink), make_intent())
    assert fake.secrets["arize-ci"].annotations == {"team": "ml"}


def test_a_new_secret_is_replicated_as_declared(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake(locations=["europe-west1"])
    sink.intend(find_slot(sink), make_intent())
    secret = fake.secrets["arize-ci"]
    assert secret.replication == {"userManaged": {"replicas": [{"location": "europe-west1"}]}}
    assert secret.labels == {"managed-by": "keyplan"}


# what is noted


def test_a_value_changed_by_hand_outlives_the_declaration(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.person_writes("arize-ci", "by-hand")
    sink.withdraw(slot, OWNER)
    assert (fake.value("arize-ci"), fake.secrets["arize-ci"].annotations) == ("by-hand", {})


def test_on_remove_keep_leaves_all_as_it_is(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake(on_remove="keep")
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.withdraw(find_slot(sink), OWNER)
    assert look(sink, find_slot(sink)).receipt == make_receipt()


def test_with_overwrite_a_persons_value_is_replaced(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake(overwrite=True)
    fake.person_writes("arize-ci", "by-hand")
    sink.intend(find_slot(sink), make_intent())
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert look(sink, find_slot(sink)) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_a_long_receipt_fits(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    at = make_receipt().created_at
    old = tuple(Superseded(key_id=KeyId(f"{n:02}" + "x" * 40), switched_at=at, delete_after=at) for n in range(30))
    names = {"name": "\N{KEY}" * 256, "address": "user/" + "n" * 256}
    receipt = make_receipt(**names, creator="VXNlcjoxMjM0NTY3OmFCY0Q=", superseded=old)
    sink.put(find_slot(sink), RawKey(RAW), receipt)
    assert look(sink, find_slot(sink)).receipt == receipt


def test_a_note_that_somebody_spoiled_proves_nothing_and_keeps_nobody_out(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    fake.secrets["arize-ci"].annotations["keyplan-note"] = "mine"
    assert look(sink, find_slot(sink)) == Holding(present=True)
    sink.intend(find_slot(sink), make_intent())


def test_a_crash_between_value_and_receipt_is_no_persons_doing(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.faults.append(Fault(500, method="PATCH"))
    with pytest.raises(SinkUnavailableError):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert fake.value("arize-ci") == RAW
    sink.intend(find_slot(sink), make_intent())
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert look(sink, find_slot(sink)).content is Content.MATCHES


def test_a_note_whose_answer_was_lost_is_found_there(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    # Answered late, so that the request that is sent again finds another etag.
    fake.faults.append(Fault(503, method="PATCH", is_late=True))
    sink.intend(find_slot(sink), make_intent(), over=look(sink, find_slot(sink)).revision)
    assert look(sink, find_slot(sink)).intent == make_intent()


def test_a_thousand_are_seen_with_five_listings_and_one_look_at_each_value(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink, "n-0"), RawKey(RAW), make_receipt())
    mine = fake.secrets["arize-n-0"]
    fake.secrets |= {f"arize-n-{number}": mine for number in range(1100)}
    fake.person_writes("other", "x")
    fake.calls.clear()
    slots = [find_slot(sink, f"n-{number}") for number in range(1200)]
    found = sink.inspect(slots)
    assert [found[slot].content for slot in slots] == [Content.MATCHES] * 1100 + [Content.UNREAD] * 100
    assert (fake.calls.count("GET "), len(fake.calls)) == (5, 1105)


# refusals


@pytest.mark.parametrize("right", ["secrets.create", "secrets.get", "versions.add"])
def test_a_missing_right_is_found_before_a_key_is_made(fake: GcpFake, open_fake: Any, right: str) -> None:
    sink = open_fake()
    fake.denied = {right}
    with pytest.raises(SinkDeniedError, match=re.escape(f"denies secretmanager.{right}")):
        sink.intend(find_slot(sink), make_intent())


READING = {"secrets.get", "secrets.list", "versions.access", "versions.get"}
DELIVERING = {"secrets.create", "secrets.update", "secrets.delete", "versions.add"}


def test_no_other_rights_are_used_than_the_page_names(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    for raw in (RAW, OTHER_RAW):
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(raw), make_receipt(raw))
    sink.withdraw(slot, OWNER)
    assert fake.used <= READING | DELIVERING
    fake.used.clear()
    sink.inspect([find_slot(sink, f"n{number}") for number in range(30)])
    sink.read(slot)
    assert fake.used <= READING


@pytest.mark.parametrize("right", sorted(DELIVERING - {"secrets.delete"}))
def test_each_right_of_the_page_is_needed(fake: GcpFake, open_fake: Any, right: str) -> None:
    sink = open_fake()
    fake.denied = {right}
    with pytest.raises(SinkDeniedError, match=re.escape(right)):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())


def test_without_the_right_to_read_there_is_write_only(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.person_writes("arize-ci", "by-hand")
    fake.denied = {"versions.access"}
    with pytest.raises(SinkDeniedError, match=r"versions\.access"):
        look(sink, find_slot(sink))


def test_a_secret_not_yet_known_everywhere_proves_nothing(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.knows_rights = False
    sink.intend(find_slot(sink), make_intent())
    assert look(sink, find_slot(sink)).intent == make_intent()


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        pytest.param(Fault(401), SinkDeniedError, "credentials", id="unauthenticated"),
        pytest.param(Fault(400, body=RAW), SinkDeniedError, "answered 400 to", id="refused in no JSON"),
        pytest.param(Fault(500), SinkUnavailableError, "answered 500", id="broken"),
        pytest.param(Fault(409), SinkUnavailableError, "at the same time", id="aborted"),
    ],
)
def test_other_answers(fake: GcpFake, open_fake: Any, fault: Fault, kind: type[Exception], message: str) -> None:
    sink = open_fake()
    fake.faults.append(fault)
    with pytest.raises(kind, match=message) as caught:
        look(sink, find_slot(sink))
    assert RAW not in f"{caught.value!r} {caught.value.__cause__}"


def test_a_refusal_that_quotes_the_request_is_not_repeated(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    coded = base64.b64encode(RAW.encode()).decode()
    body = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": f"bad {RAW} {coded}"}}
    fake.faults.append(Fault(400, body=body, path=":addVersion"))
    with pytest.raises(SinkDeniedError) as caught:
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert not any(text in f"{caught.value!r} {caught.value.advice}" for text in (RAW, coded))
    assert caught.value.__suppress_context__


def test_a_value_damaged_on_the_way_is_not_used(fake: GcpFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.person_writes("arize-ci", "by-hand")
    payload = {"data": base64.b64encode(b"damaged").decode(), "dataCrc32c": "1"}
    body = {"name": f"projects/{PROJECT}/secrets/arize-ci/versions/1", "payload": payload}
    fake.faults.append(Fault(200, body=body, path=":access"))
    with pytest.raises(SinkUnavailableError, match="damaged on the way"):
        sink.read(find_slot(sink))


def exhausted(*details: Json) -> Fault:
    """Return Google's answer to a request beyond a quota."""
    words = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded", "details": list(details)}
    return Fault(429, body={"error": words})


PER_MINUTE: Json = {
    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
    "reason": "RATE_LIMIT_EXCEEDED",
    "metadata": {"quota_metric": "secretmanager.googleapis.com/access_requests", "quota_unit": "1/min/{project}"},
}
NAMED: Json = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7.5s"}


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(exhausted(PER_MINUTE), 60, id="a quota per minute"),
        pytest.param(exhausted(PER_MINUTE, NAMED), 7.5, id="a quota that names its time"),
        pytest.param(exhausted(), 0.5, id="no more than that"),
        pytest.param(Fault(429, body="no JSON"), 0.5, id="from a proxy"),
        pytest.param(Fault(429, headers={"Retry-After": "9"}), 9, id="with a header"),
        pytest.param(Fault(503, headers={"Retry-After": "9"}), 9, id="in maintenance"),
    ],
)
def test_a_throttled_request_is_waited_for_and_sent_again(
    fake: GcpFake, google: tuple[GcpFake, str], tmp_path: Path, fault: Fault, seconds: float
) -> None:
    clock = SimulatedClock()
    sink = open_sink(google[1], tmp_path, clock)
    fake.faults.append(fault)
    began = clock.now()
    assert look(sink, find_slot(sink)) == Holding(present=False)
    assert clock.now() - began == timedelta(seconds=seconds)


def test_a_quota_that_stays_used_up_is_told(fake: GcpFake, google: tuple[GcpFake, str], tmp_path: Path) -> None:
    sink = open_sink(google[1], tmp_path, SimulatedClock())
    fake.faults.extend([exhausted(PER_MINUTE)] * 99)
    with pytest.raises(SinkPausedError, match="still busy or throttled after 600 s"):
        look(sink, find_slot(sink))


def test_an_endpoint_where_nobody_listens_is_told(tmp_path: Path) -> None:
    sink = open_sink(f"http://127.0.0.1:{free_port()}", tmp_path)
    with pytest.raises(SinkUnavailableError, match=r"127\.0\.0\.1:[0-9]+: connection refused"):
        look(sink, find_slot(sink))


def test_missing_credentials_are_told_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: GcpFake
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    sink = open_sink("https://127.0.0.1:1", tmp_path)
    with pytest.raises(SinkDeniedError, match="no usable Google credentials"):
        look(sink, find_slot(sink))


def test_nothing_of_a_value_shows_in_logs(
    open_fake: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("", "google", "google.auth.transport.requests", "google.cloud.secretmanager_v1"):
        caplog.set_level(logging.DEBUG, name)
    monkeypatch.setattr(logging.getLogger("google"), "propagate", True)
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.read(find_slot(sink))
    written = " ".join(str(vars(record)) for record in caplog.records)
    assert written
    assert not any(text in written for text in (RAW, base64.b64encode(RAW.encode()).decode()))


def test_the_whole_life_of_a_key(google: tuple[GcpFake, str], fake: GcpFake, tmp_path: Path) -> None:
    sink = {"type": "gcp-secret-manager", "project": PROJECT, "name": "arize-{name}", "endpoint": google[1]}
    with travelling(
        tmp_path,
        sink=sink,
        read_value=lambda name: fake.value(f"arize-{name}"),
        destroy_value=lambda name: fake.secrets.pop(f"arize-{name}"),
        overwrite_value=lambda name, text: fake.person_writes(f"arize-{name}", text),
    ) as journey:
        journey.run()


# the emulator drongo, which keeps no annotations


@pytest.fixture(scope="module")
def drongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of the emulator."""
    pytest.importorskip("drongo")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [Path(sys.executable).with_name("drongo"), "server", "--host", "127.0.0.1", "-p", str(port)]
    log = tmp_path_factory.mktemp("drongo") / "drongo.log"
    with serving(command, is_ready=partial(listens, url), log=log):
        yield url


def consumer_reads(url: str, name: str) -> str:
    """Return what an application gets, with Google's own client."""
    host = url.removeprefix("http://")
    transport = SecretManagerServiceRestTransport(host=host, url_scheme="http", credentials=AnonymousCredentials())
    client = SecretManagerServiceClient(transport=transport)
    found = client.access_secret_version(name=f"projects/{PROJECT}/secrets/{name}/versions/latest")
    return str(found.payload.data.decode())


def test_the_emulator_gives_what_was_put_and_then_its_successor(drongo: str, tmp_path: Path) -> None:
    # `overwrite`: without annotations the second value would be taken for a person's.
    sink = open_sink(drongo, tmp_path, overwrite=True, name="two-{name}")
    slot = find_slot(sink)
    assert look(sink, slot) == Holding(present=False)
    for raw in (RAW, OTHER_RAW):
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(raw), make_receipt(raw))
        assert consumer_reads(drongo, "two-ci") == raw
    held = sink.read(slot)
    assert held is not None
    assert held.reveal() == OTHER_RAW


def test_the_emulator_takes_what_has_no_annotations_for_a_persons(drongo: str, tmp_path: Path) -> None:
    sink = open_sink(drongo, tmp_path, name="person-{name}")
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    with pytest.raises(SinkDeniedError, match="did not write"):
        sink.put(find_slot(sink), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))


def test_the_emulator_disables_and_lists(drongo: str, tmp_path: Path) -> None:
    sink = open_sink(drongo, tmp_path, overwrite=True, keep_versions=0, name="many-{name}")
    slots = [find_slot(sink, f"n{number}") for number in range(30)]
    for raw in (RAW, OTHER_RAW):
        sink.put(slots[0], RawKey(raw), make_receipt(raw))
    found = sink.inspect(slots)
    assert [found[slot].present for slot in slots] == [True] + [False] * 29


def test_another_project_on_the_emulator_is_empty(drongo: str, tmp_path: Path) -> None:
    sink = open_sink(drongo, tmp_path, project="other")
    assert look(sink, find_slot(sink)) == Holding(present=False)


def test_an_endpoint_with_a_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="end after host and port"):
        open_sink("http://127.0.0.1:1/v1", tmp_path)
