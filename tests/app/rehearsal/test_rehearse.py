"""A rehearsal in the simulated world: it touches nothing, says the same again, and knows every fault."""

from __future__ import annotations

import copy
import io
from datetime import timedelta
from pathlib import Path
from typing import Literal

import pytest
from cli.shell import Shell
from simulator import World
from two_providers import ARIZE, FIRST_URL, SECOND_URL, ZENML, PairShell, make_applied

from keyplan.app.context import RunContext
from keyplan.app.rehearsal.rehearse import rehearse, rehearse_days
from keyplan.app.workspace import Workspace, open_workspace
from keyplan.model.plan import Verb
from keyplan.model.rehearsal import Hardship, Mishap, Rehearsal

HEAD = """\
version: 1
owner: ml-platform
id: k7f3a9c2
sinks: {local: {type: file, path: "{name}.key"}}
defaults: {sink: local}
keys:
"""


@pytest.fixture
def company(tmp_path: Path) -> Shell:
    """Return a shell whose world has a key that can be the credential's user's."""
    shell = Shell(folder=tmp_path, world=World())
    shell.world.provider.person_creates("by hand")
    return shell


def declare(shell: Shell, *keys: str) -> Workspace:
    shell.write(HEAD + "".join(f"  - {{{key}, key_type: user}}\n" for key in keys))
    return open_workspace(None, make_session(shell), ledger=None)


def make_session(shell: Shell) -> RunContext:
    return shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context


def settle(shell: Shell, *keys: str) -> Workspace:
    workspace = declare(shell, *keys)
    assert shell("apply", "--auto-approve").status == 0
    shell.world.clock.advance(timedelta(hours=1))
    shell.world.restart()
    return workspace


def play(shell: Shell, workspace: Workspace) -> Rehearsal:
    return rehearse(shell.wiring, workspace)


def test_nothing_outside_is_changed_by_a_rehearsal(company: Shell) -> None:
    workspace = settle(company, "name: ci", "name: new")
    world = company.world
    before = copy.deepcopy((world.provider.records, world.ledger.receipts, world.ledger.entries, world.delivered()))
    rehearsal = play(company, workspace)
    rehearse_days(company.wiring, workspace, timedelta(days=3))
    assert world.effects.names() == []
    assert (world.provider.records, world.ledger.receipts, world.ledger.entries, world.delivered()) == before
    assert not any(name.startswith("sink.read") for name in world.effects.names(reads=True))
    assert [one.partition(" ")[0] for one in rehearsal.asked] == ["provider", "ledger", "sink"]


def test_the_same_account_gives_the_same_rehearsal(company: Shell) -> None:
    workspace = settle(company, "name: ci, rotation: {overlap: 0s}")
    assert play(company, workspace) == play(company, workspace)


def test_every_fault_is_rehearsed_and_the_next_run_settles_each_kill(company: Shell) -> None:
    workspace = settle(company, "name: ci, rotation: {overlap: 2h, strategy: replace}")
    declare(company, "name: ci, rotation: {overlap: 2h, strategy: replace}", "name: new")
    faults = play(company, workspace).faults
    assert {fault.kind for fault in faults} == set(Mishap)
    kills = [fault for fault in faults if fault.kind in (Mishap.KILLED_BEFORE, Mishap.KILLED_AFTER)]
    assert len(kills) > 10
    assert all(fault.is_settled and fault.next_run.exit_status == 0 for fault in kills)


def test_no_consumer_suffers_where_the_manifest_has_an_overlap(company: Shell) -> None:
    workspace = settle(company, "name: ci, rotation: {overlap: 2h, strategy: replace}")
    faults = [fault for fault in play(company, workspace).faults if fault.kind is not Mishap.SECOND_RUNNER]
    assert {fault.moment.hardship for fault in faults} == {Hardship.NOTHING}


def test_a_refresh_without_overlap_is_the_worst_moment_and_asked_for(company: Shell) -> None:
    workspace = settle(company, "name: ci, rotation: {overlap: 0s, strategy: refresh}")
    faults = play(company, workspace).faults
    (killed,) = [
        fault
        for fault in faults
        if fault.kind is Mishap.KILLED_AFTER and fault.step and fault.step.name == "provider.refresh"
    ]
    assert (killed.moment.hardship, killed.moment.is_ended_by_next_run) == (Hardship.DEAD_KEY, True)
    assert killed.moment.is_asked_for
    assert killed.dead_places == (killed.moment.place,)


