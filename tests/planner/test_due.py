"""What an unattended run may apply, reason by reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from planner.situations import CI, slot_of
from samples import make_desired, make_intent, make_observation, make_receipt

from keyplan.model.basis import CopyBasis, CreateBasis, DeleteBasis, OldKeyBasis
from keyplan.model.identity import Address, KeyId
from keyplan.model.plan import Blocked, FreshPlan, Guard, PlannedAction, Reason, Verb
from keyplan.planner.due import DUE, DUE_IF_BEGUN, NOT_DUE, Selected, is_due, select

DESIRED = make_desired()
KEY = make_observation()


def act(reason: Reason, verb: Verb = Verb.REPLACE, address: Address = CI, **changes: Any) -> PlannedAction:
    """Return an action with that reason; `begun` says whether an intent of its address is open."""
    intents = (make_intent(),) if changes.pop("begun", False) else ()
    basis: Any
    match verb:
        case Verb.DELETE:
            basis = DeleteBasis(desired=DESIRED, key=KEY, intents=intents)
        case Verb.KEEP:
            basis = OldKeyBasis(desired=DESIRED, key=KEY, intents=intents)
        case Verb.DELIVER:
            basis = CopyBasis(
                desired=DESIRED, key=KEY, receipt=make_receipt(), source=slot_of(CI), lacking=(), intents=intents
            )
        case _:
            basis = CreateBasis(desired=DESIRED, key=KEY, intents=intents)
    return PlannedAction(address=address, verb=verb, reason=reason, basis=basis, **changes)


def make(actions: Iterable[PlannedAction]) -> FreshPlan:
    """Return a plan of these actions."""
    return FreshPlan(
        owner="ml-platform",
        manifest="keys.yaml",
        provider="https://api.simulated.test",
        dialect="beta",
        actions=tuple(actions),
    )


def words(actions: Iterable[PlannedAction]) -> list[str]:
    """Return `address verb reason` of each."""
    return [f"{one.address} {one.verb.value} {one.reason.value}" for one in actions]


def test_every_reason_is_classified_once() -> None:
    assert sorted(one.name for one in Reason) == sorted(one.name for one in (*DUE, *DUE_IF_BEGUN, *NOT_DUE))


@pytest.mark.parametrize(
    ("reason", "due", "due_once_begun"),
    [
        pytest.param(Reason.DECLARED_IN_PAST, False, False, id="declared_in_past: edit the manifest"),
        pytest.param(Reason.FOREIGN, False, False, id="foreign: not our key"),
        pytest.param(Reason.ADOPTED, False, False, id="adopted: a key of another origin"),
        pytest.param(Reason.ABSENT, False, False, id="absent: a new declaration"),
        pytest.param(Reason.EXPIRED, True, True, id="expired: time did it"),
        pytest.param(Reason.UNSEEN, False, False, id="unseen: too little is known"),
        pytest.param(Reason.UNKNOWN_CREATOR, False, False, id="unknown_creator: too little is known"),
        pytest.param(Reason.RECEIPT_NOT_BELIEVED, False, False, id="receipt_not_believed: a user has to look"),
        pytest.param(Reason.IMPORTED, False, False, id="imported: the manifest asks for it"),
        pytest.param(Reason.GONE, False, False, id="gone: another party ended it"),
        pytest.param(Reason.UNFINISHED, True, True, id="unfinished: recovery"),
        pytest.param(Reason.UNDELIVERED, False, True, id="undelivered: recovery if a run was interrupted"),
        pytest.param(Reason.UNPROVEN, False, False, id="unproven: too little is known"),
        pytest.param(Reason.ROTATED_ELSEWHERE, False, False, id="rotated_elsewhere: another party did it"),
        pytest.param(Reason.CHANGED, False, False, id="changed: an edit of the manifest"),
        pytest.param(Reason.REQUESTED, False, False, id="requested: an edit, or a user"),
        pytest.param(Reason.EXPIRING, True, True, id="expiring: time does it"),
        pytest.param(Reason.TOO_OLD, True, True, id="too_old: time did it"),
        pytest.param(Reason.UP_TO_DATE, False, False, id="up_to_date: nothing to do"),
        pytest.param(Reason.MOVED, False, False, id="moved: an edit of the manifest"),
        pytest.param(Reason.SUPERSEDED, True, True, id="superseded: its overlap is over"),
        pytest.param(Reason.OVERLAPPING, False, False, id="overlapping: not yet"),
        pytest.param(Reason.STILL_USED, False, False, id="still_used: not yet"),
        pytest.param(Reason.UNDECLARED, False, False, id="undeclared: removal"),
        pytest.param(Reason.TRANSFERRED, False, False, id="transferred: an edit of the manifest"),
        pytest.param(Reason.STRAY, False, False, id="stray: a user has to look"),
    ],
)
def test_what_is_due(*, reason: Reason, due: bool, due_once_begun: bool) -> None:
    assert (is_due(act(reason)), is_due(act(reason, begun=True))) == (due, due_once_begun)


def test_what_is_not_due_is_left_and_nothing_is_decided_anew() -> None:
    whole = make([act(Reason.ABSENT, Verb.CREATE, Address("user/a")), act(Reason.TOO_OLD, address=Address("user/b"))])
    chosen = select(whole, Selected.DUE)
    assert words(chosen.chosen) == ["user/b replace too_old"]
    assert words(chosen.left) == ["user/a create absent"]
    assert chosen.actions == whole.actions


def test_kept_keys_run_so_that_their_records_are_brought_up_to_date() -> None:
    chosen = select(
        make([act(Reason.UP_TO_DATE, Verb.KEEP), act(Reason.MOVED, Verb.KEEP, Address("user/b"))]), Selected.DUE
    )
    assert (len(chosen.chosen), chosen.left, chosen.chosen_changes) == (2, (), ())


def test_what_a_guard_blocks_is_blocked_and_not_left() -> None:
    blocked = act(Reason.CHANGED, blocked=Blocked(guard=Guard.PROTECT, advice=""))
    chosen = select(make([blocked]), Selected.DUE)
    assert (chosen.chosen, chosen.left, chosen.blocked) == ((), (), (blocked,))


@pytest.mark.parametrize(
    ("reason", "waits"),
    [
        pytest.param(Reason.UNDELIVERED, True, id="a sink lags behind, and its consumers hold the old key"),
        pytest.param(Reason.ROTATED_ELSEWHERE, True, id="it is unknown which key the sinks hold"),
        pytest.param(Reason.CHANGED, False, id="the current key is in every sink"),
    ],
)
def test_a_superseded_key_waits_for_a_delivery_that_is_left(*, reason: Reason, waits: bool) -> None:
    old = act(Reason.SUPERSEDED, Verb.DELETE, key_id=KeyId("key-0"))
    chosen = select(make([act(reason), old]), Selected.DUE)
    assert (old in chosen.left) is waits


def test_the_other_choices_are_everything_and_nothing() -> None:
    whole = make([act(Reason.ABSENT, Verb.CREATE), act(Reason.UP_TO_DATE, Verb.KEEP, Address("user/b"))])
    assert select(whole, Selected.ALL) == whole
    assert words(select(whole, Selected.NOTHING).left) == ["user/ci create absent"]


def test_two_equal_actions_are_told_apart() -> None:
    same = act(Reason.TOO_OLD)
    whole = replace(make([same, act(Reason.TOO_OLD)]), left=(same,))
    assert len(whole.chosen) == 1
