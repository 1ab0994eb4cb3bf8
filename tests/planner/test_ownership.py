"""Who owns which key: receipts before markers, moves, strangers (docs/planning.md, "Ownership")."""

from __future__ import annotations

from dataclasses import replace

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
from samples import (
    NOW,
    make_desired,
    make_desired_service,
    make_intent,
    make_observation,
    make_receipt,
)
from simulator import FULL, make_space

from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId
from keyplan.model.manifest import KeyType, Role, Rotation
from keyplan.model.observation import Access, Marker, Observation, Snapshot
from keyplan.model.receipt import UNKNOWN_TIME
from keyplan.planner.ownership import Orphan, OwnedKeys, Ownership, assign_ownership

OLD = Address("user/old")
PRODUCTION = make_space("production")
BY_NAME = Address("service/production/ingest")
BY_ID = Address("service/space-production/ingest")


def share(snapshot: Snapshot, *desired: Desired) -> Ownership:
    return assign_ownership(desired, snapshot, authority=AUTHORITY)


def owned_by(snapshot: Snapshot, desired: Desired) -> OwnedKeys:
    (owned,) = share(snapshot, desired).declared
    return owned


def ids(keys: tuple[Observation, ...]) -> list[str]:
    return [key.id for key in keys]


def sorted_keys(owned: OwnedKeys) -> tuple[str | None, list[str], list[str]]:
    return owned.current.id if owned.current else None, ids(owned.newer), ids(owned.older)


def ingest(key_id: str = "key-1", address: Address = BY_NAME, **changes: object) -> Observation:
    spaces = frozenset({PRODUCTION.id})
    return ours(key_id, address, **{"name": "ingest", "key_type": KeyType.SERVICE, "scope_ids": spaces, **changes})


@pytest.mark.parametrize(
    ("keys", "receipts", "expected"),
    [
        pytest.param([ours()], [], (None, [], ["key-1"]), id="a marker alone: ours, not current"),
        pytest.param([ours()], [recorded()], ("key-1", [], []), id="a receipt makes it current"),
        pytest.param([make_observation()], [recorded()], ("key-1", [], []), id="a receipt needs no marker"),
        pytest.param(
            [ours(), ours("key-2", created_at=LATER), ours("key-0", created_at=NOW - HOUR)],
            [recorded()],
            ("key-1", ["key-2"], ["key-0"]),
            id="younger is newer, older is older",
        ),
        pytest.param(
            [ours(), ours("key-2")], [recorded()], ("key-1", [], ["key-2"]), id="a tie keeps its overlap: older"
        ),
        pytest.param(
            [ours(), ours("key-2", created_at=LATER)],
            [recorded(superseded=(old("key-2", ends=LATER),))],
            ("key-1", [], ["key-2"]),
            id="superseded, though it is younger",
        ),
        pytest.param(
            [ours("key-3"), ours("key-1"), ours("key-2", created_at=LATER)],
            [],
            (None, [], ["key-2", "key-1", "key-3"]),
            id="without a current one all are older, youngest first, ties by id",
        ),
    ],
)
def test_the_receipt_tells_which_key_is_current(
    keys: list[Observation], receipts: list[object], expected: tuple[str | None, list[str], list[str]]
) -> None:
    desired = make_desired()
    assert sorted_keys(owned_by(situate(desired, keys=keys, receipts=receipts), desired)) == expected  # type: ignore[arg-type]  # a row of the table


def test_all_live_keys_come_youngest_first() -> None:
    desired = make_desired()
    keys = [ours(), ours("key-2", created_at=LATER), ours("key-0", created_at=NOW - HOUR)]
    assert ids(owned_by(situate(desired, keys=keys, receipts=[recorded()]), desired).alive) == [
        "key-2",
        "key-1",
        "key-0",
    ]


def test_a_key_that_any_receipt_names_was_delivered_once_and_is_never_new() -> None:
    desired = make_desired()
    imported = recorded(raw_text=None, delivered_at=LATER)
    held = {slot_of(CI): holding(recorded("key-2"))}
    snapshot = situate(desired, keys=[ours(), ours("key-2", created_at=LATER)], receipts=[imported], held=held)
    assert sorted_keys(owned_by(snapshot, desired)) == ("key-1", [], ["key-2"])


