"""Files that a command writes for its user."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keyplan.app.files import save_new, save_privately, save_publicly
from keyplan.errors import InputError


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(b"former")
    path.chmod(0o644)
    save_privately(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_public_file_can_be_read_by_all_whatever_the_umask_says(tmp_path: Path) -> None:
    path = tmp_path / "keyplan.prom"
    former = os.umask(0o077)
    save_publicly(path, b"new")
    os.umask(former)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o644)


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"theirs")
    link.symlink_to(target)
    save_privately(link, b"ours")
    assert (target.read_bytes(), link.read_bytes(), link.is_symlink()) == (b"theirs", b"ours", False)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        save_privately(tmp_path / "none" / "plan.json", b"x")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_plain_file_stays(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "it"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    message = "is a directory, not a file" if kind == "folder" else "is not a plain file"
    with pytest.raises(InputError, match=message):
        save_privately(path, b"x")
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_made_among_the_devices() -> None:
    path = Path("/dev/keyplan-test-is-never-there")  # not stdout's link itself, which a failure would replace
    with pytest.raises(InputError, match="is not a plain file"):
        save_privately(path, b"x")
    assert not path.exists()


def test_nothing_is_left_behind_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 250)  # the temporary name is longer than a name may be
    with pytest.raises(InputError, match="File name too long"):
        save_privately(path, b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    save_new(path, b"first")
    with pytest.raises(InputError, match="is there already"):
        save_new(path, b"second")
    assert path.read_bytes() == b"first"


def test_a_new_file_in_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        save_new(tmp_path / "none" / "keys.yaml", b"x")
