"""Whether a key may be taken over, and what the receipt then says."""

from __future__ import annotations

from typing import Any

import pytest
from planner.situations import (
    AUTHORITY,
    CI,
    DAY,
    HOUR,
    LATER,
    holding,
    old,
    ours,
    plan,
    recorded,
    situate,
    slot_of,
    words,
)
from samples import LOCAL, NOW, make_desired, make_desired_service, make_intent, make_observation
from scenario import make_manifest
from simulator import make_space

from keyplan.errors import InputError, RefusedError
from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId, SinkName
from keyplan.model.manifest import KeyType, Rotation
from keyplan.model.observation import Marker, Observation, Snapshot
from keyplan.model.receipt import Delivered, LeftPlace, Receipt
from keyplan.planner.takeover import Takeover, find_address, find_key, take_over

PRODUCTION, STAGING = make_space("production"), make_space("staging")
INGEST = Address("service/production/ingest")
BY_HAND = make_observation(created_at=NOW - DAY)


def take(snapshot: Snapshot, *desired: Desired, key: Observation = BY_HAND) -> Takeover:
    return take_over(desired, snapshot, authority=AUTHORITY, address=desired[0].address, key=key)


def imported(receipt: Receipt, desired: Desired, key: Observation) -> Snapshot:
    """Return the world after that receipt was recorded in ledger and sink."""
    slot = slot_of(desired.address)
    return situate(desired, keys=[key], receipts=[receipt], held={slot: holding(receipt)})


def test_the_receipt_says_that_somebody_else_delivered_it() -> None:
    desired = make_desired(rotation=Rotation(generation=3), protect=True)
    receipt = take(situate(desired, keys=[BY_HAND]), desired).receipt
    assert (receipt.key_id, receipt.fingerprint, receipt.access, receipt.redacted) == (
        "key-1",
        None,
        "",
        "ak-can...000",
    )
    assert (receipt.generation, receipt.protect, receipt.delivered_at) == (3, True, LATER)
    assert receipt.delivered == (Delivered(LOCAL, slot_of(CI).location),)


@pytest.mark.parametrize(
    ("rotation", "planned"),
    [
        pytest.param(Rotation(), ["keep up_to_date key-1"], id="nothing is due"),
        pytest.param(Rotation(generation=7), ["keep up_to_date key-1"], id="a generation starts with the import"),
        pytest.param(Rotation(every=HOUR), ["replace too_old key-1"], id="its age counts from its creation"),
        pytest.param(Rotation(every=2 * DAY), ["keep up_to_date key-1"], id="not old enough"),
    ],
)
def test_the_next_plan_keeps_it_or_rotates_what_is_due(rotation: Rotation, planned: list[str]) -> None:
    desired = make_desired(rotation=rotation)
    receipt = take(situate(desired, keys=[BY_HAND]), desired).receipt
    assert words(plan(imported(receipt, desired, BY_HAND), desired)) == planned


def test_fields_that_differ_are_told() -> None:
    desired = make_desired(description="for builds")
    assert [change.field for change in take(situate(desired, keys=[BY_HAND]), desired).found.changes] == ["description"]


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param(ours(), id="our mark, and no receipt anywhere: a ledger was lost"),
        pytest.param(ours(address=Address("user/lost"), name="lost"), id="our mark, and nobody remembers whose"),
    ],
)
def test_a_key_of_ours_without_receipt_is_taken_over(marked: Observation) -> None:
    desired = make_desired()
    assert not take(situate(desired, keys=[marked]), desired, key=marked).is_known


def test_a_key_that_is_current_already_is_known() -> None:
    desired = make_desired()
    assert take(situate(desired, keys=[ours()], receipts=[recorded()]), desired, key=ours()).is_known


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"keys": [ours(redacted="ak-new...999")]}, id="rotated elsewhere, and delivered there"),
        pytest.param({"keys": [ours()], "held": {}}, id="no sink has its receipt"),
    ],
)
def test_a_current_key_that_the_receipt_does_not_fit_is_imported_anew(changes: dict[str, Any]) -> None:
    desired = make_desired()
    snapshot = situate(desired, receipts=[recorded(superseded=(old("key-0", ends=LATER),))], **changes)
    takeover = take(snapshot, desired, key=snapshot.keys[0])
    assert (takeover.is_known, takeover.receipt.redacted) == (False, snapshot.keys[0].redacted)
    assert [entry.key_id for entry in takeover.receipt.superseded] == ["key-0"]


