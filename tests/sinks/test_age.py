"""The sink `age` with pyrage, and with age itself as the consumer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from samples import OWNER, RAW, make_declaration, make_delivery, make_intent, make_receipt, make_sink_settings, names_in
from sinks.journey import travelling
from sinks.local_context import make_context

from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.age.encryption import AgeSealer
from keyplan.sinks.age.sink import build
from keyplan.sinks.file_store import FileStore
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pyrage = pytest.importorskip("pyrage")
pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENT = str(IDENTITY.to_public())


def write_identity(folder: Path) -> None:
    (folder / "key.txt").write_text(f"# created: today\n# public key: {RECIPIENT}\n\n{IDENTITY}\n")


def build_in(folder: Path, **options: Json) -> Sink:
    write_identity(folder)
    values: dict[str, Json] = {"path": "secrets/{name}.age", "recipients": [RECIPIENT], **options}
    return build(make_sink_settings(values, sink_type="age"), make_context(folder))


def decrypt(path: Path, identity: Path) -> str:
    """Return what age itself makes of a file."""
    return subprocess.run(["age", "-d", "-i", identity, path], capture_output=True, check=True, text=True).stdout


def locate(sink: Sink, name: str = "ci") -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery())


class AgeContract(SinkContract):
    options: ClassVar[dict[str, Json]]

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.folder = tmp_path
        return build_in(tmp_path, **self.options)

    def value_at(self, slot: Slot) -> str | None:
        path = self.folder / slot.location
        return decrypt(path, self.folder / "key.txt") if path.exists() else None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        path = self.folder / slot.location
        path.parent.mkdir(exist_ok=True)
        subprocess.run(["age", "-r", RECIPIENT, "-o", path], input=raw_text.encode(), check=True)


class TestWithAnIdentity(AgeContract):
    options: ClassVar[dict[str, Json]] = {"identity": {"file": "key.txt"}}


class TestWithoutAnIdentity(AgeContract):
    options: ClassVar[dict[str, Json]] = {}


class TestJson(AgeContract):
    options: ClassVar[dict[str, Json]] = {"identity": {"file": "key.txt"}, "format": "json"}

    def value_at(self, slot: Slot) -> str | None:
        text = super().value_at(slot)
        return None if text is None else str(json.loads(text)["key"])

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        super().person_writes(slot, json.dumps({"key": raw_text}))


def test_without_an_identity_a_value_changed_by_hand_has_no_receipt_any_more(tmp_path: Path) -> None:
    sink = build_in(tmp_path)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    (tmp_path / slot.location).write_bytes(pyrage.encrypt(b"by hand", [IDENTITY.to_public()]))
    assert sink.inspect([slot])[slot] == Holding(present=True)
    sink.withdraw(slot, OWNER)
    assert decrypt(tmp_path / slot.location, tmp_path / "key.txt") == "by hand"


def test_a_value_sealed_anew_for_others_is_the_same_to_who_can_read_it(tmp_path: Path) -> None:
    sink = build_in(tmp_path, identity={"file": "key.txt"})
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    (tmp_path / slot.location).write_bytes(pyrage.encrypt(RAW.encode(), [IDENTITY.to_public()]))
    assert sink.inspect([slot])[slot] == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_an_identity_that_is_no_recipient_reads_nothing(tmp_path: Path) -> None:
    other = str(pyrage.x25519.Identity.generate().to_public())
    sink = build_in(tmp_path, identity={"file": "key.txt"}, recipients=[other])
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    assert sink.inspect([slot])[slot] == Holding(present=True, receipt=make_receipt())
    assert sink.read(slot) is None


def test_every_recipient_can_read_it_ssh_keys_too(tmp_path: Path) -> None:
    for name in ("one", "two"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    keys: list[Json] = [(tmp_path / f"{name}.pub").read_text().strip() for name in ("one", "two")]
    sink = build_in(tmp_path, recipients=[RECIPIENT, *keys], identity={"file": "two"})
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    path = tmp_path / slot.location
    assert [decrypt(path, tmp_path / name) for name in ("one", "two", "key.txt")] == [RAW, RAW, RAW]
    assert sink.inspect([slot])[slot].content is Content.MATCHES


@pytest.mark.parametrize(
    "source", [{"env": "AGE_KEY"}, {"command": ["grep", "AGE-", "key.txt"]}], ids=["variable", "program"]
)
def test_an_identity_comes_from_wherever_a_secret_may_stand(tmp_path: Path, source: dict[str, Json]) -> None:
    write_identity(tmp_path)
    settings = make_sink_settings({"path": "{name}", "recipients": [RECIPIENT], "identity": source})
    assert build(settings, make_context(tmp_path, {"AGE_KEY": str(IDENTITY)})).abilities.readable


@pytest.mark.parametrize(
    ("content", "what"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param(b"", "no identity", id="empty"),
        pytest.param(b"AGE-SECRET-KEY-1WRONG", "no identity", id="damaged"),
        pytest.param(b"\xff\xfe", "no identity", id="no text"),
        pytest.param(b"-----BEGIN OPENSSH PRIVATE KEY-----\nAA\n", "no identity", id="damaged SSH key"),
    ],
)
def test_an_identity_that_is_none_is_refused_and_not_quoted(tmp_path: Path, content: bytes | None, what: str) -> None:
    if content is not None:
        (tmp_path / "bad.txt").write_bytes(content)
    with pytest.raises(InputError, match=what) as caught:
        build_in(tmp_path, identity={"file": "bad.txt"})
    assert "AGE-SECRET" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_a_recipient_that_is_none_is_found_before_a_key_is_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="age1wrong"):
        locate(build_in(tmp_path, recipients=["age1wrong"]))


def test_no_plaintext_ever_lies_in_the_folder(tmp_path: Path) -> None:
    seen: list[bytes] = []

    class Watching(AgeSealer):
        def seal(self, content: bytes, options: Mapping[str, Any]) -> bytes:
            sealed = super().seal(content, options)
            seen.append(sealed)
            return sealed

    sink = build_in(tmp_path)
    slot = locate(sink)
    sink._store = FileStore(str(tmp_path), cipher=Watching(pyrage, ()))  # type: ignore[attr-defined]  # the sink's own part is watched
    sink.put(slot, RawKey(RAW), make_receipt())
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert seen[0] in everything
    assert RAW.encode() not in everything
    assert names_in(tmp_path / "secrets") == [".ci.age.keyplan.json", "ci.age"]


def test_a_crash_between_value_and_receipt_is_finished_by_the_next_put(tmp_path: Path) -> None:
    sink = build_in(tmp_path)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sidecar = tmp_path / "secrets" / ".ci.age.keyplan.json"
    sink.intend(slot, make_intent())
    before = sidecar.read_bytes()
    receipt = make_receipt(OTHER_RAW, key_id=KeyId("key-2"))
    sink.put(slot, RawKey(OTHER_RAW), receipt)
    sidecar.write_bytes(before)
    assert sink.inspect([slot])[slot] == Holding(present=True, intent=make_intent())
    sink.put(slot, RawKey(OTHER_RAW), receipt)
    assert sink.inspect([slot])[slot] == Holding(present=True, receipt=receipt)


def test_a_folder_that_cannot_be_made_is_found_by_the_intent(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file")
    sink = build_in(tmp_path)
    with pytest.raises(SinkDeniedError):
        sink.intend(locate(sink), make_intent())


def test_a_manifests_folder_that_is_gone_is_told_of(tmp_path: Path) -> None:
    sink: Any = build_in(tmp_path)
    sink._store._base = str(tmp_path / "gone")
    with pytest.raises(SinkUnavailableError, match="No such file"):
        sink.intend(locate(sink), make_intent())


def test_a_key_that_is_to_be_kept_stays_when_its_declaration_goes(tmp_path: Path) -> None:
    sink = build_in(tmp_path, on_remove="keep")
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    assert decrypt(tmp_path / slot.location, tmp_path / "key.txt") == RAW


@pytest.mark.parametrize("identity", [{}, {"identity": {"file": "key.txt"}}], ids=["blind", "reading"])
def test_a_keys_life_through_the_installed_command(tmp_path: Path, identity: dict[str, Json]) -> None:
    write_identity(tmp_path)

    def read_value(name: str) -> str | None:
        path = tmp_path / f"{name}.age"
        return decrypt(path, tmp_path / "key.txt") if path.exists() else None

    def overwrite_value(name: str, value: str) -> None:
        (tmp_path / f"{name}.age").write_bytes(pyrage.encrypt(value.encode(), [IDENTITY.to_public()]))

    with travelling(
        tmp_path,
        sink={"type": "age", "path": "{name}.age", "recipients": [RECIPIENT], **identity},
        read_value=read_value,
        destroy_value=lambda name: (tmp_path / f"{name}.age").unlink(),
        overwrite_value=overwrite_value,
    ) as journey:
        journey.run()
