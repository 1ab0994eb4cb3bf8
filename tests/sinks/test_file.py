import os
import shutil
import stat
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from file_sinks import DOTENV, FORMATS, NEW_RAW, NEW_RECEIPT, RAW_FILE, locate, look, make_sink
from samples import (
    FORMER,
    IDENTITY,
    LINEAGE,
    LOCAL,
    NOW,
    OWNER,
    RAW,
    RENAMED_LINEAGE,
    make_declaration,
    make_delivery,
    make_intent,
    make_receipt,
    make_sink_settings,
    names_in,
)
from simulator import SimulatedClock

from keyplan.app.registry import load
from keyplan.context import PluginContext
from keyplan.errors import InputError, SinkDeniedError, SinkUnavailableError
from keyplan.model.identity import Identity, Lineage, ManifestId
from keyplan.model.manifest import Json
from keyplan.model.observation import Abilities, Content, Holding
from keyplan.model.secret import Credential, RawKey
from keyplan.sinks.file import OPTIONS, build
from keyplan.system.files import Folder

THEIRS = Lineage(identity=Identity("another-team", ManifestId("an0ther")))


# plugin


def test_it_is_registered_and_builds_from_settings_alone(tmp_path: Path) -> None:
    def resolve(source: object) -> Credential:
        raise AssertionError(source)

    context = PluginContext(
        folder=str(tmp_path),
        lineage=RENAMED_LINEAGE,
        clock=SimulatedClock(),
        jitter=float,
        resolve=resolve,
        environment={},
        say=str,
    )
    assert load("keyplan.sinks", "file").build is build
    sink = build(make_sink_settings(RAW_FILE), context)
    assert sink.abilities == Abilities(holds_receipts=True, readable=True, compares=True, is_local=True)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    ("options", "valid"),
    [
        pytest.param(RAW_FILE, True, id="a path is enough"),
        pytest.param(
            DOTENV | {"newline": True, "overwrite": True, "on_remove": "keep", "copy_from": True}, True, id="everything"
        ),
        pytest.param(RAW_FILE | {"on_remove": "forget"}, False, id="an unknown end"),
        pytest.param({}, False, id="no path"),
        pytest.param(RAW_FILE | {"format": "yaml"}, False, id="an unknown format"),
        pytest.param(RAW_FILE | {"mode": "0644"}, False, id="an unknown option"),
    ],
)
def test_its_options_are_checked_by_schema(options: dict[str, Json], valid: bool) -> None:
    assert jsonschema.Draft202012Validator(OPTIONS).is_valid(options) is valid


def test_a_delivery_may_change_the_sinks_options(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    slot = locate(sink, path="secrets/second.env", format="dotenv")
    assert (slot.sink, slot.location) == (LOCAL, "secrets/second.env#ARIZE_API_KEY")


# what lies on the disk


@FORMATS
def test_a_file_that_was_there_keeps_owner_group_and_mode(tmp_path: Path, options: dict[str, Json]) -> None:
    sink = make_sink(tmp_path, options)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    file = tmp_path / str(slot.options["path"])
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 10_001, 10_002)
    before = file.stat()
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(NEW_RAW), NEW_RECEIPT)
    after = file.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
    assert NEW_RAW in file.read_text()


@FORMATS
def test_an_owner_who_cannot_be_kept_is_told_before_a_key_is_made(
    tmp_path: Path, options: dict[str, Json], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    sink = make_sink(tmp_path, options)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    file = tmp_path / str(slot.options["path"])
    file.chmod(0o640)
    monkeypatch.setattr(os, "fchown", refuse)
    with pytest.raises(SinkDeniedError, match=r"its owner and group .* can't be kept") as caught:
        sink.intend(slot, make_intent())
    assert "as root" in caught.value.advice
    assert look(sink, slot).intent is None
    assert RAW in file.read_text()


@FORMATS
def test_files_are_private_in_a_private_folder(tmp_path: Path, options: dict[str, Json]) -> None:
    sink = make_sink(tmp_path, options)
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "secrets").iterdir()}
    assert set(modes.values()) == {0o600}
    assert len(modes) == 2
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


@FORMATS
def test_the_sidecar_never_holds_the_raw_key(tmp_path: Path, options: dict[str, Json]) -> None:
    sink = make_sink(tmp_path, options)
    sink.intend(locate(sink), make_intent())
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    (sidecar,) = (tmp_path / "secrets").glob(".*.keyplan.json")
    assert "user/ci" in sidecar.read_text()
    assert "canary" not in sidecar.read_text()


