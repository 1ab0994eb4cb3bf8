"""The sink `sops` with the sops program and age keys; sops is the consumer, too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

import pytest
import yaml
from samples import OWNER, RAW, make_declaration, make_delivery, make_intent, make_receipt, make_sink_settings, names_in
from sinks.examined import assert_told_beforehand
from sinks.journey import travelling
from sinks.local_context import make_context

from keyplan.errors import SinkDeniedError, SinkError, SinkUnavailableError
from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.ports import Sink
from keyplan.sinks.sops.program import SopsProgram, find_sops
from keyplan.sinks.sops.sink import build
from keyplan.testing.samples import OTHER_RAW
from keyplan.testing.sinks import SinkContract

pyrage = pytest.importorskip("pyrage")
if shutil.which("sops") is None and not Path(sys.executable).with_name("sops").exists():
    pytest.skip("needs sops", allow_module_level=True)
pytestmark = [pytest.mark.sinks, pytest.mark.enable_socket]
SOPS = find_sops(dict(os.environ))
IDENTITY = pyrage.x25519.Identity.generate()
RULE = {"age": str(IDENTITY.to_public())}
FILE = "secrets/keys.enc.yaml"


class Folder:
    """A folder with creation rules and a key, and the sops program in it."""

    def __init__(self, path: Path, **rule: str) -> None:
        self.path = path
        (path / "secrets").mkdir()
        (path / "key.txt").write_text(f"{IDENTITY}\n")
        (path / ".sops.yaml").write_text(yaml.safe_dump({"creation_rules": [{**RULE, **rule}]}))
        self.environment = {"SOPS_AGE_KEY_FILE": str(path / "key.txt"), "ARIZE_API_KEY": "ak-own-credential"}
        self.said: list[str] = []

    def sops(self, *argv: str, given: str = "") -> str:
        """Run sops as a person would."""
        return subprocess.run(
            [SOPS, "--disable-version-check", *argv],
            input=given,
            cwd=self.path,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def build(self, *, has_key: bool = True, **options: Json) -> Sink:
        values: dict[str, Json] = {"path": FILE, "entry": "arize.{name}", **options}
        environment = self.environment if has_key else {}
        settings = make_sink_settings(values, sink_type="sops")
        return build(settings, make_context(self.path, environment, said=self.said))

    def make(self, document: dict[str, Any], name: str = FILE) -> None:
        """Make a file by hand."""
        done = self.sops("encrypt", "--filename-override", name, given=yaml.safe_dump(document))
        (self.path / name).write_text(done)

    def clear(self, name: str = FILE) -> dict[str, Any]:
        """Return all of a file in the clear."""
        tree: dict[str, Any] = json.loads(self.sops("decrypt", "--output-type", "json", name))
        return tree

    def set(self, slot: Slot, text: str) -> None:
        """Put a value there by hand."""
        name = slot.location.partition("#")[0]
        if not (self.path / name).exists():
            (self.path / name).write_text(self.sops("encrypt", "--filename-override", name, given="{}"))
        keys: Any = slot.options["keys"]
        self.sops("set", "--value-stdin", name, "".join(f'["{key}"]' for key in keys), given=json.dumps(text))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def locate(sink: Sink, name: str = "ci") -> Slot:
    return sink.locate(OWNER, make_declaration(name), make_delivery())


def look(sink: Sink, name: str = "ci") -> Holding:
    slot = locate(sink, name)
    return sink.inspect([slot])[slot]


def put(sink: Sink, name: str = "ci", raw: str = RAW) -> None:
    sink.put(locate(sink, name), RawKey(raw), make_receipt(raw))


class SopsContract(SinkContract):
    options: ClassVar[dict[str, Json]] = {}
    rule: ClassVar[dict[str, str]] = {}

    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.folder = Folder(tmp_path, **self.rule)
        return self.folder.build(**self.options)

    def value_at(self, slot: Slot) -> str | None:
        name = slot.location.partition("#")[0]
        if not (self.folder.path / name).exists():
            return None
        found: Any = self.folder.clear(name)
        keys: Any = slot.options["keys"]
        for key in keys:
            found = found.get(key, {})
        return found or None

    def person_writes(self, slot: Slot, raw_text: str) -> None:
        self.folder.set(slot, raw_text)


class TestYaml(SopsContract):
    pass


class TestJsonWhereOnlySomeIsEncrypted(SopsContract):
    options: ClassVar[dict[str, Json]] = {"path": "secrets/{key_type}.json", "entry": "data.{name}"}
    rule: ClassVar[dict[str, str]] = {"encrypted_regex": "^data$"}


# what others find in the file


def test_receipts_stand_in_the_clear_and_the_key_does_not(folder: Folder) -> None:
    put(folder.build())
    text = (folder.path / FILE).read_text()
    note = json.loads(yaml.safe_load(text)["keyplan_unencrypted"]["arize.ci"])
    assert note["entries"][""]["receipt"] == make_receipt().to_dict()
    assert RAW not in text


def test_everything_else_in_the_file_stays_as_it_is_ciphertext_and_all(folder: Folder) -> None:
    folder.make({"db": {"password": "pw"}, "port_unencrypted": 5432})
    before = yaml.safe_load((folder.path / FILE).read_text())
    put(folder.build())
    after = yaml.safe_load((folder.path / FILE).read_text())
    assert {name: after[name] for name in ("db", "port_unencrypted")} == {
        name: before[name] for name in ("db", "port_unencrypted")
    }
    assert after["sops"]["age"] == before["sops"]["age"]


def test_what_was_withdrawn_is_out_of_the_file_and_its_notes(folder: Folder) -> None:
    folder.make({"db": "pw"})
    sink = folder.build()
    put(sink)
    sink.withdraw(locate(sink), OWNER)
    assert folder.clear() == {"db": "pw", "arize": {}}


def test_nothing_but_the_file_is_left_in_the_folder(folder: Folder) -> None:
    put(folder.build())
    assert names_in(folder.path / "secrets") == ["keys.enc.yaml"]


@pytest.mark.parametrize("name", ["ci.prod", "a b", '"q"', "[0]", "{x}", "é/ü", "yes", "123", "..", "-x"])
def test_any_name_makes_one_entry(folder: Folder, name: str) -> None:
    sink = folder.build()
    put(sink, name)
    assert list(folder.clear()["arize"].values()) == [RAW]
    assert look(sink, name).content is Content.MATCHES


def test_keys_that_are_set_at_the_same_time_are_all_there(folder: Folder) -> None:
    sinks = [folder.build(), folder.build()]
    names = [f"key-{number}" for number in range(6)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: put(sinks[item[0] % 2], item[1]), enumerate(names)))
    assert sorted(folder.clear()["arize"]) == names


def test_several_keys_are_looked_at_with_one_run_of_sops(folder: Folder) -> None:
    sink: Any = folder.build()
    put(sink)
    runs: list[str] = []

    class Counting(SopsProgram):
        def decrypt(self, content: bytes, kind: str, name: str) -> Any:
            runs.append(name)
            return super().decrypt(content, kind, name)

    sink._store._program = Counting(SOPS, environment={**os.environ, **folder.environment})
    slots = [locate(sink, name) for name in ("ci", "missing")]
    assert [held.present for held in sink.inspect(slots).values()] == [True, False]
    assert runs == [FILE]


def test_where_there_is_no_folder_there_is_nothing(folder: Folder) -> None:
    sink = folder.build(path="nowhere/keys.yaml")
    assert look(sink) == Holding(present=False)
    sink.retract(locate(sink), make_intent())
    assert not (folder.path / "nowhere").exists()


def test_an_absolute_path_is_taken_as_it_is(folder: Folder) -> None:
    path = folder.path / "elsewhere" / "keys.yaml"
    sink = folder.build(path=str(path))
    put(sink)
    assert look(sink).content is Content.MATCHES
    assert path.exists()


def test_a_manifests_folder_that_is_gone_is_told_of(folder: Folder) -> None:
    sink: Any = folder.build()
    sink._store._base = str(folder.path / "gone")
    with pytest.raises(SinkUnavailableError, match="No such file"):
        sink.intend(locate(sink), make_intent())


# with and without the key


def test_receipts_are_seen_without_the_key_and_the_user_is_told_once(folder: Folder) -> None:
    put(folder.build())
    blind = folder.build(has_key=False)
    assert look(blind) == look(blind) == Holding(present=True, receipt=make_receipt())
    assert blind.read(locate(blind)) is None
    assert [line for line in folder.said if "no key of it is at hand" in line] == folder.said[:1] == folder.said


def test_without_the_key_nothing_can_be_written_which_the_intent_finds(folder: Folder) -> None:
    put(folder.build())
    blind = folder.build(has_key=False)
    assert_told_beforehand(blind, locate(blind, "second"), "no key to change it")
    assert_told_beforehand(blind, locate(blind), "no key to change it")
    with pytest.raises(SinkDeniedError, match="no key to change it") as caught:
        blind.intend(locate(blind, "second"), make_intent())
    assert "SOPS_AGE_KEY_FILE" in caught.value.advice


def test_a_new_file_needs_a_creation_rule(folder: Folder) -> None:
    (folder.path / ".sops.yaml").unlink()
    sink = folder.build()
    assert_told_beforehand(sink, locate(sink), "config file not found")
    with pytest.raises(SinkDeniedError, match="config file not found") as caught:
        sink.intend(locate(sink), make_intent())
    assert ".sops.yaml" in caught.value.advice


def test_a_rotated_data_key_changes_nothing(folder: Folder) -> None:
    sink = folder.build()
    put(sink)
    folder.sops("rotate", "--in-place", FILE)
    assert look(sink) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)
    assert look(folder.build(has_key=False)).receipt == make_receipt()


# what is in the way


def test_an_entry_that_sops_would_leave_in_the_clear_never_gets_the_key(tmp_path: Path) -> None:
    folder = Folder(tmp_path, encrypted_regex="^data$")
    sink = folder.build()
    assert_told_beforehand(sink, locate(sink), "in the clear")
    folder.make({"data": "x"})
    before = (tmp_path / FILE).read_bytes()
    assert_told_beforehand(sink, locate(sink), "in the clear")
    with pytest.raises(SinkDeniedError, match="in the clear"):
        put(sink)
    assert (tmp_path / FILE).read_bytes() == before


MANIFEST: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "arize-keys", "namespace": "ml"},
    "stringData": {"other": "not keyplan's"},
}
ENTRY = "stringData.{name}"
DECLARED = {"apiVersion", "kind", "metadata", "stringData"}
"""What a Secret may have at the top; Flux applies nothing with more (sops itself takes `sops` away)."""


@pytest.fixture
def flux(tmp_path: Path) -> Folder:
    """Return a folder as Flux's guide to sops has it, with a manifest."""
    folder = Folder(tmp_path, encrypted_regex="^(data|stringData)$")
    folder.make(MANIFEST)
    return folder


