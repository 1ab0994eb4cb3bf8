"""When a raw key may be announced to GitHub's runner: never where anybody else could read it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from keyplan.app.masks import UNMASKED, _RunnerMask, find_mask, reaches_runner
from keyplan.model.secret import RawKey
from keyplan.system.processes import Process

OURS, OTHER = "pipe:[11]", "pipe:[22]"
RAW = "ak-canary" + "0" * 44
SCRIPT = "/__w/_temp/0f8fad5b-d9cb-469f-a165-70867728950e.sh"

WORKER = Process(name="Runner.Worker", parent=1, reads=frozenset({OURS, OTHER}))
STEP = Process(name="bash", parent=20, arguments=("bash", "-e", "/runner/_temp/x.sh"))
KEYPLAN = Process(name="keyplan", parent=30, arguments=("keyplan", "apply"))
TEE = Process(name="tee", parent=30, arguments=("tee", "log"), reads=frozenset({OURS}))
HOSTED = {1: Process(name="systemd", parent=0, reads=None), 20: WORKER, 30: STEP, 40: KEYPLAN}
INNER_STEP = Process(name="sh", parent=0, arguments=("sh", "-e", SCRIPT))
CONTAINER = {1: Process(name="tail", parent=0), 30: INNER_STEP, 40: KEYPLAN}


@pytest.mark.parametrize(
    ("pipe", "processes"),
    [
        pytest.param(OURS, HOSTED, id="the runner reads our stderr"),
        pytest.param(OTHER, HOSTED, id="it reads our stdout, where stderr was sent by 2>&1"),
        pytest.param(OURS, HOSTED | {40: replace(KEYPLAN, parent=35), 35: STEP}, id="a shell in between"),
        pytest.param(OURS, CONTAINER, id="the script of a step in a job's container"),
        pytest.param(
            OURS,
            CONTAINER | {30: replace(INNER_STEP, arguments=("python", SCRIPT.replace(".sh", ".py")))},
            id="the same in another language",
        ),
    ],
)
def test_a_pipe_that_ends_at_the_runner_is_safe(pipe: str, processes: Mapping[int, Process]) -> None:
    assert reaches_runner(pipe, 40, processes)


@pytest.mark.parametrize(
    ("pipe", "processes"),
    [
        pytest.param("/runner/log", HOSTED, id="2>log"),
        pytest.param("/dev/pts/0", HOSTED, id="a terminal"),
        pytest.param("socket:[11]", HOSTED, id="a socket, whose other end has another name"),
        pytest.param("/tmp/pipe:[11]", HOSTED, id="a file that is called like a pipe"),  # noqa: S108 - a name, never opened
        pytest.param("pipe:[33]", HOSTED | {50: replace(TEE, reads=frozenset({"pipe:[33]"}))}, id="2>&1 | tee log"),
        pytest.param("pipe:[33]", HOSTED, id="exec 2> >(tee log), where tee cannot be seen"),
        pytest.param(OURS, HOSTED | {20: replace(WORKER, reads=None)}, id="what the runner reads cannot be seen"),
        pytest.param(OURS, HOSTED | {20: replace(WORKER, name="Runner.Listener")}, id="no runner among the ancestors"),
        pytest.param(OURS, {40: replace(KEYPLAN, parent=0)}, id="started from outside, by nobody's script"),
        pytest.param(OURS, {1: replace(KEYPLAN, parent=0)}, id="docker run, whose own stderr may lead anywhere"),
        pytest.param(OURS, {1: INNER_STEP, 40: replace(KEYPLAN, parent=1)}, id="docker run of the step's own script"),
        pytest.param(OURS, CONTAINER | {50: TEE}, id="2>&1 | tee log in a job's container"),
        pytest.param(OURS, CONTAINER | {50: replace(TEE, reads=None)}, id="somebody there may read it"),
        pytest.param(
            OURS,
            CONTAINER | {30: replace(INNER_STEP, arguments=("sh", "-e", "/__w/_temp/mine.sh"))},
            id="docker exec of a script that is no step's",
        ),
        pytest.param(
            OURS,
            CONTAINER | {30: replace(INNER_STEP, arguments=("sh", "-e", SCRIPT.replace("__w", "home")))},
            id="docker exec in a container that is no job's",
        ),
        pytest.param(OURS, {30: replace(INNER_STEP, parent=99), 40: KEYPLAN}, id="the way up breaks off"),
        pytest.param(OURS, {40: replace(KEYPLAN, parent=40)}, id="the way up is a circle"),
        pytest.param(OURS, {}, id="no process can be seen: macOS, Windows"),
    ],
)
def test_everything_else_is_not(pipe: str, processes: Mapping[int, Process]) -> None:
    own = 1 if set(processes) == {1} else 40
    assert not reaches_runner(pipe, own, processes)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Yield both ends of a pipe, the reading one first; whatever is still open afterwards is closed."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 100_000)
    except BlockingIOError:
        return b""


def make_mask(writer: int) -> _RunnerMask:
    return _RunnerMask(writer, os.readlink(f"/proc/self/fd/{writer}"))  # noqa: PTH115 - a link that is no path


def test_outside_a_runner_nothing_is_masked_or_said() -> None:
    said: list[str] = []
    assert find_mask({}, io.StringIO(), said.append) is None
    assert find_mask({"GITHUB_ACTIONS": "false"}, io.StringIO(), said.append) is None
    assert said == []


@pytest.mark.parametrize("kind", ["none", "text in memory", "closed", "a pipe of ours"])
def test_where_it_is_not_certain_nothing_is_masked_and_that_is_said_once(kind: str, pipe: tuple[int, int]) -> None:
    said: list[str] = []
    closed = io.StringIO()
    closed.close()
    with open(os.dup(pipe[1]), "w", encoding="utf-8") as own:  # noqa: PTH123 - a descriptor, not a path
        streams = {"none": None, "text in memory": io.StringIO(), "closed": closed, "a pipe of ours": own}
        assert find_mask({"GITHUB_ACTIONS": "true"}, streams[kind], said.append) is None
    assert said == [UNMASKED]


def test_straight_below_the_runner_keys_are_announced(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    name = os.readlink(f"/proc/self/fd/{writer}")  # noqa: PTH115 - a link that is no path
    table = {20: replace(WORKER, reads=frozenset({name})), os.getpid(): replace(KEYPLAN, parent=20)}
    said: list[str] = []
    with open(os.dup(writer), "w", encoding="utf-8") as stream:  # noqa: PTH123 - a descriptor, not a path
        mask = find_mask({"GITHUB_ACTIONS": "true"}, stream, said.append, look=lambda: table)
        assert mask
        mask(RawKey(RAW))
    assert (read(reader), said) == (f"\n::add-mask::{RAW}\n".encode(), [])


def test_a_raw_key_is_announced_on_a_line_of_its_own(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.write(writer, b"half a line")
    make_mask(writer)(RawKey(RAW))
    assert read(reader) == f"half a line\n::add-mask::{RAW}\n".encode()


def test_what_the_runner_would_unescape_is_escaped(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    make_mask(writer)(RawKey("ak-100%25-sure"))
    assert read(reader) == b"\n::add-mask::ak-100%2525-sure\n"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("", id="empty"),
        pytest.param("ak-a\nak-b and more", id="two lines"),
        pytest.param("ak-with\rreturn", id="a carriage return"),
        pytest.param("ak-ünïcode-key", id="not ASCII"),
        pytest.param(" ak-padded-key ", id="spaces, which the runner would cut off"),
        pytest.param("ak-1", id="so short that masking it would hide the log"),
        pytest.param("k" * 2000, id="too long to be written at once"),
    ],
)
def test_what_is_no_plain_word_is_never_written(raw: str, pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    make_mask(writer)(RawKey(raw))
    assert read(reader) == b""


def test_a_descriptor_that_leads_elsewhere_by_now_gets_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    mask = make_mask(writer)
    other_reader, other_writer = os.pipe()
    os.dup2(other_writer, writer)
    os.close(other_writer)
    mask(RawKey(RAW))
    os.set_blocking(other_reader, False)
    assert (read(reader), read(other_reader)) == (b"", b"")
    os.close(other_reader)


def test_a_runner_that_is_gone_costs_no_key(pipe: tuple[int, int]) -> None:
    _, writer = pipe
    nobody, broken = os.pipe()
    mask = make_mask(broken)
    os.close(nobody)
    mask(RawKey(RAW))
    os.close(broken)
    mask(RawKey(RAW))
    assert writer


def test_a_mask_shows_nothing_of_a_key() -> None:
    assert RAW not in repr(_RunnerMask(2, OURS))
