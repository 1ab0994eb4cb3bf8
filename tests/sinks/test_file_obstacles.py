"""Whatever keeps a file from being replaced is told before a key is made, and by the plan already."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from file_sinks import DOTENV, RAW_FILE, locate, make_sink
from samples import RAW, RENAMED_LINEAGE, make_intent, make_receipt, make_sink_settings
from sinks.examined import assert_nothing_in_the_way, assert_told_beforehand

from keyplan.errors import SinkDeniedError
from keyplan.model.identity import Identity, Lineage, ManifestId
from keyplan.model.manifest import Json
from keyplan.model.secret import RawKey
from keyplan.sinks.file import build_at
from keyplan.sinks.file_obstacles import FileObstacles
from keyplan.sinks.file_store import LOOK_COUNTS_FOR
from keyplan.system.git import GitIgnoring

STRANGER = Identity("another-team", ManifestId("an0ther"))
_NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do that to a file")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as undoing:
        yield undoing


def run(*argv: str) -> None:
    """Run a program; skip where this system does not let us."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{argv[0]}: {done.stderr.strip()}")


def flag(path: Path, flags: str, stack: ExitStack) -> None:
    """Set flags of chattr(1) until the test is over."""
    run("chattr", f"+{flags}", str(path))
    stack.callback(run, "chattr", f"-{flags}", str(path))


def mount(stack: ExitStack, *argv: str) -> None:
    """Mount something until the test is over."""
    run("mount", *argv)
    stack.callback(run, "umount", argv[-1])


def put(base: Path, options: dict[str, Json] = RAW_FILE) -> None:
    """Deliver a key, so that value and sidecar are there."""
    sink = make_sink(base, options)
    sink.put(locate(sink), RawKey(RAW), make_receipt())


def mount_file(base: Path, stack: ExitStack) -> None:
    put(base)
    mount(stack, "--bind", str(base / "secrets/ci.key"), str(base / "secrets/ci.key"))


def mount_read_only(base: Path, stack: ExitStack) -> None:
    (base / "secrets").mkdir()
    mount(stack, "-t", "tmpfs", "-o", "ro", "tmpfs", str(base / "secrets"))


def make_immutable(base: Path, stack: ExitStack) -> None:
    put(base)
    flag(base / "secrets/ci.key", "i", stack)


def make_sidecar_immutable(base: Path, stack: ExitStack) -> None:
    put(base)
    flag(base / "secrets/.ci.key.keyplan.json", "i", stack)


def make_folder_immutable(base: Path, stack: ExitStack) -> None:
    (base / "secrets").mkdir()
    flag(base / "secrets", "i", stack)


def make_folder_append_only(base: Path, stack: ExitStack) -> None:
    put(base)
    flag(base / "secrets", "a", stack)


@AS_ROOT
@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        pytest.param(mount_file, "busy", id="a file that is mounted by itself"),
        pytest.param(mount_read_only, "[Rr]ead-only", id="a read-only file system"),
        pytest.param(make_immutable, "the file is immutable", id="an immutable file"),
        pytest.param(make_sidecar_immutable, "the file is immutable", id="an immutable sidecar"),
        pytest.param(make_folder_immutable, "the folder is immutable", id="an immutable folder"),
        pytest.param(make_folder_append_only, "the folder is immutable or append-only", id="an append-only folder"),
    ],
)
def test_what_the_system_does_not_let_replace_is_told(
    tmp_path: Path, stack: ExitStack, prepare: Callable[[Path, ExitStack], None], why: str
) -> None:
    prepare(tmp_path, stack)
    sink = make_sink(tmp_path, RAW_FILE)
    assert_told_beforehand(sink, locate(sink), why)


@AS_ROOT
@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        pytest.param(mount_file, "busy", id="a file that is mounted by itself"),
        pytest.param(make_immutable, "the file is immutable", id="an immutable file"),
        pytest.param(make_folder_immutable, "the folder is immutable", id="an immutable folder"),
        pytest.param(make_folder_append_only, "the folder is immutable or append-only", id="an append-only folder"),
    ],
)
def test_what_came_in_the_way_since_the_last_write_refuses_the_next_and_within_a_second_an_intent(
    tmp_path: Path, stack: ExitStack, prepare: Callable[[Path, ExitStack], None], why: str
) -> None:
    put(tmp_path)
    sink = make_sink(tmp_path, RAW_FILE)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    shutil.move(tmp_path / "secrets", tmp_path / "kept")
    prepare(tmp_path, stack)
    path = tmp_path / "secrets/ci.key"
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(SinkDeniedError):
        sink.put(slot, RawKey("ak-another-raw-key-of-a-test"), make_receipt())
    assert (path.read_bytes() if path.exists() else None) == before
    time.sleep(LOOK_COUNTS_FOR.total_seconds())
    with pytest.raises(SinkDeniedError, match=why):
        sink.intend(slot, make_intent())


@AS_ROOT
def test_a_mount_is_found_behind_a_name_that_the_kernel_escapes(tmp_path: Path, stack: ExitStack) -> None:
    base = tmp_path / "with a blank"
    base.mkdir()
    mount_file(base, stack)
    sink = make_sink(base, RAW_FILE)
    assert_told_beforehand(sink, locate(sink), "busy")


def test_a_system_that_shows_no_mounts_has_none_in_the_way(tmp_path: Path) -> None:
    put(tmp_path)
    assert FileObstacles(str(tmp_path), mounts=tmp_path / "none").find("place", ["secrets/ci.key"]) is None