@pytest.mark.parametrize("other", ["user/a", "user/z"])
def test_a_key_that_two_receipts_name_belongs_to_the_declared_address(other: str) -> None:
    desired = make_desired()
    # Of another name, or the key would simply be taken for one that moved.
    receipts = [recorded(), recorded("key-1", Address(other), name="other", delivered_at=LATER)]
    assert owned_by(situate(desired, keys=[ours(marker=None)], receipts=receipts), desired).current == ours(marker=None)


def test_an_intent_turns_a_tie_into_a_newcomer() -> None:
    desired = make_desired()
    keys = [ours(created_at=UNKNOWN_TIME), ours("key-2", created_at=UNKNOWN_TIME)]
    snapshot = situate(desired, keys=keys, receipts=[recorded()], intents=[make_intent(alive_before=(KeyId("key-1"),))])
    assert sorted_keys(owned_by(snapshot, desired)) == ("key-1", ["key-2"], [])


def test_an_intent_turns_no_key_into_a_newcomer_that_was_alive_before() -> None:
    desired = make_desired()
    before = make_intent(alive_before=(KeyId("key-1"), KeyId("key-2")))
    snapshot = situate(desired, keys=[ours(), ours("key-2")], receipts=[recorded()], intents=[before])
    assert sorted_keys(owned_by(snapshot, desired)) == ("key-1", [], ["key-2"])


# Receipts that disagree.


def test_the_newest_receipt_counts() -> None:
    desired = make_desired()
    newer = recorded("key-2", delivered_at=LATER)
    snapshot = situate(desired, keys=[ours(), ours("key-2")], receipts=[recorded()], held={slot_of(CI): holding(newer)})
    owned = owned_by(snapshot, desired)
    assert (owned.receipt, sorted_keys(owned)) == (newer, ("key-2", [], ["key-1"]))


def test_a_receipt_of_a_live_key_counts_before_a_newer_one_of_a_dead_key() -> None:
    desired = make_desired()
    held = {slot_of(CI): holding(recorded("key-2", delivered_at=LATER))}
    assert owned_by(situate(desired, keys=[ours()], receipts=[recorded()], held=held), desired).receipt == recorded()


def test_of_equal_receipts_the_ledgers_counts() -> None:
    desired = make_desired()
    held = {slot_of(CI): holding(recorded(protect=True))}
    assert owned_by(situate(desired, keys=[ours()], receipts=[recorded()], held=held), desired).receipt == recorded()


def test_the_latest_switch_of_a_superseded_key_counts() -> None:
    desired = make_desired()
    first, second = old("key-0", ends=NOW), old("key-0", ends=LATER, switched=NOW + HOUR)
    held = {slot_of(CI): holding(recorded(superseded=(first,)))}
    snapshot = situate(desired, keys=[ours()], receipts=[recorded(superseded=(second,))], held=held)
    assert owned_by(snapshot, desired).superseded == {"key-0": second}


def test_a_partial_delivery_makes_the_newest_current_and_keeps_the_other_until_every_sink_has_it() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    switched = old("key-1", ends=NOW + HOUR / 2)
    newest = recorded("key-2", delivered_at=LATER, superseded=(switched,))
    held = {slot_of(CI): holding(newest), slot_of(CI, "vault"): holding(recorded())}
    snapshot = situate(
        desired,
        keys=[ours(), ours("key-2", created_at=LATER)],
        receipts=[newest],
        held=held,
        abilities={"local": FULL, "vault": FULL},
    )
    assert words(plan(snapshot, desired)) == ["refresh undelivered key-2", "keep overlapping key-1"]


def test_another_owners_receipts_and_intents_say_nothing() -> None:
    desired = make_desired()
    snapshot = situate(
        desired, keys=[make_observation()], receipts=[recorded(owner="other")], intents=[make_intent(owner="other")]
    )
    shared = share(snapshot, desired)
    assert (shared.declared[0].receipt, shared.declared[0].intents, ids(shared.unmanaged)) == (None, (), ["key-1"])


