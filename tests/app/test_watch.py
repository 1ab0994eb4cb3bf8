"""The loop of `keyplan watch` on a simulated clock: when it plans, what it applies, who leads."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from app.watched import LEASE, MINUTE, Process, held_rounds, pass_time
from cli.shell import Shell
from samples import LINEAGE, LOCAL, make_intent
from simulated.candid import CandidSink
from simulator import Fault, World

from keyplan.errors import InputError, SinkDeniedError
from keyplan.model.intent import Runner
from keyplan.model.ledger import Holder, LockName
from keyplan.model.observation import Slot
from keyplan.model.plan import Verb
from keyplan.model.watch import ApplyResult
from keyplan.planner.due import Selected
from keyplan.ports import Ledger

HEAD = """\
version: 1
owner: {owner}
id: k7f3a9c2
sinks: {{local: {{type: file, path: "{{name}}.key"}}}}
defaults: {{sink: local}}
keys:
"""
CI = "  - {name: ci, key_type: user, rotation: {every: 30d, overlap: 2d}}\n"
NEW = "  - {name: new, key_type: user}\n"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def write(folder: Path, keys: str = CI, name: str = "keys.yaml", owner: str = "ml-platform") -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(HEAD.format(owner=owner) + keys)


def names(world: World) -> list[str]:
    """Return the names of all live keys."""
    return sorted(record.name for record in world.provider.records.values() if record.active)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a world in which the one declared key is made and delivered."""
    made = World()
    write(tmp_path)
    assert Shell(tmp_path, made)("apply", "--auto-approve").status == 0
    return made


@pytest.fixture
def process(tmp_path: Path, world: World) -> Process:
    """Return a watch that has just been started."""
    return Process(tmp_path, world)


# What can't be written.


def test_what_a_sink_would_refuse_waits_until_it_can_be_written(process: Process, world: World) -> None:
    candid = CandidSink(LOCAL, world.clock, world.effects, lineage=LINEAGE)
    candid.cells, world.sinks[LOCAL] = world.sinks[LOCAL].cells, candid
    candid.obstacles = ("user/ci",)
    world.clock.advance(31 * DAY)
    pass_time(world, 30 * MINUTE, process)
    assert names(world) == ["ci"]
    assert process.count("applied") == 0
    candid.obstacles = ()
    pass_time(world, 10 * MINUTE, process)
    assert names(world) == ["ci", "ci"]


# The pace.


def test_it_plans_at_its_pace_and_applies_nothing_when_nothing_is_due(process: Process, world: World) -> None:
    before = len(world.ledger.entries)
    pass_time(world, 21 * MINUTE, process)
    assert process.count("planned") == 5
    assert len(world.ledger.entries) == before
    assert process.status().rounds == dict.fromkeys(process.status().rounds, 5)


def test_it_wakes_for_the_next_deadline(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, every=DAY)
    world.clock.advance(30 * DAY - HOUR)
    pass_time(world, HOUR - MINUTE, process)
    assert names(world) == ["ci"]
    pass_time(world, 2 * MINUTE, process)
    assert names(world) == ["ci", "ci"]
    # And for the end of the overlap, two days later.
    pass_time(world, 2 * DAY - 5 * MINUTE, process)
    assert names(world) == ["ci", "ci"]
    pass_time(world, 10 * MINUTE, process)
    assert names(world) == ["ci"]


def test_it_wakes_for_the_next_wave_of_a_rollout(tmp_path: Path, world: World) -> None:
    rollout = "rollout: {canary: [user/ci], wave: 1, pause: 3h}\n"
    write(tmp_path, CI + CI.replace("ci", "eval") + CI.replace("ci", "train") + rollout)
    assert Shell(tmp_path, world)("apply", "--auto-approve").status == 0
    process = Process(tmp_path, world, every=DAY)
    world.clock.advance(30 * DAY + HOUR)
    pass_time(world, MINUTE, process)
    assert names(world) == ["ci", "ci", "eval", "train"]
    pass_time(world, 3 * HOUR - 5 * MINUTE, process)
    assert names(world) == ["ci", "ci", "eval", "train"]
    pass_time(world, 10 * MINUTE, process)
    assert names(world) == ["ci", "ci", "eval", "eval", "train"]
    pass_time(world, 3 * HOUR, process)
    assert names(world) == ["ci", "ci", "eval", "eval", "train", "train"]