def test_of_many_keys_of_one_shape_one_is_rehearsed(company: Shell) -> None:
    workspace = settle(company, *(f"name: key-{number}" for number in range(12)), "name: other, expires_in: 90d")
    rehearsal = play(company, workspace)
    assert [one.stands_for for one in rehearsal.keys] == [12, 1]
    assert rehearsal.left_out == 0
    assert {action.address for action in rehearsal.faults[0].run.actions} == {"user/key-0", "user/other"}


def test_the_calendar_runs_forward_a_day_at_a_time(company: Shell) -> None:
    workspace = settle(company, "name: ci, rotation: {every: 7d, overlap: 24h, strategy: replace}")
    days = rehearse_days(company.wiring, workspace, timedelta(days=30)).days
    assert len(days) == 30
    verbs = [action.verb for day in days for action in day.run.actions]
    assert verbs.count(Verb.REPLACE) == 4
    assert {day.run.exit_status for day in days} == {0}


@pytest.mark.parametrize("dialect", ["phoenix", "zenml"])
def test_a_rotation_under_other_laws_is_rehearsed_as_it_would_run(
    tmp_path: Path, dialect: Literal["phoenix", "zenml"]
) -> None:
    shell = Shell(folder=tmp_path, world=World(dialect=dialect))
    settle(shell, "name: ci, rotation: {overlap: 0s}")
    rotated = play(shell, declare(shell, "name: ci, rotation: {overlap: 0s, generation: 2}", "name: new"))
    assert {one.action.address: one.action.verb for one in rotated.keys} == {
        "user/ci": Verb.REFRESH if dialect == "zenml" else Verb.REPLACE,
        "user/new": Verb.CREATE,
    }
    (undisturbed,) = [one for one in rotated.faults if one.kind is Mishap.NOTHING]
    assert undisturbed.run.exit_status == 0
    assert all(one.is_settled for one in rotated.faults), [one for one in rotated.faults if not one.is_settled]


def settle_pair(tmp_path: Path, text: str = ZENML) -> PairShell:
    shell = make_applied(tmp_path, text)
    shell.world.restart()
    return shell


@pytest.mark.parametrize("text", [ZENML, ARIZE], ids=["zenml", "arize"])
def test_every_fault_of_both_providers_is_rehearsed_and_each_is_settled(tmp_path: Path, text: str) -> None:
    shell = settle_pair(tmp_path, text)
    rehearsal = rehearse(shell.wiring, shell.open())
    assert rehearsal.asked[:2] == (f"provider main at {FIRST_URL}", f"provider zen at {SECOND_URL}")
    further = "zen:service/staging/nightly" if text == ZENML else "zen:user/ci"
    # Of one shape at two providers, both are rehearsed.
    assert [one.action.address for one in rehearsal.keys] == ["user/ci", further]
    assert {one.kind for one in rehearsal.faults} == set(Mishap)
    assert {one.step.address for one in rehearsal.faults if one.step} >= {"user/ci", further}
    assert all(one.is_settled for one in rehearsal.faults), [one for one in rehearsal.faults if not one.is_settled]
    (undisturbed,) = [one for one in rehearsal.faults if one.kind is Mishap.NOTHING]
    assert (undisturbed.run.exit_status, undisturbed.moment.hardship) == (0, Hardship.NOTHING)


def test_neither_of_two_providers_is_changed_nor_shown_a_raw_key_by_a_rehearsal(tmp_path: Path) -> None:
    shell = settle_pair(tmp_path)
    before = copy.deepcopy((shell.first.records, shell.second.records))
    shell.first.shown.clear()
    shell.second.shown.clear()
    rehearse(shell.wiring, shell.open())
    days = rehearse_days(shell.wiring, shell.open(), timedelta(days=3)).days
    assert {day.run.exit_status for day in days} == {0}
    assert (shell.first.records, shell.second.records) == before
    assert shell.first.shown == shell.second.shown == []
    assert shell.wiring.closed == shell.wiring.opened, "a provider is still open"


def test_a_rehearsal_of_two_names_the_one_that_cannot_be_read(tmp_path: Path) -> None:
    shell = settle_pair(tmp_path)
    shell.second.is_denied = True
    done = shell("rehearse")
    assert (done.status, f"provider 'zen' ({SECOND_URL}): 403 Forbidden" in done.err) == (5, True)


def test_a_space_that_one_of_two_providers_does_not_know_is_told_once_with_its_name(tmp_path: Path) -> None:
    shell = settle_pair(tmp_path)
    del shell.second.spaces["staging"]
    shell.second.records.clear()
    rehearsal = rehearse(shell.wiring, shell.open())
    assert all(one.is_settled for one in rehearsal.faults)
    assert {one.blocked_by for one in rehearsal.faults[0].run.actions} == {None, "unknown_space"}
