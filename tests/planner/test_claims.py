"""Which receipts and intents beside secrets are believed, and that one that is not stops its own place alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import AUTHORITY, CI, LATER, holding, old, ours, plan, recorded, situate, slot_of, words
from samples import NOW, make_desired, make_desired_service, make_intent, make_observation
from simulator import make_space

from keyplan.model.identity import Address, Identity, KeyId, ManifestId, Origin, UserId
from keyplan.model.manifest import Adopt, KeyType, Rotation
from keyplan.model.observation import Holding, Marker
from keyplan.planner.authority import Authority
from keyplan.planner.ownership import assign_ownership

MALLORY = UserId("mallory")
FUTURE = LATER + timedelta(hours=1)
PEER = make_desired("peer")
PEERS_KEY = ours("key-2", Address("user/peer"), name="peer")


def doubts(held: Holding, *, authority: Authority = AUTHORITY, **world: Any) -> list[str]:
    """Return what is not believed at the place of `user/ci`, beside which `user/peer` has a key of its own."""
    desired = world.pop("desired", make_desired())
    keys = [*world.pop("keys", [ours()]), PEERS_KEY]
    receipts = [recorded("key-2", Address("user/peer"), name="peer")]
    snapshot = situate(desired, PEER, keys=keys, receipts=receipts, held={slot_of(CI): held}, **world)
    found = assign_ownership([desired, PEER], snapshot, authority=authority).doubts
    return [doubt.detail for doubt in found.get(CI, ())]


@pytest.mark.parametrize(
    ("receipt", "detail"),
    [
        pytest.param({"key_id": "key-2"}, "its receipt names key key-2", id="another address's key"),
        pytest.param({"key_id": "key-9"}, "its receipt names key key-9", id="a stranger's key"),
        pytest.param({"superseded": (old("key-2", ends=NOW),)}, "names key key-2", id="another's key to be retired"),
        pytest.param({"superseded": (old("key-9", ends=NOW),)}, "names key key-9", id="a stranger's to be retired"),
        pytest.param({"delivered_at": FUTURE}, "has a time in the future", id="delivered in the future"),
        pytest.param({"created_at": FUTURE}, "has a time in the future", id="created in the future"),
        pytest.param(
            {"superseded": (old("key-0", ends=FUTURE, switched=FUTURE),)},
            "time in the future",
            id="switched in the future",
        ),
        pytest.param({"owner": "other-team"}, "belongs to the manifest of owner other-team", id="another owner"),
        pytest.param({"manifest_id": ManifestId("k2")}, "(id k2)", id="another manifest of the owner"),
        pytest.param({"address": PEER.address}, "its receipt is for user/peer", id="another declared address"),
        pytest.param({"address": Address("user/x")}, "its receipt is for user/x", id="an address that nothing knows"),
    ],
)
def test_a_receipt_that_contradicts_the_evidence_is_not_believed(receipt: dict[str, Any], detail: str) -> None:
    stranger = make_observation("key-9", created_by=MALLORY)
    (found,) = doubts(holding(recorded(**receipt)), keys=[ours(), stranger])
    assert detail in found


@pytest.mark.parametrize(
    ("intent", "detail"),
    [
        pytest.param({"key_id": KeyId("key-2")}, "its intent names key key-2", id="another address's key"),
        pytest.param({"at": FUTURE}, "its intent has a time in the future", id="in the future"),
        pytest.param({"owner": "other-team"}, "its intent belongs to the manifest of", id="another owner"),
        pytest.param({"address": PEER.address}, "its intent is for user/peer", id="another address"),
        pytest.param(
            {"address": Address("user/x"), "alive_before": ()}, "its intent is for user/x", id="unknown address"
        ),
    ],
)
def test_an_intent_that_contradicts_the_evidence_is_not_believed(intent: dict[str, Any], detail: str) -> None:
    (found,) = doubts(holding(recorded(), intent=make_intent(**intent)))
    assert detail in found


def test_a_place_that_another_manifest_marks_is_named_with_its_owner() -> None:
    held = Holding(present=True, owner=Identity("other-team", ManifestId("k2")))
    assert doubts(held) == ["it belongs to the manifest of owner other-team (id k2)"]


@pytest.mark.parametrize(
    ("held", "world"),
    [
        pytest.param(holding(recorded()), {}, id="a receipt of the key"),
        pytest.param(holding(recorded(manifest_id=ManifestId(""))), {}, id="written before the manifest had an id"),
        pytest.param(
            holding(recorded(superseded=(old("key-0", ends=FUTURE),))),
            {"keys": [ours(), ours("key-0")]},
            id="an old key of ours whose overlap lasts",
        ),
        pytest.param(
            holding(recorded("key-0")), {"revoked": (ours("key-0", active=False),)}, id="a key of ours that is revoked"
        ),
        pytest.param(holding(recorded("key-0", expires_at=NOW)), {"revoked": ()}, id="a key that has expired"),
        pytest.param(
            holding(recorded(delivered_at=LATER + timedelta(minutes=4))), {}, id="a clock that is four minutes ahead"
        ),
        pytest.param(holding(recorded(), intent=make_intent(key_id=KeyId("key-1"))), {}, id="an intent to renew it"),
        pytest.param(
            holding(recorded(), intent=make_intent(alive_before=(KeyId("key-2"),))),
            {},
            id="an intent that did not make another's key",
        ),
        pytest.param(
            holding(recorded("key-9")),
            {"keys": [make_observation("key-9")], "desired": make_desired(import_id=KeyId("key-9"))},
            id="an unmarked key that the manifest imports",
        ),
        pytest.param(
            holding(recorded("key-9")),
            {"keys": [make_observation("key-9")], "desired": make_desired(adopt=Adopt.REFRESH)},
            id="an unmarked key that the manifest may adopt",
        ),
    ],
)
def test_what_agrees_with_the_evidence_is_believed(held: Holding, world: dict[str, Any]) -> None:
    assert doubts(held, **world) == []


def test_a_receipt_of_a_former_declaration_at_the_place_is_believed_if_its_key_is_ours() -> None:
    former = Address("user/former")
    key = ours("key-3", former, name="former")
    assert doubts(holding(recorded("key-3", former, name="former")), keys=[ours(), key]) == []


def test_an_intent_of_a_former_declaration_at_the_place_is_believed_if_it_names_a_key_of_ours() -> None:
    former = Address("user/former")
    key = ours("key-3", former, name="former")
    intent = make_intent(address=former, alive_before=(key.id,))
    assert doubts(holding(None, intent=intent), keys=[ours(), key]) == []


def test_an_intent_of_a_former_declaration_is_believed_if_the_ledger_has_it() -> None:
    intent = make_intent(address=Address("user/former"), alive_before=())
    assert doubts(holding(None, intent=intent), intents=[intent]) == []


def test_a_place_of_an_address_that_the_key_is_taken_from_is_believed() -> None:
    origin = Origin(identity=Identity("other-team", ManifestId("k2")), address=Address("user/theirs"))
    desired = make_desired(taken_from=(origin,))
    authority = replace(AUTHORITY, lineage=replace(AUTHORITY.lineage, origins=(origin,)))
    receipt = recorded(owner="other-team", manifest_id=ManifestId("k2"), address=origin.address)
    assert doubts(holding(receipt), authority=authority, desired=desired) == []


def test_a_key_that_a_stranger_made_is_not_adopted_by_a_receipt() -> None:
    stranger = make_observation("key-9", created_by=MALLORY)
    (found,) = doubts(holding(recorded("key-9")), keys=[stranger], desired=make_desired(adopt=Adopt.REFRESH))
    assert "its receipt names key key-9" in found


def test_an_id_that_nothing_shows_is_not_believed_against_a_live_key_of_the_ledgers() -> None:
    desired = make_desired()
    held = {slot_of(CI): holding(recorded("key-x", delivered_at=LATER))}
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], held=held, revoked=())
    assert words(plan(snapshot, desired)) == ["receipt_not_believed: refresh receipt_not_believed key-1"]


def test_a_claim_that_is_not_believed_stops_its_own_place_and_is_written_over_on_request_alone() -> None:
    desired = make_desired()
    held = {slot_of(CI): holding(recorded("key-2")), slot_of(PEER.address): holding(recorded("key-2", PEER.address))}
    world = {"keys": [ours(), PEERS_KEY], "receipts": [recorded()], "held": held}
    stopped = plan(situate(desired, PEER, **world), desired, PEER)
    assert [action.blocked.guard.value for action in stopped.blocked if action.blocked] == ["receipt_not_believed"]
    assert stopped.blocked[0].address == CI
    allowed = plan(situate(desired, PEER, **world), desired, PEER, rotate=("user/ci",), over_claim=True)
    assert allowed.blocked == ()


def test_what_is_not_believed_is_not_looked_at_any_further() -> None:
    desired = make_desired()
    held = {slot_of(CI): holding(recorded("key-9"), intent=make_intent())}
    snapshot = situate(desired, keys=[ours(), make_observation("key-9", created_by=MALLORY)], held=held)
    believed = assign_ownership([desired], snapshot, authority=AUTHORITY).snapshot.holdings[slot_of(CI)]
    assert (believed.receipt, believed.intent, believed.present) == (None, None, True)


def test_marks_of_this_manifest_are_undecided_while_no_creator_is_known() -> None:
    unknowing = Authority(lineage=AUTHORITY.lineage, creators={})
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], held={slot_of(CI): holding(recorded())})
    shared = assign_ownership([desired], snapshot, authority=unknowing)
    assert ([key.id for key in shared.undecided[CI]], dict(shared.doubts)) == (["key-1"], {})


def test_a_key_that_moves_back_is_believed_to_be_at_the_place_that_it_left() -> None:
    space = make_space("production")
    by_name, by_id = Address("service/production/ingest"), Address("service/space-production/ingest")
    service = {"name": "ingest", "key_type": KeyType.SERVICE, "scope_ids": (space.id,)}
    desired = make_desired_service(space, address=by_name)
    spaces = {"key_type": KeyType.SERVICE, "scope_ids": frozenset({space.id}), "access": desired.access}
    key = ours("key-1", by_name, name="ingest", **spaces)
    held = {slot_of(by_name): holding(recorded("key-1", by_name, **service))}
    moved = recorded("key-1", by_id, delivered_at=LATER, **service)
    snapshot = situate(desired, keys=[key], receipts=[moved], held=held)
    assert words(plan(snapshot, desired)) == ["keep moved key-1"]


def test_an_old_key_of_a_former_address_keeps_its_overlap_with_the_ledger_lost() -> None:
    former = Address("user/former")
    desired = make_desired(rotation=Rotation(overlap=timedelta(hours=48)))
    receipt = recorded(superseded=(old("key-0", ends=NOW + timedelta(hours=48)),))
    snapshot = situate(desired, keys=[ours(), ours("key-0", former)], held={slot_of(CI): holding(receipt)})
    assert words(plan(snapshot, desired)) == ["keep overlapping key-0", "keep up_to_date key-1"]


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ours("key-0", Address("user/former"), name="other"), id="another name"),
        pytest.param(ours("key-0", Address("user/former"), created_by=MALLORY), id="a stranger made it"),
    ],
)
def test_no_receipt_retires_a_key_that_was_never_the_declarations(key: Any) -> None:
    receipt = recorded(superseded=(old("key-0", ends=NOW),))
    (found,) = doubts(holding(receipt), keys=[ours(), key])
    assert "its receipt names key key-0" in found


def test_a_key_that_the_ledger_has_at_another_address_is_not_retired_by_a_receipt_in_a_sink() -> None:
    desired, former = make_desired(), Address("user/former")
    receipt = recorded(superseded=(old("key-0", ends=NOW),))
    snapshot = situate(
        desired,
        keys=[ours(), ours("key-0", former)],
        receipts=[recorded("key-0", former)],
        held={slot_of(CI): holding(receipt)},
    )
    made = plan(snapshot, desired)
    assert words(made)[0].startswith("receipt_not_believed")


def test_only_the_old_keys_that_a_receipt_names_are_given_back() -> None:
    former = Address("user/former")
    desired = make_desired(rotation=Rotation(overlap=timedelta(hours=48)))
    receipt = recorded(superseded=(old("key-0", ends=NOW + timedelta(hours=48)),))
    keys = [ours(), ours("key-0", former), ours("key-9", former)]
    snapshot = situate(desired, keys=keys, held={slot_of(CI): holding(receipt)})
    made = plan(snapshot, desired)
    assert words(made) == ["delete undeclared key-9", "keep overlapping key-0", "keep up_to_date key-1"]


def test_a_stray_key_does_not_stop_a_declaration_that_may_create_one_beside_it() -> None:
    desired = make_desired(adopt=Adopt.REPLACE)
    stray = ours("key-8", marker=Marker.of(Identity("ml-platform"), CI))
    assert words(plan(situate(desired, keys=[stray], held={}), desired)) == ["create absent"]


def test_of_many_claimed_keys_the_first_are_named_and_the_rest_are_counted() -> None:
    desired = make_desired()
    claimed = [ours(f"key-{number}", created_by=MALLORY) for number in range(10, 17)]
    made = plan(situate(desired, keys=[ours(), *claimed], receipts=[recorded()]), desired)
    assert (len(made.claimed), len(made.warnings)) == (7, 6)
    assert made.warnings[0].startswith("2 more of such keys: ")
