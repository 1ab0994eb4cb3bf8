"""What the actions that bring a new raw key say, whole: to a reviewer, and to applying."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, contents, old, ours, plan, recorded, situate, slot_of
from samples import AT_ONCE, CREATOR, NOW, make_desired, make_intent, make_observation

from keyplan.model.basis import CreateBasis, KeepBasis, RefreshBasis
from keyplan.model.desired import Desired
from keyplan.model.field_change import FieldChange
from keyplan.model.identity import KeyId
from keyplan.model.manifest import Adopt, Rotation, Strategy
from keyplan.model.plan import PlannedAction, Reason, Verb
from keyplan.model.receipt import LeftPlace
from keyplan.planner.key_view import view_desired, view_key

LOCATION = "local:secrets/user/ci"


def main_action(desired: Desired, **world: Any) -> PlannedAction:
    """Return the first action, which is the declaration's own."""
    return plan(situate(desired, **world), desired).actions[0]


def test_a_create_says_what_will_be_where() -> None:
    desired = make_desired()
    action = main_action(desired)
    assert action == PlannedAction(
        address=CI,
        verb=Verb.CREATE,
        reason=Reason.ABSENT,
        after=view_desired(desired),
        locations=(LOCATION,),
        basis=action.basis,
    )
    assert action.place is desired.declaration.place
    assert contents(action.basis) == contents(
        CreateBasis(desired=desired, slots=(slot_of(CI),), creators=frozenset({CREATOR}), is_recorded=False)
    )


def test_a_renewal_says_what_was_what_will_be_and_what_it_means() -> None:
    desired = make_desired(rotation=replace(AT_ONCE, generation=2))
    action = main_action(desired, keys=[ours()], receipts=[recorded()])
    assert action == PlannedAction(
        address=CI,
        verb=Verb.REFRESH,
        reason=Reason.REQUESTED,
        key_id=KeyId("key-1"),
        before=view_key(ours()),
        after=view_desired(desired),
        explanation="refresh: one call, and no overlap is asked for",
        consequences=(
            f"the old raw key stops working at once: consumers fail until they read the new one from {LOCATION}",
        ),
        cuts_off=True,
        locations=(LOCATION,),
        basis=action.basis,
    )
    assert action.place is desired.declaration.place


def test_a_refresh_with_grace_says_how_the_old_raw_key_ends() -> None:
    desired = make_desired(rotation=Rotation(generation=2, overlap=HOUR))
    action = main_action(desired, keys=[ours()], receipts=[recorded()])
    assert action.consequences == ("the old raw key works for 1 hour after the switch, then expires",)


@pytest.mark.parametrize(
    ("strategy", "basis"),
    [(Strategy.REFRESH, RefreshBasis), (Strategy.REPLACE, CreateBasis)],
    ids=["refresh", "replace"],
)
def test_a_renewal_knows_all_that_applying_needs(strategy: Strategy, basis: type[RefreshBasis | CreateBasis]) -> None:
    desired = make_desired(rotation=Rotation(generation=2, strategy=strategy))
    receipt = recorded(superseded=(old("key-0", ends=LATER + DAY),))
    keys = [ours(), ours("key-0", created_at=NOW - DAY), make_observation("key-9")]
    intents, own = [make_intent()], frozenset({KeyId("key-1")})
    action = main_action(desired, keys=keys, receipts=[receipt], intents=intents, own_keys=own)
    assert contents(action.basis) == contents(
        basis(
            desired=desired,
            key=ours(),
            receipt=receipt,
            superseded=receipt.superseded,
            alive=(KeyId("key-0"), KeyId("key-1"), KeyId("key-9")),
            creators=frozenset({CREATOR}),
            intents=tuple(intents),
            slots=(slot_of(CI),),
            left=(LeftPlace(place=slot_of(CI).delivered, empty_after=LATER + DAY),),
            is_own_credential=True,
        )
    )


def test_a_kept_key_knows_all_that_applying_needs() -> None:
    desired, intents = make_desired(), [make_intent()]
    receipt = recorded(superseded=(old("key-0", ends=LATER + DAY),))
    keys = [ours(), ours("key-0", created_at=NOW - DAY), make_observation("key-9")]
    own = frozenset({KeyId("key-1")})
    world = situate(desired, keys=keys, receipts=[receipt], intents=intents, own_keys=own)
    older, action = plan(world, desired).actions
    assert (older.reason, action.reason) == (Reason.OVERLAPPING, Reason.UP_TO_DATE)
    assert contents(action.basis) == contents(
        KeepBasis(
            desired=desired,
            key=ours(),
            receipt=receipt,
            superseded=receipt.superseded,
            intents=tuple(intents),
            slots=(slot_of(CI),),
            is_own_credential=True,
        )
    )


def test_what_nobody_holds_is_renewed_as_declared_by_now() -> None:
    desired = make_desired(description="new", expires_in=DAY)
    action = main_action(desired, keys=[ours()], intents=[make_intent()])
    assert (action.verb, action.reason, action.consequences) == (Verb.REPLACE, Reason.UNFINISHED, ())
    assert action.changes == (
        FieldChange(field="description", before="", after="new"),
        FieldChange(field="expires_at", before="never", after="1d after issue"),
    )


def test_what_nobody_holds_is_replaced_where_a_refresh_cannot_reach_its_end() -> None:
    desired = make_desired(expires_in=DAY)
    action = main_action(desired, keys=[ours(expires_at=LATER + HOUR)], intents=[make_intent()])
    assert action.explanation == "replace: a refresh can't extend a key's life in the beta API"


def test_adopting_beside_a_foreign_key_counts_it_among_those_alive_before() -> None:
    desired = make_desired(adopt=Adopt.REPLACE)
    action = main_action(desired, keys=[make_observation("key-9")])
    assert action.basis.alive == (KeyId("key-9"),)