def annotations(folder: Folder) -> dict[str, str]:
    found: dict[str, str] = folder.clear()["metadata"].get("annotations", {})
    return found


def test_a_manifest_of_kubernetes_gets_no_field_that_its_schema_does_not_know(flux: Folder) -> None:
    sink = flux.build(entry=ENTRY)
    sink.intend(locate(sink), make_intent())
    assert set(flux.clear()) == DECLARED
    put(sink)
    put(sink, "other-ci", OTHER_RAW)
    clear = flux.clear()
    assert set(clear) == DECLARED
    assert clear["stringData"] == {"other": "not keyplan's", "ci": RAW, "other-ci": OTHER_RAW}
    assert clear["metadata"]["name"] == "arize-keys"
    assert len(annotations(flux)) == 2
    assert all(name.startswith("keyplan/note.") for name in annotations(flux))
    assert RAW not in (flux.path / FILE).read_text()
    assert look(sink).receipt == make_receipt()
    assert look(sink).content is Content.MATCHES
    assert look(flux.build(entry=ENTRY, has_key=False)).receipt == make_receipt()


def test_a_removed_key_takes_its_annotation_along(flux: Folder) -> None:
    sink = flux.build(entry=ENTRY)
    put(sink)
    sink.withdraw(locate(sink), OWNER)
    assert flux.clear() == MANIFEST