def test_another_manifests_key_is_never_ours_whatever_a_receipt_beside_a_secret_says() -> None:
    desired = make_desired()
    foreign = make_observation(marker=Marker("other-team", "0123456789"))
    shared = share(situate(desired, keys=[foreign], held={slot_of(CI): holding(recorded())}), desired)
    assert (shared.declared[0].alive, shared.orphans, shared.unmanaged) == ((), (), ())
    assert (shared.others, list(shared.doubts)) == ((foreign,), [CI])


def test_a_key_that_the_ledger_recorded_is_ours_whatever_its_marker_says() -> None:
    desired = make_desired()
    taken_over = make_observation(marker=Marker("other-team", "0123456789"))
    shared = share(situate(desired, keys=[taken_over], receipts=[recorded()]), desired)
    assert sorted_keys(shared.declared[0]) == ("key-1", [], [])


def test_dead_keys_belong_to_nobody() -> None:
    desired = make_desired()
    dead = [ours(active=False), ours("key-2", expires_at=LATER), make_observation("key-3", active=False)]
    shared = share(situate(desired, keys=dead), desired)
    assert (shared.declared[0].alive, shared.orphans, shared.unmanaged) == ((), (), ())


# Moves.


@pytest.mark.parametrize("knows", ["receipt", "marker", "both"])
def test_a_declaration_owns_what_its_former_addresses_own(knows: str) -> None:
    desired = make_desired(moved_from=(Address("user/older"), OLD))
    key = make_observation() if knows == "receipt" else ours(address=OLD)
    receipts = [] if knows == "marker" else [recorded(address=OLD)]
    owned = owned_by(situate(desired, keys=[key], receipts=receipts), desired)
    assert ids(owned.alive) == ["key-1"]
    assert owned.previous_address == (None if knows == "marker" else OLD)


def test_what_moved_from_a_declared_address_stays_there() -> None:
    first, second = make_desired(), make_desired("cd", moved_from=(CI,))
    snapshot = situate(first, second, keys=[ours()], receipts=[recorded()])
    assert [ids(owned.alive) for owned in share(snapshot, first, second).declared] == [["key-1"], []]


def test_a_move_without_a_change_of_name_touches_nothing_at_the_provider() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    receipt = recorded(address=BY_NAME, name="ingest", key_type=KeyType.SERVICE, scope_ids=(PRODUCTION.id,))
    moved = replace(
        receipt, delivered=tuple(replace(one, location=slot_of(BY_ID).location) for one in receipt.delivered)
    )
    held = {slot_of(BY_ID): holding(moved)}
    snapshot = situate(desired, keys=[ingest()], receipts=[moved], held=held)
    (action,) = plan(snapshot, desired).actions
    assert (action.verb.value, action.reason.value, action.previous_address) == ("keep", "moved", BY_NAME)
    assert action.basis.ledger_outdated


def test_a_rename_replaces_with_the_overlap() -> None:
    desired = make_desired("cd", moved_from=(CI,), rotation=Rotation(overlap=DAY * 2))
    held = {slot_of(desired.address): holding(recorded())}
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], held=held)
    (action,) = plan(snapshot, desired).actions
    assert (action.verb.value, action.reason.value, action.overlap) == ("replace", "changed", 2 * DAY)
    assert [change.field for change in action.changes] == ["name"]


@pytest.mark.parametrize("knows", ["receipt", "marker"])
def test_space_written_by_id_for_by_name_moves_the_key(knows: str) -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    receipt = recorded(address=BY_NAME, name="ingest", key_type=KeyType.SERVICE, scope_ids=(PRODUCTION.id,))
    snapshot = situate(desired, keys=[ingest()], receipts=[receipt] if knows == "receipt" else [])
    shared = share(snapshot, desired)
    assert (ids(shared.declared[0].alive), shared.orphans) == (["key-1"], ())


