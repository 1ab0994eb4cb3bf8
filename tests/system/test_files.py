import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from samples import names_in

from keyplan.system.files import Folder, OwnerLostError


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    with Folder.enter(str(tmp_path), [], create=False, follow=False) as opened:
        yield opened


# reading


def test_what_was_written_is_read(folder: Folder) -> None:
    folder.write("a", b"\x00secret")
    assert folder.read("a") == b"\x00secret"


def test_a_missing_file_is_read_as_none(folder: Folder) -> None:
    assert folder.read("a") is None


def test_a_link_is_never_read(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("x")
    (tmp_path / "a").symlink_to("target")
    with pytest.raises(OSError, match="symbolic") as caught:
        folder.read("a")
    assert caught.value.errno == errno.ELOOP


def test_a_folder_is_no_file(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError):
        folder.read("a")


def test_a_pipe_is_refused_and_not_waited_for(folder: Folder, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    with pytest.raises(OSError, match="not a plain file"):
        folder.read("a")


def test_a_huge_file_is_no_file_of_secrets(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 1 << 30)
    with pytest.raises(OSError, match="large") as caught:
        folder.read("a")
    assert caught.value.errno == errno.EFBIG


# writing


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_new_file_is_private_whatever_the_umask_is(folder: Folder, tmp_path: Path, umask: int) -> None:
    former = os.umask(umask)
    try:
        folder.write("a", b"x")
    finally:
        os.umask(former)
    assert mode_of(tmp_path / "a") == 0o600


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o644, 0o660])
def test_a_file_that_was_there_keeps_its_mode(folder: Folder, tmp_path: Path, mode: int) -> None:
    (tmp_path / "a").write_text("former")
    (tmp_path / "a").chmod(mode)
    folder.try_owner("a")
    folder.write("a", b"x")
    assert mode_of(tmp_path / "a") == mode
    assert (tmp_path / "a").read_bytes() == b"x"