def ignore(base: Path, *lines: str) -> None:
    """Make a git work tree that ignores so much."""
    run("git", "init", "--quiet", str(base))
    (base / ".gitignore").write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize(
    ("ignored", "why"),
    [
        pytest.param([], "secrets/ci.key lies in the git work tree", id="the file"),
        pytest.param(["/secrets/", "!/secrets/", "!/secrets/ci.key"], "secrets/ci.key lies", id="excepted by name"),
    ],
)
def test_what_git_would_commit_is_told(tmp_path: Path, ignored: list[str], why: str) -> None:
    ignore(tmp_path, *ignored)
    sink = make_sink(tmp_path, RAW_FILE)
    assert_told_beforehand(sink, locate(sink), why)


@pytest.mark.parametrize("ignored", [["/secrets/"], ["*.key"]], ids=["the folder", "each"])
def test_what_git_ignores_is_written(tmp_path: Path, ignored: list[str]) -> None:
    ignore(tmp_path, *ignored)
    sink = make_sink(tmp_path, RAW_FILE)
    assert_nothing_in_the_way(sink, locate(sink))


def write_by_hand(base: Path) -> None:
    (base / "secrets").mkdir()
    (base / "secrets/ci.key").write_text("by hand")


def put_for_another(base: Path) -> None:
    other = make_sink(base, RAW_FILE, lineage=Lineage(identity=STRANGER))
    other.put(locate(other), RawKey(RAW), make_receipt(owner=STRANGER.owner, manifest_id=STRANGER.id))


def put_in_another_format(base: Path) -> None:
    put(base, {**DOTENV, "path": "secrets/ci.key"})


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        pytest.param(write_by_hand, "did not write", id="a foreign value"),
        pytest.param(put_for_another, "belongs to the manifest of", id="another owner"),
        pytest.param(put_in_another_format, "another format", id="another format"),
    ],
)
def test_what_is_there_already_is_told(tmp_path: Path, prepare: Callable[[Path], None], why: str) -> None:
    prepare(tmp_path)
    sink = make_sink(tmp_path, RAW_FILE)
    assert_told_beforehand(sink, locate(sink), why)


def test_a_name_whose_sidecar_or_lock_would_be_too_long_is_told(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, {"path": "secrets/" + "n" * 242})
    assert_told_beforehand(sink, locate(sink), "too long")


def test_the_longest_name_that_leaves_room_for_sidecar_and_lock_is_written(tmp_path: Path) -> None:
    put(tmp_path, {"path": "secrets/" + "n" * 241})
    assert (tmp_path / "secrets" / ("n" * 241)).read_text() == RAW


def test_each_of_several_places_is_told_of_by_itself(tmp_path: Path) -> None:
    write_by_hand(tmp_path)
    sink = make_sink(tmp_path, RAW_FILE)
    slots = [locate(sink), locate(sink, "second")]
    assert [finding.location for finding in sink.examine(slots)] == ["secrets/ci.key"]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user can enter, as those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="keyplan-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def look_as_nobody(base: Path, file: str) -> str:
    """Return what another user is told, in a process of its own: no user can become another one again."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # A warning about threads, which this child does not touch.
        warnings.simplefilter("ignore")
        child = os.fork()
    if child == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        found = FileObstacles(str(base)).find("place", [file])
        os.write(writing, (found.message if found else "nothing").encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        return told.read().decode()


@AS_ROOT
def test_a_folder_of_another_user_is_told(open_folder: Path) -> None:
    (open_folder / "secrets").mkdir(mode=0o755)
    assert look_as_nobody(open_folder, "secrets/ci.key") == f"{open_folder}/secrets: Permission denied"
    assert look_as_nobody(open_folder, "secrets/deep/er/ci.key") == f"{open_folder}/secrets: Permission denied"


@AS_ROOT
def test_a_file_of_another_user_in_a_sticky_folder_is_told(open_folder: Path) -> None:
    folder = open_folder / "secrets"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "theirs.key").write_text("x")
    mine = folder / "mine.key"
    mine.write_text("x")
    os.chown(mine, _NOBODY, _NOBODY)
    assert look_as_nobody(open_folder, "secrets/theirs.key") == "place: Operation not permitted"
    assert look_as_nobody(open_folder, "secrets/mine.key") == "nothing"
    assert look_as_nobody(open_folder, "secrets/new.key") == "nothing"


@AS_ROOT
def test_a_file_whose_owner_or_group_could_not_be_kept_is_told(open_folder: Path) -> None:
    folder = open_folder / "secrets"
    folder.mkdir()
    folder.chmod(0o777)
    owners = {"theirs": (10_001, _NOBODY), "group": (_NOBODY, 10_002), "mine": (_NOBODY, _NOBODY)}
    for name, owner in owners.items():
        (folder / name).write_text("x")
        os.chown(folder / name, *owner)
    lost = "place: its owner and group ({}:{}) can't be kept"
    assert look_as_nobody(open_folder, "secrets/theirs") == lost.format(10_001, _NOBODY)
    assert look_as_nobody(open_folder, "secrets/group") == lost.format(_NOBODY, 10_002)
    assert look_as_nobody(open_folder, "secrets/mine") == "nothing"
    assert FileObstacles(str(open_folder)).find("place", ["secrets/theirs"]) is None, "root keeps every owner"


def test_a_look_and_an_examination_ask_git_once_for_all_places(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    asked: list[bytes] = []

    def answer(argv: object, folder: Path, environment: object, given: bytes) -> bytes:
        asked.append(given)
        return given

    ignoring = GitIgnoring({}, lambda *_: pytest.fail("asked alone"), answer)
    sink = build_at(make_sink_settings(RAW_FILE), base=str(tmp_path), lineage=RENAMED_LINEAGE, ignoring=ignoring)
    assert sink.survey([locate(sink, f"n{number}") for number in range(20)]).findings == ()
    assert [given.count(b"\0") for given in asked] == [20]