def test_several_declarations_each_own_what_moved_to_them() -> None:
    desired = make_desired("a", moved_from=(CI,)), make_desired("b", moved_from=(OLD,))
    receipts = [recorded("key-1"), recorded("key-2", OLD)]
    keys = [make_observation("key-1"), make_observation("key-2")]
    shared = share(situate(*desired, keys=keys, receipts=receipts), *desired)
    assert [ids(owned.alive) for owned in shared.declared] == [["key-1"], ["key-2"]]


def test_intents_come_oldest_first_wherever_they_stood() -> None:
    desired = make_desired(moved_from=(OLD,))
    here = [make_intent("c", at=LATER), make_intent("b")]
    there = [make_intent("d", at=NOW - HOUR, address=OLD), make_intent("a", address=OLD)]
    owned = owned_by(situate(desired, intents=[*here, *there]), desired)
    assert [intent.id for intent in owned.intents] == ["d", "a", "b", "c"]


def test_of_two_deliveries_at_one_instant_the_one_that_names_the_key_as_its_own_owns_it() -> None:
    one, other = make_desired(), make_desired("cd")
    receipts = [recorded(), recorded("key-2", other.address, superseded=(old("key-1", ends=LATER),))]
    shared = share(situate(one, other, keys=[make_observation()], receipts=receipts), one, other)
    assert [ids(owned.alive) for owned in shared.declared] == [["key-1"], []]


def test_the_superseded_keys_and_intents_move_along() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    kept = old("key-0", ends=LATER + DAY)
    receipt = recorded(
        address=BY_NAME, name="ingest", key_type=KeyType.SERVICE, scope_ids=(PRODUCTION.id,), superseded=(kept,)
    )
    keys = [ingest(), ingest("key-0", created_at=NOW - HOUR)]
    snapshot = situate(desired, keys=keys, receipts=[receipt], intents=[make_intent(address=BY_NAME)])
    owned = owned_by(snapshot, desired)
    assert (sorted_keys(owned), owned.superseded) == (("key-1", [], ["key-0"]), {"key-0": kept})
    assert [intent.address for intent in owned.intents] == [BY_NAME]


@pytest.mark.parametrize(
    "orphan",
    [
        pytest.param(ingest(name="other"), id="another name"),
        pytest.param(ingest(scope_ids=frozenset({make_space("staging").id})), id="another space"),
        pytest.param(ingest(scope_ids=None), id="its space is not shown"),
        pytest.param(ingest(key_type=KeyType.USER), id="another type"),
        pytest.param(ingest(key_type=None), id="an unknown type"),
    ],
)
def test_what_does_not_fit_is_not_moved(orphan: Observation) -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    shared = share(situate(desired, keys=[orphan]), desired)
    assert (shared.declared[0].alive, [one.key for one in shared.orphans]) == ((), [orphan])


def test_a_declaration_that_owns_a_live_key_takes_no_other() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    keys = [ingest("key-1", BY_ID), ingest("key-2", BY_NAME)]
    shared = share(situate(desired, keys=keys), desired)
    assert (ids(shared.declared[0].alive), [one.key.id for one in shared.orphans if one.key]) == (["key-1"], ["key-2"])


def test_a_declaration_whose_key_is_gone_takes_what_fits() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    gone = recorded("key-9", BY_ID, name="ingest", key_type=KeyType.SERVICE)
    assert ids(owned_by(situate(desired, keys=[ingest()], receipts=[gone]), desired).alive) == ["key-1"]


def test_of_two_that_fit_the_latest_delivered_moves_and_the_other_stays_undeclared() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    service = {"name": "ingest", "key_type": KeyType.SERVICE, "scope_ids": (PRODUCTION.id,)}
    former = Address("service/prod/ingest")
    receipts = [recorded("key-1", BY_NAME, **service), recorded("key-2", former, delivered_at=LATER, **service)]
    keys = [ingest("key-1"), ingest("key-2", former), ingest("key-3", Address("service/x/ingest"), created_at=LATER)]
    shared = share(situate(desired, keys=keys, receipts=receipts), desired)
    assert sorted_keys(shared.declared[0]) == ("key-2", [], [])
    assert sorted(orphan.key.id for orphan in shared.orphans if orphan.key) == ["key-1", "key-3"]