@pytest.mark.parametrize(("chance", "share"), [(0.0, 0.9), (1.0, 1.1)])
def test_chance_moves_a_round_by_a_tenth_at_most(tmp_path: Path, world: World, chance: float, share: float) -> None:
    process = Process(tmp_path, world, chance=chance)
    process.watch.turn()
    assert process.status().next_at - process.status().succeeded_at == share * 5 * MINUTE


# What is applied.


def test_what_is_not_due_is_left_and_counted(process: Process, tmp_path: Path, world: World) -> None:
    write(tmp_path, CI + NEW)
    pass_time(world, MINUTE, process)
    assert (names(world), process.status().left) == (["ci"], 1)
    assert process.events[-1].message == "Plan: 1 to add, 0 to change, 0 to destroy. 1 left for a reviewed apply."


@pytest.mark.parametrize(("selected", "made"), [(Selected.ALL, ["ci", "new"]), (Selected.NOTHING, ["ci"])])
def test_it_may_apply_everything_or_nothing(tmp_path: Path, world: World, selected: Selected, made: list[str]) -> None:
    write(tmp_path, CI + NEW)
    pass_time(world, MINUTE, Process(tmp_path, world, selected=selected))
    assert names(world) == made


def test_records_of_kept_keys_are_brought_up_to_date(process: Process, world: World) -> None:
    world.ledger.lose()
    pass_time(world, MINUTE, process)
    assert [str(address) for address in world.ledger.receipts] == ["user/ci"]
    assert process.count("applied") == 1
    pass_time(world, 20 * MINUTE, process)
    assert process.count("applied") == 1


def test_the_manifest_s_lock_is_held_only_while_something_is_applied(process: Process, world: World) -> None:
    pass_time(world, MINUTE, process)
    assert set(world.ledger.locks) == {LockName.WATCH}


def test_another_run_s_lock_is_waited_for_and_is_no_failure(process: Process, world: World) -> None:
    world.clock.advance(31 * DAY)
    other = world.ledger.as_another_process()
    with other.lock(process.wiring.holder("rotate"), patience=timedelta(0), lease=HOUR):
        pass_time(world, MINUTE, process)
        assert process.count("waiting") >= 2
        assert (process.status().failures, names(world)) == (0, ["ci"])
    pass_time(world, MINUTE, process)
    assert names(world) == ["ci", "ci"]


def test_an_address_at_which_another_run_is_at_work_is_looked_at_again_soon(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, every=DAY)
    world.clock.advance(31 * DAY)
    now = world.clock.now()
    there = Runner(run="there", user="ada", host="laptop", command="rotate", lease=MINUTE)
    # Of a run without this ledger: only the place says that it is there.
    intent = make_intent(at=now, runner=there, until=now + MINUTE)
    world.sinks[LOCAL].intend(Slot(sink=LOCAL, location="user/ci"), intent)
    pass_time(world, MINUTE - timedelta(seconds=1), process)
    assert (names(world), process.status().failures) == (["ci"], 0)
    # It was killed: once its lease is over, what it left is finished.
    pass_time(world, timedelta(seconds=10), process)
    assert process.count("applied") == 1
    assert names(world) == ["ci", "ci"]


# Manifests that change, break and go.


def test_a_changed_manifest_is_planned_at_once(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, selected=Selected.ALL, every=DAY)
    pass_time(world, MINUTE, process)
    write(tmp_path, CI + NEW)
    pass_time(world, timedelta(seconds=11), process)
    assert names(world) == ["ci", "new"]


def test_a_file_that_is_only_touched_is_not_planned(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, every=DAY)
    pass_time(world, MINUTE, process)
    write(tmp_path)
    pass_time(world, MINUTE, process)
    assert (process.count("read"), process.count("planned")) == (1, 1)


def test_sighup_reads_and_plans_at_once(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, every=DAY)
    pass_time(world, MINUTE, process)
    process.is_reload_wanted = True
    pass_time(world, timedelta(seconds=2), process)
    assert (process.count("read"), process.count("planned")) == (2, 2)


def test_sighup_in_the_middle_of_a_round_is_not_lost(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, every=DAY)
    with held_rounds(process):
        pass_time(world, MINUTE, process)
        process.is_reload_wanted = True
        pass_time(world, MINUTE, process)
    pass_time(world, MINUTE, process)
    assert process.count("read") == 2


def test_a_manifest_that_breaks_leaves_the_one_before_it_in_force(
    process: Process, tmp_path: Path, world: World
) -> None:
    pass_time(world, MINUTE, process)
    write(tmp_path, CI + "  - {name: new, key_type: nobody}\n")
    pass_time(world, MINUTE, process)
    assert (process.count("unreadable"), process.status().is_readable) == (1, False)
    world.clock.advance(31 * DAY)
    pass_time(world, 10 * MINUTE, process)
    assert names(world) == ["ci", "ci"]
    write(tmp_path)
    pass_time(world, MINUTE, process)
    assert process.status().is_readable


