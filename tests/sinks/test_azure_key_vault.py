"""The sink `azure-key-vault` through Azure's own client, against a stateful fake over HTTPS."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

pytest.importorskip("azure.keyvault.secrets")
pytest.importorskip("azure.identity")

from azure.keyvault.secrets._shared.http_challenge_cache import clear as forget_challenges
from samples import NOW, OWNER, RAW, make_declaration, make_delivery, make_intent, make_receipt, make_sink_settings
from simulated.clock import SimulatedClock
from sinks.azure_fake import IDENTITY_HEADER, TOKEN, AzureFake, answering_securely, shaking_hands
from sinks.examined import assert_told_beforehand
from sinks.faults import Fault
from sinks.journey import travelling
from sinks.local_context import make_context
from sinks.serving import free_port
from sinks.threaded import answering

from keyplan.errors import SinkDeniedError, SinkPausedError, SinkUnavailableError
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.receipt import Receipt, Superseded
from keyplan.model.secret import RawKey
from keyplan.ports import Clock, Sink
from keyplan.sinks.azure.client import Vault
from keyplan.sinks.azure.sink import build
from keyplan.sinks.patience import open_retrier
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AzureFake, Mapping[str, str], Mapping[str, str]]]:
    """Yield a fake, the options that lead to it, and the environment that makes us somebody."""
    fake, ca_file = AzureFake(), tmp_path_factory.mktemp("azure") / "ca.pem"
    with answering_securely(fake, ca_file) as url, answering(fake) as identity:
        environment = {"IDENTITY_ENDPOINT": f"{identity}/msi/token", "IDENTITY_HEADER": IDENTITY_HEADER}
        yield fake, {"vault_url": url, "ca_file": str(ca_file)}, environment


@pytest.fixture
def fake(azure: Any, monkeypatch: pytest.MonkeyPatch) -> AzureFake:
    """Return the fake, empty; this process is an App Service with a managed identity."""
    for name in [name for name in os.environ if name.startswith("AZURE_")]:
        monkeypatch.delenv(name)
    for name, value in azure[2].items():
        monkeypatch.setenv(name, value)
    found: AzureFake = azure[0]
    found.reset()
    return found


def open_sink(where: Mapping[str, Json], folder: Path, clock: Clock | None = None, **options: Json) -> Sink:
    given: Mapping[str, Json] = {"name": "arize-{name}", **where, **options}
    return build(make_sink_settings(given, sink_type="azure-key-vault"), make_context(folder, clock=clock))


@pytest.fixture
def open_fake(azure: Any, fake: AzureFake, tmp_path: Path) -> Iterator[Any]:
    """Yield what opens a sink on the fake."""
    opened: list[Any] = []

    def open_one(**options: Json) -> Sink:
        opened.append(open_sink(azure[1], tmp_path, **options))
        return opened[-1]  # type: ignore[no-any-return]  # the SDK has no types

    yield open_one
    for sink in opened:
        # Before the fake ends: a TLS connection is closed by both sides.
        sink._store._vault._client.close()


def find_slot(sink: Sink, name: str = "ci", **changes: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(changes))


def look(sink: Sink, slot: Slot) -> Holding:
    return sink.inspect([slot])[slot]


def name_of(slot: Slot) -> str:
    return str(slot.options["name"])


class AzureContract(SinkContract):
    options: ClassVar[Mapping[str, Json]] = {}
    takes_tags_along = False

    @pytest.fixture
    def sink(self, fake: AzureFake, open_fake: Any) -> Sink:
        self.fake = fake
        sink: Sink = open_fake(**self.options)
        return sink

    def value_at(self, slot: Slot) -> str | None:
        return self.fake.value(name_of(slot))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        name = name_of(slot)
        has_tags = self.takes_tags_along and name in self.fake.secrets
        self.fake.person_writes(name, raw_text, tags=dict(self.fake.newest(name).tags) if has_tags else None)


class TestPeopleWhoSetBareValues(AzureContract):
    """As Azure CLI does: their versions have no tags."""


class TestPeopleWhoTakeTagsAlong(AzureContract):
    """As other programs do."""

    takes_tags_along = True


class TestJson(AzureContract):
    options: ClassVar[Mapping[str, Json]] = {"format": "json"}

    def value_at(self, slot: Slot) -> str | None:
        text = self.fake.value(name_of(slot))
        return None if text is None else str(json.loads(text)["key"])

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.fake.person_writes(name_of(slot), json.dumps({"key": raw_text}))


# what is written


def test_value_and_receipt_come_in_one_request(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.faults.append(Fault(500, method="PATCH", body={}))
    fake.faults.extend([Fault(500, method="PATCH", body={})] * 3)
    with pytest.raises(SinkUnavailableError):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert look(sink, find_slot(sink)) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_the_secret_says_what_it_is_and_when_it_ends(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    ends = NOW + timedelta(days=90)
    sink.put(find_slot(sink), RawKey(RAW), make_receipt(expires_at=ends))
    version = fake.newest("arize-ci")
    assert (version.content_type, version.attributes["exp"]) == ("text/plain", int(ends.timestamp()))
    sink.put(find_slot(sink, "other", content_type="arize-key"), RawKey(RAW), make_receipt())
    assert fake.newest("arize-other").content_type == "arize-key"


def test_the_raw_key_arrives_byte_for_byte(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    for name, newline in (("plain", False), ("line", True)):
        slot = find_slot(sink, name, newline=newline)
        sink.put(slot, RawKey("ak ü…\U0001f511"), make_receipt())
        held = sink.read(slot)
        assert held is not None
        assert held.reveal() == "ak ü…\U0001f511"
    assert [fake.value("arize-plain"), fake.value("arize-line")] == ["ak ü…\U0001f511", "ak ü…\U0001f511\n"]


def test_a_put_that_is_repeated_makes_no_version(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    for _ in range(2):
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert len(fake.secrets["arize-ci"].versions) == 1


def test_the_former_version_stays_for_who_names_it(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.put(find_slot(sink), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert [version.value for version in fake.secrets["arize-ci"].versions] == [RAW, OTHER_RAW]


def test_tags_of_other_people_stay(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    fake.newest("arize-ci").tags["cost-centre"] = "42"
    sink.intend(find_slot(sink), make_intent())
    sink.put(find_slot(sink), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert fake.newest("arize-ci").tags["cost-centre"] == "42"


def long_receipt() -> Receipt:
    old = tuple(
        Superseded(key_id=KeyId(f"QXBpS2V5{n * 7919:05}"), switched_at=NOW, delete_after=NOW) for n in range(20)
    )
    names = {"name": "\N{KEY}" * 256, "address": "user/" + "\N{KEY}" * 256}
    return make_receipt(**names, creator="VXNlcjoxMjM0NTY3OmFCY0Q=", superseded=old, expires_at=NOW)


def test_a_long_receipt_fits_with_its_successors_intent(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), long_receipt())
    sink.intend(find_slot(sink), make_intent(alive_before=tuple(f"QXBpS2V5{n * 7919:05}" for n in range(20))))
    assert look(sink, find_slot(sink)).receipt == long_receipt()
    assert len(fake.newest("arize-ci").tags) <= 8


def test_where_other_tags_leave_no_room_nothing_is_written(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake(overwrite=True)
    fake.person_writes("arize-ci", "by-hand", tags={f"t{number}": "x" for number in range(13)})
    with pytest.raises(SinkDeniedError, match="15 tags have no room"):
        sink.intend(find_slot(sink), make_intent())
    assert fake.value("arize-ci") == "by-hand"


# what keeps a place


def test_what_only_keeps_a_place_is_nothing_to_consumers(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.intend(find_slot(sink), make_intent())
    assert fake.value("arize-ci") is None
    assert fake.newest("arize-ci").attributes["enabled"] is False


def test_a_place_that_a_person_enabled_is_still_no_value(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.intend(find_slot(sink), make_intent())
    fake.newest("arize-ci").attributes["enabled"] = True
    assert look(sink, find_slot(sink)) == Holding(present=False, intent=make_intent())


# deletion


def test_a_removed_key_can_be_recovered(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.withdraw(find_slot(sink), OWNER)
    assert (list(fake.secrets), list(fake.deleted)) == ([], ["arize-ci"])


def test_an_intent_recovers_what_was_deleted_but_gives_it_to_nobody(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.person_deletes("arize-ci")
    assert look(sink, slot) == Holding(present=False)
    fake.slow = 1
    sink.intend(slot, make_intent())
    assert (fake.value("arize-ci"), look(sink, slot)) == (None, Holding(present=False, intent=make_intent()))
    sink.retract(slot, make_intent())
    assert list(fake.deleted) == ["arize-ci"]


def test_a_deleted_secret_is_recovered_for_a_new_value(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert fake.value("arize-ci") == OTHER_RAW
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(OTHER_RAW), content=Content.MATCHES)


def test_a_persons_deleted_secret_is_not_recovered(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.person_writes("arize-ci", "by-hand")
    fake.person_deletes("arize-ci")
    assert_told_beforehand(sink, find_slot(sink), "was not keyplan's")
    assert list(fake.deleted) == ["arize-ci"]


def test_another_owners_deleted_secret_is_not_recovered(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt(owner="another-team"))
    fake.person_deletes("arize-ci")
    assert_told_beforehand(sink, find_slot(sink), "another-team")
    assert list(fake.deleted) == ["arize-ci"]


def test_on_remove_keep_leaves_all_as_it_is(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake(on_remove="keep")
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.withdraw(find_slot(sink), OWNER)
    assert look(sink, find_slot(sink)).receipt == make_receipt()


# what people do


def test_a_value_set_by_hand_outlives_the_declaration_and_is_nobodys_then(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.person_writes("arize-ci", "by-hand")
    sink.withdraw(slot, OWNER)
    assert (fake.value("arize-ci"), look(sink, slot)) == ("by-hand", Holding(present=True))
    with pytest.raises(SinkDeniedError, match="did not write"):
        sink.intend(slot, make_intent())


def test_a_value_disabled_by_hand_is_missed_and_made_good(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    fake.newest("arize-ci").attributes["enabled"] = False
    assert look(sink, slot) == Holding(present=False)
    sink.intend(slot, make_intent())
    assert fake.value("arize-ci") is None
    sink.put(slot, RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
    assert fake.value("arize-ci") == OTHER_RAW


def test_a_persons_disabled_secret_is_no_free_place(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.person_writes("arize-ci", "by-hand")
    fake.newest("arize-ci").attributes["enabled"] = False
    with pytest.raises(SinkDeniedError, match="did not write"):
        sink.intend(find_slot(sink), make_intent())


def test_an_imported_value_gets_a_receipt(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.person_writes("arize-ci", RAW)
    sink.annotate(find_slot(sink), make_receipt())
    assert look(sink, find_slot(sink)) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_a_note_that_somebody_spoiled_proves_nothing_and_keeps_nobody_out(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    fake.newest("arize-ci").tags["keyplan-note-00"] = "mine"
    assert look(sink, find_slot(sink)) == Holding(present=True)
    sink.intend(find_slot(sink), make_intent())


# many


def test_hundreds_are_seen_by_their_listing(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    sink.put(find_slot(sink, "n-0"), RawKey(RAW), make_receipt())
    fake.secrets |= {f"arize-n-{number}": fake.secrets["arize-n-0"] for number in range(240)}
    fake.person_writes("arize-n-240", "by-hand")
    fake.calls.clear()
    slots = [find_slot(sink, f"n-{number}") for number in range(300)]
    found = sink.inspect(slots)
    assert [found[slot].receipt for slot in slots] == [make_receipt()] * 240 + [None] * 60
    assert [found[slot].present for slot in slots] == [True] * 241 + [False] * 59
    assert fake.calls.count("GET /secrets") == 10
    assert len(fake.calls) == 12


def test_a_listing_hides_no_change(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    slots = [find_slot(sink, f"n-{number}") for number in range(24)]
    for slot in slots[:3]:
        sink.put(slot, RawKey(RAW), make_receipt())
    fake.person_writes("arize-n-0", "by-hand")
    fake.person_writes("arize-n-1", "by-hand", tags=dict(fake.newest("arize-n-1").tags))
    fake.newest("arize-n-2").attributes["enabled"] = False
    found = sink.inspect(slots)
    assert [found[slot].content for slot in slots[:2]] == [Content.DIFFERS] * 2
    assert found[slots[2]] == Holding(present=False)


# refusals


@pytest.mark.parametrize(
    ("permission", "code", "advice"),
    [
        pytest.param("set", "ForbiddenByRbac", "Key Vault Secrets Officer", id="no role"),
        pytest.param("get", "AccessDenied", "access policy", id="no permission"),
        pytest.param("get", "ForbiddenByFirewall", "firewall", id="firewall"),
        pytest.param("get", "", "access policy", id="no reason given"),
    ],
)
def test_a_missing_right_is_found_before_a_key_is_made(
    fake: AzureFake, open_fake: Any, permission: str, code: str, advice: str
) -> None:
    sink = open_fake()
    fake.denied = {permission: code}
    with pytest.raises(SinkDeniedError, match=f"denies '{permission}'") as caught:
        sink.intend(find_slot(sink), make_intent())
    assert advice in caught.value.advice


def test_no_other_permissions_are_used_than_the_page_names(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    slot = find_slot(sink)
    for raw in (RAW, OTHER_RAW):
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(raw), make_receipt(raw))
        sink.withdraw(slot, OWNER)
    assert fake.used == {"get", "list", "set", "delete", "recover"}
    fake.used.clear()
    sink.inspect([find_slot(sink, f"n{number}") for number in range(30)])
    sink.read(slot)
    assert fake.used == {"get", "list"}


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        pytest.param(Fault(401), SinkDeniedError, "no usable Azure credentials", id="unauthenticated"),
        pytest.param(Fault(400, body={"error": {"code": "x", "message": RAW}}), SinkDeniedError, "400", id="refused"),
        pytest.param(Fault(409), SinkUnavailableError, "being deleted or recovered", id="conflict"),
    ],
)
def test_other_answers(fake: AzureFake, open_fake: Any, fault: Fault, kind: type[Exception], message: str) -> None:
    sink = open_fake()
    fake.faults.append(fault)
    with pytest.raises(kind, match=message) as caught:
        sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert RAW not in f"{caught.value!r}"
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        pytest.param(Fault(429, headers={"Retry-After": "8"}), 8, id="with a time"),
        pytest.param(Fault(429), 0.5, id="without"),
        pytest.param(Fault(503, headers={"Retry-After": "8"}), 8, id="in maintenance"),
    ],
)
def test_a_throttled_request_is_waited_for_and_sent_again(
    azure: Any, fake: AzureFake, tmp_path: Path, fault: Fault, seconds: float
) -> None:
    clock = SimulatedClock()
    sink = open_sink(azure[1], tmp_path, clock)
    fake.faults.append(fault)
    began = clock.now()
    assert look(sink, find_slot(sink)) == Holding(present=False)
    assert clock.now() - began == timedelta(seconds=seconds)
    cast("Any", sink)._store._vault._client.close()


def test_a_vault_that_keeps_throttling_is_told(azure: Any, fake: AzureFake, tmp_path: Path) -> None:
    sink = open_sink(azure[1], tmp_path, SimulatedClock(), patience_seconds=30)
    fake.faults.extend([Fault(429)] * 99)
    with pytest.raises(SinkPausedError, match="still busy or throttled after 30 s"):
        look(sink, find_slot(sink))
    cast("Any", sink)._store._vault._client.close()


def test_a_vault_that_is_not_there_is_told(azure: Any, fake: AzureFake, tmp_path: Path) -> None:
    where = {**azure[1], "vault_url": f"https://127.0.0.1:{free_port()}"}
    sink = open_sink(where, tmp_path)
    with pytest.raises(SinkUnavailableError, match=r"127\.0\.0\.1:[0-9]+: connection refused"):
        look(sink, find_slot(sink))


def test_an_authority_that_nobody_trusts_is_told(azure: Any, fake: AzureFake, tmp_path: Path) -> None:
    with shaking_hands() as url:
        sink = open_sink({**azure[1], "vault_url": url}, tmp_path)
        with pytest.raises(SinkDeniedError, match="the certificate is not trusted"):
            look(sink, find_slot(sink))


def test_who_is_nobody_is_told(fake: AzureFake, open_fake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
        monkeypatch.delenv(name)
    # One credential of the chain that fails without a network.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    sink = open_fake()
    with pytest.raises(SinkDeniedError, match="no usable Azure credentials"):
        look(sink, find_slot(sink))


def test_nothing_is_sent_before_the_vault_has_asked_who_we_are(fake: AzureFake, open_fake: Any) -> None:
    forget_challenges()
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    assert fake.challenges >= 1


def test_nothing_of_a_value_shows_in_logs(open_fake: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sink = open_fake()
    sink.put(find_slot(sink), RawKey(RAW), make_receipt())
    sink.read(find_slot(sink))
    written = " ".join(str(vars(record)) for record in caplog.records)
    assert written
    assert not any(text in written for text in (RAW, TOKEN))


class Stubborn:
    """A client of a vault that takes its time, and is not the one that it claims to be."""

    def begin_recover_deleted_secret(self, name: str) -> Stubborn:
        return self

    def wait(self, seconds: float) -> None:
        """Return at once."""

    def done(self) -> bool:
        return False

    def get_secret(self, name: str) -> None:
        raise ValueError(f"the resource does not match, says {RAW}")


def test_a_recovery_that_takes_too_long_is_left_alone() -> None:
    with pytest.raises(SinkUnavailableError, match="still being recovered"):
        Vault(Stubborn(), host="acme", retrier=open_retrier({}, make_context(Path("/")), name="azure")).recover("ci")


def test_what_answers_in_a_vaults_place_gets_nothing() -> None:
    with pytest.raises(SinkDeniedError, match="not that of a vault at this address") as caught:
        Vault(Stubborn(), host="acme", retrier=open_retrier({}, make_context(Path("/")), name="azure")).get("ci")
    assert RAW not in f"{caught.value!r}"


def test_the_whole_life_of_a_key(azure: Any, fake: AzureFake, tmp_path: Path) -> None:
    with travelling(
        tmp_path,
        sink={"type": "azure-key-vault", "name": "arize-{name}", **azure[1]},
        read_value=lambda name: fake.value(f"arize-{name}"),
        destroy_value=lambda name: fake.person_deletes(f"arize-{name}"),
        overwrite_value=lambda name, text: fake.person_writes(f"arize-{name}", text),
        environment=azure[2],
    ) as journey:
        journey.run()


def test_deleted_secrets_are_listed_once_and_only_if_a_place_is_free(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    slots = [find_slot(sink, name) for name in ("a", "b", "c")]
    sink.put(slots[0], RawKey(RAW), make_receipt())
    fake.calls.clear()
    sink.survey(slots[:1])
    assert "GET /deletedsecrets" not in fake.calls
    sink.survey(slots)
    assert fake.calls.count("GET /deletedsecrets") == 1


def test_without_the_right_to_list_deleted_secrets_only_an_apply_finds_them(fake: AzureFake, open_fake: Any) -> None:
    sink = open_fake()
    fake.person_writes("arize-ci", "by-hand")
    fake.person_deletes("arize-ci")
    fake.denied["list"] = "ForbiddenByPolicy"
    assert sink.survey([find_slot(sink)]).findings == ()
