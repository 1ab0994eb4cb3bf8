"""What becomes of a key, or a mere receipt, whose declaration is gone: row 15, and the sinks that it leaves."""

from __future__ import annotations

from typing import Any

import pytest
from planner.situations import CI, contents, ours, plan, recorded, situate, slot_of
from samples import make_delivery, make_desired
from simulator import FULL

from keyplan.model.basis import DeleteBasis, ForgetBasis
from keyplan.model.identity import KeyId, SinkName
from keyplan.model.manifest import OnRemove
from keyplan.model.observation import Slot
from keyplan.model.plan import PlannedAction, Reason, Verb
from keyplan.model.receipt import Delivered
from keyplan.planner.key_view import view_key

SLOT = slot_of(CI)
LOCATION = "local:secrets/user/ci"


def test_a_delete_says_which_key_dies_and_which_place_is_emptied() -> None:
    made = plan(situate(keys=[ours()], receipts=[recorded()]))
    (action,) = made.actions
    assert made.unmanaged == ()
    assert action == PlannedAction(
        address=CI,
        verb=Verb.DELETE,
        reason=Reason.UNDECLARED,
        key_id=KeyId("key-1"),
        before=view_key(ours()),
        locations=(LOCATION,),
        basis=action.basis,
    )
    assert contents(action.basis) == contents(DeleteBasis(key=ours(), receipt=recorded(), slots=(SLOT,)))


def test_a_forgotten_receipt_says_which_place_is_emptied() -> None:
    (action,) = plan(situate(receipts=[recorded()])).actions
    assert (action.address, action.verb, action.reason, action.locations) == (CI, Verb.FORGET, Reason.GONE, (LOCATION,))
    assert (action.key_id, action.before) == (None, None)
    assert contents(action.basis) == contents(ForgetBasis(receipt=recorded(), slots=(SLOT,)))


@pytest.mark.parametrize("own", [frozenset[KeyId](), frozenset({KeyId("key-1")})], ids=["a key", "our own key"])
def test_a_key_that_is_let_go_stays_known_to_applying(own: frozenset[KeyId]) -> None:
    receipt = recorded(on_remove=OnRemove.FORGET)
    (action,) = plan(situate(keys=[ours()], receipts=[receipt], own_keys=own)).actions
    assert (action.verb, action.key_id) == (Verb.FORGET, "key-1")
    assert contents(action.basis) == contents(ForgetBasis(key=ours(), receipt=receipt, is_own_credential=bool(own)))


@pytest.mark.parametrize(
    ("world", "locations"),
    [
        pytest.param({"keys": [ours()], "receipts": [recorded()]}, (LOCATION,), id="a key that is deleted"),
        pytest.param({"receipts": [recorded()]}, (LOCATION,), id="a key that is gone"),
        pytest.param({"keys": [ours()]}, (), id="no receipt says where it went"),
        pytest.param(
            {"keys": [ours()], "receipts": [recorded(on_remove=OnRemove.FORGET)]},
            (),
            id="a key that lives on is in use",
        ),
        pytest.param({"receipts": [recorded(forgotten=True)]}, (), id="forgotten before: nobody's any longer"),
        pytest.param(
            {"receipts": [recorded()], "abilities": {"vault": FULL}}, (), id="a sink that nobody configures any longer"
        ),
        pytest.param(
            {"receipts": [recorded(delivered=(SLOT.delivered, Delivered(SinkName("gone"), "x")))]},
            (LOCATION,),
            id="of two sinks the one that is still there",
        ),
    ],
)
def test_places_are_emptied_only_of_what_is_dead_and_ours(world: dict[str, Any], locations: tuple[str, ...]) -> None:
    (action,) = plan(situate(**world)).actions
    assert action.locations == locations


def test_a_place_that_another_declaration_uses_is_not_emptied() -> None:
    other = make_desired("cd", deliveries=(make_delivery(),))
    slots = {other.address: (Slot(sink=SLOT.sink, location=SLOT.location),)}
    made = plan(situate(other, receipts=[recorded()], slots=slots), other)
    assert [action.locations for action in made.actions if action.verb is Verb.FORGET] == [()]