OTHER = make_desired("other")
SERVICE = {"name": "ingest", "key_type": KeyType.SERVICE}
REFUSALS = [
    pytest.param(
        make_observation(key_type=KeyType.SERVICE), {}, "is of type service, and user/ci is a user key", id="type"
    ),
    pytest.param(make_observation(key_type=None), {}, "is of type unknown", id="a type that keyplan does not know"),
    pytest.param(
        make_observation(marker=Marker("theirs", "0123456789")), {}, "mark of another owner, 'theirs'", id="owner"
    ),
    pytest.param(
        ours(address=OTHER.address), {}, "key-1 is that of user/other", id="another declaration's, by its mark"
    ),
    pytest.param(
        ours(address=Address("user/former")),
        {"receipts": [recorded(address=Address("user/former"), name="former")]},
        "ours already, as user/former, which is declared no longer",
        id="ours, and declared no longer",
    ),
    pytest.param(
        BY_HAND,
        {"intents": [make_intent(at=LATER)]},
        "user/ci has a run that did not finish",
        id="an open intent",
    ),
    pytest.param(
        BY_HAND,
        {"keys": [BY_HAND, ours("key-2")], "receipts": [recorded("key-2")]},
        "user/ci has a key already, key-2",
        id="a current key",
    ),
]


@pytest.mark.parametrize(("key", "changes", "problem"), REFUSALS)
def test_what_is_somebody_elses_is_refused(key: Observation, changes: dict[str, Any], problem: str) -> None:
    desired = make_desired()
    with pytest.raises(RefusedError, match=problem):
        take(situate(desired, OTHER, **({"keys": [key]} | changes)), desired, OTHER, key=key)


def test_what_was_forgotten_on_purpose_may_be_taken_over() -> None:
    desired = make_desired()
    forgotten = recorded(address=Address("user/former"), name="former", forgotten=True)
    key = make_observation()
    assert not take(situate(desired, keys=[key], receipts=[forgotten]), desired, key=key).is_known


def test_a_key_of_another_space_is_refused() -> None:
    desired = make_desired_service(PRODUCTION)
    key = make_observation(**SERVICE, scope_ids=frozenset({STAGING.id}))
    with pytest.raises(RefusedError, match=r"key key-1 is of another space \(space-staging\)"):
        take(situate(desired, keys=[key]), desired, key=key)


@pytest.mark.parametrize(
    "scope_ids",
    [
        pytest.param(None, id="the dialect shows no spaces"),
        pytest.param(frozenset(), id="no space of it is visible"),
        pytest.param(frozenset({PRODUCTION.id, STAGING.id}), id="one of its spaces is the declared one"),
    ],
)
def test_a_service_key_is_taken_over_where_its_space_may_be_right(scope_ids: frozenset[Any] | None) -> None:
    desired = make_desired_service(PRODUCTION)
    key = make_observation(**SERVICE, scope_ids=scope_ids)
    assert take(situate(desired, keys=[key]), desired, key=key).receipt.address == INGEST


def test_an_address_is_found_exactly_or_the_nearest_is_told() -> None:
    manifest = make_manifest(make_desired().declaration, OTHER.declaration)
    assert find_address(manifest, "user/other") == OTHER.address
    with pytest.raises(InputError, match="no declaration has the address 'user/othr'") as caught:
        find_address(manifest, "user/othr")
    assert caught.value.advice == "did you mean 'user/other'?"
    with pytest.raises(InputError) as caught:
        find_address(manifest, "x")
    assert caught.value.advice == "addresses are user/NAME and service/SPACE/NAME"


def test_a_key_is_found_by_its_id() -> None:
    snapshot = situate(make_desired(), keys=[BY_HAND])
    assert find_key(snapshot, "key-1") == BY_HAND
    assert find_key(snapshot, "key-2") is None


def test_a_key_that_has_expired_is_refused() -> None:
    with pytest.raises(RefusedError, match="key key-1 is dead"):
        find_key(situate(make_desired(), keys=[make_observation(expires_at=LATER)]), KeyId("key-1"))


def test_places_that_the_address_leaves_stay_known() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    dropped, named = Delivered(SinkName(LOCAL), "dropped"), slot_of(CI).delivered
    earlier = LeftPlace(place=Delivered(SinkName(LOCAL), "earlier"), empty_after=NOW)
    gone = recorded("key-0", delivered=(dropped, named), left=(earlier,))
    receipt = take(situate(desired, keys=[BY_HAND], receipts=[gone]), desired).receipt
    assert receipt.left == (LeftPlace(place=dropped, empty_after=LATER + HOUR), earlier)