@FORMATS
def test_a_withdrawn_key_leaves_nothing_on_the_disk(tmp_path: Path, options: dict[str, Json]) -> None:
    sink = make_sink(tmp_path, options)
    sink.intend(locate(sink), make_intent())
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    sink.withdraw(locate(sink), OWNER)
    assert names_in(tmp_path / "secrets") == []


@FORMATS
def test_a_retracted_intent_leaves_nothing_on_the_disk(tmp_path: Path, options: dict[str, Json]) -> None:
    sink = make_sink(tmp_path, options)
    sink.intend(locate(sink), make_intent())
    sink.retract(locate(sink), make_intent())
    assert names_in(tmp_path / "secrets") == []


def test_what_only_reads_or_removes_makes_no_folder(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    slot = locate(sink)
    assert look(sink, slot) == Holding(present=False)
    sink.retract(slot, make_intent())
    sink.annotate(slot, make_receipt())
    sink.withdraw(slot, OWNER)
    assert names_in(tmp_path) == []


def test_several_variables_share_a_file_with_a_persons_lines(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "all.env"
    path.parent.mkdir()
    path.write_text("# mine\nexport LEVEL=debug\n")
    sink = make_sink(tmp_path, DOTENV)
    sink.put(locate(sink, "a"), RawKey("ak-a"), make_receipt("ak-a"))
    sink.put(locate(sink, "b"), RawKey("ak-b"), make_receipt("ak-b"))
    assert path.read_text() == "# mine\nexport LEVEL=debug\nA=ak-a\nB=ak-b\n"
    sink.withdraw(locate(sink, "a"), OWNER)
    assert path.read_text() == "# mine\nexport LEVEL=debug\nB=ak-b\n"
    assert look(sink, locate(sink, "b")).content is Content.MATCHES


def test_an_absolute_path_may_lead_through_an_administrators_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    sink = make_sink(tmp_path / "real", {"path": f"{tmp_path}/link/new/{{name}}"})
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    assert (tmp_path / "real" / "new" / "ci").read_text() == RAW


# what is not ours


def test_overwriting_what_was_there_before_needs_a_word(tmp_path: Path) -> None:
    (tmp_path / "ci.key").write_text("a person's")
    careful = make_sink(tmp_path, {"path": "{name}.key"})
    with pytest.raises(SinkDeniedError) as caught:
        careful.intend(locate(careful), make_intent())
    assert "overwrite: true" in caught.value.advice
    bold = make_sink(tmp_path, {"path": "{name}.key", "overwrite": True})
    bold.intend(locate(bold), make_intent())
    bold.put(locate(bold), RawKey(RAW), make_receipt())
    assert (tmp_path / "ci.key").read_text() == RAW


def test_overwrite_is_no_word_against_another_owner(tmp_path: Path) -> None:
    theirs = make_sink(tmp_path, RAW_FILE, lineage=THEIRS)
    theirs.put(locate(theirs), RawKey(RAW), make_receipt(owner="another-team", manifest_id=ManifestId("an0ther")))
    ours = make_sink(tmp_path, RAW_FILE | {"overwrite": True})
    with pytest.raises(SinkDeniedError, match=r"belongs to the manifest of 'another-team' \(id 'an0ther'\)"):
        ours.put(locate(ours), RawKey(NEW_RAW), NEW_RECEIPT)


def test_another_owners_receipt_and_intent_are_shown_as_theirs(tmp_path: Path) -> None:
    theirs = make_sink(tmp_path, RAW_FILE, lineage=THEIRS)
    receipt = make_receipt(owner="another-team", manifest_id=ManifestId("an0ther"))
    intent = make_intent(owner="another-team", manifest_id=ManifestId("an0ther"))
    theirs.put(locate(theirs), RawKey(RAW), receipt)
    theirs.intend(locate(theirs), intent)
    ours = make_sink(tmp_path, RAW_FILE)
    expected = Holding(present=True, receipt=receipt, intent=intent, owner=THEIRS.identity)
    assert look(ours, locate(ours)) == expected


def test_a_place_that_was_taken_over_is_no_longer_its_former_owners(tmp_path: Path) -> None:
    theirs = make_sink(tmp_path, RAW_FILE, lineage=Lineage(identity=FORMER))
    theirs.put(locate(theirs), RawKey(RAW), make_receipt(owner=FORMER.owner, manifest_id=FORMER.id))
    ours = make_sink(tmp_path, RAW_FILE)
    ours.annotate(locate(ours), make_receipt())
    assert look(theirs, locate(theirs)) == Holding(present=True, receipt=make_receipt(), owner=IDENTITY)
    later = make_sink(tmp_path, RAW_FILE, lineage=LINEAGE)
    assert look(later, locate(later)) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)


def test_an_empty_file_is_nothing_that_could_be_lost(tmp_path: Path) -> None:
    (tmp_path / "ci.key").touch()
    sink = make_sink(tmp_path, {"path": "{name}.key"})
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    assert (tmp_path / "ci.key").read_text() == RAW


def test_annotating_takes_over_what_a_person_put_there(tmp_path: Path) -> None:
    (tmp_path / "ci.key").write_text("ak-by-hand")
    sink = make_sink(tmp_path, {"path": "{name}.key"})
    sink.annotate(locate(sink), make_receipt(None))
    assert look(sink, locate(sink)) == Holding(present=True, receipt=make_receipt(None))
    sink.intend(locate(sink), make_intent())


def test_withdrawing_leaves_what_a_person_put_in_our_values_place(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, {"path": "{name}.key"})
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    (tmp_path / "ci.key").write_text("ak-by-hand")
    sink.withdraw(locate(sink), OWNER)
    assert names_in(tmp_path) == ["ci.key"]


@FORMATS
def test_a_value_may_stay_when_its_declaration_goes(tmp_path: Path, options: dict[str, Json]) -> None:
    sink = make_sink(tmp_path, {**options, "on_remove": "keep"})
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.withdraw(slot, OWNER)
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)
    sink.put(slot, RawKey(NEW_RAW), NEW_RECEIPT)  # declared again
    assert look(sink, slot).receipt == NEW_RECEIPT