def test_one_broken_manifest_of_three_stops_none_of_the_others(tmp_path: Path) -> None:
    worlds = {name: World() for name in ("a", "b", "c")}
    for name, made in worlds.items():
        made.clock = worlds["a"].clock
        write(tmp_path / name, NEW if name != "b" else "  - {name: x, key_type: nobody}\n", owner=name)
    process = Process(tmp_path, worlds["a"], others=worlds, sources=("a", "b", "c"), selected=Selected.ALL)
    pass_time(worlds["a"], MINUTE, process)
    assert [names(worlds[name]) for name in "abc"] == [["new"], [], ["new"]]
    assert process.board.list_waiting() == ["b/keys.yaml is not read"]
    write(tmp_path / "b", NEW, owner="b")
    pass_time(worlds["a"], MINUTE, process)
    assert (names(worlds["b"]), process.board.list_waiting()) == (["new"], [])


def test_a_failing_provider_of_one_manifest_stops_none_of_the_others(tmp_path: Path) -> None:
    worlds = {name: World() for name in ("a", "b")}
    worlds["b"].clock = worlds["a"].clock
    for name in worlds:
        write(tmp_path / name, NEW, owner=name)
    worlds["a"].provider.list_keys = _break  # type: ignore[method-assign]  # a bug in an adapter
    process = Process(tmp_path, worlds["a"], others=worlds, sources=("a", "b"), selected=Selected.ALL)
    pass_time(worlds["a"], MINUTE, process)
    assert names(worlds["b"]) == ["new"]
    assert process.status("a/keys.yaml").failures > 1
    assert "bug" in next(one.message + one.advice for one in process.events if one.is_error)


def _break(*_arguments: object) -> None:
    raise ZeroDivisionError


def test_a_manifest_that_goes_is_let_go_and_one_that_comes_is_found(tmp_path: Path) -> None:
    worlds = {name: World() for name in ("a", "b")}
    worlds["b"].clock = worlds["a"].clock
    write(tmp_path / "envs", NEW, owner="a", name="keys.yaml")
    process = Process(tmp_path, worlds["a"], others=worlds, sources=("envs",))
    pass_time(worlds["a"], MINUTE, process)
    (tmp_path / "envs" / "keys.yaml").unlink()
    write(tmp_path / "envs" / "b", NEW, owner="b")
    pass_time(worlds["a"], MINUTE, process)
    assert process.news("envs/keys.yaml")[-1] == "dropped"
    assert worlds["a"].ledger.locks == {}
    assert "leading" in process.news("envs/b/keys.yaml")
    assert [one.manifest for one in process.board.statuses()] == ["envs/b/keys.yaml"]


def test_two_manifests_that_would_share_a_ledger_are_told_apart(tmp_path: Path, world: World) -> None:
    write(tmp_path, NEW, name="other.yaml")
    process = Process(tmp_path, world, sources=("keys.yaml", "other.yaml"))
    pass_time(world, MINUTE, process)
    assert "leading" in process.news("keys.yaml")
    assert process.news("other.yaml") == ["unreadable"]


def test_nothing_to_watch_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no manifest"):
        Process(tmp_path, World()).watch.run()


def test_standard_input_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be watched"):
        Process(tmp_path, World(), sources=("-",)).watch.run()


# Failures.


def test_failures_are_tried_again_less_and_less_often(process: Process, world: World) -> None:
    pass_time(world, MINUTE, process)
    world.provider.list_keys = _break  # type: ignore[method-assign]  # from now on
    pass_time(world, 2 * HOUR, process)
    told = process.count("failed")
    # With a pace of 5 minutes: soon after 5, 10, 20, ... s, and never less often than at that pace.
    assert 24 <= told <= 36
    assert process.status().failures == told
    del world.provider.list_keys  # type: ignore[method-assign]  # back to the method
    pass_time(world, 6 * MINUTE, process)
    assert process.status().failures == 0


def test_a_ledger_that_is_down_is_told_once_and_asked_again(process: Process, world: World) -> None:
    for _ in range(20):
        world.effects.inject(Fault.ERROR, "ledger.lock")
        pass_time(world, LEASE / 4, process)
    assert process.count("failed") == 1
    assert process.board.list_waiting() == ["the ledger of keys.yaml has not answered"]
    pass_time(world, MINUTE, process)
    assert process.status().is_leader


