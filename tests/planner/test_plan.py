"""The table of docs/planning.md, row by row, and in both dialects where their laws matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, holding, old, ours, plan, recorded, situate, slot_of, words
from samples import AT_ONCE, LOCAL, NOW, OWNER, make_desired, make_desired_service, make_intent, make_observation
from simulator import BLIND, FULL, WEAK, WRITE_ONLY, make_space

from keyplan.errors import InputError
from keyplan.model.identity import Address, KeyId, SinkName
from keyplan.model.manifest import Adopt, KeyType, OnDescriptionChange, OnRemove, Retire, Rotation, Strategy, Unmanaged
from keyplan.model.observation import Content, Holding, Marker, Observation, Slot
from keyplan.model.plan import Guard, Reason, Verb
from keyplan.model.receipt import UNKNOWN_TIME, Receipt
from keyplan.planner.key_view import view_desired, view_key

BOTH = pytest.mark.parametrize("dialect", ["alpha", "beta"])
FOREIGN = make_observation("key-9")
CURRENT = {"keys": [ours()], "receipts": [recorded()]}
PRODUCTION = make_space("production")


def refreshed(key_id: str = "key-0") -> Any:
    return make_intent(verb="refresh", key_id=KeyId(key_id), alive_before=(KeyId("key-0"), KeyId("key-1")))


def with_rotation(**rotation: Any) -> dict[str, Any]:
    """Return a rotation without overlap: a refresh is lawful in both dialects then."""
    return {"rotation": Rotation(**{"overlap": timedelta(0)} | rotation)}


# One row of the table each: what the declaration says, what the world shows, what is planned. Old keys stop at once.

ROWS = [
    pytest.param(
        {"expires_at": LATER}, CURRENT, ["declared_in_past: create declared_in_past"], id="1 expires_at is now"
    ),
    pytest.param(
        {"expires_at": LATER + timedelta(seconds=1)},
        {},
        ["create absent"],
        id="1 expires_at is not yet past",
    ),
    pytest.param({}, {"keys": [FOREIGN]}, ["foreign: create foreign key-9"], id="2 an unmanaged namesake"),
    pytest.param(
        {},
        {"keys": [FOREIGN], "receipts": [recorded()]},
        ["foreign: create foreign key-9"],
        id="2 an unmanaged namesake although a receipt exists",
    ),
    pytest.param(
        {}, {"keys": [replace(FOREIGN, key_type=KeyType.SERVICE)]}, ["create absent"], id="2 a namesake of another type"
    ),
    pytest.param({}, {"keys": [replace(FOREIGN, name="cd")]}, ["create absent"], id="2 another name"),
    pytest.param(
        {"adopt": Adopt.REFRESH}, {"keys": [FOREIGN]}, ["refresh adopted key-9"], id="2 adopt: refresh takes it over"
    ),
    pytest.param(
        {"adopt": Adopt.REFRESH, "description": "new"},
        {"keys": [FOREIGN]},
        ["foreign: create foreign key-9"],
        id="2 adopt: refresh can't change a description",
    ),
    pytest.param(
        {"adopt": Adopt.REFRESH},
        {"keys": [FOREIGN, replace(FOREIGN, id=KeyId("key-8"))]},
        ["foreign: create foreign key-8"],
        id="2 adopt: refresh does not guess between two",
    ),
    pytest.param(
        {"adopt": Adopt.REPLACE}, {"keys": [FOREIGN]}, ["create adopted"], id="2 adopt: replace makes one beside it"
    ),
    pytest.param(
        {"adopt": Adopt.REPLACE},
        {"keys": [FOREIGN], "receipts": [recorded()]},
        ["create gone"],
        id="2 adopt: replace after a key of ours is gone",
    ),
    pytest.param({}, {}, ["create absent"], id="3 nothing is there"),
    pytest.param({}, {"keys": [replace(ours(), active=False)]}, ["create absent"], id="3 a revoked key is nothing"),
    pytest.param(
        {}, {"keys": [replace(ours(), marker=Marker("other", "0123456789"))]}, ["create absent"], id="3 another owner's"
    ),
    pytest.param({}, {"receipts": [recorded()]}, ["create gone"], id="4 a receipt, no key"),
    pytest.param({}, {"receipts": [recorded(expires_at=LATER)]}, ["create expired"], id="4 its expiry is exactly now"),
    pytest.param({}, {"receipts": [recorded(expires_at=LATER + HOUR)]}, ["create gone"], id="4 gone before its expiry"),
    pytest.param(
        {}, {"keys": [ours()], "intents": [make_intent()]}, ["refresh unfinished key-1"], id="5 after a crash"
    ),
    pytest.param(
        {},
        {"keys": [ours()], "intents": [make_intent(alive_before=(KeyId("key-1"),))]},
        ["refresh undelivered key-1"],
        id="5 it was alive before the intent: somebody may hold it",
    ),
    pytest.param(
        {},
        {
            "keys": [ours()],
            "intents": [make_intent(verb="refresh", key_id=KeyId("key-1"), alive_before=(KeyId("key-1"),))],
        },
        ["refresh unfinished key-1"],
        id="5 it was about to be refreshed",
    ),
    pytest.param({}, {"keys": [ours()]}, ["refresh undelivered key-1"], id="5 a marker alone"),
    pytest.param(
        {},
        {"keys": [ours("key-0", created_at=NOW - HOUR), ours()]},
        ["refresh undelivered key-1", "delete superseded key-0"],
        id="5 two markers: the younger is renewed, the older ended after",
    ),
    pytest.param(
        {},
        {"keys": [replace(ours(), redacted="ak-oth...111")], "receipts": [recorded()]},
        ["refresh rotated_elsewhere key-1"],
        id="6 another redacted form",
    ),
    pytest.param(
        {},
        {"keys": [ours(redacted="ak-oth...111")], "receipts": [recorded()], "intents": [refreshed("key-0")]},
        ["refresh rotated_elsewhere key-1"],
        id="6 another redacted form, while a refresh of another key is open",
    ),
    pytest.param(
        {},
        {"keys": [replace(ours(), redacted="")], "receipts": [recorded()]},
        ["keep up_to_date key-1"],
        id="6 no redacted form proves nothing",
    ),
    pytest.param(
        {},
        {"keys": [ours(), ours("key-2", created_at=LATER)], "receipts": [recorded()]},
        ["delete unfinished key-2", "keep up_to_date key-1"],
        id="7 a younger one was never delivered",
    ),
    pytest.param(
        {},
        {
            "keys": [ours(), ours("key-2", created_at=LATER)],
            "receipts": [recorded()],
            "intents": [make_intent(verb="replace")],
        },
        ["delete unfinished key-2", "keep up_to_date key-1"],
        id="7 a replace broke off before delivery",
    ),
    pytest.param(
        {},
        {"keys": [ours(), ours("key-2", created_at=LATER)], "receipts": [recorded()], "intents": [refreshed("key-1")]},
        ["refresh unfinished key-2", "delete superseded key-1"],
        id="7 a refresh broke off: the old raw key is dying, so it goes forward",
    ),
    pytest.param(
        {},
        {"keys": [ours(), ours("key-2")], "receipts": [recorded()], "intents": [refreshed("key-1")]},
        ["refresh unfinished key-2", "delete superseded key-1"],
        id="7 a refresh within one second: only the intent tells which is younger",
    ),
    pytest.param(
        {},
        {"keys": [ours(redacted="ak-oth...111")], "receipts": [recorded()], "intents": [refreshed("key-1")]},
        ["refresh unfinished key-1"],
        id="7 a refresh that kept the id broke off",
    ),
    pytest.param(
        {},
        {"keys": [ours(redacted="")], "receipts": [recorded()], "intents": [refreshed("key-1")]},
        ["refresh unfinished key-1"],
        id="7 a refresh broke off, and nothing shows whether it happened",
    ),
    pytest.param(
        {},
        {"keys": [ours()], "receipts": [recorded()], "intents": [refreshed("key-1")]},
        ["keep up_to_date key-1"],
        id="7 a refresh broke off before it happened",
    ),
    pytest.param({}, {**CURRENT, "held": {}}, ["refresh undelivered key-1"], id="8 the sink holds nothing"),
    pytest.param(
        {},
        {**CURRENT, "held": {slot_of(CI): holding(recorded(), Content.DIFFERS)}},
        ["refresh undelivered key-1"],
        id="8 the sink holds another value",
    ),
    pytest.param(
        {},
        {**CURRENT, "held": {slot_of(CI): holding(recorded(raw_text="another"))}},
        ["refresh undelivered key-1"],
        id="8 the sink holds an older raw key of the same key",
    ),
    pytest.param(
        {},
        {
            **CURRENT,
            "held": {slot_of(CI): holding(recorded("key-0", delivered_at=NOW - HOUR))},
            "revoked": (ours("key-0", active=False),),
        },
        ["refresh undelivered key-1"],
        id="8 the sink holds the receipt of an earlier key",
    ),
    pytest.param(
        {},
        {**CURRENT, "held": {slot_of(CI): holding(recorded(), Content.UNREAD)}},
        ["keep up_to_date key-1"],
        id="8 a write-only sink proves by its receipt",
    ),
    pytest.param(
        {"description": "x", "on_description_change": OnDescriptionChange.REPLACE},
        CURRENT,
        ["replace changed key-1"],
        id="9b another description at once",
    ),
    pytest.param({"expires_at": LATER + DAY}, CURRENT, ["refresh changed key-1"], id="9 a life without end gets one"),
    pytest.param(with_rotation(generation=2), CURRENT, ["refresh requested key-1"], id="10 the generation was raised"),
    pytest.param(
        with_rotation(generation=1),
        {"keys": [ours()], "receipts": [recorded(generation=2)]},
        ["refresh requested key-1"],
        id="10 the generation was lowered: it differs all the same",
    ),
    pytest.param(with_rotation(every=HOUR), CURRENT, ["refresh too_old key-1"], id="12 exactly as old as every"),
    pytest.param(
        with_rotation(every=HOUR + timedelta(seconds=1)), CURRENT, ["keep up_to_date key-1"], id="12 not yet so old"
    ),
    pytest.param({}, CURRENT, ["keep up_to_date key-1"], id="13 as declared"),
    pytest.param(
        {},
        {"keys": [ours(marker=None)], "receipts": [recorded()]},
        ["keep up_to_date key-1"],
        id="13 a receipt, no marker",
    ),
]


@BOTH
@pytest.mark.parametrize(("declared", "world", "planned"), ROWS)
def test_the_first_row_that_fits_decides(
    declared: dict[str, Any], world: dict[str, Any], planned: list[str], dialect: str
) -> None:
    desired = make_desired(**with_rotation() | declared)
    assert words(plan(situate(desired, dialect=dialect, **world), desired)) == planned


# Expiry, row 11, where the dialects differ.


@pytest.mark.parametrize(("dialect", "verb"), [("alpha", "refresh"), ("beta", "replace")])
@pytest.mark.parametrize(
    ("declared", "expires_in", "is_due"),
    [
        pytest.param({}, 29 * DAY, True, id="provider's own limit: less than a third of the life is left"),
        pytest.param({}, 31 * DAY, False, id="provider's own limit: more than a third of the life is left"),
        pytest.param(with_rotation(before_expiry=14 * DAY), 14 * DAY, True, id="before_expiry exactly reached"),
        pytest.param(with_rotation(before_expiry=14 * DAY), 15 * DAY, False, id="before_expiry not reached"),
        pytest.param(
            with_rotation(before_expiry=400 * DAY),
            31 * DAY,
            False,
            id="before_expiry longer than the life: a third counts",
        ),
        pytest.param(
            with_rotation(before_expiry=90 * DAY), 31 * DAY, False, id="before_expiry as long as the life: a third"
        ),
        pytest.param({"expires_in": 90 * DAY}, 29 * DAY, True, id="relative expiry: a third is left"),
    ],
)
def test_a_key_is_renewed_before_it_expires(
    declared: dict[str, Any], expires_in: timedelta, is_due: bool, dialect: str, verb: str
) -> None:
    desired = make_desired(**with_rotation() | declared)
    expiry = LATER + expires_in
    born = expiry - 90 * DAY
    receipt = recorded(expires_at=expiry, delivered_at=born, created_at=born)
    snapshot = situate(desired, keys=[ours(expires_at=expiry, created_at=born)], receipts=[receipt], dialect=dialect)
    assert words(plan(snapshot, desired)) == [f"{verb} expiring key-1" if is_due else "keep up_to_date key-1"]


def test_an_absolute_expiry_is_never_rotated_for_but_warned_about() -> None:
    expiry = LATER + DAY
    desired = make_desired(expires_at=expiry)
    snapshot = situate(desired, keys=[ours(expires_at=expiry)], receipts=[recorded(expires_at=expiry)])
    made = plan(snapshot, desired)
    assert words(made) == ["keep up_to_date key-1"]
    assert made.warnings == ()
    made = plan(replace(snapshot, now=expiry - HOUR), desired)
    assert words(made) == ["keep up_to_date key-1"]
    (warning,) = made.warnings
    assert warning == (
        "user/ci expires at 2026-11-24T08:31:00+00:00, which no rotation can change: "
        "raise expires_at in the manifest, or use expires_in"
    )


@pytest.mark.parametrize(
    "world",
    [
        pytest.param({}, id="no key"),
        pytest.param({"keys": [ours(expires_at=LATER + HOUR)]}, id="a key that is not current"),
        pytest.param({"keys": [ours()], "receipts": [recorded()]}, id="a key without expiry"),
        pytest.param({"keys": [ours(expires_at=LATER)], "receipts": [recorded(expires_at=LATER)]}, id="an expired key"),
    ],
)
def test_of_an_absolute_expiry_nobody_is_warned_without_a_current_key_that_it_ends(world: dict[str, Any]) -> None:
    desired = make_desired(expires_at=LATER + HOUR)
    assert plan(situate(desired, **world), desired).warnings == ()


def test_an_expiry_that_has_passed_is_blocked_with_what_to_do_and_not_warned_about() -> None:
    desired = make_desired(expires_at=LATER)
    key = ours(expires_at=LATER + timedelta(seconds=1))
    made = plan(situate(desired, keys=[key], receipts=[recorded(expires_at=key.expires_at)]), desired)
    assert made.warnings == ()
    assert [action.blocked.advice for action in made.actions if action.blocked] == [
        "expires_at has passed: set a later one, use expires_in, or remove the declaration"
    ]


def test_a_key_that_the_provider_ends_before_its_absolute_expiry_is_renewed() -> None:
    desired = make_desired(expires_at=LATER + 300 * DAY)
    receipt = recorded(expires_at=LATER + HOUR, declared_expires_at=LATER + 300 * DAY)
    snapshot = situate(desired, keys=[ours(expires_at=LATER + HOUR)], receipts=[receipt], now=LATER + HOUR / 2)
    made = plan(snapshot, desired)
    assert words(made) == ["replace expiring key-1"]
    assert made.warnings == ()


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ours(created_at=UNKNOWN_TIME, expires_at=LATER + 60 * DAY), id="creation unknown"),
        pytest.param(ours(created_at=LATER + 59 * DAY, expires_at=LATER + 60 * DAY), id="created in the future"),
    ],
)
@pytest.mark.parametrize("raw_text", [pytest.param("ak-raw", id="ours"), pytest.param(None, id="imported")])
def test_a_useless_time_of_creation_rotates_nothing(key: Observation, raw_text: str | None) -> None:
    desired = make_desired(rotation=Rotation(every=30 * DAY))
    receipt = recorded(raw_text=raw_text, created_at=key.created_at, expires_at=key.expires_at)
    assert words(plan(situate(desired, keys=[key], receipts=[receipt]), desired)) == ["keep up_to_date key-1"]


def test_an_imported_key_is_as_old_as_its_creation() -> None:
    desired = make_desired(rotation=Rotation(every=30 * DAY))
    born = NOW - 30 * DAY
    receipt = recorded(raw_text=None, created_at=born)
    snapshot = situate(desired, keys=[ours(created_at=born)], receipts=[receipt])
    assert words(plan(snapshot, desired)) == ["refresh too_old key-1"]


def test_an_imported_key_from_the_future_is_as_old_as_its_import() -> None:
    desired = make_desired(rotation=Rotation(every=30 * DAY))
    born = LATER + DAY
    receipt = recorded(raw_text=None, created_at=born, delivered_at=LATER - 30 * DAY)
    snapshot = situate(desired, keys=[ours(created_at=born)], receipts=[receipt])
    assert words(plan(snapshot, desired)) == ["refresh too_old key-1"]


@pytest.mark.parametrize("dialect", ["alpha", "beta"])
def test_what_was_refreshed_in_place_is_as_young_as_its_delivery(dialect: str) -> None:
    desired = make_desired(rotation=Rotation(every=30 * DAY))
    born = NOW - 300 * DAY
    snapshot = situate(desired, keys=[ours(created_at=born)], receipts=[recorded(created_at=born)], dialect=dialect)
    assert words(plan(snapshot, desired)) == ["keep up_to_date key-1"]


# Asking by hand.


@pytest.mark.parametrize("pattern", ["user/ci", "user/*", "*"])
def test_a_key_is_rotated_on_request(pattern: str) -> None:
    desired = make_desired()
    assert words(plan(situate(desired, **CURRENT), desired, rotate=(pattern,))) == ["refresh requested key-1"]


def test_a_rotation_that_is_asked_for_leaves_the_other_keys_alone() -> None:
    ci, cd = make_desired(), make_desired("cd")
    keys, receipts = (
        [ours(), ours("key-2", cd.address, name="cd")],
        [recorded("key-2", cd.address, name="cd"), recorded()],
    )
    planned = words(plan(situate(ci, cd, keys=keys, receipts=receipts), ci, cd, rotate=("user/ci",)))
    assert planned == ["refresh requested key-1", "keep up_to_date key-2"]


def test_an_address_with_brackets_is_itself_before_it_is_a_glob() -> None:
    desired = make_desired("ci[1]")
    key, receipt = ours(address=desired.address, name="ci[1]"), recorded(address=desired.address, name="ci[1]")
    snapshot = situate(desired, keys=[key], receipts=[receipt])
    made = plan(snapshot, desired, rotate=("user/ci[1]",), targets=("user/ci[1]",))
    assert words(made) == ["refresh requested key-1"]


def test_an_address_with_brackets_leaves_out_what_it_would_fit_as_a_glob() -> None:
    bracketed, plain = make_desired("ci[1]"), make_desired("ci1")
    made = plan(situate(bracketed, plain), bracketed, plain, targets=("user/ci[1]",))
    assert [action.address for action in made.actions] == ["user/ci[1]"]
    both = plan(situate(bracketed, plain), bracketed, plain, rotate=("user/ci?1?",), targets=("user/ci*",))
    assert len(both.actions) == 2
    with pytest.raises(InputError, match="nothing that is looked at"):
        plan(situate(bracketed, plain), bracketed, plain, rotate=("user/ci[1]",), targets=("user/ci1",))


COMPOSED, DECOMPOSED = Address("user/caf\u00e9"), Address("user/cafe\u0301")


@pytest.mark.parametrize(
    "receipts",
    [
        pytest.param([recorded(address=DECOMPOSED, name="cafe\u0301")], id="by the ledger"),
        pytest.param([], id="by its marker"),
    ],
)
def test_a_key_stays_its_declarations_in_whichever_normal_form_it_was_recorded(receipts: list[Receipt]) -> None:
    desired = make_desired("caf\u00e9", address=COMPOSED)
    key = ours(address=DECOMPOSED, name="caf\u00e9")
    held = {slot_of(COMPOSED): holding(recorded(address=DECOMPOSED, name="cafe\u0301"))}
    made = plan(situate(desired, keys=[key], receipts=receipts, held=held), desired)
    assert words(made) == ["keep moved key-1"]


def test_a_target_is_found_in_another_normal_form() -> None:
    desired = make_desired("caf\u00e9", address=COMPOSED)
    assert words(plan(situate(desired), desired, targets=(DECOMPOSED,))) == ["create absent"]


def test_addresses_that_look_alike_are_a_warning_of_the_plan() -> None:
    desired = make_desired(), make_desired("CI")
    (warning,) = plan(situate(*desired), *desired).warnings
    assert "user/CI" in warning
    assert "user/ci " in warning


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        pytest.param({"rotate": ("user/nobody",)}, "'user/nobody'", id="rotate"),
        pytest.param({"targets": ("service/*", "user/ci", "x")}, "'service/*', 'x'", id="targets"),
        pytest.param({"targets": ("user/ci",), "rotate": ("user/cd",)}, "'user/cd'", id="rotate what is no target"),
    ],
)
def test_an_address_that_fits_nothing_is_refused(request_: dict[str, Any], named: str) -> None:
    desired = make_desired(), make_desired("cd")
    with pytest.raises(InputError) as caught:
        plan(situate(*desired), *desired, **request_)
    assert caught.value.message.endswith(f"fits {named}")
    assert caught.value.advice == ("addresses are user/NAME and service/SPACE/NAME; globs such as 'service/*' are fine")


def test_targets_hide_everything_else() -> None:
    desired = make_desired(), make_desired("cd")
    lost = ours("key-7", Address("user/gone"), name="gone")
    made = plan(situate(*desired, keys=[lost, FOREIGN]), *desired, targets=("user/cd",))
    assert words(made) == ["create absent"]
    assert made.actions[0].address == "user/cd"
    assert made.unmanaged == ()


# Attempts.


def test_after_five_attempts_a_person_is_asked() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], intents=[make_intent(attempts=5)])
    assert words(plan(snapshot, desired)) == ["exhausted: create unfinished key-1"]
    assert words(plan(snapshot, desired, rotate=("user/ci",))) == ["refresh unfinished key-1"]
    assert words(plan(replace(snapshot, keys=()), desired)) == ["exhausted: create unfinished"]


def test_who_is_asked_is_told_what_to_do() -> None:
    desired = make_desired()
    (action,) = plan(situate(desired, keys=[ours()], intents=[make_intent(attempts=5)]), desired).actions
    assert action.blocked
    assert action.blocked.advice == (
        "5 attempts failed; see `keyplan ledger show`, fix the cause, "
        "then run `keyplan rotate 'user/ci'` to start afresh"
    )


def test_four_attempts_are_tried_once_more() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], intents=[make_intent(attempts=4)])
    assert words(plan(snapshot, desired)) == ["refresh unfinished key-1"]


# Sinks that can prove little.

WEAKLY = {"abilities": {LOCAL: WEAK}}
BLINDLY = {"abilities": {LOCAL: BLIND}}


@pytest.mark.parametrize(
    ("world", "planned"),
    [
        pytest.param({**BLINDLY}, ["unproven: refresh unproven key-1"], id="blind sink, no ledger"),
        pytest.param(
            {**BLINDLY, "intents": [make_intent()]}, ["refresh unfinished key-1"], id="blind sink, an open intent"
        ),
        pytest.param(
            {**BLINDLY, "receipts": [recorded("key-0", created_at=NOW - HOUR)]},
            ["refresh undelivered key-1"],
            id="blind sink, the ledger knows another key",
        ),
        pytest.param(
            {**WEAKLY, "held": {slot_of(CI): Holding(present=True, changed_at=NOW)}},
            ["keep up_to_date key-1"],
            id="weak sink, changed at the key's creation",
        ),
        pytest.param(
            {**WEAKLY, "held": {slot_of(CI): Holding(present=True, changed_at=NOW - timedelta(seconds=1))}},
            ["refresh undelivered key-1"],
            id="weak sink, changed before the key's creation",
        ),
        pytest.param(
            {**WEAKLY, "held": {slot_of(CI): Holding(present=False, changed_at=NOW)}},
            ["refresh undelivered key-1"],
            id="weak sink, emptied since",
        ),
        pytest.param(
            {**WEAKLY, "held": {slot_of(CI): Holding(present=True)}},
            ["unproven: refresh unproven key-1"],
            id="weak sink that tells no time",
        ),
        pytest.param({**WEAKLY, "held": {}}, ["refresh undelivered key-1"], id="weak sink that holds nothing"),
    ],
)
def test_without_a_receipt_weak_proof_counts_and_silence_blocks(world: dict[str, Any], planned: list[str]) -> None:
    desired = make_desired()
    assert words(plan(situate(desired, keys=[ours()], **world), desired)) == planned


def test_a_weak_sink_proves_nothing_of_a_key_without_a_time_of_creation() -> None:
    desired = make_desired()
    held = {slot_of(CI): Holding(present=True, changed_at=NOW)}
    snapshot = situate(desired, keys=[ours(created_at=UNKNOWN_TIME)], held=held, **WEAKLY)
    assert words(plan(snapshot, desired)) == ["unproven: refresh unproven key-1"]


def test_an_unproven_key_comes_with_what_to_do() -> None:
    desired = make_desired()
    (action,) = plan(situate(desired, keys=[ours()], **BLINDLY), desired).actions
    assert action.blocked
    assert action.blocked.advice == (
        "local:secrets/user/ci cannot prove that it holds this key, and the ledger has no record of it: keep a lasting "
        "ledger, take the key over with `keyplan import`, or renew it with `--rotate 'user/ci'`"
    )


def test_an_unproven_key_is_renewed_on_request() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], **BLINDLY)
    assert words(plan(snapshot, desired, rotate=("*",))) == ["refresh undelivered key-1"]


@pytest.mark.parametrize(
    ("ledger", "planned"),
    [
        pytest.param([], ["unproven: refresh unproven key-1"], id="ledger lost: nothing tells of the blind one"),
        pytest.param([recorded()], ["refresh undelivered key-1"], id="the ledger tells that the blind one lacks it"),
    ],
)
def test_a_blind_sink_beside_one_with_receipts(ledger: list[Receipt], planned: list[str]) -> None:
    desired = make_desired()
    sinks = {LOCAL: FULL, "vault": BLIND}
    held = {slot_of(CI): holding(recorded()), slot_of(CI, "vault"): Holding(present=True)}
    snapshot = situate(desired, keys=[ours()], receipts=ledger, held=held, abilities=sinks)
    assert words(plan(snapshot, desired)) == planned


def test_a_blind_sink_beside_one_with_receipts_is_served_on_request() -> None:
    desired = make_desired()
    held = {slot_of(CI): holding(recorded()), slot_of(CI, "vault"): Holding(present=True)}
    snapshot = situate(desired, keys=[ours()], held=held, abilities={LOCAL: FULL, "vault": BLIND})
    assert words(plan(snapshot, desired, rotate=("*",))) == ["refresh undelivered key-1"]


# What the actions say.


def test_a_service_key_in_another_space_is_no_namesake() -> None:
    desired = make_desired_service(PRODUCTION)
    elsewhere = make_observation(
        "key-9", name="ingest", key_type=KeyType.SERVICE, scope_ids=frozenset({make_space("staging").id})
    )
    assert words(plan(situate(desired, keys=[elsewhere]), desired)) == ["create absent"]
    unseen = replace(elsewhere, scope_ids=None)
    assert words(plan(situate(desired, keys=[unseen]), desired)) == ["foreign: create foreign key-9"]
    here = replace(elsewhere, scope_ids=frozenset({PRODUCTION.id}))
    assert words(plan(situate(desired, keys=[here]), desired)) == ["foreign: create foreign key-9"]


@pytest.mark.parametrize(
    ("declared", "foreign", "advice"),
    [
        ({}, [FOREIGN], "add the line `import: key-9` to take it over as it is, or say adopt: refresh"),
        (
            {"adopt": Adopt.REFRESH},
            [FOREIGN, replace(FOREIGN, id=KeyId("key-8"))],
            "2 keys have this name: add the line of the right one to take it over: `import: key-8` (created",
        ),
        (
            {"adopt": Adopt.REFRESH, "description": "x"},
            [FOREIGN],
            "adopt: refresh is not possible (changing the description requires a new key): declare the key as",
        ),
    ],
    ids=["refused", "ambiguous", "impossible"],
)
def test_a_foreign_key_comes_with_what_to_do(declared: dict[str, Any], foreign: list[Observation], advice: str) -> None:
    desired = make_desired(**declared)
    (action,) = plan(situate(desired, keys=foreign), desired).actions
    assert action.blocked
    assert advice in action.blocked.advice
    assert action.before
    assert action.before.id == action.key_id


def test_actions_come_in_the_order_of_applying_by_address_within() -> None:
    desired = [
        make_desired("e"),
        make_desired("a"),
        make_desired("d", description="x", on_description_change=OnDescriptionChange.REPLACE),
        make_desired("b"),
        make_desired("c"),
    ]
    keys, receipts = [], []
    for name, generation in (("d", 1), ("b", 7), ("c", 1)):
        address = Address(f"user/{name}")
        keys.append(ours(f"key-{name}", address, name=name))
        receipts.append(recorded(f"key-{name}", address, name=name, generation=generation))
    gone = recorded("key-z", Address("user/z"), name="z")
    lost = ours("key-y", Address("user/y"), name="y")
    made = plan(situate(*desired, keys=[*keys, lost], receipts=[*receipts, gone]), *desired)
    assert [f"{action.verb.value} {action.address}" for action in made.actions] == [
        "create user/a",
        "create user/e",
        "replace user/d",
        "refresh user/b",
        "delete user/y",
        "forget user/z",
        "keep user/c",
    ]


def test_a_plan_says_for_whom_and_against_what_it_was_made() -> None:
    made = plan(situate(serial=7), manifest={"unmanaged": Unmanaged.FAIL}, targets=())
    assert (made.owner, made.manifest, made.provider, made.dialect, made.serial, made.unmanaged_policy) == (
        OWNER,
        "keys.yaml",
        "https://api.simulated.test",
        "beta",
        7,
        Unmanaged.FAIL,
    )


def test_a_renewal_tells_reason_places_and_consequence() -> None:
    desired = make_desired(expires_in=90 * DAY, rotation=Rotation(generation=2, overlap=48 * HOUR))
    key = ours(expires_at=LATER + 80 * DAY)
    (action,) = plan(situate(desired, keys=[key], receipts=[recorded()]), desired).actions
    assert (action.verb, action.reason, action.overlap) == (Verb.REPLACE, Reason.REQUESTED, 48 * HOUR)
    assert action.explanation == "replace: a refresh can't extend a key's life in the beta API"
    assert action.locations == ("local:secrets/user/ci",)
    assert action.consequences == (
        "the old key works for 2 days after the switch; the first apply after that deletes it",
    )
    assert action.after
    assert action.after.expires_in == 90 * DAY


def test_a_changed_key_tells_its_fields() -> None:
    desired = make_desired(description="new", on_description_change=OnDescriptionChange.REPLACE)
    (action,) = plan(situate(desired, **CURRENT), desired).actions
    assert [change.field for change in action.changes] == ["description"]


def test_finishing_what_nobody_holds_has_no_consequences() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    (action,) = plan(situate(desired, keys=[ours()], intents=[make_intent()]), desired).actions
    assert (action.consequences, action.overlap) == ((), timedelta(0))


@pytest.mark.parametrize(
    ("world", "overlap"),
    [
        pytest.param(
            {"keys": [ours(redacted="ak-oth...111")], "receipts": [recorded()], "intents": [refreshed("key-1")]},
            HOUR,
            id="a refresh that kept the id: the old raw key lives by grace",
        ),
        pytest.param(
            {"keys": [ours()], "intents": [make_intent()], **BLINDLY}, HOUR, id="a blind sink may have taken it"
        ),
        pytest.param({"keys": [ours()], "intents": [make_intent()]}, timedelta(0), id="no sink took it"),
    ],
)
def test_what_somebody_may_hold_is_finished_with_the_overlap_asked_for(
    world: dict[str, Any], overlap: timedelta
) -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    (action,) = plan(situate(desired, **world), desired).actions
    assert (action.verb, action.reason, action.overlap) == (Verb.REFRESH, Reason.UNFINISHED, overlap)


def test_a_newcomer_that_a_blind_sink_may_hold_is_never_deleted_unseen() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    keys = [ours(), ours("key-2", created_at=LATER - HOUR / 2)]
    made = plan(situate(desired, keys=keys, receipts=[recorded()], **BLINDLY), desired)
    assert words(made) == ["refresh unfinished key-2", "keep overlapping key-1"]


# The gone current key, and the old ones beside it.


@pytest.mark.parametrize("overlap", [timedelta(0), 48 * HOUR], ids=["no overlap", "an overlap"])
@pytest.mark.parametrize(
    ("expiry", "reason"), [pytest.param(None, "gone", id="deleted"), pytest.param(LATER, "expired", id="expired")]
)
def test_when_the_current_key_is_gone_an_old_one_is_no_replacement(
    overlap: timedelta, expiry: Any, reason: str
) -> None:
    desired = make_desired(rotation=Rotation(overlap=overlap))
    receipt = recorded("key-2", superseded=(old("key-1", ends=LATER - HOUR),), expires_at=expiry)
    made = plan(situate(desired, keys=[ours()], receipts=[receipt]), desired)
    rest = "keep overlapping key-1" if overlap else "delete superseded key-1"
    assert words(made) == [f"create {reason}", rest]


def test_an_unknown_key_older_than_the_gone_one_is_an_old_one_too() -> None:
    desired = make_desired(rotation=Rotation(overlap=HOUR))
    snapshot = situate(desired, keys=[ours(created_at=NOW - DAY)], receipts=[recorded("key-2")])
    assert words(plan(snapshot, desired)) == ["create gone", "keep overlapping key-1"]


@pytest.mark.parametrize(
    ("intents", "planned"),
    [
        pytest.param([], ["create gone", "delete superseded key-1"], id="nothing tells which is younger: an old one"),
        pytest.param([make_intent()], ["refresh unfinished key-1"], id="an intent made it"),
    ],
)
def test_a_key_as_old_as_the_gone_one_is_new_only_by_an_intent(intents: list[Any], planned: list[str]) -> None:
    desired = make_desired(rotation=AT_ONCE)
    snapshot = situate(desired, keys=[ours()], receipts=[recorded("key-2")], intents=intents)
    assert words(plan(snapshot, desired)) == planned


def test_a_superseded_key_stays_old_whatever_its_time_of_creation_says() -> None:
    desired = make_desired()
    receipt = recorded("key-2", superseded=(old("key-1", ends=LATER + HOUR),))
    snapshot = situate(desired, keys=[ours(created_at=NOW + HOUR / 2)], receipts=[receipt])
    assert words(plan(snapshot, desired))[0] == "create gone"


def test_what_the_ledger_says_of_the_former_address_counts_after_a_move() -> None:
    desired = make_desired(moved_from=(Address("user/old"),))
    receipt = replace(recorded(address=Address("user/old")), delivered=())
    held = {slot_of(CI): Holding(present=True)}
    snapshot = situate(desired, keys=[ours()], receipts=[receipt], held=held, **BLINDLY)
    assert words(plan(snapshot, desired)) == ["refresh undelivered key-1"]


def test_beside_an_old_key_a_foreign_one_blocks_nothing() -> None:
    desired = make_desired(rotation=AT_ONCE)
    receipt = recorded("key-2", superseded=(old("key-1", ends=NOW),))
    snapshot = situate(desired, keys=[ours(), FOREIGN], receipts=[receipt])
    assert words(plan(snapshot, desired)) == ["create gone", "delete superseded key-1"]


def test_a_younger_key_than_the_gone_one_was_lost_on_its_way() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours(created_at=NOW + HOUR / 2)], receipts=[recorded("key-2")])
    assert words(plan(snapshot, desired)) == ["refresh undelivered key-1"]


# Rows 15 and 16.


@pytest.mark.parametrize(
    ("receipts", "defaults", "planned"),
    [
        pytest.param([], {}, ["delete undeclared key-1"], id="a marker alone, default: delete"),
        pytest.param(
            [], {"on_remove": OnRemove.FORGET}, ["forget undeclared key-1"], id="a marker alone, the manifest's default"
        ),
        pytest.param(
            [recorded(on_remove=OnRemove.FORGET)], {}, ["forget undeclared key-1"], id="the receipt remembers forget"
        ),
        pytest.param(
            [recorded()], {"on_remove": OnRemove.FORGET}, ["delete undeclared key-1"], id="the receipt remembers delete"
        ),
        pytest.param([recorded(forgotten=True)], {}, [], id="forgotten before: nobody's"),
    ],
)
def test_what_is_declared_nowhere_goes_by_on_remove(
    receipts: list[Receipt], defaults: dict[str, Any], planned: list[str]
) -> None:
    assert words(plan(situate(keys=[ours()], receipts=receipts), manifest=defaults)) == planned


def test_a_receipt_whose_key_is_gone_is_forgotten() -> None:
    assert words(plan(situate(receipts=[recorded()]))) == ["forget gone"]
    assert words(plan(situate(receipts=[recorded(forgotten=True)]))) == ["forget gone"]


def test_a_forgotten_key_is_listed_as_unmanaged_and_taken_again_when_declared() -> None:
    world = {"keys": [ours()], "receipts": [recorded(forgotten=True)]}
    assert [view.id for view in plan(situate(**world)).unmanaged] == ["key-1"]
    desired = make_desired()
    (action,) = plan(situate(desired, **world), desired).actions
    assert (action.verb, action.reason) == (Verb.KEEP, Reason.UP_TO_DATE)
    assert action.basis.receipt
    assert action.basis.receipt.forgotten is False
    assert action.basis.ledger_outdated


@pytest.mark.parametrize(
    ("policy", "listed"), [(Unmanaged.REPORT, ["key-9"]), (Unmanaged.FAIL, ["key-9"]), (Unmanaged.IGNORE, [])]
)
def test_everything_else_is_listed_and_untouched(policy: Unmanaged, listed: list[str]) -> None:
    others = make_observation("key-8", marker=Marker("other-team", "0123456789"))
    made = plan(situate(keys=[FOREIGN, others]), manifest={"unmanaged": policy})
    assert (words(made), [view.id for view in made.unmanaged]) == ([], listed)
    assert made.refuses_unmanaged is (policy is Unmanaged.FAIL)


# Laws.


def test_every_unlawful_rotation_is_told_at_once() -> None:
    desired = (
        make_desired("a", rotation=Rotation(strategy=Strategy.REFRESH, overlap=HOUR, retire=Retire.WHEN_UNUSED)),
        make_desired("b", rotation=Rotation(strategy=Strategy.REFRESH, overlap=HOUR)),
    )
    planned = plan(situate(*desired, dialect="alpha"), *desired)
    blocked = {action.address: action.blocked for action in planned.actions}
    assert [one and one.guard for one in blocked.values()] == [Guard.UNLAWFUL, Guard.UNLAWFUL]
    first, second = (one.advice for one in blocked.values() if one)
    assert first.count("; ") == 1, "both reasons are told"
    assert "retire: when_unused needs last_used_at" in first
    assert second.endswith(": use strategy: auto")


# The bookkeeping of what is kept.


def test_a_kept_key_brings_receipts_up_to_date_where_they_are_not() -> None:
    desired = make_desired(protect=True)
    (action,) = plan(situate(desired, **CURRENT), desired).actions
    basis = action.basis
    assert basis
    assert basis.receipt
    assert (basis.receipt.protect, basis.ledger_outdated, basis.outdated) == (True, True, (slot_of(CI),))


def test_a_kept_key_is_shown_as_it_is_and_as_declared() -> None:
    desired = make_desired()
    (action,) = plan(situate(desired, **CURRENT), desired).actions
    assert (action.before, action.after) == (view_key(ours()), view_desired(desired))
    assert (action.explanation, action.changes, action.locations, action.previous_address) == ("", (), (), None)
    assert action.place is desired.declaration.place


def test_a_kept_keys_receipt_says_what_the_declaration_of_today_says() -> None:
    desired = make_desired_service(PRODUCTION, protect=True, on_remove=OnRemove.FORGET)
    key = ours(address=desired.address, name="ingest", key_type=KeyType.SERVICE)
    former = recorded(address=desired.address, name="?", forgotten=True, superseded=(old("key-0", ends=NOW),))
    snapshot = situate(desired, keys=[key], receipts=[former], abilities={LOCAL: FULL, "vault": FULL})
    (action,) = plan(snapshot, desired).actions
    assert action.basis.receipt == recorded(
        address=desired.address,
        name="ingest",
        key_type=KeyType.SERVICE,
        scope_ids=(PRODUCTION.id,),
        protect=True,
        on_remove=OnRemove.FORGET,
        delivered=(slot_of(desired.address).delivered, slot_of(desired.address, "vault").delivered),
    )


def test_a_kept_key_whose_receipts_agree_needs_nothing() -> None:
    desired = make_desired()
    (action,) = plan(situate(desired, **CURRENT), desired).actions
    assert (action.basis.ledger_outdated, action.basis.outdated) == (False, ())


HERE = Slot(sink=LOCAL, location="a", options={"path": "a"})
THERE = Slot(sink=SinkName("vault"), location="b", options={"path": "b"})
ELSEWHERE = Slot(sink=LOCAL, location="c", options={"path": "c"})
AS_BEFORE = Slot(sink=LOCAL, location="a", options={"path": "before"})


@pytest.mark.parametrize(
    ("slots", "noted"),
    [
        pytest.param((HERE,), (HERE,), id="the same place"),
        pytest.param((THERE, HERE), (HERE, THERE), id="the same places, declared in another order"),
        pytest.param((HERE,), (AS_BEFORE,), id="the same place with other options"),
        pytest.param((THERE, HERE), (AS_BEFORE, THERE), id="one of two places with other options"),
        pytest.param((HERE,), (HERE, THERE), id="a place fewer"),
        pytest.param((HERE, THERE), (HERE,), id="a place more"),
        pytest.param((ELSEWHERE,), (HERE,), id="another place of the same sink"),
        pytest.param((replace(THERE, location="a"),), (HERE,), id="a place of that name in another sink"),
    ],
)
def test_a_kept_keys_receipt_lists_the_places_of_today_as_they_are(
    slots: tuple[Slot, ...], noted: tuple[Slot, ...]
) -> None:
    desired, former = make_desired(), recorded(delivered=tuple(slot.delivered for slot in noted))
    held = {slot: holding(former) for slot in slots}
    both = {LOCAL: FULL, "vault": FULL}
    snapshot = situate(desired, keys=[ours()], receipts=[former], held=held, abilities=both, slots={CI: slots})
    (action,) = plan(snapshot, desired).actions
    assert action.basis.receipt
    today = sorted(slots, key=lambda slot: slot.sink)
    listed = [(entry.sink, entry.location, entry.options) for entry in action.basis.receipt.delivered]
    assert listed == [(slot.sink, slot.location, slot.options) for slot in today]
    assert (action.basis.receipt is former) is (today == list(noted) and AS_BEFORE is not noted[0])


def test_with_the_ledger_lost_the_sinks_receipt_is_enough() -> None:
    desired = make_desired()
    snapshot = situate(desired, keys=[ours()], held={slot_of(CI): holding(recorded())})
    (action,) = plan(snapshot, desired).actions
    assert (action.verb, action.basis.ledger_outdated, action.basis.outdated) == (Verb.KEEP, True, ())


def test_an_open_intent_that_led_to_nothing_is_closed_by_keeping() -> None:
    desired = make_desired()
    (action,) = plan(situate(desired, **CURRENT, intents=[make_intent()]), desired).actions
    assert [intent.id for intent in action.basis.intents] == ["intent-1"]


def test_a_refresh_that_did_not_end_is_repeated_where_two_runs_may_have_mixed_value_and_receipt() -> None:
    desired = make_desired()
    key, receipt = ours(redacted="ak-can...000"), recorded()
    intent = make_intent(verb="refresh", key_id=KeyId("key-1"), alive_before=(KeyId("key-1"),))
    for abilities, expected in (
        (replace(WRITE_ONLY, compares=False), "refresh unfinished key-1"),
        (replace(FULL, compares=False), "keep up_to_date key-1"),
        (WRITE_ONLY, "keep up_to_date key-1"),
    ):
        held = {slot_of(CI): holding(receipt, Content.UNREAD)}
        snapshot = situate(
            desired, keys=[key], receipts=[receipt], intents=[intent], held=held, abilities={LOCAL: abilities}
        )
        assert words(plan(snapshot, desired)) == [expected]