def test_one_former_address_moves_to_one_declaration() -> None:
    staging = make_space("staging")
    here = make_desired_service(PRODUCTION, address=Address("service/a/ingest"))
    there = make_desired_service(staging, address=Address("service/b/ingest"))
    both = frozenset({PRODUCTION.id})
    keys = [ingest("key-1", Address("service/x/ingest"), scope_ids=both), ingest("key-2", Address("service/y/ingest"))]
    shared = share(situate(here, there, keys=keys), here, there)
    assert [ids(owned.alive) for owned in shared.declared] == [["key-1", "key-2"], []]


def test_of_two_that_fit_a_forgotten_one_comes_last() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    service = {"name": "ingest", "key_type": KeyType.SERVICE, "scope_ids": (PRODUCTION.id,)}
    former = Address("service/prod/ingest")
    receipts = [
        recorded("key-1", BY_NAME, **service),
        recorded("key-2", former, delivered_at=LATER, forgotten=True, **service),
    ]
    shared = share(situate(desired, keys=[ingest(), ingest("key-2", former)], receipts=receipts), desired)
    assert (sorted_keys(shared.declared[0]), ids(shared.unmanaged)) == (("key-1", [], []), ["key-2"])


@pytest.mark.parametrize(("older", "younger"), [("a", "b"), ("b", "a")])
def test_of_two_that_fit_without_a_receipt_the_younger_moves_whatever_its_address(older: str, younger: str) -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    keys = [ingest("key-1", Address(older)), ingest("key-2", Address(younger), created_at=LATER)]
    assert ids(owned_by(situate(desired, keys=keys), desired).alive) == ["key-2"]


def test_a_user_key_that_is_marked_for_an_unknown_address_belongs_to_its_name() -> None:
    desired = make_desired()
    assert ids(owned_by(situate(desired, keys=[ours(address=Address("?"))]), desired).alive) == ["key-1"]


def test_a_service_key_of_unknown_spaces_is_not_taken_for_one_without_spaces() -> None:
    access = Access(account_role=Role("member"), organizations=())
    desired = replace(make_desired_service(PRODUCTION, address=BY_ID), access=access)
    snapshot = situate(desired, keys=[ingest(address=Address("?"), scope_ids=None)])
    assert owned_by(snapshot, desired).alive == ()


def test_a_half_told_move_is_not_undone() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    service = {"name": "ingest", "key_type": KeyType.SERVICE, "scope_ids": (PRODUCTION.id,)}
    held = {
        slot_of(BY_ID, "a"): holding(recorded("key-1", BY_ID, **service)),
        slot_of(BY_ID, "b"): holding(recorded("key-1", BY_NAME, **service)),
    }
    snapshot = situate(
        desired,
        keys=[ingest()],
        receipts=[recorded("key-1", BY_NAME, delivered_at=LATER, **service)],
        held=held,
        abilities={"a": FULL, "b": FULL},
    )
    shared = share(snapshot, desired)
    assert (sorted_keys(shared.declared[0]), [one.key for one in shared.orphans]) == (("key-1", [], []), [])


def test_an_overlap_outlives_a_move_and_the_receipt_that_it_leaves() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    service = {"name": "ingest", "key_type": KeyType.SERVICE, "scope_ids": (PRODUCTION.id,)}
    left = recorded("key-1", BY_NAME, **service)
    now = recorded("key-2", BY_ID, superseded=(old("key-1", ends=LATER + HOUR),), delivered_at=LATER, **service)
    keys = [ingest(), ingest("key-2", BY_ID, created_at=LATER)]
    made = plan(situate(desired, keys=keys, receipts=[left, now]), desired)
    assert words(made) == ["forget gone", "keep overlapping key-1", "keep up_to_date key-2"]


# What nobody declared.