@pytest.mark.parametrize("may_copy", [True, False])
def test_other_sinks_may_be_filled_from_it_where_the_manifest_says_so(tmp_path: Path, may_copy: bool) -> None:
    assert make_sink(tmp_path, {**RAW_FILE, "copy_from": may_copy}).abilities.may_copy is may_copy


def test_whether_it_may_be_copied_from_is_said_of_the_whole_sink(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    with pytest.raises(InputError, match="'copy_from' can't differ for one key"):
        sink.locate(OWNER, make_declaration(), make_delivery({"copy_from": True}))


def test_it_tells_what_keeps_a_place_from_being_written(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "theirs").write_text("by hand")
    outside = make_sink(tmp_path, {"path": f"{tmp_path}/{{name}}"})
    (trouble,) = outside.examine([locate(outside)])
    assert "git" in trouble.detail


def test_a_value_of_somebody_else_is_told_before_anything_is_written(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, {"path": "{name}.key"})
    (tmp_path / "ci.key").write_text("ak-by-hand")
    (trouble,) = sink.examine([locate(sink), locate(sink, "second")])
    assert "the place holds a value that keyplan did not write" in trouble.detail
    assert names_in(tmp_path) == ["ci.key"]


def test_nothing_is_told_where_nothing_stands_in_the_way(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    assert sink.examine([locate(sink)]) == ()


def test_a_receipt_without_its_value_is_not_shown(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, {"path": "{name}.key"})
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    (tmp_path / "ci.key").unlink()
    assert look(sink, locate(sink)) == Holding(present=False)


@pytest.mark.parametrize(("first", "then"), [("raw", "dotenv"), ("dotenv", "raw")])
def test_a_file_of_one_kind_is_not_mixed_with_another(tmp_path: Path, first: str, then: str) -> None:
    former, new = (make_sink(tmp_path, {"path": "{name}", "format": kind}) for kind in (first, then))
    former.put(locate(former), RawKey(RAW), make_receipt())
    with pytest.raises(SinkDeniedError, match="another format") as caught:
        new.intend(locate(new), make_intent())
    assert "remove ci and .ci.keyplan.json" in caught.value.advice


def test_a_damaged_sidecar_stops_everything_and_says_where_it_is(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    (tmp_path / "secrets" / ".ci.key.keyplan.json").write_text("{")
    with pytest.raises(SinkUnavailableError, match=r"secrets/\.ci\.key\.keyplan\.json is damaged"):
        look(sink, locate(sink))
    with pytest.raises(SinkUnavailableError):
        sink.put(locate(sink), RawKey(NEW_RAW), NEW_RECEIPT)


# what the system refuses


@pytest.mark.parametrize("step", ["inspect", "intend", "put"])
def test_a_link_at_the_end_is_refused(tmp_path: Path, step: str) -> None:
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "ci.key").symlink_to("target")
    sink = make_sink(tmp_path, {"path": "{name}.key", "overwrite": True})
    slot = locate(sink)
    steps = {
        "inspect": lambda: look(sink, slot),
        "intend": lambda: sink.intend(slot, make_intent()),
        "put": lambda: sink.put(slot, RawKey(RAW), make_receipt()),
    }
    with pytest.raises(SinkDeniedError, match=r"ci\.key: "):
        steps[step]()
    assert (tmp_path / "target").read_text() == "untouched"


def test_a_link_on_a_relative_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "secrets").symlink_to("public")
    sink = make_sink(tmp_path, RAW_FILE)
    with pytest.raises(SinkDeniedError) as caught:
        sink.intend(locate(sink), make_intent())
    assert "absolute path" in caught.value.advice
    assert names_in(tmp_path / "public") == []


def test_a_folder_that_cannot_be_written_is_found_by_intending(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir(mode=0o500)
    if os.access(tmp_path / "secrets", os.W_OK):
        pytest.skip("modes do not bind this user")
    sink = make_sink(tmp_path, RAW_FILE)
    with pytest.raises(SinkDeniedError):
        sink.intend(locate(sink), make_intent())


def test_a_folder_that_cannot_be_is_found_by_intending(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file")
    sink = make_sink(tmp_path, RAW_FILE)
    with pytest.raises(SinkDeniedError):
        sink.intend(locate(sink), make_intent())


def test_a_base_that_is_gone_is_no_reason_to_be_silent(tmp_path: Path) -> None:
    sink = make_sink(tmp_path / "gone", RAW_FILE)
    with pytest.raises(SinkUnavailableError):
        sink.intend(locate(sink), make_intent())


def test_two_slots_of_one_name_are_told_apart_by_a_slash_alone(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, {"path": "keyplan-{name}.key"})
    ours, in_the_root = locate(sink), locate(sink, path="/keyplan-{name}.key")
    sink.put(ours, RawKey(RAW), make_receipt())
    holdings = sink.inspect([ours, in_the_root])
    assert (holdings[ours].present, holdings[in_the_root].present) == (True, False)


def test_a_file_of_several_slots_is_read_once(tmp_path: Path) -> None:
    read: list[str] = []

    class HeardFolder(Folder):
        def read(self, name: str) -> bytes | None:
            read.append(name)
            return super().read(name)

    sink = make_sink(tmp_path, DOTENV, enter=HeardFolder.enter)
    slots = [locate(sink, name) for name in ("a", "b", "c")]
    for slot in slots:
        sink.put(slot, RawKey(RAW), make_receipt())
    read.clear()
    assert [held.content for held in sink.inspect(slots).values()] == [Content.MATCHES] * 3
    assert read == ["all.env", ".all.env.keyplan.json"]


class FullFolder(Folder):
    """Lets nothing be written."""

    def write(self, name: str, content: bytes) -> None:
        raise OSError(28, "No space left on device", name)


def test_a_full_disk_is_said_without_the_raw_key(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE, enter=FullFolder.enter)
    with pytest.raises(SinkUnavailableError, match="No space left") as caught:
        sink.put(locate(sink), RawKey(RAW), make_receipt())
    assert "make room" in caught.value.advice
    assert "canary" not in repr(caught.value)


@pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git")
@pytest.mark.parametrize("step", ["intend", "put"])
def test_a_path_that_git_would_commit_is_refused_before_anything_is_made(tmp_path: Path, step: str) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    sink = make_sink(tmp_path, RAW_FILE)
    slot = locate(sink)
    steps = {
        "intend": lambda: sink.intend(slot, make_intent()),
        "put": lambda: sink.put(slot, RawKey(RAW), make_receipt()),
    }
    with pytest.raises(SinkDeniedError, match="git does not ignore it"):
        steps[step]()
    assert not (tmp_path / "secrets").exists()


def test_a_receipts_times_survive_the_sidecar(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    receipt = make_receipt(expires_at=NOW, delivered_at=NOW.replace(microsecond=123456))
    sink.put(locate(sink), RawKey(RAW), receipt)
    assert look(sink, locate(sink)).receipt == receipt


# how old an intent is


def test_the_age_of_an_intent_is_that_of_its_sidecar(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    sink.intend(locate(sink), make_intent())
    sidecar = tmp_path / "secrets" / ".ci.key.keyplan.json"
    minute_ago = time.time() - 60
    os.utime(sidecar, (minute_ago, minute_ago))
    age = look(sink, locate(sink)).intent_age
    assert age is not None
    assert timedelta(seconds=60) <= age < timedelta(seconds=90)


def test_the_age_of_one_intent_among_several_is_not_known(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, DOTENV)
    for name in ("ci", "second"):
        sink.intend(locate(sink, name), make_intent())
    assert look(sink, locate(sink)).intent_age is None


def test_an_age_from_before_the_clock_was_set_back_is_not_known(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    sink.intend(locate(sink), make_intent())
    tomorrow = time.time() + 86_400
    os.utime(tmp_path / "secrets" / ".ci.key.keyplan.json", (tomorrow, tomorrow))
    assert look(sink, locate(sink)).intent_age is None
