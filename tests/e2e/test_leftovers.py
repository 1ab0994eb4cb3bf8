"""The installed `keyplan apply`, killed with SIGKILL at system calls in a git work tree: git shows nothing of it.

The short form kills at some calls of each sink; the long form, for `make soak`, at every one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from e2e.killing import STRACE, ByCall
from e2e.leftovers import SINKS, SOPS, WorkTree
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import Sandbox, running

pyrage = pytest.importorskip("pyrage")
pytestmark = [
    pytest.mark.processes,
    pytest.mark.e2e,
    pytest.mark.enable_socket,
    pytest.mark.skipif(not STRACE, reason="strace is not installed: it is what kills at a system call"),
]
NEEDS_SOPS = pytest.mark.skipif(SOPS is None, reason="needs sops")
each_sink = pytest.mark.parametrize(
    "sink", [pytest.param(sink, marks=NEEDS_SOPS if sink == "sops" else ()) for sink in SINKS]
)
SHORT = (
    ByCall(call="mkdirat", nth=1),
    ByCall(call="linkat", nth=2),
    ByCall(call="renameat", nth=2),
    ByCall(call="unlinkat", nth=2),
    ByCall(call="fsync", nth=3),
)
LEAST_KILLS = 40


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(SandboxOptions(api="beta")) as opened:
        yield opened


_numbers = count(1)


def begin(sandbox: Sandbox, folder: Path, sink: str) -> WorkTree:
    """Return a new work tree beside the sandbox, with an owner and a key of its own."""
    number = next(_numbers)
    inner = folder / f"tree-{number}"
    inner.mkdir()
    identity = pyrage.x25519.Identity.generate()
    (inner / "key.txt").write_text(f"{identity}\n")
    terminal = Terminal(folder=inner, url=sandbox.url, credential=sandbox.credential, api="beta")
    tree = WorkTree(terminal=terminal, sink=sink, owner=f"tree-{number}", recipient=str(identity.to_public()))
    tree.begin()
    return tree


@each_sink
def test_git_shows_nothing_of_an_apply_that_was_killed(sandbox: Sandbox, tmp_path: Path, sink: str) -> None:
    turn = list(SINKS).index(sink)
    for first, second in zip(SHORT[turn % 2 :: 2], SHORT[(turn + 1) % 2 :: 2], strict=False):
        tree = begin(sandbox, tmp_path, sink)
        done = [tree.kill(first)]
        tree.heal()
        tree.renew()
        done.append(tree.kill(second))
        tree.heal()
        assert all(done), (first, second)


@pytest.mark.soak
@each_sink
def test_git_shows_nothing_of_an_apply_that_was_killed_anywhere(sandbox: Sandbox, tmp_path: Path, sink: str) -> None:
    kills: Counter[str] = Counter()
    model = begin(sandbox, tmp_path, sink)
    points = model.rehearse()
    model.renew()
    again = model.rehearse()
    # A point of the first apply and one of a later apply share a work tree, so that each is healed once.
    for place in range(max(len(points), len(again))):
        tree = begin(sandbox, tmp_path, sink)
        tree.kill(points[place]) if place < len(points) else None
        tree.heal()
        tree.renew()
        tree.kill(again[place]) if place < len(again) else None
        tree.heal()
        kills += tree.kills
    print(f"\n{sink}: {kills.total()} kills: {dict(kills.most_common())}")  # noqa: T201 - the figures are the proof
    assert kills.total() >= LEAST_KILLS
