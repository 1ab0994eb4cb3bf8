"""What every option that names a file for an answer does with what is there already, kind by kind."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.shell import Shell

OPTIONS: dict[str, list[str]] = {
    "events": ["apply", "--auto-approve", "--json-lines={}"],
    "plan file": ["plan", "--out={}"],
    "answer": ["plan", "--format=json={}"],
    "metrics": ["drift", "--metrics-file={}"],
    "step summary": ["plan", "--format=github"],
}
APPENDED = ("events", "step summary")
"""These are written to their end; each other one takes the place of what is there."""
FOREIGN = "what was there"


@pytest.fixture(autouse=True)
def _ends() -> Iterator[None]:
    """Fail, and do not wait, if a command waits for a reader."""
    signal.alarm(60)
    yield
    signal.alarm(0)


DONE = {"metrics": 2}
"""The exit status of each command when all is well, if it is not 0: `drift` finds keys that are not there yet."""


def succeeds(shell: Shell, option: str, path: Path | str) -> bool:
    """Whether a command that writes there does so without a complaint."""
    status, err = run(shell, option, path)
    return status == DONE.get(option, 0) and "error" not in err


def run(shell: Shell, option: str, path: Path | str) -> tuple[int, str]:
    """Return exit status and stderr of a command that writes there."""
    if option == "step summary":
        shell.environment["GITHUB_STEP_SUMMARY"] = str(path)
    done = shell(*(argument.format(path) for argument in OPTIONS[option]))
    return done.status, done.err


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        former = Path.cwd()
        os.chdir(path.parent)  # the name of a socket may have 108 bytes
        listening.bind(path.name)
        os.chdir(former)


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def make_link(path: Path) -> None:
    path.with_name("target").write_text(FOREIGN)
    path.symlink_to("target")


def make_hard_link(path: Path) -> None:
    path.with_name("target").write_text(FOREIGN)
    path.hardlink_to(path.with_name("target"))


REFUSED_BY_ALL: dict[str, Callable[[Path], None]] = {
    "a FIFO": os.mkfifo,
    "a socket": make_socket,
    "a folder": Path.mkdir,
}
LINKS: dict[str, Callable[[Path], None]] = {
    "a link": make_link,
    "a dangling link": make_dangling,
    "a hard link": make_hard_link,
}
each_option = pytest.mark.parametrize("option", OPTIONS)


@each_option
@pytest.mark.parametrize("kind", REFUSED_BY_ALL)
@pytest.mark.usefixtures("manifest")
def test_what_holds_no_text_is_refused_at_once_and_stays(shell: Shell, option: str, kind: str) -> None:
    path = shell.folder / "it"
    REFUSED_BY_ALL[kind](path)
    before = path.lstat()
    status, err = run(shell, option, path)
    assert (status, ("is a directory, not a file" if path.is_dir() else "is not a plain file") in err) == (3, True)
    assert (path.lstat().st_ino, stat.S_IFMT(path.lstat().st_mode)) == (before.st_ino, stat.S_IFMT(before.st_mode))


@each_option
@pytest.mark.parametrize("kind", LINKS)
@pytest.mark.usefixtures("manifest")
def test_nothing_is_written_through_a_link(shell: Shell, option: str, kind: str) -> None:
    path, target = shell.folder / "it", shell.folder / "target"
    LINKS[kind](path)
    if option in APPENDED:
        status, err = run(shell, option, path)
        assert (status, "link" in err) == (3, True)
    else:
        # As any file of that name it is replaced; what it led to stays.
        assert succeeds(shell, option, path)
        assert (path.is_symlink(), path.stat().st_nlink) == (False, 1)
    assert target.read_text() == FOREIGN if target.exists() else kind == "a dangling link"
    assert not (shell.folder / "nowhere").exists()


@each_option
@pytest.mark.usefixtures("manifest")
def test_a_folder_on_the_way_may_be_a_link(shell: Shell, option: str) -> None:
    (shell.folder / "real").mkdir()
    (shell.folder / "way").symlink_to("real")
    assert succeeds(shell, option, shell.folder / "way" / "it")
    assert (shell.folder / "real" / "it").read_text()


@each_option
@pytest.mark.usefixtures("manifest")
def test_a_file_that_is_there_is_added_to_or_replaced(shell: Shell, option: str) -> None:
    path = shell.folder / "it"
    path.write_text(f"{FOREIGN}\n")
    path.chmod(0o640)
    assert succeeds(shell, option, path)
    assert path.read_text().startswith(FOREIGN) is (option in APPENDED)
    # What is added to keeps its mode. What is replaced is private, or for all to read where it is made for that.
    modes = {"events": 0o640, "step summary": 0o640, "metrics": 0o644}
    assert stat.S_IMODE(path.stat().st_mode) == modes.get(option, 0o600)


@each_option
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.usefixtures("manifest")
def test_a_file_of_another_owner_stays_theirs_only_if_it_is_added_to(shell: Shell, option: str) -> None:
    path = shell.folder / "it"
    path.touch()
    os.chown(path, 10_001, 10_002)
    assert succeeds(shell, option, path)
    assert (path.stat().st_uid == 10_001) is (option in APPENDED)


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in APPENDED])
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "/dev/keyplan-is-not-there"])
@pytest.mark.usefixtures("manifest")
def test_only_what_is_added_to_can_be_what_the_shell_has_opened(shell: Shell, option: str, name: str) -> None:
    status, err = run(shell, option, name)
    assert (status, "is not a plain file" in err) == (3, True)


@pytest.mark.parametrize("option", APPENDED)
@pytest.mark.parametrize("way", ["/dev/fd/{}", "/proc/self/fd/{}"])
@pytest.mark.usefixtures("manifest")
def test_a_pipe_that_the_shell_has_opened_is_written(shell: Shell, option: str, way: str) -> None:
    reading, writing = os.pipe()
    assert succeeds(shell, option, way.format(writing))
    os.close(writing)
    with os.fdopen(reading) as file:
        assert file.read()


@pytest.mark.parametrize("option", APPENDED)
@pytest.mark.usefixtures("manifest")
def test_a_descriptor_that_cannot_be_written_is_told(shell: Shell, option: str) -> None:
    reading, writing = os.pipe()
    status, err = run(shell, option, f"/dev/fd/{reading}")
    assert (status, "it is open for reading only" in err) == (3, True)
    os.close(reading), os.close(writing)
    status, err = run(shell, option, f"/dev/fd/{reading}")
    assert (status, "Bad file descriptor" in err) == (3, True)


@pytest.mark.parametrize("option", APPENDED)
@pytest.mark.usefixtures("manifest")
def test_the_null_device_swallows_all(shell: Shell, option: str) -> None:
    assert succeeds(shell, option, "/dev/null")


@pytest.mark.parametrize("option", [option for option in OPTIONS if option not in APPENDED])
@pytest.mark.usefixtures("manifest")
def test_no_other_file_is_left_beside_what_was_replaced(shell: Shell, option: str) -> None:
    folder = shell.folder / "out"
    folder.mkdir()
    run(shell, option, folder / "it")
    assert [path.name for path in folder.iterdir()] == ["it"]


CONTACTING: dict[str, list[str]] = {
    **{name: OPTIONS[name] for name in ("events", "plan file", "answer")},
    "answer of an apply": ["apply", "--auto-approve", "--format=json={}"],
    "answer of a rotation": ["rotate", "user/ci", "--auto-approve", "--format=markdown={}"],
    "answer of a revocation": ["revoke", "user/ci", "--auto-approve", "--format=markdown={}"],
    "answer of a drift": ["drift", "--format=markdown={}"],
    "calendar": ["calendar", "--format=ics={}"],
    "page": ["report", "--out={}"],
    "export": ["export", "--owner=team", "--out={}"],
}
"""Every option that names a file which is written only after a provider or a sink was asked."""
IMPOSSIBLE = {
    "a folder": ("folder", "is a directory, not a file"),
    "a missing folder": ("none/it", "No such file or directory"),
    "a file for a folder": ("file/it", "Not a directory"),
    "a name that is too long": ("x" * 300, "File name too long"),
}


@pytest.mark.parametrize("option", CONTACTING)
@pytest.mark.parametrize("kind", IMPOSSIBLE)
@pytest.mark.usefixtures("manifest")
def test_what_cannot_be_written_is_told_before_anything_is_asked(shell: Shell, option: str, kind: str) -> None:
    name, reason = IMPOSSIBLE[kind]
    if option == "export":
        # A folder is what it asks for, and it makes those that are missing.
        name, reason = {"folder": ("file", "not a folder"), "none/it": ("file/it", "Not a directory")}.get(
            name, (name, reason)
        )
    (shell.folder / "folder").mkdir()
    (shell.folder / "file").touch()
    done = shell(*(argument.format(name) for argument in CONTACTING[option]))
    assert (done.status, reason in done.err) == (3, True)
    assert (shell.world.effects.log, shell.wiring.settings) == ([], None)


@pytest.mark.parametrize("option", [option for option in CONTACTING if option != "export"])
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.usefixtures("manifest")
def test_a_folder_that_must_not_be_written_is_told_before_anything_is_asked(shell: Shell, option: str) -> None:
    (shell.folder / "folder").mkdir(mode=0o500)
    done = shell(*(argument.format("folder/it") for argument in CONTACTING[option]))
    assert (done.status, "Permission denied" in done.err) == (3, True)
    assert shell.world.effects.log == []


@pytest.mark.usefixtures("manifest")
def test_an_export_that_would_overwrite_a_manifest_asks_for_nothing(shell: Shell) -> None:
    done = shell("export", "--owner", "team", "--out", ".")
    assert (done.status, "exists already" in done.err) == (3, True)
    assert shell.world.effects.log == []
