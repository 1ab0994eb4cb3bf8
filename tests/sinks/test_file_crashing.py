"""The file sink under crashes, threads and several processes."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from file_sinks import DOTENV, FORMATS, NEW_RAW, NEW_RECEIPT, RAW_FILE, locate, look, make_sink
from samples import OWNER, RAW, make_intent, make_receipt, names_in

from keyplan.model.manifest import Json
from keyplan.model.observation import Content, Holding, Slot
from keyplan.model.secret import RawKey
from keyplan.sinks.engine import SinkEngine
from keyplan.sinks.local_files import OpenFolder
from keyplan.system.files import Folder


class Crash(BaseException):
    """The process dies."""


def crashing_at(ordinal: int, *, after: bool) -> OpenFolder:
    """Return a way into folders in which the process dies at the Nth change, before or after it."""
    done = 0

    class CrashingFolder(Folder):
        def write(self, name: str, content: bytes) -> None:
            self._count(lambda: super(CrashingFolder, self).write(name, content))

        def remove(self, name: str) -> None:
            self._count(lambda: super(CrashingFolder, self).remove(name))

        def _count(self, act: object) -> None:
            nonlocal done
            done += 1
            if done == ordinal and not after:
                raise Crash
            act()  # type: ignore[operator]  # a row of the table
            if done == ordinal:
                raise Crash

    return CrashingFolder.enter


POINTS = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


@FORMATS
@POINTS
@pytest.mark.parametrize("ordinal", [1, 2, 3])
@pytest.mark.parametrize("announced", [True, False], ids=["intended", "not intended"])
def test_a_put_that_crashed_is_finished_by_the_next_one(
    tmp_path: Path, options: dict[str, Json], ordinal: int, after: bool, announced: bool
) -> None:
    sink = make_sink(tmp_path, options)
    slot = locate(sink)
    if announced:
        sink.intend(slot, make_intent())
    crash_in_put(make_sink(tmp_path, options, enter=crashing_at(ordinal, after=after)), slot, RAW)
    sink.intend(slot, make_intent())
    sink.put(slot, RawKey(RAW), make_receipt())
    assert look(sink, slot) == Holding(present=True, receipt=make_receipt(), content=Content.MATCHES)
    assert len(names_in(tmp_path / "secrets")) == 2


@FORMATS
@POINTS
@pytest.mark.parametrize("ordinal", [1, 2])
def test_a_put_that_crashed_never_claims_a_value_that_is_not_there(
    tmp_path: Path, options: dict[str, Json], ordinal: int, after: bool
) -> None:
    sink = make_sink(tmp_path, options)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.intend(slot, make_intent())
    crash_in_put(make_sink(tmp_path, options, enter=crashing_at(ordinal, after=after)), slot, NEW_RAW)
    seen = [(make_receipt(), Content.MATCHES), (make_receipt(), Content.DIFFERS), (NEW_RECEIPT, Content.MATCHES)]
    step = ordinal - 1 + after
    assert (look(sink, slot).receipt, look(sink, slot).content) == seen[step]
    assert (look(sink, slot).intent is None) is (step == 2)


@FORMATS
@POINTS
@pytest.mark.parametrize("ordinal", [1, 2])
def test_a_withdrawal_that_crashed_is_finished_by_the_next_one(
    tmp_path: Path, options: dict[str, Json], ordinal: int, after: bool
) -> None:
    sink = make_sink(tmp_path, options)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    with pytest.raises(Crash):
        make_sink(tmp_path, options, enter=crashing_at(ordinal, after=after)).withdraw(slot, OWNER)
    held = look(sink, slot)
    assert held.present is (held.receipt is not None)
    sink.withdraw(slot, OWNER)
    assert names_in(tmp_path / "secrets") == []


def test_a_withdrawal_after_a_crashed_put_takes_the_undelivered_value_too(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    slot = locate(sink)
    sink.put(slot, RawKey(RAW), make_receipt())
    sink.intend(slot, make_intent())
    crash_in_put(make_sink(tmp_path, RAW_FILE, enter=crashing_at(1, after=True)), slot, NEW_RAW)
    sink.withdraw(slot, OWNER)
    assert names_in(tmp_path / "secrets") == []


def test_a_retraction_after_a_crashed_first_put_keeps_the_mark_on_our_value(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, RAW_FILE)
    slot = locate(sink)
    sink.intend(slot, make_intent())
    crash_in_put(make_sink(tmp_path, RAW_FILE, enter=crashing_at(1, after=True)), slot, RAW)
    sink.retract(slot, make_intent())
    assert look(sink, slot) == Holding(present=True)
    sink.intend(slot, make_intent())


def crash_in_put(sink: SinkEngine, slot: Slot, raw_text: str) -> None:
    receipt = make_receipt() if raw_text == RAW else NEW_RECEIPT
    try:
        sink.put(slot, RawKey(raw_text), receipt)
    except Crash:
        return
    # A third change exists only where nothing was noted before.


# many at once


def test_fifty_threads_share_one_dotenv_file(tmp_path: Path) -> None:
    sink = make_sink(tmp_path, DOTENV)

    def deliver(number: int) -> None:
        slot = locate(sink, f"key{number}")
        sink.intend(slot, make_intent())
        sink.put(slot, RawKey(f"ak-{number}"), make_receipt(f"ak-{number}"))

    with ThreadPoolExecutor(50) as pool:
        list(pool.map(deliver, range(50)))
    holdings = sink.inspect([locate(sink, f"key{number}") for number in range(50)])
    assert {holding.content for holding in holdings.values()} == {Content.MATCHES}
    lines = (tmp_path / "secrets" / "all.env").read_text().splitlines()
    assert sorted(lines) == sorted(f"KEY{number}=ak-{number}" for number in range(50))
    assert len(names_in(tmp_path / "secrets")) == 2


PROCESS = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from samples import *
from keyplan.model.secret import RawKey
from keyplan.system.git import GitIgnoring
from keyplan.sinks.file import build_at
options = {"path": "all.env", "format": "dotenv", "variable": "{name}"}
sink = build_at(make_sink_settings(options), base=sys.argv[2], lineage=RENAMED_LINEAGE, ignoring=GitIgnoring({}))
for number in range(10):
    slot = sink.locate(OWNER, make_declaration(f"p{sys.argv[3]}_{number}"), make_delivery())
    sink.put(slot, RawKey("ak-1"), make_receipt("ak-1"))
"""


def test_several_processes_share_one_dotenv_file(tmp_path: Path) -> None:
    tests = str(Path(__file__).parents[1])
    argv = [sys.executable, "-c", PROCESS, tests, str(tmp_path)]
    running = [subprocess.Popen([*argv, str(number)]) for number in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    lines = (tmp_path / "all.env").read_text().splitlines()
    assert len(set(lines)) == 30
    assert len(json.loads((tmp_path / ".all.env.keyplan.json").read_text())["entries"]) == 30
