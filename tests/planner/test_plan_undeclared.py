"""What becomes of a key, or a mere receipt, whose declaration is gone: row 15, and the sinks that it leaves."""

from __future__ import annotations

from typing import Any

import pytest
from planner.situations import CI, DAY, contents, ours, plan, recorded, situate, slot_of, words
from samples import NOW, make_delivery, make_desired, make_intent
from simulator import FULL

from keyplan.model.basis import DeleteBasis, ForgetBasis
from keyplan.model.identity import Address, Departure, Identity, KeyId, ManifestId, SinkName
from keyplan.model.manifest import OnRemove
from keyplan.model.observation import Holding, Marker, Observation, Slot
from keyplan.model.plan import Guard, PlannedAction, Reason, Verb
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


OTHERS = Identity("other-team", ManifestId("k2"))


@pytest.mark.parametrize(
    ("held", "planned"),
    [
        pytest.param(
            Holding(present=True, owner=OTHERS, receipt=recorded(owner="other-team", manifest_id=OTHERS.id)),
            "forget transferred key-1",
            id="a receipt of another manifest names the key",
        ),
        pytest.param(
            Holding(present=True, owner=OTHERS, receipt=recorded("key-9", owner="other-team", manifest_id=OTHERS.id)),
            "delete undeclared key-1",
            id="it names another key",
        ),
        pytest.param(
            Holding(present=True, owner=OTHERS, receipt=recorded()),
            "delete undeclared key-1",
            id="its mark beside our own receipt: several values share an object",
        ),
        pytest.param(Holding(present=True, owner=OTHERS), "delete undeclared key-1", id="a mark alone"),
        pytest.param(Holding(present=True, receipt=recorded()), "delete undeclared key-1", id="our own receipt"),
    ],
)
def test_a_key_that_another_manifest_says_it_manages_is_let_go(held: Holding, planned: str) -> None:
    made = plan(situate(keys=[ours()], receipts=[recorded()], held={SLOT: held}))
    assert words(made) == [planned]


def test_a_key_that_is_listed_as_removed_is_let_go_without_being_ended() -> None:
    removed = (Departure(address=CI, to="other-team"),)
    made = plan(situate(keys=[ours()], receipts=[recorded()]), manifest={"removed": removed})
    assert words(made) == ["forget transferred key-1"]
    assert made.actions[0].explanation == "other-team manages it from now on"


def stray(key_id: str = "key-1") -> Observation:
    return ours(key_id, marker=Marker.of(Identity("ml-platform"), Address("user/gone")), name="gone")


def test_a_key_without_a_manifest_id_that_no_record_knows_is_shown_and_left_alone() -> None:
    made = plan(situate(keys=[stray()]))
    assert (words(made), [view.id for view in made.strays]) == ([], ["key-1"])
    assert "it is not touched (to delete such keys: --allow-deletes 1)" in made.warnings[0]


def test_strays_are_deleted_only_if_the_amount_covers_them_beside_everything_else() -> None:
    world = {"keys": [ours(), stray("key-2")], "receipts": [recorded()]}
    assert words(plan(situate(**world), allow_deletes=1)) == ["delete undeclared key-1"]
    assert words(plan(situate(**world), allow_deletes=2)) == ["delete undeclared key-1", "delete stray key-2"]


def test_a_key_of_a_former_owner_without_id_at_an_address_that_nothing_knows_is_a_stray() -> None:
    marker = Marker.of(Identity("ml-team"), Address("user/gone"))
    made = plan(situate(keys=[ours(marker=marker)]), manifest={"formerly": (Identity("ml-team"),)})
    assert (words(made), [view.id for view in made.strays]) == ([], ["key-1"])


@pytest.mark.parametrize(
    ("record", "is_stray"),
    [
        pytest.param({"alive_before": (KeyId("key-1"),)}, False, id="alive before"),
        pytest.param({"key_id": KeyId("key-1")}, False, id="named"),
        pytest.param({"alive_before": ()}, False, id="could have made it"),
        pytest.param({"alive_before": (), "address": Address("user/other")}, True, id="of another address"),
    ],
)
def test_a_declared_key_without_a_manifest_id_is_ours_if_an_open_intent_knows_it(
    record: dict[str, Any], is_stray: bool
) -> None:
    desired = make_desired()
    key = ours(marker=Marker.of(Identity("ml-platform"), CI))
    made = plan(situate(desired, keys=[key], intents=[make_intent(**{"at": NOW - DAY, **record})]), desired)
    held_back = [action for action in made.actions if action.blocked and action.blocked.guard is Guard.STRAY]
    assert bool(held_back) is is_stray
