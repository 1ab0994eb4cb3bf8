"""What the user has to confirm: the guards of docs/planning.md."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, holding, old, ours, plan, recorded, situate, slot_of, words
from samples import AT_ONCE, NOW, make_desired, make_intent, make_observation
from simulator import LAWS

from keyplan.model.desired import Desired
from keyplan.model.identity import Address, KeyId
from keyplan.model.limits import Limits
from keyplan.model.manifest import Adopt, OnDescriptionChange, OnRemove, Rotation
from keyplan.model.observation import Content, Observation, Snapshot
from keyplan.model.receipt import Receipt

OWN = {"own_keys": frozenset({KeyId("key-1")})}
ROTATING = {"rotation": replace(AT_ONCE, generation=2)}


def advice_of(snapshot: Snapshot, *desired: Desired, **request: Any) -> list[str]:
    return [action.blocked.advice for action in plan(snapshot, *desired, **request).blocked if action.blocked]


# protect


@pytest.mark.parametrize(
    ("declared", "world", "planned"),
    [
        pytest.param(ROTATING, {}, ["protect: refresh requested key-1"], id="no refresh"),
        pytest.param(
            {"description": "x", "on_description_change": OnDescriptionChange.REPLACE},
            {},
            ["protect: replace changed key-1"],
            id="no replace",
        ),
        pytest.param({}, {}, ["keep up_to_date key-1"], id="keeping is fine"),
        pytest.param({}, {"keys": []}, ["create gone"], id="a new one is fine"),
        pytest.param(
            {}, {"receipts": []}, ["protect: refresh undelivered key-1"], id="undelivered: somebody may hold it"
        ),
        pytest.param(
            {},
            {"receipts": [], "intents": [make_intent()]},
            ["refresh unfinished key-1"],
            id="what nobody holds is not it",
        ),
        pytest.param(
            {},
            {"keys": [ours(), ours("key-0")], "receipts": [recorded(superseded=(old("key-0", ends=NOW),))]},
            ["protect: delete superseded key-0", "keep up_to_date key-1"],
            id="nor is what it superseded",
        ),
        pytest.param(
            {"adopt": Adopt.REFRESH},
            {"keys": [make_observation("key-9")], "receipts": []},
            ["protect: refresh adopted key-9"],
            id="adopting by refresh ends a raw key",
        ),
    ],
)
def test_a_protected_key_is_not_ended(declared: dict[str, Any], world: dict[str, Any], planned: list[str]) -> None:
    desired = make_desired(protect=True, **declared)
    snapshot = situate(desired, **{"keys": [ours()], "receipts": [recorded(protect=True)], **world})
    assert words(plan(snapshot, desired)) == planned


def test_a_protected_key_says_how_to_go_on() -> None:
    desired = make_desired(protect=True, **ROTATING)
    assert advice_of(situate(desired, keys=[ours()], receipts=[recorded()]), desired) == [
        "it is protected: protect: false, apply, then try again"
    ]


def test_protection_outlives_its_declaration() -> None:
    snapshot = situate(keys=[ours()], receipts=[recorded(protect=True)])
    assert words(plan(snapshot)) == ["protect: delete undeclared key-1"]
    assert advice_of(snapshot) == ["it is protected: declare it again with protect: false, apply, then try again"]


def test_protection_does_not_hinder_forgetting() -> None:
    snapshot = situate(keys=[ours()], receipts=[recorded(protect=True, on_remove=OnRemove.FORGET)])
    assert words(plan(snapshot)) == ["forget undeclared key-1"]


def test_without_protection_in_the_declaration_the_receipts_is_history() -> None:
    desired = make_desired(**ROTATING)
    snapshot = situate(desired, keys=[ours()], receipts=[recorded(protect=True)])
    assert words(plan(snapshot, desired)) == ["refresh requested key-1"]


# self


@pytest.mark.parametrize(
    ("declared", "planned"),
    [
        pytest.param(ROTATING, ["self: refresh requested key-1"], id="not refreshed"),
        pytest.param(
            {"description": "x", "on_description_change": OnDescriptionChange.REPLACE},
            ["self: replace changed key-1"],
            id="not replaced",
        ),
        pytest.param({**ROTATING, "may_rotate_itself": True}, ["refresh requested key-1"], id="unless it says self"),
        pytest.param({}, ["keep up_to_date key-1"], id="kept"),
    ],
)
def test_keyplans_own_key_is_renewed_only_by_its_word(declared: dict[str, Any], planned: list[str]) -> None:
    desired = make_desired(**declared)
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], **OWN)
    assert words(plan(snapshot, desired)) == planned


@pytest.mark.parametrize("declared", [{}, {"may_rotate_itself": True}], ids=["silent", "self: true"])
def test_keyplans_own_key_is_never_deleted_as_superseded(declared: dict[str, Any]) -> None:
    desired = make_desired(**declared)
    receipt = recorded("key-2", superseded=(old("key-1", ends=NOW),))
    snapshot = situate(desired, keys=[ours(), ours("key-2")], receipts=[receipt], **OWN)
    assert words(plan(snapshot, desired)) == ["self: delete superseded key-1", "keep up_to_date key-2"]


@pytest.mark.parametrize("receipts", [[], [recorded()]], ids=["by marker", "by receipt"])
def test_keyplans_own_key_is_never_deleted_as_undeclared(receipts: list[Receipt]) -> None:
    snapshot = situate(keys=[ours()], receipts=receipts, **OWN)
    assert words(plan(snapshot)) == ["self: delete undeclared key-1"]
    assert advice_of(snapshot) == ["keyplan itself uses this key: give it another credential first"]


def test_keyplans_own_key_can_be_forgotten() -> None:
    snapshot = situate(keys=[ours()], receipts=[recorded(on_remove=OnRemove.FORGET)], **OWN)
    assert words(plan(snapshot)) == ["forget undeclared key-1"]


def test_self_says_how_to_go_on() -> None:
    desired = make_desired(**ROTATING)
    (advice,) = advice_of(situate(desired, keys=[ours()], receipts=[recorded()], **OWN), desired)
    assert advice == (
        "keyplan itself uses this key: say self: true in its declaration, and read the new one "
        "from its sink before the next run"
    )


# Superseded keys wait for what is blocked.


@pytest.mark.parametrize(
    ("declared", "held", "planned"),
    [
        pytest.param(
            {},
            {slot_of(CI): holding(recorded(), Content.DIFFERS)},
            ["protect: refresh undelivered key-1", "protect: delete superseded key-0"],
            id="a sink lacks the current key: it may hold the old one",
        ),
        pytest.param(
            ROTATING,
            None,
            ["protect: refresh requested key-1", "protect: delete superseded key-0"],
            id="every sink has the current key",
        ),
    ],
)
def test_an_old_key_is_not_ended_beside_a_delivery_that_is_held_back(
    declared: dict[str, Any], held: Any, planned: list[str]
) -> None:
    desired = make_desired(**{"protect": True, "rotation": AT_ONCE} | declared)
    receipt = recorded(superseded=(old("key-0", ends=NOW),))
    snapshot = situate(desired, keys=[ours(), ours("key-0")], receipts=[receipt], held=held)
    assert words(plan(snapshot, desired)) == planned


def test_an_old_key_that_waits_says_for_what() -> None:
    desired = make_desired(protect=True, rotation=AT_ONCE)
    receipt = recorded(superseded=(old("key-0", ends=NOW),))
    snapshot = situate(desired, keys=[ours(), ours("key-0")], receipts=[receipt], held={})
    assert advice_of(snapshot, desired)[1] == "it is protected: protect: false, apply, then try again"


# deletes


def strays(count: int) -> list[Observation]:
    return [ours(f"key-{n:02}", Address(f"user/k{n}"), name=f"k{n}") for n in range(count)]


def kept(count: int) -> tuple[list[Desired], list[Observation], list[Receipt]]:
    desired = [make_desired(f"keep{n}") for n in range(count)]
    keys = [ours(f"keep-{n}", one.address, name=f"keep{n}") for n, one in enumerate(desired)]
    receipts = [recorded(f"keep-{n}", one.address, name=f"keep{n}") for n, one in enumerate(desired)]
    return desired, keys, receipts


@pytest.mark.parametrize(
    ("deleted", "others", "limits", "request_", "blocked"),
    [
        pytest.param(5, 0, Limits(), {}, 5, id="all of several"),
        pytest.param(1, 0, Limits(), {}, 0, id="the only one"),
        pytest.param(1, 1, Limits(), {}, 0, id="one of two"),
        pytest.param(2, 1, Limits(), {}, 2, id="more than half of three"),
        pytest.param(2, 2, Limits(), {}, 0, id="half of four"),
        pytest.param(5, 4, Limits(deletes=1000, delete_percent=100), {}, 5, id="more than half, whatever limits say"),
        pytest.param(5, 5, Limits(delete_percent=100), {}, 0, id="as many as the limit"),
        pytest.param(6, 7, Limits(delete_percent=100), {}, 6, id="one more: all of them"),
        pytest.param(3, 7, Limits(), {}, 0, id="exactly 30 % of ten"),
        pytest.param(4, 6, Limits(), {}, 4, id="40 % of ten"),
        pytest.param(4, 5, Limits(), {}, 0, id="44 % of nine: too few for a share"),
        pytest.param(0, 0, Limits(deletes=0, delete_percent=0), {}, 0, id="nothing to delete"),
        pytest.param(1, 0, Limits(deletes=0), {}, 1, id="none allowed"),
        pytest.param(6, 0, Limits(), {"allow_deletes": 6}, 0, id="six allowed"),
        pytest.param(6, 0, Limits(), {"allow_deletes": 5}, 6, id="five allowed"),
        pytest.param(9, 1, Limits(), {"allow_deletes": 9}, 0, id="an allowance covers the share too"),
        pytest.param(1, 0, Limits(), {"allow_deletes": 0}, 1, id="an allowance can be stricter"),
    ],
)
def test_too_many_deletes_of_undeclared_keys_are_all_blocked(
    deleted: int, others: int, limits: Limits, request_: dict[str, int], blocked: int
) -> None:
    desired, keys, receipts = kept(others)
    snapshot = situate(*desired, keys=[*keys, *strays(deleted)], receipts=receipts)
    made = plan(snapshot, *desired, manifest={"limits": limits}, **request_)
    assert sum(word.startswith("deletes: ") for word in words(made)) == blocked
    assert (made.summary.destroy, made.summary.blocked) == (deleted - blocked, blocked)


def test_too_many_deletes_name_the_override() -> None:
    assert advice_of(situate(keys=strays(6)))[0] == (
        "6 of 6 keys would be deleted (limits: 5 keys, 30 %, half of a few): if that is meant, say --allow-deletes 6"
    )


def test_superseded_keys_do_not_count_as_deletes() -> None:
    desired = make_desired()
    receipt = recorded(superseded=(old("key-0", ends=NOW),))
    snapshot = situate(desired, keys=[ours(), ours("key-0")], receipts=[receipt])
    assert plan(snapshot, desired, manifest={"limits": Limits(deletes=0)}).blocked == ()


def test_a_foreign_key_is_not_counted_among_ours() -> None:
    desired, keys, receipts = kept(5)
    foreign = make_desired("foreign")
    snapshot = situate(
        *desired, foreign, keys=[*keys, *strays(4), make_observation("key-x", name="foreign")], receipts=receipts
    )
    assert not any(word.startswith("deletes: ") for word in words(plan(snapshot, *desired, foreign)))


# renewals out of schedule


def edited(count: int, others: int) -> tuple[list[Desired], list[Observation], list[Receipt]]:
    """Return keys of which `count` were declared otherwise since their delivery."""
    desired, keys, receipts = kept(count + others)
    changed = [
        make_desired(one.declaration.name, description="another", on_description_change=OnDescriptionChange.REPLACE)
        for one in desired[:count]
    ]
    return [*changed, *desired[count:]], keys, receipts


@pytest.mark.parametrize(
    ("changed", "others", "limits", "request_", "blocked"),
    [
        pytest.param(9, 0, Limits(), {}, 0, id="below ten keys no share counts"),
        pytest.param(3, 7, Limits(), {}, 0, id="exactly 30 % of ten"),
        pytest.param(4, 6, Limits(), {}, 4, id="40 % of ten"),
        pytest.param(11, 0, Limits(replace_percent=100), {}, 11, id="one more than the limit: all of them"),
        pytest.param(10, 0, Limits(replace_percent=100), {}, 0, id="as many as the limit"),
        pytest.param(12, 0, Limits(), {"allow_replaces": 12}, 0, id="twelve allowed"),
        pytest.param(12, 0, Limits(), {"allow_replaces": 11}, 12, id="eleven allowed"),
        pytest.param(1, 0, Limits(), {"allow_replaces": 0}, 1, id="an allowance can be stricter"),
    ],
)
def test_too_many_renewals_out_of_schedule_are_all_blocked(
    changed: int, others: int, limits: Limits, request_: dict[str, int], blocked: int
) -> None:
    desired, keys, receipts = edited(changed, others)
    snapshot = situate(*desired, keys=keys, receipts=receipts)
    made = plan(snapshot, *desired, manifest={"limits": limits}, **request_)
    assert sum(word.startswith("replaces: ") for word in words(made)) == blocked


def test_renewals_that_the_calendar_asks_for_are_not_counted() -> None:
    desired, keys, receipts = kept(12)
    due = [make_desired(one.declaration.name, rotation=Rotation(every=HOUR)) for one in desired]
    assert plan(situate(*due, keys=keys, receipts=receipts), *due).blocked == ()


def test_too_many_renewals_name_the_override() -> None:
    desired, keys, receipts = edited(12, 0)
    assert advice_of(situate(*desired, keys=keys, receipts=receipts), *desired)[0] == (
        "12 of 12 keys would be renewed out of schedule (limits: 10 keys, 30 %): if that is meant, say "
        "--allow-replaces 12"
    )


# keys that are not seen


def gone(count: int, **changes: Any) -> list[Receipt]:
    return [recorded(f"gone-{n}", Address(f"user/gone{n}"), name=f"gone{n}", **changes) for n in range(count)]


@pytest.mark.parametrize(
    ("missing", "changes", "request_", "is_blocked"),
    [
        pytest.param(1, {}, {}, True, id="from the first key on"),
        pytest.param(3, {}, {}, True, id="three"),
        pytest.param(3, {"expires_at": LATER}, {}, False, id="expired ones are not expected"),
        pytest.param(3, {"expires_at": LATER + HOUR}, {}, True, id="those that live on are"),
        pytest.param(3, {"forgotten": True}, {}, False, id="forgotten ones are not expected"),
        pytest.param(3, {"owner": "other"}, {}, False, id="another owner's are not ours to see"),
        pytest.param(3, {}, {"allow_missing": 3}, False, id="three allowed"),
        pytest.param(3, {}, {"allow_missing": 2}, True, id="two allowed"),
    ],
)
def test_nothing_follows_from_keys_that_are_shown_neither_active_nor_revoked(
    missing: int, changes: dict[str, Any], request_: dict[str, int], is_blocked: bool
) -> None:
    desired, new = make_desired("gone0"), make_desired("new")
    snapshot = situate(desired, new, receipts=gone(missing, **changes), held={}, revoked=())
    made = plan(snapshot, desired, new, **request_)
    expected = ["create", *["forget"] * (missing - 1)] if is_blocked else []
    assert [action.verb.value for action in made.blocked] == expected
    assert {action.blocked.guard.value for action in made.blocked if action.blocked} == (
        {"unseen"} if is_blocked else set()
    )
    assert "create absent" in words(made)


def test_what_is_shown_as_revoked_is_gone() -> None:
    desired = make_desired("gone0")
    assert words(plan(situate(desired, receipts=gone(1), held={}), desired)) == ["create gone"]


def test_where_a_listing_proves_absence_what_it_does_not_show_is_gone() -> None:
    desired = make_desired("gone0")
    laws = replace(LAWS["beta"], listing_proves_absence=True)
    snapshot = situate(desired, receipts=gone(1), held={}, revoked=(), laws=laws)
    assert words(plan(snapshot, desired)) == ["create gone"]


def test_with_the_ledger_lost_a_receipt_in_a_sink_stops_its_own_place() -> None:
    desired = [make_desired(f"gone{n}") for n in range(3)]
    held = {slot_of(receipt.address): holding(receipt) for receipt in gone(1)}
    made = plan(situate(*desired, held=held), *desired)
    assert words(made) == ["unseen: create unseen gone-0", "create absent", "create absent"]


def test_a_newer_receipt_counts_before_an_older_one() -> None:
    desired, keys, receipts = kept(3)
    held = {slot_of(receipt.address): holding(receipt) for receipt in receipts}
    stale = [replace(receipt, key_id=KeyId("dead"), delivered_at=NOW - DAY) for receipt in receipts]
    new = make_desired("new")
    made = plan(situate(*desired, new, keys=keys, receipts=stale, held=held), *desired, new)
    assert "create absent" in words(made)


def test_an_unseen_key_comes_with_likely_causes_and_the_override() -> None:
    desired, other = make_desired("gone0"), make_desired("gone1")
    snapshot = situate(desired, other, receipts=gone(2), held={}, revoked=())
    assert advice_of(snapshot, desired, other)[0] == (
        "key gone-0 was delivered, and the provider shows it neither as active nor as revoked: another account, "
        "another user's credential, a right that was lost, or a space that is not visible? If it is really gone, "
        "use --allow-missing 2"
    )


def test_an_action_that_is_blocked_keeps_its_first_reason() -> None:
    desired = make_desired(expires_at=LATER)
    snapshot = situate(desired, receipts=gone(3))
    assert words(plan(snapshot, desired))[0] == "declared_in_past: create declared_in_past"


def test_a_deadline_is_no_guard() -> None:
    desired = make_desired(expires_at=LATER + timedelta(seconds=1))
    assert words(plan(situate(desired), desired)) == ["create absent"]
