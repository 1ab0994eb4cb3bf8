"""The installed `keyplan apply`, killed with SIGKILL at real points: one clean apply finishes what it began.

The short form kills twenty times; the long form, for `make soak`, at every request and at system calls of every kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from e2e.killing import FLOWS, STRACE, ByCall, ByRequest, Company, Kill
from e2e.terminal import Terminal

from keyplan.sandbox.options import SandboxOptions
from keyplan.sandbox.server import running

pytestmark = [pytest.mark.processes, pytest.mark.e2e, pytest.mark.enable_socket]

WORLDS = tuple(product(("alpha", "beta"), ("new", "same")))
NO_STRACE = "strace is not installed: it is what kills at a system call"
SHORT_BY_REQUEST: dict[str, tuple[ByRequest, ...]] = {
    "create": (
        ByRequest(method="POST", nth=1, when="after"),
        ByRequest(method="POST", nth=1, when="before"),
    ),
    "refresh": (
        ByRequest(method="POST", nth=1, when="after"),
        ByRequest(method="POST", nth=1, when="before"),
    ),
    "replace": (
        ByRequest(method="POST", nth=1, when="after"),
        ByRequest(nth=5, when="before"),
    ),
}
SHORT_BY_CALL: dict[str, tuple[ByCall, ...]] = {
    "replace with overlap": (ByCall(call="renameat", nth=2), ByCall(call="renameat", nth=3)),
    "remove": (ByCall(call="unlinkat", nth=2), ByCall(call="fdatasync", nth=6)),
}
LEAST_KILLS = 200


@pytest.fixture(scope="module", params=WORLDS, ids="-".join)
def company(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Return a company that has applied once, in each dialect and with both ways of a refresh to treat an id.

    What it suffers it recovers from, or the test fails: one serves several tests.
    """
    yield from _open(tmp_path_factory.mktemp("company"), *request.param)


def _open(folder: Path, api: str, refresh_id: str) -> Iterator[Company]:
    options = SandboxOptions(
        api="alpha" if api == "alpha" else "beta", refresh_id="new" if refresh_id == "new" else "same"
    )
    with running(options) as sandbox:
        company = Company(Terminal(folder=folder, url=sandbox.url, credential=sandbox.credential, api=api))
        company.settle()
        yield company


def _suffer_all(company: Company, kills: dict[str, tuple[Kill, ...]], turn: int) -> None:
    done = [company.suffer(flow, choices[turn % len(choices)]) for flow, choices in kills.items()]
    print(f"\n{sum(done)} kills: {dict(company.figures)}")  # noqa: T201 - the figures are what the proof is for
    assert all(done)


def test_an_apply_killed_at_a_request_is_finished_by_the_next(company: Company, request: pytest.FixtureRequest) -> None:
    turn = request.node.callspec.indices["company"]
    _suffer_all(company, dict(SHORT_BY_REQUEST), turn)


@pytest.mark.skipif(not STRACE, reason=NO_STRACE)
def test_an_apply_killed_at_a_system_call_is_finished_by_the_next(
    company: Company, request: pytest.FixtureRequest
) -> None:
    turn = request.node.callspec.indices["company"]
    _suffer_all(company, dict(SHORT_BY_CALL), turn)


@pytest.mark.soak
@pytest.mark.skipif(not STRACE, reason=NO_STRACE)
def test_an_apply_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    figures: Counter[str] = Counter()
    for turn, world in enumerate(WORLDS):
        folder = tmp_path / "-".join(world)
        folder.mkdir()
        for company in _open(folder, *world):
            _soak(company, turn)
            figures += company.figures
    print(f"\n{figures.total()} kills: {dict(figures.most_common())}")  # noqa: T201 - the figures are what the proof is for
    assert figures.total() >= LEAST_KILLS


def _soak(company: Company, turn: int) -> None:
    """Kill every flow at each of its requests, and at every fourth of its system calls, another fourth per world."""
    points = {flow: company.rehearse(flow) for flow in FLOWS}
    company.heal()
    for flow, kills in points.items():
        calls = [kill for kill in kills if isinstance(kill, ByCall)]
        for kill in (*(kill for kill in kills if isinstance(kill, ByRequest)), *calls[turn :: len(WORLDS)]):
            company.suffer(flow, kill)
