"""A lock that another process holds on a file of a sink: waited for with a message, and with an end."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from file_sinks import RAW_FILE, locate
from samples import RAW, RENAMED_LINEAGE, make_intent, make_receipt, make_sink_settings

from keyplan.errors import SinkPausedError
from keyplan.model.secret import RawKey
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.file import build_at
from keyplan.system.git import GitIgnoring
from keyplan.system.locks import LockWait

HOLDER = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run the block while another process holds a lock on a file or folder."""
    argv = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.communicate()


def make_waiting_sink(base: Path, said: list[str], *, limit: timedelta = timedelta(seconds=0.3)) -> SinkEngine:
    wait = LockWait(say=said.append, notice=timedelta(0), limit=limit)
    return build_at(
        make_sink_settings(RAW_FILE), base=str(base), lineage=RENAMED_LINEAGE, ignoring=GitIgnoring({}), wait=wait
    )


@pytest.fixture(params=["ci.key", ".ci.key.keyplan.lock"], ids=["the file", "its lock"])
def locked(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a file or folder that another process will lock, beside a value that was delivered."""
    sink = make_waiting_sink(tmp_path, [])
    sink.put(locate(sink), RawKey(RAW), make_receipt())
    path = tmp_path / "secrets" / str(request.param)
    if not path.exists():
        path.mkdir()
    return path


def test_a_foreign_lock_is_told_once_and_ends_with_the_file_and_the_process(tmp_path: Path, locked: Path) -> None:
    said: list[str] = []
    sink = make_waiting_sink(tmp_path, said)
    with held_elsewhere(locked) as holder, pytest.raises(SinkPausedError) as caught:
        sink.intend(locate(sink), make_intent())
    assert caught.value.exit_status == 6
    assert caught.value.message.startswith(f"secrets/ci.key: a lock on it is held by process {holder.pid} (")
    assert "end that program" in caught.value.advice
    assert [line.partition(" (")[0] for line in said] == [
        f"waiting for secrets/ci.key: a lock on it is held by process {holder.pid}"
    ]


def test_what_was_waited_for_to_the_end_is_not_waited_for_again_until_it_was_free(tmp_path: Path, locked: Path) -> None:
    sink = make_waiting_sink(tmp_path, [], limit=timedelta(seconds=3))
    for waits in (True, False):
        with held_elsewhere(locked):
            started = time.monotonic()
            with pytest.raises(SinkPausedError):
                sink.intend(locate(sink), make_intent())
            assert (time.monotonic() - started >= 3) is waits
    sink.intend(locate(sink), make_intent())
    if not locked.exists():
        locked.mkdir()
    with held_elsewhere(locked):
        started = time.monotonic()
        with pytest.raises(SinkPausedError):
            sink.retract(locate(sink), make_intent())
        assert time.monotonic() - started >= 3


def test_what_is_locked_can_be_looked_at(tmp_path: Path, locked: Path) -> None:
    sink = make_waiting_sink(tmp_path, [])
    with held_elsewhere(locked):
        assert sink.inspect([locate(sink)])[locate(sink)].receipt == make_receipt()


def test_the_next_run_writes_it_once_the_lock_is_free(tmp_path: Path, locked: Path) -> None:
    sink = make_waiting_sink(tmp_path, [])
    with held_elsewhere(locked):
        pass
    sink.intend(locate(sink), make_intent())