def test_an_orphan_is_known_by_receipt_then_by_marker_then_by_its_looks() -> None:
    known, marked = recorded("key-1", OLD, name="old"), recorded("key-9", Address("user/gone"), name="gone")
    keys = [
        make_observation("key-1"),
        ours("key-2", Address("user/gone"), name="renamed"),
        ours("key-3", Address("x"), name="a/b"),
        ingest("key-4", Address("x")),
        ingest("key-5", Address("x"), scope_ids=None),
    ]
    orphans = share(situate(keys=keys, receipts=[known, marked])).orphans
    assert [(orphan.key and orphan.key.id, orphan.address) for orphan in orphans] == [
        ("key-5", "service/?/ingest"),
        ("key-4", "service/space-production/ingest"),
        ("key-3", "user/a%2Fb"),
        ("key-2", "user/gone"),
        ("key-1", "user/old"),
    ]
    assert [orphan.receipt for orphan in orphans] == [None, None, None, marked, known]


def test_a_guessed_address_is_never_a_declared_one() -> None:
    desired = make_desired_service(PRODUCTION, address=BY_ID)
    stray = ingest("key-2", Address("elsewhere"))
    (orphan,) = share(situate(desired, keys=[ingest("key-1", BY_ID), stray]), desired).orphans
    assert stray.marker
    assert orphan.address == f"{BY_ID} ({stray.marker.ref})"


def test_a_mere_receipt_is_an_orphan_without_a_key() -> None:
    assert share(situate(receipts=[recorded()])).orphans == (Orphan(address=CI, key=None, receipt=recorded()),)
    assert share(situate(make_desired("cd"), held={slot_of(Address("user/cd")): holding(recorded())})).orphans == ()
    assert not Orphan(address=CI, key=None, receipt=recorded(forgotten=True)).is_forgotten


def test_unmanaged_keys_are_sorted_by_id() -> None:
    keys = [make_observation("key-3"), ours("key-2"), make_observation("key-1")]
    snapshot = situate(keys=keys, receipts=[recorded("key-2", forgotten=True)])
    assert ids(share(snapshot).unmanaged) == ["key-1", "key-2", "key-3"]


# Unmarked newcomers.


def test_without_markers_an_open_intent_claims_what_it_must_have_made() -> None:
    desired = replace(make_desired(), marker=None)
    keys = [
        make_observation("key-0"),
        make_observation("key-1"),
        make_observation("key-2", name="cd"),
        make_observation("key-3", key_type=KeyType.SERVICE),
    ]
    shared = share(situate(desired, keys=keys, intents=[make_intent(is_unmarked=True)]), desired)
    assert (ids(shared.declared[0].older), ids(shared.unmanaged)) == (["key-1"], ["key-0", "key-2", "key-3"])


def test_each_intent_claims_the_newcomer_of_its_own_declaration() -> None:
    desired = [replace(make_desired(name), marker=None) for name in ("ci", "cd")]
    keys = [make_observation("key-1", name="ci"), make_observation("key-2", name="cd")]
    intents = [make_intent(one.address, address=one.address, is_unmarked=True) for one in desired]
    shared = share(situate(*desired, keys=keys, intents=intents), *desired)
    assert ([ids(owned.older) for owned in shared.declared], shared.unmanaged) == ([["key-1"], ["key-2"]], ())


def test_an_intent_that_leads_to_a_marked_key_claims_no_unmarked_one() -> None:
    desired = make_desired()
    shared = share(situate(desired, keys=[make_observation()], intents=[make_intent()]), desired)
    assert (shared.declared[0].alive, ids(shared.unmanaged)) == ((), ["key-1"])


def test_records_of_two_addresses_do_not_mix() -> None:
    one, other = make_desired(), make_desired("cd")
    receipts = [recorded(), make_receipt(key_id=KeyId("key-2"), address=other.address, name="cd")]
    keys = [ours(), ours("key-2", other.address, name="cd")]
    shared = share(situate(one, other, keys=keys, receipts=receipts), one, other)
    assert [sorted_keys(owned) for owned in shared.declared] == [("key-1", [], []), ("key-2", [], [])]
