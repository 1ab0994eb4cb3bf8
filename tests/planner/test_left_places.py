"""Places that an address leaves: row 14b of docs/planning.md, planned and applied in the simulated world."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from planner.situations import CI, HOUR, LATER, holding, ours, plan, recorded, situate, slot_of
from samples import IDENTITY, LOCAL, NOW, make_declaration, make_delivery, make_desired, make_intent
from scenario import GENEROUS, Scenario, assert_promise, make_manifest
from simulator import BLIND, FULL, SOURCE, WEAK, Cell, Fault, World

from keyplan.model.basis import EmptyBasis, KeepBasis
from keyplan.model.identity import Address, SinkName
from keyplan.model.manifest import OnDescriptionChange, OnRemove, Rotation
from keyplan.model.observation import Slot
from keyplan.model.plan import FreshPlan, Guard, Verb
from keyplan.model.policy import Policy
from keyplan.model.receipt import Delivered, LeftPlace
from keyplan.model.report import Done, Failed, Outcome
from keyplan.model.vacancy import Vacancy
from keyplan.planner.drift import find_drift
from keyplan.planner.due import Selected, select
from keyplan.planner.forecast import forecast

OVERLAP = Rotation(overlap=2 * HOUR)
AT_ONCE = Rotation(overlap=timedelta(0))
OLD, NEW = "local:old", "local:new"


def to(*places: str) -> dict[str, Any]:
    """Return the deliveries to these `sink:path`."""
    pairs = [place.split(":") for place in places]
    return {"deliveries": tuple(make_delivery({"path": path}, sink=sink) for sink, path in pairs)}


def declare(scenario: Scenario, *places: str, sinks: tuple[str, ...] = ("local", "remote"), **changes: Any) -> None:
    scenario.manifest = make_manifest(
        make_declaration(**{"rotation": AT_ONCE, **to(*places), **changes}), sinks=sinks, limits=GENEROUS
    )


def delivered(*places: str, **changes: Any) -> Scenario:
    """Return a world in which the key was delivered to these places an hour ago."""
    scenario = Scenario(World(sinks={"local": FULL, "remote": FULL}))
    declare(scenario, *places, **changes)
    assert not scenario.run().failures
    scenario.world.clock.advance(HOUR)
    scenario.world.restart()
    return scenario


def left(scenario: Scenario) -> list[str]:
    return [f"{one.place.sink}:{one.place.location}" for one in scenario.world.ledger.receipts[CI].left]


def vacancies(scenario: Scenario) -> tuple[Vacancy, ...]:
    return next(action.vacancies for action in scenario.plan().actions if action.verb is not Verb.EMPTY)


def is_green(scenario: Scenario) -> bool:
    return not scenario.plan().has_differences


# A sink is dropped.


def test_without_an_overlap_a_dropped_place_is_emptied_by_the_same_apply() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a")
    assert scenario.words() == ["empty left", "keep up_to_date"]
    (action,) = scenario.actions()
    assert action.locations == ("remote:b",)
    assert scenario.plan().summary.change == 1
    (outcome,) = scenario.run().outcomes
    assert isinstance(outcome, Done)
    assert list(scenario.world.delivered()) == ["local:a"]
    assert_promise(scenario)


def test_with_an_overlap_the_first_apply_tells_and_a_later_one_empties() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    assert vacancies(scenario) == (Vacancy(location="remote:b", overlap=2 * HOUR),)
    assert not is_green(scenario), "an edit that no apply has seen is a difference"
    begun = scenario.world.clock.now()
    assert scenario.run().outcomes == ()
    assert vacancies(scenario) == (Vacancy(location="remote:b", empty_after=begun + 2 * HOUR),)
    assert is_green(scenario), "its readers have their time"
    assert list(scenario.world.delivered()) == ["local:a", "remote:b"]
    scenario.world.clock.advance(2 * HOUR)
    assert scenario.words() == ["empty left", "keep up_to_date"]
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == ["local:a"]
    assert_promise(scenario)
    assert is_green(scenario)


def test_the_time_does_not_start_again_with_each_apply() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    announced = scenario.world.ledger.receipts[CI].left
    scenario.world.clock.advance(HOUR)
    scenario.run()
    assert scenario.world.ledger.receipts[CI].left == announced


def test_a_place_that_comes_back_is_not_left_any_more() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    declare(scenario, "local:a", "remote:b", rotation=OVERLAP)
    scenario.run()
    assert left(scenario) == []
    scenario.world.clock.advance(3 * HOUR)
    assert is_green(scenario)
    assert_promise(scenario)


def test_a_place_of_a_sink_without_notes_that_comes_back_can_be_filled_again() -> None:
    scenario = Scenario(World(sinks={"local": FULL, "remote": WEAK}))
    declare(scenario, "local:a", "remote:b", rotation=OVERLAP)
    scenario.run()
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    scenario.world.clock.advance(HOUR)
    declare(scenario, "local:a", "remote:b", rotation=OVERLAP)
    assert not scenario.run().failures
    assert left(scenario) == []


def while_planned(scenario: Scenario, **changes: Any) -> Outcome:
    """Apply a plan, with the place `remote:b` changed between planning and applying."""
    remote, made = scenario.world.sinks[SinkName("remote")], scenario.plan()
    remote.cells["b"] = replace(remote.cells["b"], **changes)
    scenario.plan = lambda **_: made  # type: ignore[method-assign]  # another run comes between plan and apply
    (outcome,) = scenario.apply().outcomes
    return outcome


def test_the_place_is_emptied_only_if_it_is_as_the_plan_saw_it() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a")
    assert isinstance(while_planned(scenario, intent=make_intent()), Failed)
    assert "remote:b" in scenario.world.delivered()
    assert left(scenario) == ["remote:b"], "the next run tries again"


def test_a_place_that_got_a_newer_key_meanwhile_is_not_emptied() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a")
    receipt = replace(scenario.world.ledger.receipts[CI], delivered_at=scenario.world.clock.now())
    outcome = while_planned(scenario, receipt=receipt)
    assert isinstance(outcome, Done)
    assert outcome.notes == ("remote:b was not emptied: a newer key was delivered there",)
    assert "remote:b" in scenario.world.delivered()
    assert left(scenario) == []


# A path is changed.


def test_a_changed_path_leaves_nothing_behind() -> None:
    scenario = delivered("local:old")
    declare(scenario, "local:new")
    (action,) = scenario.actions()
    assert action.vacancies == (Vacancy(location=OLD),)
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == [NEW]
    assert_promise(scenario)


def test_readers_of_a_changed_path_have_the_overlap() -> None:
    scenario = delivered("local:old", rotation=OVERLAP)
    declare(scenario, "local:new", rotation=OVERLAP)
    assert vacancies(scenario) == (Vacancy(location=OLD, overlap=2 * HOUR),)
    scenario.run()
    held = scenario.world.delivered()
    assert all(scenario.world.provider.accepts(raw) for raw in held.values())
    assert set(held) == {OLD, NEW}
    assert left(scenario) == [OLD]
    assert is_green(scenario)
    scenario.world.clock.advance(3 * HOUR)
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == [NEW]
    assert_promise(scenario)


def test_a_copy_leaves_nothing_behind_either() -> None:
    scenario = Scenario(World(sinks={"local": SOURCE, "remote": FULL}))
    declare(scenario, "local:a", "remote:old")
    scenario.run()
    scenario.world.clock.advance(HOUR)
    declare(scenario, "local:a", "remote:new")
    assert scenario.words() == ["deliver undelivered"]
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == ["local:a", "remote:new"]
    assert_promise(scenario)


def test_a_copy_whose_old_place_fails_says_so_and_the_next_run_empties_it() -> None:
    scenario = Scenario(World(sinks={"local": SOURCE, "remote": FULL}))
    declare(scenario, "local:a", "remote:old")
    scenario.run()
    scenario.world.clock.advance(HOUR)
    declare(scenario, "local:a", "remote:new")
    scenario.world.effects.inject(Fault.ERROR, "sink.withdraw:remote", times=-1)
    assert len(scenario.run().failures) == 1
    scenario.world.restart()
    assert scenario.words() == ["empty left", "keep up_to_date"]
    scenario.run()
    assert_promise(scenario)
    assert list(scenario.world.delivered()) == ["local:a", "remote:new"]


def test_a_place_that_cannot_be_emptied_fails_the_action_and_is_emptied_by_the_next_run() -> None:
    scenario = delivered("local:old")
    declare(scenario, "local:new")
    scenario.world.effects.inject(Fault.ERROR, "sink.withdraw:local", times=-1)
    (failed,) = scenario.run().failures
    assert "a place that it leaves could not be emptied" in failed.message
    scenario.world.restart()
    assert scenario.words() == ["empty left", "keep up_to_date"]
    assert not scenario.run().failures
    assert list(scenario.world.delivered()) == [NEW]


def test_a_blocked_action_empties_nothing() -> None:
    scenario = delivered("local:old", protect=True)
    declare(scenario, "local:new", protect=True)
    assert all(action.blocked for action in scenario.actions())
    scenario.run()
    assert list(scenario.world.delivered()) == [OLD]


def test_a_place_that_did_not_get_the_key_is_still_known_when_its_sink_is_dropped() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a", "remote:b", description="another", on_description_change=OnDescriptionChange.REPLACE)
    scenario.world.effects.inject(Fault.ERROR, "sink.put:remote", times=-1)
    assert scenario.run().failures
    assert left(scenario) == ["remote:b"]
    scenario.world.clock.advance(HOUR)
    scenario.world.restart()
    declare(scenario, "local:a", description="another", on_description_change=OnDescriptionChange.REPLACE)
    scenario.run()
    assert list(scenario.world.delivered()) == ["local:a"]
    assert_promise(scenario)


def test_a_place_is_kept_until_every_other_place_holds_the_key() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    scenario.world.clock.advance(3 * HOUR)
    scenario.world.sinks[SinkName("local")].lose()
    assert "empty left" not in scenario.words()
    scenario.run()
    assert "remote:b" in scenario.world.delivered(), "its overlap starts again, because only it held the key"


# A sink is removed.


def test_a_sink_that_is_configured_no_longer_is_reported_and_changes_no_exit_status() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a", sinks=("local",))
    leaves = (Vacancy(location="remote:b", leaves="its sink is no longer configured"),)
    assert vacancies(scenario) == leaves
    assert is_green(scenario)
    assert scenario.run().outcomes == ()
    assert vacancies(scenario) == leaves, "it is told until it is dealt with"
    assert is_green(scenario)


def test_a_sink_that_is_configured_again_is_emptied() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a", sinks=("local",))
    scenario.run()
    declare(scenario, "local:a")
    assert scenario.words() == ["empty left", "keep up_to_date"]
    scenario.run()
    assert list(scenario.world.delivered()) == ["local:a"]


def test_a_removed_key_empties_the_places_that_it_had_left_too() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    scenario.manifest = make_manifest(sinks=("local", "remote"), limits=GENEROUS)
    (action,) = scenario.actions()
    assert action.locations == ("local:a", "remote:b")
    assert not scenario.run().failures
    assert scenario.world.delivered() == {}


def test_a_removed_key_says_what_it_leaves_in_a_sink_that_is_gone() -> None:
    scenario = delivered("local:a", "remote:b")
    scenario.manifest = make_manifest(sinks=("local",), limits=GENEROUS)
    (action,) = scenario.actions()
    assert action.locations == ("local:a",)
    assert action.vacancies == (Vacancy(location="remote:b", leaves="its sink is no longer configured"),)


def test_a_key_that_is_let_go_keeps_its_places() -> None:
    scenario = delivered("local:a", "remote:b", on_remove=OnRemove.FORGET)
    scenario.manifest = make_manifest(sinks=("local",), limits=GENEROUS)
    (action,) = scenario.actions()
    assert (action.locations, action.vacancies) == ((), ())


# Whose a place is.


def test_a_place_that_another_declaration_uses_by_now_is_never_emptied() -> None:
    scenario = delivered("local:a", "remote:b")
    other = make_declaration("other", rotation=AT_ONCE, **to("remote:b"))
    scenario.manifest = make_manifest(
        make_declaration(rotation=AT_ONCE, **to("local:a")), other, sinks=("local", "remote"), limits=GENEROUS
    )
    kept = next(action for action in scenario.plan().actions if action.address == CI)
    assert kept.vacancies == (Vacancy(location="remote:b", leaves="user/other is delivered there"),)
    scenario.run()
    assert left(scenario) == []
    assert "remote:b" in scenario.world.delivered()


def test_a_place_that_another_manifest_marked_is_never_emptied() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a")
    remote = scenario.world.sinks[SinkName("remote")]
    remote.cells["b"] = Cell(raw="theirs", owner="other-team")
    (kept,) = vacancies(scenario)
    assert kept.leaves == "it belongs to the manifest of owner other-team"
    scenario.run()
    assert remote.values() == {"b": "theirs"}
    assert left(scenario) == []


def test_a_place_that_another_writer_changed_is_never_emptied() -> None:
    scenario = Scenario(World(sinks={"local": FULL, "remote": WEAK}))
    declare(scenario, "local:a", "remote:b")
    scenario.run()
    scenario.world.clock.advance(5 * HOUR)
    scenario.world.sinks[SinkName("remote")].person_writes("b", "theirs")
    declare(scenario, "local:a")
    (kept,) = vacancies(scenario)
    assert kept.leaves == "another writer has changed it since"
    scenario.run()
    assert scenario.world.delivered()["remote:b"] == "theirs"


def test_a_place_that_a_user_emptied_is_not_mentioned() -> None:
    scenario = delivered("local:a", "remote:b")
    scenario.world.sinks[SinkName("remote")].lose()
    declare(scenario, "local:a")
    assert vacancies(scenario) == ()
    scenario.run()
    assert left(scenario) == []


def test_a_receipt_beside_a_secret_names_no_place_to_empty() -> None:
    claim = recorded(
        left=(LeftPlace(place=Delivered(SinkName(LOCAL), "victim"), empty_after=NOW),),
        delivered=(Delivered(SinkName(LOCAL), "victim"),),
    )
    desired, victim = make_desired(), Slot(sink=SinkName(LOCAL), location="victim")
    held = {slot_of(CI): holding(claim), victim: holding(None)}
    world = situate(desired, keys=[ours()], held=held)
    (action,) = plan(world, desired).actions
    assert isinstance(action.basis, KeepBasis)
    assert (action.vacancies, action.basis.receipt.left) == ((), ())


def test_what_stands_beside_a_secret_tells_nothing_of_other_places() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP, protect=True)
    scenario.run()
    cell = scenario.world.sinks[SinkName("local")].cells["a"]
    assert left(scenario) == ["remote:b"]
    assert cell.receipt
    assert (cell.receipt.protect, cell.receipt.left) == (True, ())


def test_a_place_whose_sink_keeps_values_on_removal_is_left_and_reported() -> None:
    place = Delivered(SinkName(LOCAL), "kept", {"on_remove": "keep"})
    receipt = recorded(delivered=(slot_of(CI).delivered, place))
    desired = make_desired(rotation=AT_ONCE)
    held = {slot_of(CI): holding(receipt), Slot.of(place): holding(receipt)}
    (action,) = plan(situate(desired, keys=[ours()], receipts=[receipt], held=held), desired).actions
    assert action.vacancies == (Vacancy(location="local:kept", leaves="its sink says on_remove: keep"),)


# Two names of one place.


def test_a_sink_under_another_name_is_the_same_place_and_stays_as_it_is() -> None:
    scenario = delivered("local:a")
    local, remote = (scenario.world.sinks[SinkName(name)] for name in ("local", "remote"))
    remote.cells = local.cells
    declare(scenario, "remote:a")
    (kept,) = vacancies(scenario)
    assert kept.leaves == "it may be the same place as remote:a"
    for _ in range(2):
        assert scenario.run().outcomes == ()
        scenario.world.clock.advance(HOUR)
    assert list(local.cells) == ["a"]
    assert_promise(scenario)


def test_a_place_that_gets_the_new_key_under_another_name_is_not_emptied() -> None:
    scenario = delivered("local:a")
    local, remote = (scenario.world.sinks[SinkName(name)] for name in ("local", "remote"))
    remote.cells = local.cells
    declare(scenario, "remote:a", "remote:c", rotation=replace(AT_ONCE, generation=2))
    assert not scenario.run().failures
    assert sorted(local.cells) == ["a", "c"]
    assert left(scenario) == []
    assert_promise(scenario)


def test_sinks_of_two_kinds_have_no_place_in_common() -> None:
    scenario = Scenario(World(sinks={"local": FULL, "remote": BLIND}))
    declare(scenario, "remote:a")
    scenario.run()
    scenario.world.clock.advance(HOUR)
    declare(scenario, "local:a")
    assert vacancies(scenario) == (Vacancy(location="remote:a"),)


def test_a_place_to_which_a_newer_key_was_delivered_is_not_emptied() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    remote, receipt = scenario.world.sinks[SinkName("remote")], scenario.world.ledger.receipts[CI]
    later = replace(receipt, delivered_at=scenario.world.clock.now())
    remote.cells["b"] = replace(remote.cells["b"], receipt=later)
    scenario.world.clock.advance(3 * HOUR)
    (kept,) = vacancies(scenario)
    assert kept.leaves == "a newer key was delivered there"
    assert scenario.run().outcomes == ()
    assert "remote:b" in scenario.world.delivered()
    assert left(scenario) == []


def test_one_location_of_two_sinks_without_notes_may_be_one_place() -> None:
    scenario = Scenario(World(sinks={"local": BLIND, "remote": BLIND}))
    declare(scenario, "local:a")
    scenario.run()
    local, remote = (scenario.world.sinks[SinkName(name)] for name in ("local", "remote"))
    remote.cells = local.cells
    scenario.world.clock.advance(HOUR)
    declare(scenario, "remote:a")
    assert [one.leaves for one in vacancies(scenario)] == ["it may be the same place as remote:a"]
    scenario.run()
    assert list(local.cells) == ["a"]


# What is told of it.


def findings(scenario: Scenario) -> list[tuple[str, str, bool]]:
    plan, snapshot = scenario.plan(), scenario.observe()
    assert isinstance(plan, FreshPlan)
    drift = find_drift(plan, snapshot, manifest=scenario.manifest)
    return [(one.cause.value, one.detail, one.is_report_only) for one in drift.findings]


def events(scenario: Scenario) -> list[tuple[str, timedelta, str]]:
    plan, snapshot = scenario.plan(), scenario.observe()
    assert isinstance(plan, FreshPlan)
    calendar = forecast(plan, snapshot, until=snapshot.now + 9 * HOUR)
    return [(one.happening.value, one.at - snapshot.now, one.note) for one in calendar.events]


def test_drift_and_calendar_tell_when_a_place_is_emptied() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    told = "remote:b is used no longer; the next apply starts its overlap"
    assert findings(scenario) == [("left", told, False)]
    assert events(scenario) == [("empties", 2 * HOUR, "remote:b")]
    scenario.run()
    scenario.world.clock.advance(HOUR)
    assert findings(scenario) == []
    assert events(scenario) == [("empties", HOUR, "remote:b")]
    scenario.world.clock.advance(HOUR)
    assert findings(scenario) == [("left", "remote:b is used no longer, and its overlap is over", False)]
    assert events(scenario) == [("empties", timedelta(0), "remote:b")]


def test_drift_reports_a_place_that_nothing_reaches_and_raises_no_alarm() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a", sinks=("local",))
    told = "remote:b keeps what it holds: its sink is no longer configured"
    assert findings(scenario) == [("left", told, True)]
    assert events(scenario) == []


def test_a_changed_path_is_one_finding_and_the_end_of_the_old_place_one_event() -> None:
    scenario = delivered("local:old", rotation=OVERLAP)
    declare(scenario, "local:new", rotation=OVERLAP)
    assert [cause for cause, *_ in findings(scenario)] == ["undelivered"]
    assert ("empties", 2 * HOUR, OLD) in events(scenario)


def test_what_is_blocked_tells_of_no_place() -> None:
    scenario = delivered("local:old", protect=True)
    declare(scenario, "local:new", protect=True)
    assert not any(happening == "empties" for happening, *_ in events(scenario))


def test_a_policy_that_holds_back_the_key_holds_back_its_places() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a")
    scenario.manifest = replace(scenario.manifest, policies=(Policy(file="policy.yaml", require_expiry=True),))
    made = scenario.plan()
    assert [action.blocked.guard for action in made.actions if action.blocked] == [Guard.POLICY, Guard.POLICY]
    scenario.run()
    assert left(scenario) == []
    assert set(scenario.world.delivered()) == {"local:a", "remote:b"}


# Moves, and what time may bring about.


def test_a_moved_declaration_keeps_what_it_has_to_empty() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    moved = make_declaration("renamed", rotation=OVERLAP, moved_from=(CI,), **to("local:a"))
    scenario.manifest = make_manifest(moved, sinks=("local", "remote"), limits=GENEROUS)
    scenario.run()
    (place,) = scenario.world.ledger.receipts[Address("user/renamed")].left
    assert place.place.location == "b"


def test_an_edit_that_nobody_reviewed_empties_nothing_and_starts_no_overlap() -> None:
    for rotation in (AT_ONCE, OVERLAP):
        scenario = delivered("local:a", "remote:b", rotation=rotation)
        declare(scenario, "local:a", rotation=rotation)
        due = select(scenario.plan(), Selected.DUE)
        assert due.chosen == ()


def test_what_an_earlier_apply_announced_is_due() -> None:
    scenario = delivered("local:a", "remote:b", rotation=OVERLAP)
    declare(scenario, "local:a", rotation=OVERLAP)
    scenario.run()
    scenario.world.clock.advance(3 * HOUR)
    due = select(scenario.plan(), Selected.DUE)
    assert [action.verb for action in due.chosen] == [Verb.EMPTY, Verb.KEEP]
    assert due.left == ()


def test_a_blind_sink_is_emptied_by_the_ledgers_word() -> None:
    scenario = Scenario(World(sinks={"local": FULL, "remote": BLIND}))
    declare(scenario, "local:a", "remote:b")
    scenario.run()
    declare(scenario, "local:a")
    scenario.run()
    assert list(scenario.world.delivered()) == ["local:a"]
    assert_promise(scenario)


def test_the_same_plan_is_made_whenever_it_is_made() -> None:
    desired = make_desired(rotation=OVERLAP)
    gone = Delivered(SinkName(LOCAL), "gone")
    receipt = recorded(delivered=(slot_of(CI).delivered, gone))
    held = {slot_of(CI): holding(receipt), Slot.of(gone): holding(receipt)}
    world = situate(desired, keys=[ours()], receipts=[receipt], held=held)
    assert plan(world, desired).actions == plan(replace(world, now=LATER + HOUR), desired).actions


def test_emptying_knows_all_that_applying_needs() -> None:
    scenario = delivered("local:a", "remote:b")
    declare(scenario, "local:a")
    (action,) = (one for one in scenario.plan().actions if isinstance(one.basis, EmptyBasis))
    assert isinstance(action.basis, EmptyBasis)
    assert [str(slot) for slot in action.basis.slots] == ["remote:b"]
    assert action.basis.receipt.identity == IDENTITY
    assert not action.basis.is_announced