def test_annotations_of_others_stay(tmp_path: Path) -> None:
    folder = Folder(tmp_path, encrypted_regex="^(data|stringData)$")
    folder.make({**MANIFEST, "metadata": {"name": "x", "annotations": {"reloader": "true"}}})
    sink = folder.build(entry=ENTRY)
    put(sink)
    sink.withdraw(locate(sink), OWNER)
    assert annotations(folder) == {"reloader": "true"}


def test_a_receipt_at_the_top_of_a_manifest_is_read_and_moves_with_the_next_write(flux: Folder) -> None:
    # What an older keyplan wrote, and what the option still says.
    former = flux.build(entry=ENTRY, notes="keyplan")
    put(former)
    put(former, "second")
    assert set(flux.clear()) == DECLARED | {"keyplan"}
    before = (flux.path / FILE).read_bytes()
    sink = flux.build(entry=ENTRY)
    assert look(sink).receipt == make_receipt()
    assert look(sink).content is Content.MATCHES
    assert (flux.path / FILE).read_bytes() == before, "reading moves nothing"
    sink.annotate(locate(sink), make_receipt(generation=2))
    assert set(flux.clear()["keyplan"]) == {"stringData.second"}
    put(sink, "second", OTHER_RAW)
    assert set(flux.clear()) == DECLARED
    assert look(sink).receipt == make_receipt(generation=2)


