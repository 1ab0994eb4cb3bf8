"""Renewals go out canaries first, then wave after wave; what waits stays in use, and no consumer loses its key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planner.situations import DAY, FULL, HOUR, ours, plan, recorded, situate
from samples import make_declaration, make_desired_service
from scenario import Scenario, make_manifest
from simulator import Fault, Killed, World, make_space

from keyplan.documents.plan import digest, from_document, to_document
from keyplan.model.basis import OldKeyBasis, WaitBasis
from keyplan.model.calendar import Happening
from keyplan.model.desired import Desired
from keyplan.model.drift import Cause, DriftKind
from keyplan.model.identity import Address
from keyplan.model.limits import Limits, Rollout
from keyplan.model.manifest import Declaration, KeyType, OnDescriptionChange, Role, Rotation
from keyplan.model.plan import Action, FreshPlan, Guard, Reason, Verb
from keyplan.planner.drift import find_drift
from keyplan.planner.forecast import forecast
from keyplan.planner.rollout import apply_rollout
from keyplan.planner.waves import choose_canaries
from keyplan.renderers.text.plan import render_plan

MINUTE = timedelta(minutes=1)
PRODUCTION = make_space("production")
CANARIES = Rollout(canaries=("user/a*",), wave=2, pause=HOUR)


def declare(name: str, **changes: Any) -> Declaration:
    return make_declaration(
        name, **({"on_description_change": OnDescriptionChange.REPLACE, "description": "first"} | changes)
    )


@dataclass
class Fleet:
    """Keys of one manifest, all made at one instant."""

    scenario: Scenario
    rollout: Rollout | None

    @classmethod
    def of(cls, *names: str, rollout: Rollout | None = CANARIES, **declared: Any) -> Fleet:
        fleet = cls(Scenario(World()), rollout)
        fleet.write(*(declare(name, **declared) for name in names))
        fleet.scenario.run()
        fleet.scenario.world.clock.advance(DAY)
        return fleet

    def write(self, *keys: Declaration, **changes: Any) -> None:
        self.scenario.declare(*keys, rollout=self.rollout, **changes)

    def edit(self, **changes: Any) -> None:
        self.edit_each(lambda key: replace(key, **changes))

    def edit_each(self, change: Callable[[Declaration], Declaration]) -> None:
        keys = tuple(map(change, self.scenario.manifest.keys))
        self.scenario.manifest = replace(self.scenario.manifest, keys=keys)

    def run(self, **request: Any) -> list[str]:
        """Apply, and return the names of the keys that changed."""
        report = self.scenario.run(**request)
        assert not report.failures
        return sorted(name_of(one.action) for one in report.outcomes if one.action.issues_raw_key)

    def wait(self, duration: timedelta) -> None:
        self.scenario.world.clock.advance(duration)

    def use(self, *names: str) -> None:
        for receipt in self.scenario.world.ledger.recall().receipts:
            if receipt.address.removeprefix("user/") in names:
                self.scenario.world.provider.person_uses(receipt.key_id)

    def waiting(self, **request: Any) -> dict[str, Action]:
        plan = self.scenario.plan(**request)
        return {name_of(action): action for action in plan.actions if action.reason is Reason.WAITING}


def name_of(action: Action) -> str:
    return action.address.removeprefix("user/")


# Canaries, waves and pauses.


def test_canaries_change_first_and_the_rest_in_waves_after_each_pause() -> None:
    fleet = Fleet.of("a1", "a2", "b1", "b2", "b3")
    fleet.edit(description="second")
    assert fleet.run() == ["a1", "a2"]
    assert fleet.run() == []
    fleet.wait(HOUR + MINUTE)
    assert fleet.run() == ["b1", "b2"]
    fleet.wait(HOUR + MINUTE)
    assert fleet.run() == ["b3"]
    assert fleet.waiting() == {}


def test_a_canary_that_is_seen_used_ends_the_pause() -> None:
    fleet = Fleet.of("a1", "b1")
    fleet.edit(description="second")
    assert fleet.run() == ["a1"]
    fleet.wait(10 * MINUTE)
    assert fleet.run() == []
    fleet.use("a1")
    assert fleet.run() == ["b1"]


def test_a_use_within_minutes_of_the_delivery_may_be_our_own_verification() -> None:
    fleet = Fleet.of("a1", "b1")
    fleet.edit(description="second")
    assert fleet.run() == ["a1"]
    fleet.wait(4 * MINUTE)
    fleet.use("a1")
    fleet.wait(10 * MINUTE)
    assert fleet.run() == []


def test_by_a_clock_that_is_far_off_no_use_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet.of("a1", "b1")
    monkeypatch.setattr(fleet.scenario.world.provider, "clock_skew", lambda: timedelta(minutes=2))
    fleet.edit(description="second")
    assert fleet.run() == ["a1"]
    fleet.wait(10 * MINUTE)
    fleet.use("a1")
    assert fleet.run() == []


def test_where_no_use_is_shown_the_pause_alone_counts() -> None:
    fleet = Fleet(Scenario(World(dialect="alpha")), CANARIES)
    fleet.write(declare("a1"), declare("b1"))
    fleet.run()
    fleet.edit(description="second")
    fleet.wait(DAY)
    assert fleet.run() == ["a1"]
    fleet.wait(10 * MINUTE)
    fleet.use("a1")
    assert fleet.run() == []
    assert "seen in use" not in fleet.waiting()["b1"].explanation
    fleet.wait(HOUR)
    assert fleet.run() == ["b1"]


def test_new_keys_neither_wait_nor_hold_a_wave() -> None:
    fleet = Fleet.of("b1", "b2", rollout=Rollout(wave=1, pause=DAY))
    fleet.write(declare("b1", description="second"), declare("b2"), *(declare(f"new{number}") for number in range(5)))
    assert fleet.run() == ["b1", *(f"new{number}" for number in range(5))]
    fleet.wait(DAY + MINUTE)
    fleet.write(*(replace(key, description="third") for key in fleet.scenario.manifest.keys), declare("new6"))
    assert len(fleet.run()) == 2


def test_a_key_that_is_gone_is_made_again_at_once_and_holds_the_next_wave_meanwhile() -> None:
    fleet = Fleet.of("b1", "b2", rollout=Rollout(wave=1, pause=HOUR))
    fleet.edit(description="second")
    assert fleet.run() == ["b1"]
    (receipt,) = (one for one in fleet.scenario.world.ledger.recall().receipts if one.address == "user/b1")
    fleet.scenario.world.provider.person_deletes(receipt.key_id)
    assert "user/b1 did not end well" in fleet.waiting()["b2"].explanation
    assert fleet.run() == ["b1"]


def test_keys_that_fall_due_go_out_in_waves_too() -> None:
    fleet = Fleet.of("a1", "b1", "b2", "b3", rotation=Rotation(every=30 * DAY, overlap=HOUR))
    fleet.wait(30 * DAY)
    assert [fleet.run() for _ in range(3) if not fleet.wait(2 * HOUR)] == [["a1"], ["b1", "b2"], ["b3"]]


def test_a_stream_of_canaries_that_fall_due_holds_no_other_key_for_ever() -> None:
    names = [f"a{number}" for number in range(10)]
    fleet = Fleet(Scenario(World()), Rollout(canaries=("user/a*",), pause=HOUR))
    kept: list[Declaration] = []
    for name in (*names, "b1"):
        kept.append(declare(name, rotation=Rotation(every=10 * DAY, overlap=HOUR)))
        fleet.write(*kept)
        fleet.run()
        fleet.wait(DAY)
    changed = [name for _ in range(12) for name in fleet.run() if not fleet.wait(DAY)]
    assert "b1" in changed


@pytest.mark.parametrize(
    ("percent", "number", "expected"),
    [(10, 1, 1), (10, 10, 1), (10, 11, 2), (50, 5, 3), (100, 7, 7), (1, 300, 3)],
)
def test_a_share_of_all_declarations_is_rounded_up(percent: int, number: int, expected: int) -> None:
    keys = [declare(f"k{index}") for index in range(number)]
    fleet = Fleet(Scenario(World()), Rollout(canary_percent=percent))
    fleet.write(*keys)
    chosen = choose_canaries(fleet.scenario.manifest)
    assert len(chosen) == expected
    fleet.write(*reversed(keys))
    assert choose_canaries(fleet.scenario.manifest) == chosen


# Groups.


def test_keys_of_one_group_never_change_in_one_run_without_any_rollout() -> None:
    fleet = Fleet.of("b1", "b2", "b3", rollout=None, group="pair")
    fleet.edit(description="second")
    assert [fleet.run(), fleet.run(), fleet.run(), fleet.run()] == [["b1"], ["b2"], ["b3"], []]


def test_a_command_that_names_a_whole_group_takes_the_one_that_changed_longest_ago() -> None:
    fleet = Fleet.of("b1", "b2", rollout=None, group="pair")
    assert fleet.run(rotate=("user/*",)) == ["b1"]
    fleet.wait(MINUTE)
    assert fleet.run(rotate=("user/*",)) == ["b2"]


def test_while_a_key_of_a_group_is_recovered_the_others_are_what_consumers_have() -> None:
    fleet = Fleet.of("b1", "b2", rollout=None, group="pair")
    (receipt,) = (one for one in fleet.scenario.world.ledger.recall().receipts if one.address == "user/b1")
    fleet.scenario.world.provider.person_deletes(receipt.key_id)
    fleet.edit(description="second")
    assert fleet.run() == ["b1"]
    assert fleet.run() == ["b2"]


# What does not wait.


def test_a_key_that_the_user_names_does_not_wait() -> None:
    fleet = Fleet.of("a1", "b1")
    fleet.edit(description="second")
    assert fleet.run(rotate=("user/b1",), targets=("user/b1",)) == ["b1"]


def test_an_answer_to_a_leak_waits_for_no_group_either() -> None:
    fleet = Fleet.of("b1", "b2", rollout=None, group="pair")
    assert fleet.run(rotate=("user/b1", "user/b2"), now=True) == ["b1", "b2"]


@pytest.mark.parametrize("rollout", [Rollout(canaries=("user/a1",), wave=1, pause=DAY), None], ids=["waves", "group"])
def test_a_key_that_would_end_before_its_turn_goes_ahead(rollout: Rollout | None) -> None:
    names = ("a1", "b1", "b2")
    fleet = Fleet.of(*names, rollout=rollout, expires_in=30 * DAY, rotation=Rotation(overlap=DAY), group="all")
    # No apply ran for long: all are due, and end in a day and a half.
    fleet.wait(27 * DAY + 12 * HOUR)
    assert fleet.run() == ["a1", "b1", "b2"]


def test_the_plan_warns_of_a_rollout_that_is_too_slow_for_its_keys() -> None:
    names = ("b1", "b2", "b3", "b4")
    fleet = Fleet.of(*names, rollout=Rollout(wave=1, pause=4 * DAY), expires_in=30 * DAY)
    fleet.wait(20 * DAY)
    (warning,) = (text for text in fleet.scenario.plan().warnings if "rollout" in text)
    assert "the turn of user/b3, user/b4 comes too late" in warning


def test_a_new_place_waits_and_a_place_that_lost_its_key_does_not() -> None:
    fleet = Fleet(Scenario(World(sinks={"local": FULL, "remote": FULL})), Rollout(wave=1, pause=HOUR))
    fleet.write(declare("b1"), declare("b2"))
    both = fleet.scenario.manifest
    one_each = tuple(replace(key, deliveries=key.deliveries[:1]) for key in both.keys)
    fleet.scenario.manifest = replace(both, keys=one_each)
    fleet.run()
    fleet.wait(DAY)
    fleet.scenario.manifest = both
    assert fleet.run() == ["b1"]
    held = fleet.scenario.world.delivered()
    fleet.wait(HOUR + MINUTE)
    assert fleet.run() == ["b2"]
    assert len(fleet.scenario.world.delivered()) == len(held) + 1


def test_a_protected_key_is_no_part_of_a_rollout() -> None:
    fleet = Fleet.of("a1", "b1")
    fleet.edit(description="second")
    canary, other = fleet.scenario.manifest.keys
    fleet.scenario.manifest = replace(fleet.scenario.manifest, keys=(replace(canary, protect=True), other))
    assert [one.address for one in fleet.scenario.plan().blocked] == ["user/a1"]
    assert fleet.run() == ["b1"]


# What goes wrong.


def test_a_wave_that_did_not_finish_stops_the_next() -> None:
    fleet = Fleet.of("b1", "b2", rollout=Rollout(wave=1, pause=timedelta(0)))
    fleet.edit(description="second")
    world = fleet.scenario.world
    world.effects.inject(Fault.KILL_AFTER, "provider.create", times=1)
    with pytest.raises(Killed):
        fleet.scenario.run()
    world.restart()
    fleet.wait(HOUR)
    assert "user/b1 did not end well" in fleet.waiting()["b2"].explanation
    fleet.run()
    assert fleet.run() == ["b2"]


def test_a_blocked_canary_holds_those_that_are_due_with_it() -> None:
    fleet = Fleet.of("a1", "b1")
    provider = replace(fleet.scenario.manifest.provider, max_lifetime=30 * DAY)
    canary, other = fleet.scenario.manifest.keys
    keys = (replace(canary, expires_in=90 * DAY, description="second"), replace(other, description="second"))
    fleet.scenario.manifest = replace(fleet.scenario.manifest, provider=provider, keys=keys)
    assert [one.address for one in fleet.scenario.plan().blocked] == ["user/a1"]
    assert fleet.run() == []
    assert fleet.waiting().keys() == {"b1"}


# How it is shown.


def test_what_waits_is_no_change_for_digest_status_and_limits() -> None:
    fleet = Fleet.of("a1", "b1", "b2", "b3")
    fleet.edit(description="second")
    tight = Limits(replaces=1)
    fleet.scenario.manifest = replace(fleet.scenario.manifest, limits=tight)
    plan = fleet.scenario.plan()
    assert plan.blocked == ()
    assert len(plan.changes) == 1
    assert plan.summary.waiting == 3
    fleet.scenario.manifest = replace(fleet.scenario.manifest, limits=Limits(replaces=0))
    assert {one.blocked.guard for one in fleet.scenario.plan().actions if one.blocked} == {Guard.REPLACES}
    fleet.scenario.manifest = replace(fleet.scenario.manifest, limits=tight)
    fleet.run()
    quiet = fleet.scenario.plan()
    assert not quiet.has_differences
    fleet.wait(10 * MINUTE)
    assert digest(fleet.scenario.plan()) == digest(quiet)


def test_the_plan_shows_the_waves_and_when_the_next_may_start() -> None:
    fleet = Fleet.of("a1", "b1", "b2", "b3")
    fleet.edit(description="second")
    text = render_plan(fleet.scenario.plan())
    assert "note         wave 1 of 3 of the rollout, a canary" in text
    assert (
        "Wave 2 of 3 waits (2 keys: user/b1, user/b2): it starts in a later run than wave 1, once 1h have passed or "
        "its keys are seen in use." in text
    )
    assert "Plan: 1 to add, 0 to change, 0 to destroy. 1 to retire later. 3 waiting for a later wave." in text
    fleet.run()
    text = render_plan(fleet.scenario.plan())
    assert "Wave 1 of 2 waits (2 keys: user/b1, user/b2): user/a1 changed just now: it starts at 20" in text
    assert "Plan: 0 to add, 0 to change, 0 to destroy. 3 waiting for a later wave." in text


def test_a_plan_in_waves_is_the_same_after_its_document() -> None:
    fleet = Fleet.of("a1", "b1")
    fleet.edit(description="second")
    fleet.run()
    plan = fleet.scenario.plan()
    turns = [action.turn for action in plan.actions]
    assert [action.turn for action in from_document(to_document(plan)).actions] == turns
    (turn,) = filter(None, turns)
    assert (turn.verb, turn.reason, turn.wave, turn.waves) == (Verb.REPLACE, Reason.CHANGED, 1, 1)
    assert turn.not_before is not None


def test_the_calendar_shows_each_wave_at_the_time_when_it_starts() -> None:
    fleet = Fleet.of("a1", "b1", "b2", "b3")
    fleet.edit(description="second")
    snapshot = fleet.scenario.observe()
    events = forecast(fleet.scenario.plan(), snapshot, until=snapshot.now + 10 * HOUR).events
    assert [(event.address, event.at - snapshot.now) for event in events] == [
        ("user/a1", timedelta(0)),
        ("user/b1", HOUR),
        ("user/b2", HOUR),
        ("user/b3", 2 * HOUR),
    ]


def test_waiting_is_no_alarm_and_what_another_party_altered_stays_one() -> None:
    fleet = Fleet.of("a1", "b1")
    fleet.edit(description="second")
    fleet.run()
    snapshot, plan = fleet.scenario.observe(), fleet.scenario.plan()
    drift = find_drift(plan, snapshot, manifest=fleet.scenario.manifest)
    assert drift.alarms == ()
    (finding,) = (one for one in drift.findings if one.cause is Cause.WAITING)
    assert (finding.kind, finding.address) == (DriftKind.PENDING, "user/b1")
    assert finding.detail.startswith("replace in wave 1 of 1: user/a1 changed just now")


def test_a_key_that_another_party_altered_waits_and_stays_an_alarm() -> None:
    one, other = (_in_pair(make_desired_service(PRODUCTION, name)) for name in ("one", "other"))
    keys, receipts = [], []
    for number, desired in enumerate((one, other)):
        named = {"address": desired.address, "name": desired.declaration.name, "key_type": KeyType.SERVICE}
        assert desired.access is not None
        keys.append(ours(f"key-{number}", access=replace(desired.access, account_role=Role("admin")), **named))
        receipts.append(recorded(f"key-{number}", access=desired.access.digest(), **named))
    snapshot = situate(one, other, keys=keys, receipts=receipts)
    manifest = make_manifest(one.declaration, other.declaration)
    planned = plan(snapshot, one, other)
    assert isinstance(planned, FreshPlan)
    made = apply_rollout(planned, manifest, snapshot)
    assert [action.reason for action in made.actions] == [Reason.CHANGED, Reason.WAITING]
    drift = find_drift(made, snapshot, manifest=manifest)
    assert [(one.cause, one.address) for one in drift.alarms] == [
        (Cause.ALTERED, one.address),
        (Cause.ALTERED, other.address),
    ]


def _in_pair(desired: Desired) -> Desired:
    return replace(desired, declaration=replace(desired.declaration, group="pair"))


def test_an_old_key_stays_while_a_new_place_waits_for_its_key() -> None:
    fleet = Fleet(Scenario(World(sinks={"local": FULL, "remote": FULL})), None)
    fleet.write(declare("b1"), declare("b2"))
    both = fleet.scenario.manifest
    fleet.edit_each(lambda key: replace(key, deliveries=key.deliveries[:1]))
    fleet.run()
    fleet.wait(DAY)
    fleet.edit(description="second", rotation=Rotation(overlap=2 * DAY))
    fleet.run()
    fleet.wait(3 * DAY)
    without = Rotation(overlap=timedelta(0))
    keys = tuple(replace(key, description="second", rotation=without) for key in both.keys)
    fleet.scenario.manifest = replace(both, keys=keys, rollout=Rollout(wave=1, pause=HOUR))
    waiting = [(one.verb, one.reason) for one in fleet.scenario.plan().actions if one.address == "user/b2"]
    assert sorted(waiting, key=str) == [(Verb.KEEP, Reason.OVERLAPPING), (Verb.KEEP, Reason.WAITING)]
    assert all(isinstance(one.basis, WaitBasis | OldKeyBasis) for one in fleet.scenario.plan().actions[-2:])
    calendar = forecast(fleet.scenario.plan(), fleet.scenario.observe(), until=fleet.scenario.world.clock.now() + DAY)
    assert {event.address for event in calendar.events} == {"user/b1", "user/b2"}


# For any account.


@dataclass
class Account:
    """An account of any shape, and what is edited in it."""

    fleet: Fleet
    keys: tuple[Declaration, ...]


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    number = draw(st.integers(1, 9))
    keys = tuple(
        declare(
            f"k{index}",
            group=draw(st.sampled_from(["", "", "g1", "g2"])),
            rotation=draw(
                st.sampled_from([Rotation(), Rotation(every=20 * DAY), Rotation(every=30 * DAY, overlap=HOUR)])
            ),
        )
        for index in range(number)
    )
    canaries: dict[str, Any] = draw(
        st.sampled_from([{}, {"canary_percent": 20}, {"canaries": ("user/k1", "user/k3")}, {"canaries": ("user/*",)}])
    )
    wave = draw(st.sampled_from([None, 1, 2, 5]))
    pause = draw(st.sampled_from([timedelta(0), HOUR, 30 * HOUR]))
    rollout = draw(st.sampled_from([None, Rollout(wave=wave, pause=pause, **canaries)]))
    dialect: Any = draw(st.sampled_from(["alpha", "beta"]))
    return Account(Fleet(Scenario(World(dialect=dialect)), rollout), keys)


_gently = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_EDITS: tuple[Callable[[Fleet], None], ...] = (
    lambda fleet: fleet.edit(description="second"),
    lambda fleet: fleet.wait(31 * DAY),
    lambda fleet: fleet.edit(rotation=Rotation(generation=2)),
)


@_gently
@given(accounts(), st.sampled_from(_EDITS), st.sampled_from([MINUTE, 2 * HOUR, DAY]))
def test_every_run_keeps_to_the_waves_and_all_keys_are_done_in_the_end(
    account: Account, edit: Callable[[Fleet], None], step: timedelta
) -> None:
    fleet, rollout = account.fleet, account.fleet.rollout
    fleet.write(*account.keys)
    fleet.run()
    fleet.wait(2 * DAY)
    edit(fleet)
    groups = {f"user/{key.name}": key.group for key in account.keys}
    canaries = choose_canaries(fleet.scenario.manifest)
    wanted = {action.address for action in [*fleet.scenario.plan().changes, *fleet.waiting().values()]}
    done: set[Address] = set()
    # Each key may be a wave of its own, and each wave may take its whole pause.
    enough = len(account.keys) * (2 + (rollout.pause if rollout else timedelta(0)) // step)
    for _ in range(min(enough, 160)):
        before = fleet.scenario.world.provider.working()
        changed = {Address(f"user/{name}") for name in fleet.run()}
        grouped = [groups[one] for one in changed if groups[one]]
        assert len(grouped) == len(set(grouped))
        assert rollout is None or rollout.wave is None or len(changed) <= rollout.wave
        if changed - canaries:
            assert canaries & wanted <= done, "a canary that was due with them has not changed"
        done |= changed
        assert len(fleet.scenario.world.provider.working()) >= len(account.keys)
        assert len(before) >= len(account.keys)
        if wanted <= done:
            break
        fleet.wait(step)
    assert wanted <= done or enough > 160


@_gently
@given(accounts(), st.randoms(use_true_random=False))
def test_the_order_of_declarations_does_not_matter(account: Account, chance: Random) -> None:
    fleet = account.fleet
    fleet.write(*account.keys)
    fleet.run()
    fleet.wait(2 * DAY)
    fleet.edit(description="second")
    plan = fleet.scenario.plan()
    shuffled = list(fleet.scenario.manifest.keys)
    chance.shuffle(shuffled)
    fleet.scenario.manifest = replace(fleet.scenario.manifest, keys=tuple(shuffled))
    assert fleet.scenario.plan() == plan


def test_nothing_holds_the_answer_to_a_leak() -> None:
    fleet = Fleet.of("a", "b", "c", rollout=None, group="all")
    leaked = tuple(receipt.key_id for receipt in fleet.scenario.world.ledger.recall().receipts)
    assert len(fleet.run(leaked=leaked)) == 3


# The calendar, and what applies then do.


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    count=st.integers(1, 7),
    canaries=st.sampled_from([(), ("user/k0",), ("user/k0", "user/k1")]),
    wave=st.sampled_from([None, 1, 2]),
    pause=st.sampled_from([timedelta(0), HOUR, 6 * HOUR, 2 * DAY]),
    every=st.lists(st.sampled_from([5 * DAY, 7 * DAY]), min_size=7, max_size=7),
    groups=st.lists(st.sampled_from(["", "pair"]), min_size=7, max_size=7),
    expires_in=st.sampled_from([None, 20 * DAY]),
    age=st.integers(0, 8),
    has_rollout=st.booleans(),
)
def test_the_calendar_of_a_rollout_says_what_applies_then_do(
    *,
    count: int,
    canaries: tuple[str, ...],
    wave: int | None,
    pause: timedelta,
    every: list[timedelta],
    groups: list[str],
    expires_in: timedelta | None,
    age: int,
    has_rollout: bool,
) -> None:
    rollout = Rollout(canaries=canaries, wave=wave, pause=pause)
    fleet = Fleet(Scenario(World()), rollout if has_rollout else None)
    fleet.write(
        *(
            declare(f"k{n}", group=groups[n], rotation=Rotation(every=every[n], overlap=HOUR), expires_in=expires_in)
            for n in range(count)
        )
    )
    fleet.run()
    fleet.wait(age * DAY)
    scenario, clock, span = fleet.scenario, fleet.scenario.world.clock, 15 * DAY
    start = clock.now()
    calendar = forecast(
        scenario.plan(), scenario.observe(), until=start + span - HOUR, manifest=scenario.manifest
    ).events
    expected = sorted((event.at, name_of(event)) for event in calendar if event.happening is Happening.ROTATES)  # type: ignore[arg-type]  # it has an address
    done = []
    for _ in range(span // HOUR):
        while changed := fleet.run():
            done += [(clock.now(), name) for name in changed]
        fleet.wait(HOUR)
    assert sorted(done) == expected
