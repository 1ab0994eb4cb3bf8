"""What holds of planning whatever happened before: in worlds that were walked through, and in made-up snapshots."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from planner.situations import AUTHORITY, contents
from planner.strategies import Walk, is_live_change, snapshots, walks
from scenario import make_manifest

from keyplan.model.basis import CopyBasis, CreateBasis, DeleteBasis, ForgetBasis, KeepBasis, OldKeyBasis, RefreshBasis
from keyplan.model.desired import Desired
from keyplan.model.observation import Snapshot
from keyplan.model.plan import FreshPlan, Reason, Request, Verb
from keyplan.planner.guards import apply_guards
from keyplan.planner.ownership import assign_ownership
from keyplan.planner.plan import make_plan

_QUIET = [Verb.KEEP, Verb.FORGET]
_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large]
walking = settings(max_examples=60, deadline=None, suppress_health_check=_UNHURRIED)


def plan_of(desired: tuple[Desired, ...], snapshot: Snapshot) -> FreshPlan:
    manifest = make_manifest(*(one.declaration for one in desired))
    return apply_guards(make_plan(manifest, desired, snapshot, Request()), manifest=manifest)


@walking
@given(walks())
def test_an_apply_fails_nowhere_and_does_what_was_planned(walk: Walk) -> None:
    note("\n".join(walk.story))
    planned = walk.scenario.plan()
    report = walk.scenario.apply()
    assert not report.failures
    summary = report.summary
    assert (summary.add, summary.change, summary.destroy) == (
        planned.summary.add,
        planned.summary.change,
        planned.summary.destroy,
    )


@walking
@given(walks())
def test_after_an_apply_nothing_is_left_to_do(walk: Walk) -> None:
    note("\n".join(walk.story))
    # What is held up because no creator can be learned is free once the same apply's own create has named one.
    held_up = {action.address for action in walk.scenario.plan().blocked if action.reason is Reason.UNKNOWN_CREATOR}
    walk.scenario.apply()
    left = [one for one in walk.scenario.plan().actions if not one.blocked and one.address not in held_up]
    assert [action for action in left if action.verb not in _QUIET] == []
    walk.scenario.apply()
    assert walk.scenario.plan().changes == ()


@walking
@given(walks())
def test_after_every_deadline_an_apply_leaves_one_key_each(walk: Walk) -> None:
    note("\n".join(walk.story))
    scenario = walk.scenario
    for _ in range(3):
        scenario.apply()
        scenario.world.clock.advance(timedelta(hours=49))
    scenario.apply()
    plan = scenario.plan()
    assert plan.changes == ()
    kept = [action for action in plan.actions if action.verb is Verb.KEEP]
    assert {action.reason for action in kept} <= {Reason.UP_TO_DATE, Reason.STILL_USED, Reason.OVERLAPPING}


@walking
@given(walks())
def test_what_a_sink_holds_is_ended_only_by_what_brings_another(walk: Walk) -> None:
    note("\n".join(walk.story))
    plan = walk.scenario.plan()
    issuing = {action.address for action in plan.changes if action.issues_raw_key}
    for declared in walk.scenario.manifest.keys:
        ended = {action.key_id for action in plan.changes if action.address == declared.address}
        if declared.address not in issuing:
            assert not ended & walk.held(declared.address)


@walking
@given(walks())
def test_while_an_overlap_is_asked_for_no_held_key_ends_in_the_run_that_renews_it(walk: Walk) -> None:
    note("\n".join(walk.story))
    scenario = walk.scenario
    patient = [declared.address for declared in scenario.manifest.keys if declared.rotation.overlap]
    undeclared = {action.key_id for action in scenario.plan().actions if action.reason is Reason.UNDECLARED}
    held = {key_id for address in patient for key_id in walk.held(address)} - undeclared
    scenario.apply()
    assert held <= {record.id for record in scenario.world.provider.live()}


@walking
@given(walks())
def test_a_key_that_a_person_made_is_renewed_only_to_adopt_it_and_never_deleted(walk: Walk) -> None:
    note("\n".join(walk.story))
    for action in walk.scenario.plan().actions:
        if is_live_change(action) and action.key_id in walk.strangers:
            assert (action.verb, action.reason) == (Verb.REFRESH, Reason.ADOPTED)


@settings(deadline=None)
@given(snapshots(), st.randoms(use_true_random=False))
def test_declaration_order_does_not_matter(world: tuple[tuple[Desired, ...], Snapshot], chance: Random) -> None:
    desired, snapshot = world
    shuffled = list(desired)
    chance.shuffle(shuffled)
    turned = replace(snapshot, holdings=dict(reversed([*snapshot.holdings.items()])))
    one, other = plan_of(desired, snapshot), plan_of(tuple(shuffled), turned)
    assert one == other
    assert [contents(action.basis) for action in one.actions] == [contents(action.basis) for action in other.actions]


BASES = {
    CreateBasis: {Verb.CREATE, Verb.REPLACE},
    RefreshBasis: {Verb.REFRESH},
    CopyBasis: {Verb.DELIVER},
    KeepBasis: {Verb.KEEP},
    OldKeyBasis: {Verb.KEEP},
    DeleteBasis: {Verb.DELETE},
    ForgetBasis: {Verb.FORGET},
}


@settings(deadline=None)
@given(snapshots())
def test_every_action_has_the_basis_of_its_verb(world: tuple[tuple[Desired, ...], Snapshot]) -> None:
    for action in plan_of(*world).actions:
        assert action.verb in BASES[type(action.basis)]
        # A blocked create may name the foreign key that is in its way.
        assert action.basis.key is None or action.basis.key.id == action.key_id


@settings(deadline=None)
@given(snapshots())
def test_every_changed_key_is_ours_or_adopted(world: tuple[tuple[Desired, ...], Snapshot]) -> None:
    desired, snapshot = world
    unmanaged = {key.id for key in assign_ownership(desired, snapshot, authority=AUTHORITY).unmanaged}
    foreign = {key.id for key in assign_ownership(desired, snapshot, authority=AUTHORITY).others}
    for action in plan_of(desired, snapshot).actions:
        if is_live_change(action) and action.reason is not Reason.ADOPTED:
            assert action.key_id not in unmanaged | foreign


@settings(deadline=None)
@given(snapshots())
def test_every_live_key_is_in_one_place_only(world: tuple[tuple[Desired, ...], Snapshot]) -> None:
    desired, snapshot = world
    shared = assign_ownership(desired, snapshot, authority=AUTHORITY)
    keys = [key.id for owned in shared.declared for key in owned.alive]
    keys += [orphan.key.id for orphan in shared.orphans if orphan.key] + [key.id for key in shared.unmanaged]
    keys += [key.id for key in (*shared.claimed, *shared.strays)]
    keys += [key.id for found in shared.undecided.values() for key in found]
    live = [key.id for key in snapshot.keys if key.is_live(snapshot.now)]
    foreign = [key.id for key in shared.others]
    assert sorted(keys) == sorted(set(live) - set(foreign))


@settings(deadline=None)
@given(snapshots())
def test_a_current_key_is_deleted_only_beside_what_brings_another(
    world: tuple[tuple[Desired, ...], Snapshot],
) -> None:
    desired, snapshot = world
    current = {
        owned.current.id for owned in assign_ownership(desired, snapshot, authority=AUTHORITY).declared if owned.current
    }
    changes = plan_of(desired, snapshot).changes
    issuing = {action.address for action in changes if action.issues_raw_key}
    for action in changes:
        assert action.verb is not Verb.DELETE or action.key_id not in current or action.address in issuing


@settings(deadline=None)
@given(snapshots())
def test_each_address_issues_at_most_one_raw_key(world: tuple[tuple[Desired, ...], Snapshot]) -> None:
    issuing = [action.address for action in plan_of(*world).actions if action.issues_raw_key]
    assert len(issuing) == len(set(issuing))
