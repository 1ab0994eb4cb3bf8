"""What counts as proof that a sink holds a key, and what as weak proof."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, holding, ours, plan, recorded, situate, slot_of, words
from samples import AT_ONCE, LOCAL, NOW, make_desired, make_desired_service, make_intent
from simulator import BLIND, FULL, WEAK, WRITE_ONLY, make_space

from keyplan.model.manifest import KeyType, Rotation
from keyplan.model.observation import Abilities, Content, Holding
from keyplan.model.receipt import CLOCK_SKEW, UNKNOWN_TIME, Delivered, Receipt
from keyplan.planner.evidence import (
    apply_weak_proof,
    find_unproven,
    is_delivered,
    may_hold_unrecorded_key,
    outdated_slots,
)
from keyplan.planner.ownership import OwnedKeys

SLOT = slot_of(CI)
ONE = (SLOT,)
UNLISTED = recorded(delivered=())
IMPORTED = recorded(raw_text=None)


@pytest.mark.parametrize(
    ("abilities", "held", "receipt", "proven"),
    [
        pytest.param(FULL, holding(recorded()), recorded(), True, id="its receipt beside a matching value"),
        pytest.param(FULL, holding(recorded()), UNLISTED, True, id="the sink's receipt is proof without any list"),
        pytest.param(
            WRITE_ONLY, holding(recorded(), Content.UNREAD), recorded(), True, id="its receipt beside an unread value"
        ),
        pytest.param(FULL, holding(recorded(), Content.DIFFERS), recorded(), False, id="another value"),
        pytest.param(FULL, holding(recorded(), present=False), recorded(), False, id="a receipt without a value"),
        pytest.param(FULL, holding(None), recorded(), False, id="a value without a receipt"),
        pytest.param(FULL, holding(recorded("key-0")), recorded(), False, id="another key's receipt"),
        pytest.param(
            FULL, holding(recorded(raw_text="other")), recorded(), False, id="another raw key of the same key"
        ),
        pytest.param(FULL, None, recorded(), False, id="nothing"),
        pytest.param(BLIND, Holding(present=True), recorded(), True, id="blind, but listed"),
        pytest.param(BLIND, Holding(present=True), UNLISTED, False, id="blind, not listed"),
        pytest.param(BLIND, Holding(present=False), recorded(), False, id="blind, listed, but emptied"),
        pytest.param(FULL, holding(None), IMPORTED, True, id="imported: listed is all there is"),
        pytest.param(FULL, holding(None), replace(IMPORTED, delivered=()), False, id="imported, not for this sink"),
        pytest.param(FULL, None, IMPORTED, False, id="imported, but the sink is empty"),
    ],
)
def test_a_sink_holds_a_key_only_where_that_is_proven(
    abilities: Abilities, held: Holding | None, receipt: Receipt, proven: bool
) -> None:
    snapshot = situate(make_desired(), held={SLOT: held} if held else {}, abilities={LOCAL: abilities})
    assert is_delivered(ONE, snapshot, ours(), receipt) is proven
    assert not is_delivered(ONE, snapshot, ours("key-7"), receipt)


SECOND = timedelta(seconds=1)
COPIED = replace(recorded(), delivered=(Delivered(LOCAL, SLOT.location, {}, NOW + 3 * HOUR),))


@pytest.mark.parametrize(
    ("abilities", "changed_at", "receipt", "proven"),
    [
        pytest.param(WEAK, NOW - HOUR, recorded(), True, id="a clock behind ours"),
        pytest.param(WEAK, NOW + HOUR, recorded(), True, id="an hour later: clocks differ, writes are tried again"),
        pytest.param(WEAK, NOW + HOUR + SECOND, recorded(), False, id="later than that: by hand"),
        pytest.param(WEAK, None, recorded(), True, id="unknown when"),
        pytest.param(WEAK, NOW + 4 * HOUR, COPIED, True, id="copied there later than it was delivered"),
        pytest.param(WEAK, NOW + 4 * HOUR + SECOND, COPIED, False, id="by hand after a copy"),
        pytest.param(BLIND, NOW + DAY, recorded(), True, id="a sink that tells no times"),
        pytest.param(WEAK, NOW + DAY, IMPORTED, False, id="imported, then changed"),
    ],
)
def test_a_secret_that_changed_long_after_its_delivery_was_overwritten(
    abilities: Abilities, changed_at: datetime | None, receipt: Receipt, proven: bool
) -> None:
    held = {SLOT: Holding(present=True, changed_at=changed_at)}
    snapshot = situate(make_desired(), held=held, abilities={LOCAL: abilities})
    assert is_delivered(ONE, snapshot, ours(), receipt) is proven


def test_receipts_prove_more_than_times_do() -> None:
    both = Abilities(holds_receipts=True, readable=True, weak_proof=True)
    held = {SLOT: holding(recorded(), changed_at=NOW + DAY)}
    assert is_delivered(ONE, situate(make_desired(), held=held, abilities={LOCAL: both}), ours(), recorded())


def test_a_secret_that_was_overwritten_by_hand_is_delivered_anew() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], **weakly(changed_at=NOW + 2 * HOUR))
    assert words(plan(snapshot, desired)) == ["refresh undelivered key-1"]


@pytest.mark.parametrize(
    ("abilities", "held", "is_outdated"),
    [
        pytest.param(FULL, holding(recorded()), False, id="the same"),
        pytest.param(FULL, holding(UNLISTED), False, id="a list of sinks is only in the ledger"),
        pytest.param(FULL, holding(recorded(protect=True)), True, id="another word in it"),
        pytest.param(FULL, holding(None), False, id="none that could be outdated"),
        pytest.param(WEAK, holding(recorded(protect=True)), False, id="a sink that holds no receipts"),
    ],
)
def test_a_slot_is_outdated_by_another_receipt(abilities: Abilities, held: Holding, is_outdated: bool) -> None:
    snapshot = situate(make_desired(), held={SLOT: held}, abilities={LOCAL: abilities})
    assert outdated_slots(ONE, snapshot, recorded()) == (ONE if is_outdated else ())


@pytest.mark.parametrize(
    ("abilities", "held", "unproven"),
    [
        pytest.param(FULL, Holding(present=False), "", id="receipts tell, even by their absence"),
        pytest.param(BLIND, Holding(present=True, changed_at=NOW), "local:secrets/user/ci", id="blind"),
        pytest.param(WEAK, Holding(present=True, changed_at=NOW), "", id="weak, dated"),
        pytest.param(WEAK, Holding(present=True), "local:secrets/user/ci", id="weak, undated"),
        pytest.param(WEAK, Holding(present=False), "", id="weak, empty: that is proof"),
    ],
)
def test_a_sink_that_can_tell_nothing_is_named(abilities: Abilities, held: Holding, unproven: str) -> None:
    snapshot = situate(make_desired(), held={SLOT: held}, abilities={LOCAL: abilities})
    assert find_unproven(ONE, snapshot, ours()) == unproven


@pytest.mark.parametrize(
    ("abilities", "held", "hides"),
    [
        pytest.param(FULL, holding(recorded()), False, id="its receipt says what it holds"),
        pytest.param(FULL, Holding(present=False), False, id="empty"),
        pytest.param(FULL, holding(recorded(), Content.DIFFERS), True, id="a value beside another one's receipt"),
        pytest.param(FULL, holding(None, Content.UNREAD), True, id="a value without a receipt"),
        pytest.param(BLIND, Holding(present=False), True, id="no receipts"),
    ],
)
def test_a_slot_can_hide_a_key_that_no_receipt_names(abilities: Abilities, held: Holding, hides: bool) -> None:
    snapshot = situate(make_desired(), held={SLOT: held}, abilities={LOCAL: abilities})
    assert may_hold_unrecorded_key(SLOT, snapshot) is hides


# Weak proof in place of a lost ledger.


def weakly(**changes: Any) -> dict[str, Any]:
    held = {SLOT: Holding(**{"present": True, "changed_at": NOW, **changes})}
    return {"held": held, "abilities": {LOCAL: WEAK}}


def test_weak_proof_makes_a_receipt_that_says_no_more_than_was_seen() -> None:
    desired = make_desired(rotation=Rotation(generation=4))
    changed = NOW + HOUR / 2
    snapshot = situate(desired, keys=[ours()], **weakly(changed_at=changed))
    (action,) = plan(snapshot, desired).actions
    assert action.basis.receipt == recorded(raw_text=None, created_at=changed, delivered_at=changed, generation=4)
    assert action.basis.ledger_outdated


def test_weak_proof_makes_the_whole_receipt_of_what_is_declared_and_seen() -> None:
    desired = make_desired_service(make_space("production"), rotation=Rotation(generation=4))
    key = ours(address=desired.address, expires_at=LATER)
    slot = slot_of(desired.address)
    held = {slot: Holding(present=True, changed_at=NOW)}
    snapshot = situate(desired, held=held, abilities={LOCAL: WEAK})
    assert apply_weak_proof(OwnedKeys(desired=desired, older=(key,)), snapshot).receipt == recorded(
        raw_text=None,
        address=desired.address,
        key_type=KeyType.SERVICE,
        name="ingest",
        scope_ids=desired.scope_ids,
        expires_at=LATER,
        delivered=(slot.delivered,),
        generation=4,
    )


def test_without_a_sink_there_is_no_weak_proof() -> None:
    owned = OwnedKeys(desired=make_desired(), older=(ours(),))
    assert apply_weak_proof(owned, situate(slots={})) == owned


def test_weak_proof_tells_the_age_of_what_was_refreshed_in_place() -> None:
    desired = make_desired(rotation=Rotation(every=timedelta(days=30)))
    snapshot = situate(desired, keys=[ours(created_at=NOW - timedelta(days=300))], **weakly())
    assert words(plan(snapshot, desired)) == ["keep up_to_date key-1"]


def test_weak_proof_accepts_an_expiry_that_the_provider_set() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours(expires_at=LATER + timedelta(days=60))], **weakly())
    assert words(plan(snapshot, desired)) == ["keep up_to_date key-1"]


@pytest.mark.parametrize(
    ("changed_at", "planned"),
    [
        pytest.param(
            NOW, ["refresh undelivered key-1", "delete superseded key-0"], id="a tie may stand for the older one"
        ),
        pytest.param(
            NOW + timedelta(microseconds=1),
            ["delete superseded key-0", "keep up_to_date key-1"],
            id="after the younger",
        ),
    ],
)
def test_beside_an_older_key_weak_proof_has_to_be_younger(changed_at: Any, planned: list[str]) -> None:
    desired = make_desired(rotation=AT_ONCE)
    keys = [ours(), ours("key-0", created_at=NOW - HOUR)]
    assert words(plan(situate(desired, keys=keys, **weakly(changed_at=changed_at)), desired)) == planned


def test_every_sink_has_to_prove_it() -> None:
    desired = make_desired()
    sinks = {LOCAL: WEAK, "vault": WEAK}
    held = {SLOT: Holding(present=True, changed_at=NOW), slot_of(CI, "vault"): Holding(present=False)}
    snapshot = situate(desired, keys=[ours()], held=held, abilities=sinks)
    assert words(plan(snapshot, desired)) == ["refresh undelivered key-1"]


def test_a_sink_with_receipts_but_without_one_is_no_weak_proof() -> None:
    desired = make_desired()
    both = Abilities(holds_receipts=True, readable=True, weak_proof=True)
    held = {SLOT: Holding(present=True, changed_at=NOW)}
    snapshot = situate(desired, keys=[ours()], held=held, abilities={LOCAL: both})
    assert words(plan(snapshot, desired)) == ["refresh undelivered key-1"]


@pytest.mark.parametrize(
    ("changed_at", "planned"),
    [
        pytest.param(NOW - CLOCK_SKEW, "keep up_to_date key-1", id="in the same delivery, as clocks differ"),
        pytest.param(NOW - CLOCK_SKEW - timedelta(seconds=1), "refresh undelivered key-1", id="long before it"),
        pytest.param(None, "unproven: refresh unproven key-1", id="unknown when"),
    ],
)
def test_a_weak_sink_beside_one_with_receipts_took_part_in_its_delivery(changed_at: Any, planned: str) -> None:
    desired = make_desired()
    held = {
        SLOT: holding(replace(recorded(), delivered=())),
        slot_of(CI, "vault"): Holding(present=True, changed_at=changed_at),
    }
    snapshot = situate(desired, keys=[ours()], held=held, abilities={LOCAL: FULL, "vault": WEAK})
    assert words(plan(snapshot, desired)) == [planned]


def test_a_weak_sink_that_took_the_key_long_after_the_other_is_believed_where_the_ledger_is_lost() -> None:
    desired = make_desired()
    copied = {slot_of(CI, "vault"): Holding(present=True, changed_at=NOW + 20 * HOUR)}
    held = {SLOT: holding(replace(recorded(), delivered=())), **copied}
    snapshot = situate(desired, keys=[ours()], held=held, abilities={LOCAL: FULL, "vault": WEAK}, now=NOW + DAY)
    assert words(plan(snapshot, desired)) == ["keep up_to_date key-1"]


@pytest.mark.parametrize(
    "owned",
    [
        pytest.param(OwnedKeys(desired=make_desired(), older=(ours(),), intents=(make_intent(),)), id="an open intent"),
        pytest.param(
            OwnedKeys(desired=make_desired(), older=(ours(),), receipt=recorded("key-0", delivered=())),
            id="another key's receipt",
        ),
        pytest.param(OwnedKeys(desired=make_desired()), id="no key"),
        pytest.param(OwnedKeys(desired=make_desired(), older=(ours(created_at=UNKNOWN_TIME),)), id="creation unknown"),
    ],
)
def test_weak_proof_is_not_asked_for_where_more_is_known_or_nothing_can_be(owned: OwnedKeys) -> None:
    assert apply_weak_proof(owned, situate(make_desired(), **weakly())) == owned


def test_weak_proof_is_not_asked_for_where_the_ledger_remembers() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], receipts=[replace(recorded(), delivered=())], **weakly())
    assert words(plan(snapshot, desired)) == ["refresh undelivered key-1"]
