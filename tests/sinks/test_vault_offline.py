"""The sink `vault` without a server and without hvac; `tests/sinks/test_vault.py` has both."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import trustme
from jsonschema import Draft202012Validator
from samples import (
    FORMER,
    IDENTITY,
    LINEAGE,
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
from simulated.clock import SimulatedClock
from sinks.examined import assert_told_beforehand
from sinks.fake_vault import EXCEPTIONS, Answer, FakeVault

from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError, SinkPausedError, SinkUnavailableError
from keyplan.model.identity import Lineage
from keyplan.model.manifest import FromCommand, FromEnvironment, FromFile, Json, SecretSource
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import Credential, RawKey
from keyplan.ports import Sink
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.patience import open_retrier
from keyplan.sinks.vault.auth import JWT_FILE, AppRole, Auth, Kubernetes, Token, find_token, read_auth
from keyplan.sinks.vault.client import VaultClient
from keyplan.sinks.vault.connection import connect
from keyplan.sinks.vault.notes import VaultNote, VaultNotes
from keyplan.sinks.vault.sink import OPTIONS, build, build_on
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.samples import make_context as make_plain_context
from keyplan.testing.sinks import SinkContract

ADDRESS = "https://vault.test"
WRITE_ONLY = frozenset({"read data"})
UNPATCHED = frozenset({"read data", "patch data", "patch metadata"})
TOKEN = "hvs-token-of-a-test"
APPROLE = AppRole(role_id="r", secret_id=Credential("s"))


def make_sink(
    server: FakeVault,
    *,
    auth: Auth | None = None,
    clock: SimulatedClock | None = None,
    lineage: Lineage | None = None,
    said: list[str] | None = None,
    **options: Json,
) -> SinkEngine:
    settings = make_sink_settings({"path": "arize/{name}", **options}, sink_type="vault")
    clock = clock or SimulatedClock()
    retrier = open_retrier(options, make_plain_context(clock=clock, said=said), name="vault")
    client = VaultClient(server, EXCEPTIONS, auth=auth or Token(Credential(TOKEN)), retrier=retrier, address=ADDRESS)
    return build_on(settings, make_plain_context(clock=clock, lineage=lineage), client)


def untrusted() -> Exception:
    error = EXCEPTIONS.SSLError(RAW)
    error.__cause__ = ssl.SSLCertVerificationError(RAW)
    return error


def slot_of(sink: Sink, name: str = "ci", **options: Json) -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery(options))


def look(sink: Sink, slot: Slot) -> Holding:
    return sink.inspect([slot])[slot]


class FakeContract(SinkContract):
    denied: ClassVar[frozenset[str]] = frozenset()
    options: ClassVar[dict[str, Json]] = {}

    @pytest.fixture
    def sink(self) -> Sink:
        self.server = FakeVault(denied=self.denied)
        return make_sink(self.server, **self.options)

    def value_at(self, slot: Slot) -> str | None:
        entry = self.server.paths.get(str(slot.options["path"]))
        held = entry.versions[-1] if entry and entry.versions else None
        return (held or {}).get(str(slot.options["field"]))

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        path = str(slot.options["path"])
        entry = self.server.paths.get(path)
        held = entry.versions[-1] if entry and entry.versions else None
        fields = {**(held or {}), str(slot.options["field"]): raw_text}
        assert self.server._write(path, fields, cas=len(entry.versions) if entry else 0).status_code == 200


class TestReadAndWrite(FakeContract):
    pass


class TestWriteOnly(FakeContract):
    denied = WRITE_ONLY
    options: ClassVar[dict[str, Json]] = {"write_only": True}


class TestSeveralKeysInOneSecretThatMayNotBeRead(FakeContract):
    denied = WRITE_ONLY
    options: ClassVar[dict[str, Json]] = {"write_only": True, "path": "arize/shared", "field": "{name}"}


class TestWithoutTheRightToPatch(FakeContract):
    denied = UNPATCHED
    options: ClassVar[dict[str, Json]] = {"write_only": True}


class TestMetadataThatMayOnlyBeRead(FakeContract):
    denied = UNPATCHED | {"update metadata"}
    options: ClassVar[dict[str, Json]] = {"write_only": True, "receipts": False, "overwrite": True}

    def test_weak_proof_comes_only_where_it_is_promised(self, sink: Sink, slot: Slot) -> None:
        sink.put(slot, RawKey(RAW), make_receipt())
        assert sink.abilities.weak_proof
        assert self.look(sink, slot).changed_at is not None


class TestLocating:
    @pytest.mark.parametrize(
        ("options", "location"),
        [
            pytest.param({}, "secret/arize/ci#api_key", id="the usual"),
            pytest.param({"mount": "kv/team/"}, "kv/team/arize/ci#api_key", id="another mount"),
            pytest.param({"path": "keys", "field": "{name}"}, "secret/keys#ci", id="several keys in one secret"),
            pytest.param({"path": "{address}"}, "secret/user=2Fci#api_key", id="a value is one part of a path"),
        ],
    )
    def test_a_slot_names_mount_path_and_field(self, options: dict[str, Json], location: str) -> None:
        assert slot_of(make_sink(FakeVault()), **options).location == location

    @pytest.mark.parametrize("path", ["/arize", "arize/", "a//b", "../a", "a/./b", "a#b", "a\nb"])
    def test_a_path_that_names_no_secret_is_refused(self, path: str) -> None:
        with pytest.raises(InputError, match="does not name a secret"):
            slot_of(make_sink(FakeVault()), path=path)

    @pytest.mark.parametrize("field", ["a b", "x" * 101, "\u00e9"], ids=["a space", "too long", "not ASCII"])
    def test_a_field_that_metadata_cannot_name_is_refused(self, field: str) -> None:
        with pytest.raises(InputError, match="100 printable ASCII characters"):
            slot_of(make_sink(FakeVault()), field=field)

    @pytest.mark.parametrize("option", ["address", "namespace", "auth", "ca_file", "write_only", "receipts"])
    def test_one_delivery_cannot_go_to_another_server(self, option: str) -> None:
        with pytest.raises(InputError, match=rf"keys\.yaml:1:1: '{option}' can't differ for one key"):
            slot_of(make_sink(FakeVault()), **{option: "x"})


class TestFieldsOfOthers:
    def test_another_writer_in_between_loses_nothing(self) -> None:
        def write_by_hand(server: FakeVault, doing: str) -> Answer | None:
            if doing == "update data":
                server.interfere = lambda _server, _doing: None
                server._write("arize/ci", {"theirs": "x"}, cas=0)
            return None

        server = FakeVault(interfere=write_by_hand)
        sink = make_sink(server)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert server.paths["arize/ci"].versions[-1] == {"theirs": "x", "api_key": RAW}

    def test_a_secret_that_others_write_all_the_time_is_unavailable(self) -> None:
        def write_by_hand(server: FakeVault, doing: str) -> Answer | None:
            if doing == "update data":
                held = server.paths["arize/ci"].versions
                held.append({"theirs": str(len(held))})
            return None

        clock = SimulatedClock()
        sink = make_sink(FakeVault(interfere=write_by_hand), clock=clock)
        with pytest.raises(SinkUnavailableError, match="another writer changed it"):
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert clock.now() > NOW, "it waits between its tries"

    def test_a_secret_that_is_deleted_before_a_patch_is_made_anew(self) -> None:
        def delete_by_hand(server: FakeVault, doing: str) -> Answer | None:
            if doing == "patch data":
                server.interfere = lambda _server, _doing: None
                server.paths["arize/ci"].versions[-1] = None
            return None

        server = FakeVault(denied=WRITE_ONLY)
        sink = make_sink(server, write_only=True)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        server.interfere = delete_by_hand
        sink.put(slot_of(sink), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert server.paths["arize/ci"].versions[-1] == {"api_key": OTHER_RAW}

    def test_other_fields_are_left_when_ours_is_removed(self) -> None:
        server = FakeVault()
        sink = make_sink(server)
        server._write("arize/ci", {"theirs": "x"}, cas=0)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        sink.withdraw(slot_of(sink), OWNER)
        assert server.paths["arize/ci"].versions[-1] == {"theirs": "x"}

    @pytest.mark.parametrize("act", ["put", "withdraw"])
    def test_without_read_and_patch_a_shared_secret_is_not_touched(self, act: str) -> None:
        server = FakeVault()
        server._write("arize/ci", {"theirs": "x"}, cas=0)
        make_sink(server).put(slot_of(make_sink(server)), RawKey(RAW), make_receipt())
        server.denied = UNPATCHED
        sink = make_sink(server, write_only=True)
        acts = {
            "put": lambda: sink.put(slot_of(sink), RawKey(OTHER_RAW), make_receipt(OTHER_RAW)),
            "withdraw": lambda: sink.withdraw(slot_of(sink), OWNER),
        }
        with pytest.raises(SinkDeniedError, match="other fields of the secret can't be kept"):
            acts[act]()

    def test_what_is_in_the_way_and_cannot_be_read_is_not_overwritten(self) -> None:
        server = FakeVault(denied=WRITE_ONLY)
        server._write("arize/ci", {"theirs": "x"}, cas=0)
        sink = make_sink(server, write_only=True)
        with pytest.raises(SinkDeniedError, match="keyplan may not look"):
            sink.intend(slot_of(sink), make_intent())

    def test_what_is_no_text_counts_as_a_value(self) -> None:
        server = FakeVault()
        server._write("arize/ci", {"api_key": {"by": "hand"}}, cas=0)
        sink = make_sink(server)
        with pytest.raises(SinkDeniedError, match="that keyplan did not write"):
            sink.intend(slot_of(sink), make_intent())


class TestRights:
    @pytest.mark.parametrize(
        ("rights", "options", "is_enough"),
        [
            pytest.param(["root"], {}, True, id="root may everything"),
            pytest.param(["create", "update"], {}, True, id="the policy of the page"),
            pytest.param(["update"], {}, True, id="the path exists once the intent is noted"),
            pytest.param(["create"], {}, False, id="create alone makes new paths only"),
            pytest.param(["create"], {"receipts": False, "overwrite": True}, True, id="no intent, a new path"),
            pytest.param(["deny"], {}, False, id="nothing is allowed"),
            pytest.param(None, {}, True, id="the token may not ask: the write will tell"),
        ],
    )
    def test_a_new_secret_needs(self, rights: list[str] | None, options: dict[str, Json], is_enough: bool) -> None:
        sink = make_sink(FakeVault(rights=rights), **options)
        if is_enough:
            sink.intend(slot_of(sink), make_intent())
            return
        with pytest.raises(SinkDeniedError, match=r"the policy lacks '(create|update)'"):
            sink.intend(slot_of(sink), make_intent())

    @pytest.mark.parametrize(
        ("rights", "fields", "is_enough"),
        [
            pytest.param(["patch"], ["api_key", "second"], True, id="patch keeps other fields"),
            pytest.param(["update"], ["api_key", "second"], False, id="update would lose other fields"),
            pytest.param(["update"], ["api_key"], True, id="all of it is keyplan's"),
        ],
    )
    def test_a_secret_that_cannot_be_read_needs(self, rights: list[str], fields: list[str], is_enough: bool) -> None:
        server = FakeVault(denied=WRITE_ONLY, rights=rights)
        sink = make_sink(server, write_only=True)
        for field in fields:
            sink.put(slot_of(sink, field=field), RawKey(RAW), make_receipt())
        if is_enough:
            sink.intend(slot_of(sink), make_intent())
            return
        with pytest.raises(SinkDeniedError, match="lacks 'patch'"):
            sink.intend(slot_of(sink), make_intent())

    @pytest.mark.parametrize("engine", ["2", None], ids=["version 2", "it cannot be seen"])
    def test_the_engine_is_asked_for_once(self, engine: str | None) -> None:
        server = FakeVault(engine=engine)
        sink = make_sink(server)
        for name in ("one", "two"):
            sink.intend(slot_of(sink, name), make_intent())
        assert server.asked.count("read mount") == 1

    def test_an_engine_of_version_1_is_refused_before_anything_is_written(self) -> None:
        server = FakeVault(engine="1")
        sink = make_sink(server)
        with pytest.raises(SinkDeniedError, match="version 2"):
            sink.intend(slot_of(sink), make_intent())
        assert server.paths == {}


def answering(doing: str, answer: Answer) -> Callable[[FakeVault, str], Answer | None]:
    return lambda _server, asked: answer if asked == doing else None


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "kind", "words", "advice"),
        [
            pytest.param(307, SinkUnavailableError, "redirects", "active node", id="a redirect is not followed"),
            pytest.param(400, SinkDeniedError, "refused a request", "log", id="refused for no known reason"),
            pytest.param(403, SinkDeniedError, "does not allow the token to create and update", "policy", id="denied"),
            pytest.param(404, SinkDeniedError, "has nothing at", "mount", id="no such mount or namespace"),
            pytest.param(500, SinkUnavailableError, "failed with 500", "look at the server", id="broken"),
        ],
    )
    def test_a_failed_write_is_told(self, status: int, kind: type[Exception], words: str, advice: str) -> None:
        sink = make_sink(FakeVault(interfere=answering("update data", Answer(status))))
        with pytest.raises(kind, match=words) as caught:
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert advice in getattr(caught.value, "advice", "")
        assert RAW not in str(vars(caught.value))

    @pytest.mark.parametrize(
        ("error", "kind", "words"),
        [
            pytest.param(untrusted(), SinkDeniedError, "certificate is not accepted", id="certificate"),
            pytest.param(EXCEPTIONS.ReadTimeout(RAW), SinkUnavailableError, "in time", id="too slow"),
            pytest.param(EXCEPTIONS.ConnectionError(RAW), SinkUnavailableError, "no connection", id="no connection"),
        ],
    )
    def test_no_answer_is_told_without_the_cause(self, error: Exception, kind: type[Exception], words: str) -> None:
        def fail(_server: FakeVault, doing: str) -> Answer | None:
            if doing == "update data":
                raise error
            return None

        sink = make_sink(FakeVault(interfere=fail))
        with pytest.raises(kind, match=words) as caught:
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None, "the cause quotes the request"

    @pytest.mark.parametrize("body", [None, ["text"]], ids=["no JSON", "no object"])
    def test_an_answer_that_is_not_vaults_is_told(self, body: Json) -> None:
        sink = make_sink(FakeVault(interfere=answering("read metadata", Answer(200, body))), write_only=True)
        with pytest.raises(SinkUnavailableError, match="does not answer as Vault does"):
            look(sink, slot_of(sink))

    @pytest.mark.parametrize(
        ("doing", "answer", "options"),
        [
            pytest.param("read data", Answer(200, {"data": {"api_key": "x"}}), {}, id="values of version 1"),
            pytest.param("read metadata", Answer(200, {"data": {}}), {"write_only": True}, id="metadata of version 1"),
            pytest.param("update data", Answer(204, {}), {}, id="a write that names no version"),
        ],
    )
    def test_answers_of_another_engine_are_refused(self, doing: str, answer: Answer, options: dict[str, Json]) -> None:
        sink = make_sink(FakeVault(interfere=answering(doing, answer)), **options)
        with pytest.raises(SinkDeniedError, match="version 2"):
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())

    def test_a_secret_that_will_delete_itself_is_there_until_then(self) -> None:
        server, clock = FakeVault(denied=WRITE_ONLY), SimulatedClock()
        sink = make_sink(server, clock=clock, write_only=True)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        server.paths["arize/ci"].deletion_time = (clock.now() + timedelta(hours=1)).isoformat()
        assert look(sink, slot_of(sink)).present
        clock.advance(timedelta(hours=2))
        assert not look(sink, slot_of(sink)).present


class TestLogins:
    AUTH: ClassVar[tuple[Auth, ...]] = (
        AppRole(role_id="r", secret_id=Credential("s"), mount="a"),
        Kubernetes(role="r", jwt=Credential("j"), mount="a"),
    )

    @pytest.mark.parametrize("auth", AUTH, ids=["approle", "kubernetes"])
    def test_it_logs_in_once_and_again_before_the_token_ends(self, auth: Auth) -> None:
        server, clock = FakeVault(), SimulatedClock()
        sink = make_sink(server, auth=auth, clock=clock)
        for _ in range(2):
            look(sink, slot_of(sink))
        assert (len(server.logins), server.token) == (1, "token-1")
        clock.advance(timedelta(minutes=50))
        look(sink, slot_of(sink))
        assert (len(server.logins), server.token) == (2, "token-2")
        assert server.logins[0]["mount"] == "a"

    def test_the_mount_is_the_methods_own_where_none_is_named(self) -> None:
        server = FakeVault()
        sink = make_sink(server, auth=AppRole(role_id="r", secret_id=Credential("s")))
        look(sink, slot_of(sink))
        assert server.logins[0] == {"role_id": "r", "secret_id": "s", "mount": "approle"}

    def test_a_login_that_never_ends_is_not_repeated(self) -> None:
        answer = Answer(200, {"auth": {"client_token": "t", "lease_duration": 0}})
        server, clock = FakeVault(interfere=answering("log in", answer)), SimulatedClock()
        sink = make_sink(server, auth=self.AUTH[0], clock=clock)
        look(sink, slot_of(sink))
        clock.advance(timedelta(days=1000))
        look(sink, slot_of(sink))
        assert len(server.logins) == 1

    @pytest.mark.parametrize("auth", AUTH, ids=["approle", "kubernetes"])
    def test_a_refused_login_is_told(self, auth: Auth) -> None:
        sink = make_sink(FakeVault(denied=frozenset({"log in"})), auth=auth)
        with pytest.raises(SinkDeniedError, match=r"does not accept the .* at auth/a"):
            look(sink, slot_of(sink))

    def test_a_token_is_presented_as_it_is(self) -> None:
        server = FakeVault()
        look(make_sink(server), slot_of(make_sink(server)))
        assert (server.token, server.logins) == (TOKEN, [])


class TestNotes:
    def test_damaged_notes_are_as_good_as_none(self) -> None:
        server = FakeVault()
        sink = make_sink(server)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        entry = server.paths["arize/ci"]
        entry.custom = {**(entry.custom or {}), "keyplan-note.api_key-00": "by hand"}
        assert look(sink, slot_of(sink)) == Holding(present=True)
        sink.put(slot_of(sink), RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert look(sink, slot_of(sink)).content is Content.MATCHES

    @pytest.mark.parametrize("text", ["", "[]", "{", '{"receipt": {}}', '{"intent": [1]}', '{"version": "x"}'])
    def test_a_note_that_is_none_is_empty(self, text: str) -> None:
        assert VaultNote.from_json(text) == VaultNote()

    def test_a_secret_has_room_for_so_many_keys(self) -> None:
        sink = make_sink(FakeVault(), path="shared", field="{name}")
        for number in range(62):
            sink.intend(slot_of(sink, f"key-{number}"), make_intent())
        with pytest.raises(SinkDeniedError, match=r"^secret/shared#last: its custom metadata has no room for"):
            sink.intend(slot_of(sink, "last"), make_intent())

    def test_a_secret_of_a_former_owner_is_taken_over_field_by_field(self) -> None:
        server, old = FakeVault(), make_receipt(owner=FORMER.owner, manifest_id=FORMER.id)
        former = make_sink(server, lineage=Lineage(identity=FORMER), path="shared", field="{name}")
        slots = [slot_of(former, name) for name in ("ci", "second")]
        for slot in slots:
            former.put(slot, RawKey(RAW), old)
        sink = make_sink(server, path="shared", field="{name}")
        sink.intend(slots[0], make_intent())
        sink.put(slots[0], RawKey(OTHER_RAW), make_receipt(OTHER_RAW))
        assert [look(sink, slot).receipt for slot in slots] == [make_receipt(OTHER_RAW), old]
        assert look(former, slots[0]).owner == IDENTITY
        sink.annotate(slots[1], make_receipt())
        later = make_sink(server, lineage=LINEAGE, path="shared", field="{name}")
        assert [look(later, slot).content for slot in slots] == [Content.MATCHES, Content.MATCHES]

    def test_versions_are_noted_as_ranges(self) -> None:
        written = frozenset({1, 2, 3, 5, 8, 9})
        notes = VaultNotes(owner=OWNER, written=written, by_field={"a": VaultNote()})
        entries = {name: str(value) for name, value in notes.changes_from({}, "a").items()}
        assert entries["keyplan-versions"] == "1-3,5,8-9"
        assert VaultNotes.of(entries).written == written

    def test_the_oldest_versions_are_forgotten_where_there_is_no_room(self) -> None:
        notes = VaultNotes(owner=OWNER, written=frozenset(range(1000, 2000, 2)), by_field={"a": VaultNote()})
        kept = str(notes.changes_from({}, "a")["keyplan-versions"])
        assert len(kept) <= 512
        assert kept.endswith("1996,1998")

    def test_writing_one_field_casts_no_doubt_on_another(self) -> None:
        sink = make_sink(FakeVault(denied=WRITE_ONLY), write_only=True, path="shared", field="{name}")
        for name in ("first", "second"):
            sink.put(slot_of(sink, name), RawKey(RAW), make_receipt())
        assert look(sink, slot_of(sink, "first")).content is Content.UNREAD

    def test_storing_the_same_again_vouches_for_nothing(self) -> None:
        server = FakeVault()
        sink = make_sink(server, path="shared", field="{name}")
        for name in ("first", "second"):
            sink.put(slot_of(sink, name), RawKey(RAW), make_receipt())
        server._write("shared", {"first": "by hand", "second": RAW}, cas=2)
        sink.put(slot_of(sink, "second"), RawKey(RAW), make_receipt())
        blind = make_sink(server, write_only=True, path="shared", field="{name}")
        assert look(blind, slot_of(blind, "first")).content is Content.DIFFERS

    def test_a_version_that_somebody_else_wrote_casts_doubt(self) -> None:
        server = FakeVault(denied=WRITE_ONLY)
        sink = make_sink(server, write_only=True)
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        server._write("arize/ci", {"api_key": "by hand"}, cas=1)
        assert look(sink, slot_of(sink)).content is Content.DIFFERS
        sink.withdraw(slot_of(sink), OWNER)
        assert server.paths["arize/ci"].versions[-1] == {"api_key": "by hand"}, "a person's value stays"

    def test_a_value_stored_before_a_crash_is_not_overlooked(self) -> None:
        server = FakeVault(denied=WRITE_ONLY)
        sink = make_sink(server, write_only=True)
        sink.intend(slot_of(sink), make_intent())
        server._write("arize/ci", {"api_key": RAW}, cas=0)
        assert look(sink, slot_of(sink)) == Holding(present=True, intent=make_intent())


class TestRemoving:
    def test_a_value_may_be_kept(self) -> None:
        server = FakeVault()
        sink = make_sink(server, on_remove="keep")
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        sink.withdraw(slot_of(sink), OWNER)
        assert look(sink, slot_of(sink)).receipt == make_receipt()

    def test_an_intent_alone_is_withdrawn(self) -> None:
        server = FakeVault()
        sink = make_sink(server)
        sink.intend(slot_of(sink), make_intent())
        sink.withdraw(slot_of(sink), OWNER)
        assert server.paths["arize/ci"].custom == {}


class TestReading:
    def test_a_raw_key_is_read_back(self) -> None:
        sink = make_sink(FakeVault())
        sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        held = sink.read(slot_of(sink))
        assert held is not None
        assert held.reveal() == RAW

    def test_there_is_nothing_to_read_in_an_empty_slot(self) -> None:
        assert make_sink(FakeVault()).read(slot_of(make_sink(FakeVault()))) is None

    def test_many_secrets_are_asked_for_once_each(self) -> None:
        server = FakeVault()
        sink = make_sink(server, path="arize/{name}", field="api_key")
        slots = [slot_of(sink, f"key-{number}", field=field) for number in range(50) for field in ("a", "b")]
        assert len(sink.inspect(slots)) == 100
        assert server.asked.count("read metadata") == 50


VALIDATOR = Draft202012Validator(OPTIONS)


class TestOptions:
    @pytest.mark.parametrize(
        "auth",
        [
            {"method": "token", "token": {"env": "VAULT_TOKEN"}},
            {"method": "approle", "role_id": "r", "secret_id": {"file": "secret-id"}},
            {"method": "kubernetes", "role": "r"},
            {"method": "kubernetes", "role": "r", "jwt": {"command": ["cat", "jwt"]}, "mount": "jwt"},
        ],
        ids=["token", "approle", "kubernetes", "kubernetes in full"],
    )
    def test_every_way_to_log_in_is_valid(self, auth: Json) -> None:
        assert not list(VALIDATOR.iter_errors({"path": "arize/{name}", "auth": auth, "namespace": None}))

    @pytest.mark.parametrize(
        "auth",
        [
            {},
            {"method": "token"},
            {"method": "token", "token": "hvs.literal"},
            {"method": "approle", "role_id": "r"},
            {"method": "kubernetes"},
            {"method": "userpass"},
            {"method": "token", "token": {"env": "A", "file": "b"}},
        ],
    )
    def test_what_is_missing_or_too_much_is_found_offline(self, auth: Json) -> None:
        assert list(VALIDATOR.iter_errors({"path": "arize/{name}", "auth": auth}))

    def test_receipts_false_needs_overwrite(self) -> None:
        with pytest.raises(InputError, match="'receipts: false' leaves no mark") as caught:
            build(make_sink_settings({"path": "x", "receipts": False}), make_context())
        assert "overwrite: true" in caught.value.advice

    def test_a_sink_that_is_not_read_cannot_be_copied_from(self) -> None:
        with pytest.raises(InputError, match="can't be copied from"):
            build(make_sink_settings({"path": "x", "write_only": True, "copy_from": True}), make_context())


def make_context(
    environment: Mapping[str, str] | None = None, folder: str = "/", asked: list[SecretSource] | None = None
) -> PluginContext:
    def resolve(source: SecretSource) -> Credential:
        if asked is not None:
            asked.append(source)
        return Credential(TOKEN)

    return PluginContext(
        folder=folder,
        lineage=RENAMED_LINEAGE,
        clock=SimulatedClock(),
        jitter=lambda limit: limit,
        resolve=resolve,
        environment=environment or {},
        say=lambda _text: None,
    )


class TestAuth:
    @pytest.mark.parametrize(
        ("auth", "source", "kind"),
        [
            pytest.param(None, FromEnvironment("VAULT_TOKEN"), Token, id="nothing said: the usual variable"),
            pytest.param({"method": "token", "token": {"file": "t"}}, FromFile("t"), Token, id="token"),
            pytest.param(
                {"method": "approle", "role_id": "r", "secret_id": {"command": ["pass", "s"]}, "mount": "m"},
                FromCommand(("pass", "s")),
                AppRole,
                id="approle",
            ),
            pytest.param({"method": "kubernetes", "role": "r"}, FromFile(JWT_FILE), Kubernetes, id="kubernetes"),
        ],
    )
    def test_secrets_are_fetched_from_where_the_option_says(
        self, auth: Json, source: SecretSource, kind: type[Auth]
    ) -> None:
        asked: list[SecretSource] = []
        context = make_context(asked=asked)
        found = read_auth({"auth": auth}, context.resolve, default=find_token({}))
        assert (asked, type(found)) == ([source], kind)
        assert TOKEN not in repr(found)

    @pytest.mark.parametrize(
        ("environment", "source"),
        [
            pytest.param({"VAULT_TOKEN": "a", "BAO_TOKEN": "b"}, FromEnvironment("VAULT_TOKEN"), id="Vault's variable"),
            pytest.param({"BAO_TOKEN": "b"}, FromEnvironment("BAO_TOKEN"), id="OpenBao's variable"),
            pytest.param({"VAULT_TOKEN": ""}, FromFile("HOME/.vault-token"), id="the file of vault login"),
        ],
    )
    def test_the_token_is_the_one_that_the_servers_own_clients_use(
        self, tmp_path: Path, environment: dict[str, str], source: SecretSource
    ) -> None:
        (tmp_path / ".vault-token").write_text(TOKEN)
        # As `vault` and `bao`, which read it whatever its mode: kubelets and CI systems mount such files.
        (tmp_path / ".vault-token").chmod(0o644)
        expected = FromFile(str(tmp_path / ".vault-token")) if isinstance(source, FromFile) else source
        assert find_token({"HOME": str(tmp_path), **environment}) == expected

    @pytest.mark.parametrize("home", [None, "", "relative", "/no-such-home"])
    def test_without_any_token_the_variable_is_missed(self, home: str | None) -> None:
        assert find_token({} if home is None else {"HOME": home}) == FromEnvironment("VAULT_TOKEN")


SEALED = Answer(503, {"errors": ["Vault is sealed"]})
BUSY_ANSWERS = [
    pytest.param(Answer(429, {"errors": ['request path "x": rate limit quota exceeded']}), id="a rate limit quota"),
    pytest.param(Answer(429, None, {"Retry-After": "1"}), id="a quota that names its time"),
    pytest.param(Answer(412, {"errors": ["required index state not present"]}), id="a node that lags behind"),
    pytest.param(Answer(503, {"errors": ["overloaded, try again later"]}), id="overloaded"),
    pytest.param(Answer(503), id="in maintenance"),
    pytest.param(
        Answer(500, {"errors": ["local node not active but active cluster node not found"]}), id="no active node"
    ),
]


class TestWaiting:
    @pytest.mark.parametrize("answer", BUSY_ANSWERS)
    @pytest.mark.parametrize("doing", ["log in", "read data", "update data", "patch metadata"])
    def test_a_server_that_is_busy_for_a_moment_is_waited_for(self, answer: Answer, doing: str) -> None:
        left = {doing: 3}

        def interfere(_server: FakeVault, asked: str) -> Answer | None:
            left[asked] = left.get(asked, 0) - 1
            return answer if left[asked] >= 0 else None

        clock = SimulatedClock()
        sink = make_sink(FakeVault(interfere=interfere), auth=APPROLE, clock=clock)
        slot = slot_of(sink)
        began = clock.now()
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(RAW), make_receipt())
        assert look(sink, slot).content is Content.MATCHES
        assert timedelta(seconds=3) <= clock.now() - began < timedelta(seconds=30)

    @pytest.mark.parametrize("answer", BUSY_ANSWERS)
    def test_a_server_that_stays_busy_is_waited_for_two_minutes(self, answer: Answer) -> None:
        clock, said = SimulatedClock(), []
        sink = make_sink(FakeVault(interfere=answering("update data", answer)), clock=clock, said=said)
        began = clock.now()
        with pytest.raises(SinkPausedError, match="busy or throttled") as caught:
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert timedelta(seconds=90) < clock.now() - began <= timedelta(seconds=120)
        assert RAW not in str(vars(caught.value))

    def test_a_sealed_server_is_told_at_once(self) -> None:
        clock = SimulatedClock()
        sink = make_sink(FakeVault(interfere=answering("update data", SEALED)), clock=clock)
        began = clock.now()
        with pytest.raises(SinkPausedError, match=r"vault\.test is sealed") as caught:
            sink.put(slot_of(sink), RawKey(RAW), make_receipt())
        assert "unseal" in caught.value.advice
        assert clock.now() == began


class TestConnecting:
    def test_an_address_is_needed(self) -> None:
        with pytest.raises(InputError, match="no address"):
            connect({}, make_context(), name="vault")

    def test_plain_http_to_another_machine_is_refused(self) -> None:
        with pytest.raises(InputError, match="plain http"):
            connect({}, make_context({"VAULT_ADDR": "http://vault.test:8200"}), name="vault")

    def test_a_ca_file_has_to_be_there(self) -> None:
        with pytest.raises(InputError, match=r"'no-such\.pem' is not a file"):
            connect({"address": ADDRESS, "ca_file": "no-such.pem"}, make_context(), name="vault")

    def test_a_ca_file_is_found_beside_the_manifest(self, tmp_path: Path) -> None:
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        context = make_context(folder=str(tmp_path))
        assert connect({"address": ADDRESS, "ca_file": "ca.pem"}, context, name="vault")

    def test_a_ca_file_without_a_certificate_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "ca.pem").write_text("")
        with pytest.raises(InputError, match=r"the vault sink's ca_file: .*it holds no certificate"):
            connect({"address": ADDRESS, "ca_file": "ca.pem"}, make_context(folder=str(tmp_path)), name="vault")

    def test_a_wrong_proxy_is_named_before_anything_is_sent(self) -> None:
        environment = {"VAULT_ADDR": "https://vault.test:8200", "HTTPS_PROXY": "gopher://x"}
        with pytest.raises(InputError, match="HTTPS_PROXY"):
            connect({}, make_context(environment), name="vault")

    def test_building_a_sink_asks_the_server_nothing(self) -> None:
        sink = build(make_sink_settings({"path": "{name}"}), make_context({"BAO_ADDR": ADDRESS}))
        assert sink.abilities.readable


# what is told beforehand


@pytest.mark.parametrize(
    ("changes", "options", "why"),
    [
        pytest.param({"engine": "1"}, {}, "not in a KV engine of version 2", id="an old engine"),
        pytest.param({"rights": ["read"]}, {}, "the policy lacks 'update'", id="a right is missing"),
        pytest.param({"rights": ["read"]}, {"receipts": False}, "the policy lacks 'create'", id="no right to create"),
    ],
)
def test_what_a_server_would_refuse_is_told_with_the_place(
    changes: dict[str, Any], options: dict[str, Json], why: str
) -> None:
    sink = make_sink(FakeVault(**changes), **options)
    assert_told_beforehand(sink, slot_of(sink), why)


@pytest.mark.parametrize(("delivered", "more"), [(5, 1), (0, 2)], ids=["steady", "new"])
def test_a_look_and_an_examination_take_one_request_more_and_one_for_a_mount_without_secrets(
    delivered: int, more: int
) -> None:
    server = FakeVault(rights=["root"])
    sink = make_sink(server)
    slots = [slot_of(sink, f"n{number}") for number in range(5)]
    for slot in slots[:delivered]:
        sink.put(slot, RawKey(RAW), make_receipt())
    looked: list[int] = []
    for look_at in (make_sink(server).inspect, make_sink(server).survey):
        server.asked.clear()
        look_at(slots)
        looked.append(len(server.asked))
    assert looked[1] == looked[0] + more
