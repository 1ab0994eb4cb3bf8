"""How a plan counts, and what its parts promise."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import OWNER, make_desired, make_observation

from keyplan.model.basis import Basis, CreateBasis, RefreshBasis
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType, Unmanaged
from keyplan.model.plan import Action, Blocked, Guard, KeyView, Plan, Reason, Summary, Turn, Verb
from keyplan.model.vacancy import Vacancy

DAY = timedelta(days=1)
HELD_BACK = Blocked(guard=Guard.PROTECT, advice="")
STRANGER = KeyView(id=KeyId("key-9"), name="x", key_type=KeyType.USER)


def make_action(verb: Verb, **changes: Any) -> Action:
    return Action(**{"address": Address("user/ci"), "verb": verb, "reason": Reason.CHANGED, **changes})


def make_plan(*actions: Action, **changes: Any) -> Plan:
    values = {"owner": OWNER, "manifest": "keys.yaml", "provider": "p", "dialect": "beta", "actions": actions}
    return Plan(**{**values, **changes})


@pytest.mark.parametrize(
    ("verb", "counts"),
    [
        (Verb.CREATE, Summary(add=1)),
        (Verb.REPLACE, Summary(add=1, destroy=1)),
        (Verb.REFRESH, Summary(change=1)),
        (Verb.DELIVER, Summary(change=1)),
        (Verb.DELETE, Summary(destroy=1)),
        (Verb.FORGET, Summary(forget=1)),
        (Verb.KEEP, Summary(keep=1)),
    ],
)
def test_actions_are_counted_as_terraform_counts(verb: Verb, counts: Summary) -> None:
    assert make_plan(make_action(verb)).summary == counts
    assert make_plan(make_action(verb, blocked=HELD_BACK)).summary == Summary(blocked=1)


actions = st.builds(
    make_action,
    st.sampled_from(Verb),
    reason=st.sampled_from(Reason),
    overlap=st.sampled_from([timedelta(0), DAY]),
    cuts_off=st.booleans(),
    vacancies=st.sampled_from([(), (Vacancy(location="s:a"),), (Vacancy(location="s:a", overlap=DAY),)]),
    blocked=st.sampled_from([None, HELD_BACK]),
)


@given(st.lists(actions, max_size=8))
def test_a_summary_is_the_sum_of_those_of_its_actions(made: list[Action]) -> None:
    singly = [asdict(Summary.of([one])) for one in made]
    assert asdict(Summary.of(made)) == {name: sum(one[name] for one in singly) for name in asdict(Summary())}


@given(actions)
def test_a_kept_key_is_counted_unless_it_is_an_old_one_or_waits(action: Action) -> None:
    counted, is_kept = Summary.of([action]), action.verb is Verb.KEEP and not action.blocked
    beside = (Reason.OVERLAPPING, Reason.STILL_USED, Reason.WAITING)
    assert counted.keep == (is_kept and action.reason not in beside)
    assert counted.waiting == (action.reason is Reason.WAITING and not action.blocked)


@given(st.lists(actions, max_size=8))
def test_changes_are_what_acts_forgets_or_starts_an_overlap(made: list[Action]) -> None:
    plan = make_plan(*made)
    does_something = [one.is_change or one.verb is Verb.FORGET or one.starts_overlap for one in made]
    expected = tuple(one for one, acts in zip(made, does_something, strict=True) if acts and not one.blocked)
    assert plan.changes == expected
    assert plan.is_approvable == (bool(expected) or any(one.verb is Verb.IMPORT for one in made))


@pytest.mark.parametrize(
    ("action", "counts"),
    [
        pytest.param(
            make_action(Verb.REPLACE, overlap=DAY),
            Summary(add=1, retire=1),
            id="its old key retires later",
        ),
        pytest.param(
            make_action(Verb.REPLACE, cuts_off=True), Summary(add=1, destroy=1, cut_off=1), id="a replace at once"
        ),
        pytest.param(make_action(Verb.REFRESH, overlap=DAY), Summary(change=1), id="a grace retires nothing"),
        pytest.param(make_action(Verb.REFRESH, cuts_off=True), Summary(change=1, cut_off=1), id="a refresh at once"),
        pytest.param(make_action(Verb.DELETE, reason=Reason.SUPERSEDED), Summary(destroy=1), id="a key that retires"),
        pytest.param(make_action(Verb.REFRESH, cuts_off=True, blocked=HELD_BACK), Summary(blocked=1), id="held back"),
        pytest.param(make_action(Verb.KEEP, reason=Reason.OVERLAPPING), Summary(), id="an old key is no declaration"),
        pytest.param(make_action(Verb.KEEP, reason=Reason.STILL_USED), Summary(), id="nor is one that is still used"),
    ],
)
def test_an_old_key_counts_by_when_it_ends(action: Action, counts: Summary) -> None:
    assert make_plan(action).summary == counts


def test_unmanaged_keys_are_counted_apart_and_as_blocked_if_the_manifest_refuses_them() -> None:
    assert make_plan(unmanaged=(STRANGER,)).summary == Summary(unmanaged=1)
    refused = make_plan(
        make_action(Verb.REFRESH, blocked=HELD_BACK), unmanaged=(STRANGER,), unmanaged_policy=Unmanaged.FAIL
    )
    assert refused.summary == Summary(blocked=2, unmanaged=1)


@pytest.mark.parametrize(
    ("verb", "is_change", "issues", "stores"),
    [
        (Verb.CREATE, True, True, True),
        (Verb.REPLACE, True, True, True),
        (Verb.REFRESH, True, True, True),
        (Verb.DELIVER, True, False, True),
        (Verb.DELETE, True, False, False),
        (Verb.FORGET, False, False, False),
        (Verb.KEEP, False, False, False),
    ],
)
def test_verbs_say_what_they_bring_about(verb: Verb, is_change: bool, issues: bool, stores: bool) -> None:
    action = make_action(verb)
    assert (action.is_change, action.issues_raw_key, action.stores_raw_key) == (is_change, issues, stores)


def test_changes_are_what_runs_and_does_something() -> None:
    runs = [make_action(Verb.CREATE), make_action(Verb.FORGET)]
    rests = [make_action(Verb.KEEP), make_action(Verb.DELETE, blocked=HELD_BACK)]
    plan = make_plan(*runs, *rests)
    assert (plan.changes, plan.blocked) == (tuple(runs), (rests[1],))


@pytest.mark.parametrize(
    ("actions", "differs"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([make_action(Verb.KEEP)], False, id="kept"),
        pytest.param([make_action(Verb.FORGET)], True, id="forgotten"),
        pytest.param([make_action(Verb.CREATE, blocked=HELD_BACK)], True, id="blocked"),
    ],
)
def test_a_plan_differs_by_what_runs_or_is_held_back(actions: list[Action], differs: bool) -> None:
    assert make_plan(*actions).has_differences is differs


@pytest.mark.parametrize(
    ("policy", "unmanaged", "refuses"),
    [
        (Unmanaged.FAIL, (STRANGER,), True),
        (Unmanaged.FAIL, (), False),
        (Unmanaged.REPORT, (STRANGER,), False),
    ],
)
def test_unmanaged_keys_fail_a_plan_only_where_the_manifest_says_so(
    policy: Unmanaged, unmanaged: tuple[KeyView, ...], refuses: bool
) -> None:
    assert make_plan(unmanaged=unmanaged, unmanaged_policy=policy).refuses_unmanaged is refuses


def test_what_is_declared_nowhere_is_not_wanted() -> None:
    desired = make_desired()
    assert Basis(desired=desired).wanted is desired
    with pytest.raises(ValueError, match="declared nowhere"):
        _ = Basis(key=make_observation()).wanted


def test_a_refresh_keeps_the_marker_that_is_there() -> None:
    desired, unmarked = make_desired(), make_observation()
    assert RefreshBasis(desired=desired, key=unmarked).future_marker is None
    assert CreateBasis(desired=desired, key=unmarked).future_marker == desired.marker


def test_only_what_waits_has_a_turn() -> None:
    turn = Turn(verb=Verb.REPLACE, reason=Reason.CHANGED, wave=1, waves=1)
    assert make_action(Verb.KEEP, reason=Reason.WAITING, turn=turn).next_turn is turn
    with pytest.raises(ValueError, match="waits for no turn"):
        assert make_action(Verb.KEEP).next_turn
