"""The table of processes: this one in it, and what an odd `/proc` comes to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from keyplan.system.processes import Process, name_open_file, read_processes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc")


def make_proc(folder: Path, stat: bytes = b"7 (a) b) S 3 7 7 0", flags: bytes = b"pos:\t0\nflags:\t00\n") -> Path:
    """Write a process 7 that has one file open."""
    process = folder / "7"
    for name in ("fd", "fdinfo"):
        (process / name).mkdir(parents=True)
    (process / "stat").write_bytes(stat)
    (process / "cmdline").write_bytes(b"sh\0-e\0/x y.sh\0")
    (process / "fd" / "0").symlink_to("pipe:[11]")
    (process / "fdinfo" / "0").write_bytes(flags)
    return process


def test_this_process_and_what_it_reads_are_seen() -> None:
    reader, writer = os.pipe()
    try:
        pipe, process = name_open_file(writer), read_processes()[os.getpid()]
        assert pipe == f"pipe:[{os.fstat(writer).st_ino}]"
        assert pipe in (process.reads or ())
        os.close(reader)
        assert pipe not in (read_processes()[os.getpid()].reads or ())
    finally:
        os.close(writer)


def test_a_child_has_its_parent_and_its_arguments() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            process = read_processes()[child.pid]
        finally:
            child.kill()
    assert (process.parent, process.arguments, process.name) == (os.getpid(), ("sleep", "60"), "sleep")


def test_a_child_that_only_waits_to_be_counted_is_none() -> None:
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.read()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert child.pid not in read_processes()


def test_a_name_may_hold_what_separates_fields(tmp_path: Path) -> None:
    make_proc(tmp_path)
    reads = frozenset({"pipe:[11]"})
    expected = Process(name="a) b", parent=3, arguments=("sh", "-e", "/x y.sh"), reads=reads)
    assert read_processes(tmp_path) == {7: expected}


@pytest.mark.parametrize(
    ("flags", "reads"),
    [
        pytest.param(b"flags:\t0100001\n", set(), id="open for writing only"),
        pytest.param(b"flags:\t0100002\n", {"pipe:[11]"}, id="open for both"),
        pytest.param(b"mnt_id:\t14\n", {"pipe:[11]"}, id="nobody says how: for reading, then"),
    ],
)
def test_only_what_is_open_for_reading_counts(tmp_path: Path, flags: bytes, reads: set[str]) -> None:
    make_proc(tmp_path, flags=flags)
    assert read_processes(tmp_path)[7].reads == reads


def test_a_process_that_ends_meanwhile_is_left_out(tmp_path: Path) -> None:
    (make_proc(tmp_path) / "cmdline").unlink()
    assert read_processes(tmp_path) == {}


def test_a_process_whose_files_are_gone_is_left_out(tmp_path: Path) -> None:
    (make_proc(tmp_path) / "fd" / "0").unlink()
    (tmp_path / "7" / "fd").rmdir()
    assert read_processes(tmp_path) == {}


def test_a_file_that_is_closed_meanwhile_is_left_out(tmp_path: Path) -> None:
    (make_proc(tmp_path) / "fdinfo" / "0").unlink()
    assert read_processes(tmp_path)[7].reads == frozenset()


def test_an_unreadable_stat_is_not_a_process(tmp_path: Path) -> None:
    make_proc(tmp_path, stat=b"garbage")
    (tmp_path / "self").mkdir()
    assert read_processes(tmp_path) == {}


def test_open_files_that_may_not_be_looked_at_are_unknown(tmp_path: Path) -> None:
    process = make_proc(tmp_path)
    (process / "fd" / "0").unlink()
    (process / "fd").rmdir()
    (process / "fd").write_bytes(b"")
    assert read_processes(tmp_path)[7].reads is None


def test_without_proc_nothing_is_known(tmp_path: Path) -> None:
    assert read_processes(tmp_path / "none") == {}
    assert name_open_file(0, tmp_path / "none") is None