def test_a_receipt_at_the_top_of_a_manifest_goes_with_its_key(flux: Folder) -> None:
    put(flux.build(entry=ENTRY, notes="keyplan"))
    sink = flux.build(entry=ENTRY)
    sink.withdraw(locate(sink), OWNER)
    assert flux.clear() == MANIFEST


def test_a_manifest_that_sops_encrypts_as_a_whole_is_refused_before_a_key_is_made(folder: Folder) -> None:
    folder.make(MANIFEST)
    before = (folder.path / FILE).read_bytes()
    sink = folder.build(entry=ENTRY)
    with pytest.raises(SinkDeniedError, match=r"does not leave 'metadata\.annotations' in the clear") as caught:
        sink.intend(locate(sink), make_intent())
    assert "encrypted_regex" in caught.value.advice
    assert (folder.path / FILE).read_bytes() == before


def test_notes_that_sops_would_encrypt_are_refused_before_a_key_is_made(tmp_path: Path) -> None:
    folder = Folder(tmp_path, unencrypted_regex="^plain$")
    sink = folder.build()
    assert_told_beforehand(sink, locate(sink), "does not leave 'keyplan' in the clear")
    named = folder.build(notes="plain")
    put(named)
    assert look(named).receipt == make_receipt()


def test_a_file_that_is_not_encrypted_is_left_alone(folder: Folder) -> None:
    (folder.path / FILE).write_text("arize: {}\n")
    sink = folder.build()
    with pytest.raises(SinkDeniedError, match="not encrypted with sops"):
        sink.intend(locate(sink), make_intent())
    assert (folder.path / FILE).read_text() == "arize: {}\n"


def test_a_value_where_a_mapping_should_be_is_left_alone(folder: Folder) -> None:
    folder.make({"arize": "something"})
    sink = folder.build()
    assert_told_beforehand(sink, locate(sink), "'arize' is not a mapping")
    assert folder.clear() == {"arize": "something"}