def test_an_apply_that_fails_is_counted_and_tried_again_after_a_while(
    process: Process, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pass_time(world, MINUTE, process)
    world.clock.advance(30 * DAY - MINUTE)

    def refuse(*_arguments: object, **_named: object) -> None:
        raise SinkDeniedError("no right to write")

    monkeypatch.setattr(world.sinks[LOCAL], "intend", refuse)
    pass_time(world, timedelta(seconds=59), process)
    status = process.status()
    # Not at once: five attempts for one key, and a user has to look.
    assert status.failures == 2
    assert status.applies == {ApplyResult.INCOMPLETE: 2}
    assert status.actions[Verb.REPLACE, "failed"] == 2
    assert "Not done: 1 failed" in next(one.message for one in process.events if one.is_error)
    monkeypatch.undo()
    pass_time(world, 10 * MINUTE, process)
    status = process.status()
    assert (status.failures, status.applies[ApplyResult.COMPLETE], names(world)) == (0, 1, ["ci", "ci"])


def test_an_apply_that_cannot_begin_is_counted(process: Process, world: World) -> None:
    pass_time(world, MINUTE, process)
    world.clock.advance(31 * DAY)
    world.effects.inject(Fault.ERROR, "ledger.lock")
    pass_time(world, 6 * MINUTE, process)
    assert process.status().applies == {ApplyResult.ERROR: 1, ApplyResult.COMPLETE: 1}


def test_what_another_run_did_meanwhile_is_not_done_again(process: Process, world: World, tmp_path: Path) -> None:
    pass_time(world, MINUTE, process)
    world.clock.advance(31 * DAY)
    applies = len(world.ledger.entries)
    real = process.wiring.ledger

    def lock_late(*arguments: Any, **named: Any) -> Ledger:
        # Between the look and the lock, a user applies the same.
        if process.status().is_leader and len(world.ledger.entries) == applies:
            assert Shell(tmp_path, world)("apply", "--auto-approve").status == 0
        return real(*arguments, **named)

    process.wiring.ledger = lock_late  # type: ignore[method-assign]  # stands in for the method
    pass_time(world, 6 * MINUTE, process)
    assert (len(world.ledger.entries), names(world)) == (applies + 1, ["ci", "ci"])


# Leadership.


def test_one_leads_and_the_others_look_at_nothing(tmp_path: Path, world: World) -> None:
    first, second = Process(tmp_path, world), Process(tmp_path, world, host="node-2")
    pass_time(world, 20 * MINUTE, first, second)
    assert (first.news()[1], second.news()[1:]) == ("leading", ["standing_by"])
    assert (first.status().is_leader, second.status().is_leader) == (True, False)
    assert second.count("planned") == 0
    assert second.board.list_waiting() == []
    assert second.board.samples() == () != first.board.samples()


def test_a_leader_that_dies_is_followed_within_two_lease_lengths(tmp_path: Path, world: World) -> None:
    first, second = Process(tmp_path, world), Process(tmp_path, world, host="node-2")
    pass_time(world, MINUTE, first, second)
    number = first.status().number
    # It is gone without a word; the process with a turn goes on.
    pass_time(world, LEASE, second)
    pass_time(world, LEASE, second)
    assert second.status().is_leader
    assert second.status().number > number
    world.clock.advance(31 * DAY)
    pass_time(world, 6 * MINUTE, second)
    assert names(world) == ["ci", "ci"]


def test_a_leader_that_was_paused_stands_by_and_does_nothing_more(tmp_path: Path, world: World) -> None:
    first, second = Process(tmp_path, world), Process(tmp_path, world, host="node-2")
    pass_time(world, MINUTE, first, second)
    first.is_paused = True
    pass_time(world, 2 * LEASE, first, second)
    world.clock.advance(31 * DAY)
    first.is_paused = False
    second.is_paused = True
    planned = first.count("planned")
    world.ledger.locks[LockName.WATCH] = _live_on(world)
    pass_time(world, MINUTE, first, second)
    assert (first.count("leadership_lost"), first.news()[-1]) == (1, "standing_by")
    assert (first.count("planned"), names(world)) == (planned, ["ci"])
    assert (first.status().is_leader, first.status().losses, first.status().number) == (False, 1, 0)
    assert first.board.samples() == ()


def _live_on(world: World) -> Holder:
    return replace(world.ledger.locks[LockName.WATCH], until=world.clock.now() + DAY)


def test_a_leader_that_stops_hands_over_at_once(tmp_path: Path, world: World) -> None:
    first, second = Process(tmp_path, world), Process(tmp_path, world, host="node-2")
    pass_time(world, MINUTE, first, second)
    first.stop_signal = 15
    first.watch.run()
    pass_time(world, LEASE / 2, second)
    assert second.status().is_leader


def test_a_manifest_that_moves_to_another_ledger_is_led_there(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world)
    pass_time(world, MINUTE, process)
    number = process.status().number
    write(tmp_path, CI + "ledger: {type: sqlite, path: elsewhere.db}\n")
    pass_time(world, MINUTE, process)
    assert (process.status().is_leader, process.status().number > number) == (True, True)


# The end.


def test_a_stop_in_the_middle_of_a_round_finishes_what_is_under_way(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, selected=Selected.ALL)
    write(tmp_path, CI + "".join(f"  - {{name: k{number}, key_type: user}}\n" for number in range(20)))

    def stop_after_three(*_arguments: object) -> None:
        if len(names(world)) >= 4:
            process.stop_signal = 15

    create = world.provider.create

    def watched_create(*arguments: object, **named: object) -> object:
        try:
            return create(*arguments, **named)  # type: ignore[arg-type]  # passed on as they came
        finally:
            stop_after_three()

    world.provider.create = watched_create  # type: ignore[method-assign, assignment]  # the simulated provider is watched from outside
    process.watch.run()
    made = len(names(world)) - 1
    assert 3 <= made < 20
    assert len(world.sinks["local"].values()) == made + 1
    assert not world.ledger.intents
    assert world.ledger.locks == {}
    assert [one.news.value for one in process.events[-2:]] == ["stopping", "stopped"]
    assert process.status().failures == 0


def test_a_stop_before_an_apply_applies_nothing(tmp_path: Path, world: World) -> None:
    process = Process(tmp_path, world, selected=Selected.ALL)
    write(tmp_path, CI + NEW)
    with held_rounds(process):
        pass_time(world, MINUTE, process)
        process.stop_signal = 15
    assert names(world) == ["ci"]


# Health.


def test_a_round_that_hangs_makes_the_process_unhealthy(process: Process, world: World) -> None:
    with held_rounds(process):
        pass_time(world, MINUTE, process)
        # Not before a thread has begun it.
        assert process.board.list_hung() == []
        process.board.beat("round of keys.yaml")
        pass_time(world, 16 * MINUTE, process)
        assert process.board.list_hung() == ["round of keys.yaml"]
    pass_time(world, MINUTE, process)
    assert process.board.list_hung() == []


def test_a_loop_that_stands_still_makes_the_process_unhealthy(process: Process, world: World) -> None:
    pass_time(world, MINUTE, process)
    world.clock.advance(16 * MINUTE)
    assert process.board.list_hung() == ["the loop"]


# Notices.


def test_what_was_found_is_told_once_and_again_when_it_changes(process: Process, tmp_path: Path, world: World) -> None:
    pass_time(world, 11 * MINUTE, process)
    assert process.sender.sent == []
    write(tmp_path, CI + NEW)
    pass_time(world, 11 * MINUTE, process)
    assert process.sender.sent == ["watch absent"]
    write(tmp_path)
    pass_time(world, MINUTE, process)
    assert process.sender.sent == ["watch absent", "watch"]


def test_a_failure_is_told_once_it_lasts(process: Process, world: World) -> None:
    pass_time(world, MINUTE, process)
    world.provider.list_keys = _break  # type: ignore[method-assign]  # from now on
    pass_time(world, 4 * MINUTE + timedelta(seconds=5), process)
    assert process.status().failures in (1, 2)
    assert process.sender.sent == []
    pass_time(world, 20 * MINUTE, process)
    assert process.sender.sent == ["watch BugError"]


def test_while_one_round_is_finished_the_other_leaderships_are_given_up(tmp_path: Path) -> None:
    worlds = {name: World() for name in ("a", "b")}
    worlds["b"].clock = worlds["a"].clock
    for name in worlds:
        write(tmp_path / name, NEW, owner=name)
    process = Process(tmp_path, worlds["a"], others=worlds, sources=("a", "b"))
    pass_time(worlds["a"], MINUTE, process)
    write(tmp_path / "a", CI, owner="a")
    with held_rounds(process):
        pass_time(worlds["a"], timedelta(seconds=6), process)
        assert not process.watch._wind_up()
        assert (set(worlds["a"].ledger.locks), set(worlds["b"].ledger.locks)) == ({LockName.WATCH}, set())
    assert process.watch._wind_up()
    assert worlds["a"].ledger.locks == {}