def test_set_user_id_is_not_kept(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("former")
    (tmp_path / "a").chmod(0o4750)
    folder.write("a", b"x")
    assert mode_of(tmp_path / "a") == 0o750


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_file_that_was_there_keeps_its_owner_and_group(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("former")
    (tmp_path / "a").chmod(0o640)
    os.chown(tmp_path / "a", 10_001, 10_002)
    folder.try_owner("a")
    folder.write("a", b"x")
    found = (tmp_path / "a").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (10_001, 10_002, 0o640)


@pytest.mark.parametrize("does", ["try_owner", "write"])
def test_a_file_whose_owner_cannot_be_kept_stays_as_it_is(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, does: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    (tmp_path / "a").write_text("former")
    (tmp_path / "a").chmod(0o640)
    with pytest.raises(OwnerLostError, match="can't be kept"):
        folder.try_owner("a") if does == "try_owner" else folder.write("a", b"x")
    assert (tmp_path / "a").read_text() == "former"
    assert names_in(tmp_path) == ["a"]


def test_nothing_is_in_the_way_of_a_new_file(folder: Folder, tmp_path: Path) -> None:
    folder.try_owner("a")
    assert names_in(tmp_path) == []


def test_a_reader_of_the_former_file_sees_it_whole(folder: Folder, tmp_path: Path) -> None:
    folder.write("a", b"former")
    with (tmp_path / "a").open("rb") as reader:
        folder.write("a", b"new")
        assert reader.read() == b"former"


def test_nothing_but_the_file_is_left(folder: Folder, tmp_path: Path) -> None:
    folder.write("a", b"x")
    assert names_in(tmp_path) == ["a"]


@pytest.mark.parametrize("odd", ["link", "dangling link", "folder", "pipe"])
def test_only_a_plain_file_is_replaced(folder: Folder, tmp_path: Path, odd: str) -> None:
    path = tmp_path / "a"
    (tmp_path / "target").write_text("untouched")
    make = {
        "link": lambda: path.symlink_to("target"),
        "dangling link": lambda: path.symlink_to("nowhere"),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
    }
    make[odd]()
    with pytest.raises(OSError, match=r"symbolic|not a plain file"):
        folder.write("a", b"x")
    assert (tmp_path / "target").read_text() == "untouched"
    assert names_in(tmp_path) == ["a", "target"]


def test_a_link_planted_as_temporary_file_is_not_followed(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("untouched")
    (tmp_path / ".a.keyplan.tmp").symlink_to("target")
    folder.write("a", b"x")
    assert (tmp_path / "target").read_text() == "untouched"
    assert folder.read("a") == b"x"


def test_what_a_write_torn_by_a_crash_left_is_removed_by_the_next_write(folder: Folder, tmp_path: Path) -> None:
    shelter = tmp_path / ".a.keyplan.lock"
    shelter.mkdir()
    (shelter / ".gitignore").write_text("*\n")
    (shelter / "0123").write_text("half of a raw key")
    (tmp_path / ".a.keyplan.tmp").write_text("half of a raw key, by an older keyplan")
    folder.write("a", b"new value")
    assert names_in(tmp_path) == ["a"]


def test_a_failed_write_leaves_no_temporary_file(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        folder.write("n" * 300, b"x")
    assert names_in(tmp_path) == []


# removing


def test_removing_is_repeatable(folder: Folder, tmp_path: Path) -> None:
    folder.write("a", b"x")
    folder.remove("a")
    folder.remove("a")
    assert names_in(tmp_path) == []


# locking


def test_a_lock_leaves_no_file_behind(folder: Folder, tmp_path: Path) -> None:
    with folder.locked("lock"):
        assert names_in(tmp_path) == ["lock"]
    assert names_in(tmp_path) == []


def test_a_lock_is_released_when_its_block_fails(folder: Folder) -> None:
    with pytest.raises(ZeroDivisionError), folder.locked("lock"):
        raise ZeroDivisionError
    with folder.locked("lock"):
        pass


def test_only_one_thread_holds_a_lock_though_its_file_comes_and_goes(tmp_path: Path) -> None:
    inside, seen = 0, []

    def work() -> None:
        nonlocal inside
        with Folder.enter(str(tmp_path), [], create=False, follow=False) as folder:
            for _ in range(20):
                with folder.locked("lock"):
                    inside += 1
                    seen.append(inside)
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [1] * 160


def test_a_link_is_no_lock(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "lock").symlink_to("target")
    with pytest.raises(OSError, match="symbolic"), folder.locked("lock"):
        pytest.fail("it was followed")


# entering


def test_missing_folders_are_made_private(tmp_path: Path) -> None:
    with Folder.enter(str(tmp_path), ["a", "b"], create=True, follow=False) as folder:
        folder.write("c", b"x")
    assert (mode_of(tmp_path / "a"), mode_of(tmp_path / "a" / "b")) == (0o700, 0o700)
    assert (tmp_path / "a" / "b" / "c").read_bytes() == b"x"


def test_folders_that_exist_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o755)
    with Folder.enter(str(tmp_path), ["a"], create=True, follow=False):
        assert mode_of(tmp_path / "a") == 0o755


def test_no_folder_is_made_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Folder.enter(str(tmp_path), ["a", "b"], create=False, follow=False)
    assert names_in(tmp_path) == []


def test_a_link_below_the_base_is_followed_only_if_allowed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match=r"directory|symbolic"):
        Folder.enter(str(tmp_path), ["link"], create=True, follow=False)
    with Folder.enter(str(tmp_path), ["link"], create=True, follow=True) as folder:
        folder.write("a", b"x")
    assert (tmp_path / "real" / "a").exists()


def test_a_dangling_link_is_not_taken_for_a_missing_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(OSError, match=r"directory|symbolic"):
        Folder.enter(str(tmp_path), ["link"], create=True, follow=True)
    assert names_in(tmp_path) == ["link"]


def test_a_file_on_the_way_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    with pytest.raises(NotADirectoryError):
        Folder.enter(str(tmp_path), ["a", "b"], create=True, follow=False)


def test_replacing_a_folder_by_a_link_does_not_redirect_a_write(tmp_path: Path) -> None:
    (tmp_path / "trap").mkdir()
    with Folder.enter(str(tmp_path), ["a"], create=True, follow=False) as folder:
        (tmp_path / "a").rename(tmp_path / "moved")
        (tmp_path / "a").symlink_to("trap")
        folder.write("secret", b"x")
    assert names_in(tmp_path / "trap") == []
    assert names_in(tmp_path / "moved") == ["secret"]


# folders that git ignores


def test_an_ignored_folder_is_private_and_whole(folder: Folder, tmp_path: Path) -> None:
    folder.make_ignored("state")
    assert mode_of(tmp_path / "state") == 0o700
    assert (tmp_path / "state/.gitignore").read_text() == "*\n"
    assert names_in(tmp_path) == ["state"]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_there_already_is_left_as_it_is(folder: Folder, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state"
    make = {"folder": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to("nowhere")}
    make[kind]()
    folder.make_ignored("state")
    assert names_in(tmp_path) == ["state"]
    assert not (path / ".gitignore").exists()


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_another_run_makes_at_the_same_time_is_left_as_it_is(tmp_path: Path, kind: str) -> None:
    class LateFolder(Folder):
        def _exists(self, name: str) -> bool:
            return False

    (tmp_path / "state").touch() if kind == "file" else (tmp_path / "state").mkdir()
    if kind == "folder":
        (tmp_path / "state/other").touch()
    with LateFolder.enter(str(tmp_path), [], create=False, follow=False) as late:
        late.make_ignored("state")
    assert names_in(tmp_path) == ["state"]
    assert not (tmp_path / "state/.gitignore").exists()