def test_a_file_that_was_changed_by_hand_is_damaged(folder: Folder) -> None:
    folder.make({"db": "pw"})
    sink = folder.build()
    put(sink)
    path = folder.path / FILE
    path.write_text(path.read_text() + "more: text\n")
    with pytest.raises(SinkUnavailableError, match="can't decrypt"):
        look(sink)
    with pytest.raises(SinkUnavailableError, match="can't decrypt"):
        put(sink)


def test_a_mapping_in_the_entrys_place_is_somebody_elses(folder: Folder) -> None:
    folder.make({"arize": {"ci": {"key": "x"}}})
    sink = folder.build()
    assert look(sink) == Holding(present=True)
    with pytest.raises(SinkDeniedError, match="did not write"):
        put(sink)


# secrecy


def test_no_child_has_the_key_in_argv_or_environment(folder: Folder) -> None:
    # A sops that says what it was given, as seen by the system, and then is sops.
    spy = folder.path / "bin" / "sops"
    spy.parent.mkdir()
    spy.write_text(
        "#!/bin/sh\n"
        f"for what in cmdline environ; do tr '\\0' '\\n' </proc/$$/$what >>{folder.path}/seen; done\n"
        f'exec {SOPS} "$@"\n'
    )
    spy.chmod(0o755)
    folder.environment["PATH"] = f"{spy.parent}:{os.environ['PATH']}"
    put(folder.build())
    seen = (folder.path / "seen").read_text()
    assert "--value-stdin" in seen
    assert RAW not in seen
    assert "ak-own-credential" not in seen
    assert look(folder.build()).content is Content.MATCHES


def test_the_process_list_never_shows_the_key(folder: Folder) -> None:
    shown: list[str] = []
    done = Event()

    def watch() -> None:
        while not done.is_set():
            shown.append(subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout)
            time.sleep(0)

    watcher = Thread(target=watch)
    watcher.start()
    sink = folder.build()
    for _ in range(5):
        put(sink)
    done.set()
    watcher.join()
    assert any("--value-stdin" in listing for listing in shown)
    assert not any(RAW in listing for listing in shown)


@pytest.mark.parametrize(
    "script", ["cat >&2; exit 1", "cat >&2; exit 128", "exec sleep 60"], ids=["fails", "without key", "hangs"]
)
def test_a_sops_that_quotes_what_it_is_given_is_not_quoted(folder: Folder, script: str) -> None:
    put(folder.build())
    program = folder.path / "sops"
    program.write_text(f'#!/bin/sh\ncase "$*" in *\\ set\\ *) {script};; esac\nexec {SOPS} "$@"\n')
    program.chmod(0o755)
    sink: Any = folder.build()
    sink._store._program = SopsProgram(
        str(program), environment={**os.environ, **folder.environment}, limit=timedelta(seconds=5)
    )
    with pytest.raises(SinkError) as caught:
        put(sink, raw=OTHER_RAW)
    assert "ak-second" not in f"{caught.value!r}{caught.value.advice}{caught.value.__cause__!r}"
    assert look(folder.build()) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_a_keys_life_through_the_installed_command(folder: Folder) -> None:
    path = folder.path / FILE
    with travelling(
        folder.path,
        sink={"type": "sops", "path": FILE, "entry": "arize.{name}"},
        read_value=lambda name: folder.clear().get("arize", {}).get(name) if path.exists() else None,
        destroy_value=lambda name: folder.sops("unset", FILE, f'["arize"]["{name}"]') and None,
        overwrite_value=lambda name, value: (
            folder.sops("set", "--value-stdin", FILE, f'["arize"]["{name}"]', given=json.dumps(value)) and None
        ),
        environment={"SOPS_AGE_KEY_FILE": folder.environment["SOPS_AGE_KEY_FILE"]},
    ) as journey:
        journey.run()
