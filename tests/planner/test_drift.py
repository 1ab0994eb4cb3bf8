"""What a plan says of the world and of the manifest: each row of a table is one situation and what is found in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, holding, old, ours, plan, recorded, situate, slot_of
from samples import (
    LOCAL,
    NOW,
    OWNER,
    PLACE,
    make_desired,
    make_desired_service,
    make_intent,
    make_observation,
    make_runner,
)
from scenario import make_manifest
from simulator import BLIND, FULL, WEAK, make_space

from keyplan.model.basis import OldKeyBasis
from keyplan.model.desired import Desired
from keyplan.model.drift import Cause, Drift, DriftFinding, DriftKind
from keyplan.model.identity import Address, Departure, Identity, KeyId, UserId
from keyplan.model.manifest import (
    Adopt,
    OnDescriptionChange,
    OnRemove,
    ProviderSettings,
    Role,
    Rotation,
    SpaceGrant,
    Unmanaged,
    Waiver,
)
from keyplan.model.observation import Access, Content, Holding, Marker, Observation, Snapshot
from keyplan.model.plan import Blocked, Guard, PlannedAction, Reason, Verb
from keyplan.planner.drift import find_drift
from keyplan.planner.drift_causes import classify_action

FOREIGN = make_observation("key-9")
CURRENT = {"keys": [ours()], "receipts": [recorded()]}
PRODUCTION = make_space("production")
TWO_SINKS = {"abilities": {LOCAL: FULL, "vault": FULL}}
YOUNGER = ours("key-2", created_at=LATER)


def look(snapshot: Snapshot, *desired: Desired, manifest: dict[str, Any] | None = None, **asked: Any) -> Drift:
    declared = make_manifest(*(one.declaration for one in desired), **(manifest or {}))
    return find_drift(plan(snapshot, *desired, manifest=manifest), snapshot, manifest=declared, **asked)


def words(drift: Drift) -> list[str]:
    """Return `kind cause [guard] [key]` of every finding."""
    return [_say(finding) for finding in drift.findings]


def _say(finding: DriftFinding) -> str:
    guard = f" by {finding.guard.value}" if finding.guard else ""
    key = f" {finding.key_id}" if finding.key_id else ""
    shown = " (shown)" if finding.is_report_only else ""
    return f"{finding.kind.value} {finding.cause.value}{guard}{key}{shown}"


def rotating(**rotation: Any) -> dict[str, Any]:
    return {"rotation": Rotation(**rotation)}


ROWS = [
    pytest.param({}, CURRENT, [], id="as declared"),
    pytest.param({}, {"receipts": [recorded()]}, ["drift gone key-1"], id="deleted outside keyplan"),
    pytest.param({}, {"receipts": [recorded(expires_at=LATER)]}, ["drift expired key-1"], id="its expiry has passed"),
    pytest.param(
        {},
        {"keys": [ours(redacted="ak-oth...111")], "receipts": [recorded()]},
        ["drift rotated_elsewhere key-1"],
        id="another raw key",
    ),
    pytest.param(
        {},
        {"keys": [YOUNGER], "receipts": [recorded()]},
        ["drift rotated_elsewhere key-2"],
        id="another raw key, by a refresh that gave another id",
    ),
    pytest.param({}, {**CURRENT, "held": {}}, ["drift sink_lost key-1"], id="a sink lost it"),
    pytest.param({}, {"keys": [ours()]}, ["drift sink_lost key-1"], id="ledger and sinks lost it"),
    pytest.param(
        {},
        {**CURRENT, **TWO_SINKS, "held": {slot_of(CI): holding(recorded())}},
        ["pending undelivered key-1"],
        id="a sink was added to the manifest",
    ),
    pytest.param(
        {},
        {**CURRENT, **TWO_SINKS, "held": {}},
        ["drift sink_lost key-1"],
        id="a sink was added, and the old one lost it: the loss counts",
    ),
    pytest.param(
        {}, {"keys": [ours(), YOUNGER], "receipts": [recorded()]}, ["drift duplicate key-2"], id="a second key of ours"
    ),
    pytest.param(
        {},
        {"keys": [ours(), YOUNGER], "receipts": [recorded()], "intents": [make_intent(verb="replace")]},
        ["pending unfinished key-2"],
        id="a second key that an open intent explains",
    ),
    pytest.param(
        {},
        {"keys": [ours(), YOUNGER], "receipts": [recorded()], "intents": [make_intent(address=Address("user/cd"))]},
        ["drift duplicate key-2"],
        id="a second key, and the open intent is about another address",
    ),
    pytest.param(
        {},
        {
            "keys": [ours(), YOUNGER],
            "receipts": [recorded()],
            "intents": [make_intent(alive_before=(KeyId("key-1"), KeyId("key-2")))],
        },
        ["drift duplicate key-2"],
        id="a second key that was there before the open intent",
    ),
    pytest.param(
        {},
        {"keys": [ours()], "intents": [make_intent()]},
        ["pending unfinished key-1"],
        id="a create that was cut off",
    ),
    pytest.param(
        {},
        {
            "keys": [ours(redacted="")],
            "receipts": [recorded()],
            "intents": [make_intent(verb="refresh", key_id=KeyId("key-1"), alive_before=(KeyId("key-1"),))],
        },
        ["pending unfinished key-1"],
        id="a refresh that was cut off",
    ),
    pytest.param(
        {},
        {"intents": [make_intent(attempts=5)]},
        ["pending unfinished by exhausted"],
        id="too many attempts: an apply gives up",
    ),
    pytest.param(
        {}, {"keys": [ours()], "abilities": {LOCAL: BLIND}}, ["drift unproven by unproven key-1"], id="no proof at all"
    ),
    pytest.param({}, {}, ["pending absent"], id="never made"),
    pytest.param(
        {},
        {"keys": [FOREIGN]},
        ["pending foreign by foreign key-9"],
        id="a namesake was there before",
    ),
    pytest.param(
        {},
        {"keys": [FOREIGN], "receipts": [recorded()]},
        ["drift foreign by foreign key-9"],
        id="a namesake took the place of ours",
    ),
    pytest.param(
        {"adopt": Adopt.REFRESH},
        {"keys": [FOREIGN]},
        ["pending foreign key-9"],
        id="a namesake that an apply adopts",
    ),
    pytest.param({"expires_at": NOW}, {}, ["pending declared_in_past by declared_in_past"], id="declared in the past"),
    pytest.param(
        {"description": "new", "on_description_change": OnDescriptionChange.REPLACE},
        CURRENT,
        ["pending changed key-1"],
        id="another description is declared",
    ),
    pytest.param(
        {"description": "new"},
        {**CURRENT, "held": {}},
        ["drift sink_lost key-1", "pending changed key-1"],
        id="a sink lost it, and another description is declared",
    ),
    pytest.param(
        {"description": "new"},
        {"keys": [YOUNGER], "receipts": [recorded()]},
        ["drift rotated_elsewhere key-2"],
        id="what is not current is not compared",
    ),
    pytest.param(rotating(generation=2), CURRENT, ["pending requested key-1"], id="another generation is declared"),
    pytest.param(rotating(every=HOUR), CURRENT, ["pending due key-1"], id="due by age"),
    pytest.param(
        {"protect": True, **rotating(every=HOUR)}, CURRENT, ["pending due by protect key-1"], id="due, and protected"
    ),
    pytest.param(
        {},
        {"keys": [ours(), ours("key-0")], "receipts": [recorded(superseded=(old("key-0", ends=LATER),))]},
        ["pending superseded key-0"],
        id="an overlap is over",
    ),
    pytest.param(
        {},
        {"keys": [ours(), ours("key-0")], "receipts": [recorded(superseded=(old("key-0", ends=LATER + HOUR),))]},
        [],
        id="an overlap still runs",
    ),
]


@pytest.mark.parametrize(("declared", "world", "found"), ROWS)
def test_each_difference_is_on_somebodys_side(
    declared: dict[str, Any], world: dict[str, Any], found: list[str]
) -> None:
    desired = make_desired(**declared)
    assert words(look(situate(desired, **world), desired)) == found


@pytest.mark.parametrize(("declared", "world"), [pytest.param(*row.values[:2], id=row.id) for row in ROWS])
def test_there_is_an_alarm_where_a_plan_has_differences_and_nowhere_else(
    declared: dict[str, Any], world: dict[str, Any]
) -> None:
    desired = make_desired(**declared)
    snapshot = situate(desired, **world)
    assert bool(look(snapshot, desired).alarms) is plan(snapshot, desired).has_differences


def test_a_finding_says_where_what_and_what_to_do() -> None:
    desired = make_desired(protect=True, rotation=Rotation(every=30 * DAY))
    snapshot = situate(desired, **CURRENT, now=NOW + 40 * DAY)
    assert look(snapshot, desired).findings == (
        DriftFinding(
            kind=DriftKind.PENDING,
            cause=Cause.DUE,
            address=CI,
            name="ci",
            key_id=KeyId("key-1"),
            detail="in use since 2026-11-23T07:31:00Z, to be renewed every 30d",
            advice="it is protected: protect: false, apply, then try again",
            guard=Guard.PROTECT,
            place=PLACE,
        ),
    )


@pytest.mark.parametrize(
    ("world", "detail"),
    [
        pytest.param({"held": {}}, "local:secrets/user/ci holds nothing any longer", id="emptied"),
        pytest.param(
            {"held": {slot_of(CI): holding(recorded(), Content.DIFFERS)}},
            "local:secrets/user/ci holds another value",
            id="overwritten",
        ),
        pytest.param(
            {
                "held": {slot_of(CI): holding(recorded("key-0"), changed_at=LATER)},
                "revoked": (ours("key-0", active=False),),
            },
            "local:secrets/user/ci holds another value",
            id="an earlier key's value",
        ),
        pytest.param(
            {"held": {slot_of(CI): Holding(present=True, changed_at=LATER + HOUR)}, "abilities": {LOCAL: WEAK}},
            "local:secrets/user/ci was changed at 2026-11-23T09:31:00Z",
            id="all that weak proof tells",
        ),
    ],
)
def test_a_loss_says_what_the_sink_holds_now(world: dict[str, Any], detail: str) -> None:
    desired = make_desired()
    (finding,) = look(situate(desired, **CURRENT, **world), desired).findings
    assert (finding.cause, finding.detail) == (Cause.SINK_LOST, detail)


@pytest.mark.parametrize(
    ("action", "detail"),
    [
        pytest.param({"verb": Verb.DELETE}, "its declaration is gone, and the next apply deletes it", id="delete"),
        pytest.param(
            {"verb": Verb.FORGET}, "its declaration is gone, and the next apply leaves it to others", id="forget"
        ),
    ],
)
def test_an_undeclared_key_ends_as_it_was_asked_for(action: dict[str, Any], detail: str) -> None:
    policy = OnRemove.DELETE if action["verb"] is Verb.DELETE else OnRemove.FORGET
    (finding,) = look(situate(keys=[ours()], receipts=[recorded(on_remove=policy)])).findings
    assert (finding.kind, finding.cause, finding.detail) == (DriftKind.PENDING, Cause.UNDECLARED, detail)


def test_too_many_undeclared_keys_are_blocked_and_say_so() -> None:
    names = [Address(f"user/{number}") for number in range(6)]
    drift = look(situate(keys=[ours(f"key-{name}", name) for name in names], receipts=[]))
    assert {(finding.cause, finding.guard) for finding in drift.findings} == {(Cause.UNDECLARED, Guard.DELETES)}


def test_a_receipt_alone_of_what_nobody_declares_is_forgotten_by_the_next_apply() -> None:
    assert words(look(situate(receipts=[recorded()]))) == ["pending undeclared"]


def test_a_move_is_shown_and_needs_nobody() -> None:
    desired = make_desired(address=Address("user/new"), moved_from=(CI,))
    snapshot = situate(desired, **CURRENT, held={slot_of(desired.address): holding(recorded())})
    receipt = recorded(delivered=(slot_of(desired.address).delivered,))
    drift = look(replace(snapshot, receipts=(receipt,)), desired)
    assert (words(drift), drift.alarms) == (["pending moved key-1 (shown)"], ())
    assert drift.findings[0].detail == "from user/ci"


def test_a_kept_key_that_a_guard_calls_wrong_is_pending() -> None:
    blocked = Blocked(guard=Guard.PROTECT, advice="ask the platform team")
    action = PlannedAction(
        address=CI,
        verb=Verb.KEEP,
        reason=Reason.UP_TO_DATE,
        key_id=KeyId("key-1"),
        blocked=blocked,
        basis=OldKeyBasis(key=ours()),
    )
    (finding,) = classify_action(action, situate())
    assert (finding.kind, finding.cause, finding.name) == (DriftKind.PENDING, Cause.POLICY, CI)
    assert (finding.advice, finding.is_report_only) == ("ask the platform team", False)


# What somebody changed at the provider, as far as receipts tell.


def as_admin(desired: Desired) -> Access:
    assert desired.access is not None
    (organization,) = desired.access.organizations
    (grant,) = organization.spaces
    spaces = (SpaceGrant(space_id=grant.space_id, role=Role("admin")),)
    return replace(desired.access, organizations=(replace(organization, spaces=spaces),))


@pytest.mark.parametrize(
    ("delivered_as", "found"),
    [
        pytest.param("declared", "drift altered key-1", id="the declaration is still what was delivered"),
        pytest.param("otherwise", "pending changed key-1", id="the declaration is another since"),
        pytest.param("", "pending changed key-1", id="nobody knows what was delivered"),
    ],
)
def test_other_roles_are_drift_where_the_declaration_stayed(delivered_as: str, found: str) -> None:
    desired = make_desired_service(PRODUCTION)
    assert desired.access is not None
    digest = desired.access.digest() if delivered_as == "declared" else delivered_as
    service = {"name": "ingest", "key_type": desired.declaration.key_type}
    key = ours(address=desired.address, access=as_admin(desired), **service)
    receipt = recorded(address=desired.address, access=digest, **service)
    assert words(look(situate(desired, keys=[key], receipts=[receipt]), desired)) == [found]


def test_altered_roles_say_what_they_are_and_what_they_were() -> None:
    desired = make_desired_service(PRODUCTION)
    assert desired.access is not None
    service = {"address": desired.address, "name": "ingest", "key_type": desired.declaration.key_type}
    key = ours(access=as_admin(desired), **service)
    receipt = recorded(access=desired.access.digest(), **service)
    (finding,) = look(situate(desired, keys=[key], receipts=[receipt]), desired).findings
    assert finding.detail == f"space {PRODUCTION.id} is admin, delivered was member"


@pytest.mark.parametrize(
    ("declared_then", "found"),
    [
        pytest.param(
            LATER + 300 * DAY,
            "drift altered by stored_differently key-1",
            id="the same expiry was declared at the delivery",
        ),
        pytest.param(LATER + 200 * DAY, "pending changed key-1", id="another expiry was declared then"),
    ],
)
def test_another_expiry_is_drift_where_the_declaration_stayed(declared_then: Any, found: str) -> None:
    desired = make_desired(expires_at=LATER + 300 * DAY)
    receipt = recorded(expires_at=declared_then, declared_expires_at=declared_then)
    key = ours(expires_at=LATER + 100 * DAY)
    assert words(look(situate(desired, keys=[key], receipts=[receipt]), desired)) == [found]


# Keys that end soon.


def ending(desired: Desired, *, after: timedelta) -> Snapshot:
    """Return a snapshot in which the declared key is delivered and ends so long after it."""
    ends = LATER + after
    receipt = recorded(
        expires_at=ends,
        declared_expires_at=desired.declaration.expires_at,
        declared_expires_in=desired.declaration.expires_in,
        created_at=NOW,
        delivered_at=NOW,
    )
    return situate(desired, keys=[ours(expires_at=ends)], receipts=[receipt])


@pytest.mark.parametrize(
    ("declared", "after", "found"),
    [
        pytest.param(
            {"expires_at": LATER + 14 * DAY}, 14 * DAY, ["expiring expires_soon key-1 (shown)"], id="at the limit"
        ),
        pytest.param({"expires_at": LATER + 15 * DAY}, 15 * DAY, [], id="after the limit"),
        pytest.param({"expires_in": 10 * DAY}, 10 * DAY, [], id="it is renewed before"),
        pytest.param(
            {"expires_in": 10 * DAY, "protect": True},
            10 * DAY,
            ["expiring expires_soon key-1 (shown)"],
            id="held back later",
        ),
        pytest.param(
            {"expires_in": 90 * DAY, **rotating(before_expiry=12 * DAY)},
            13 * DAY,
            [],
            id="not yet in the window before its expiry",
        ),
    ],
)
def test_a_key_that_nothing_renews_is_told_in_time(
    declared: dict[str, Any], after: timedelta, found: list[str]
) -> None:
    desired = make_desired(**declared)
    assert words(look(ending(desired, after=after), desired)) == found


def test_a_key_in_the_window_before_its_expiry_is_told_once() -> None:
    desired = make_desired(expires_in=90 * DAY)
    late = replace(ending(desired, after=90 * DAY), now=LATER + 80 * DAY)
    assert words(look(late, desired)) == ["expiring expires_soon key-1"]
    protected = make_desired(expires_in=90 * DAY, protect=True)
    assert words(look(late, protected)) == ["expiring expires_soon by protect key-1"]


def test_a_key_that_ends_says_when_and_what_would_help() -> None:
    desired = make_desired(expires_at=LATER + DAY)
    (finding,) = look(ending(desired, after=DAY), desired).findings
    assert finding.detail == "it ends at 2026-11-24T08:31:00Z: nothing renews it before"
    assert finding.advice == "raise expires_at in the manifest, or use expires_in"
    assert (finding.expires_at, finding.place) == (LATER + DAY, PLACE)


@pytest.mark.parametrize(
    ("within", "found"),
    [
        pytest.param(30 * DAY, 1, id="longer"),
        pytest.param(29 * DAY, 0, id="shorter"),
        pytest.param(timedelta(days=4_000_000), 1, id="longer than there are days"),
    ],
)
def test_how_soon_is_a_question_of_who_asks(within: timedelta, found: int) -> None:
    desired = make_desired(expires_at=LATER + 30 * DAY)
    assert len(look(ending(desired, after=30 * DAY), desired, within=within).findings) == found


def test_the_expiry_of_a_key_that_is_still_to_be_made_is_nobodys_worry() -> None:
    desired = make_desired(expires_at=LATER + DAY)
    assert words(look(situate(desired), desired)) == ["pending absent"]


# Keys that nobody declared.


@pytest.mark.parametrize(
    ("policy", "only", "found", "alarms"),
    [
        pytest.param(Unmanaged.REPORT, (), ["unmanaged unmanaged key-9 (shown)"], 0, id="report: shown"),
        pytest.param(Unmanaged.FAIL, (), ["unmanaged unmanaged key-9"], 1, id="fail: counts"),
        pytest.param(Unmanaged.IGNORE, (), [], 0, id="ignore: nothing"),
        pytest.param(
            Unmanaged.REPORT, (DriftKind.UNMANAGED,), ["unmanaged unmanaged key-9"], 1, id="asked for: counts"
        ),
        pytest.param(Unmanaged.FAIL, (DriftKind.DRIFT,), [], 0, id="something else was asked for"),
    ],
)
def test_keys_that_nobody_declared_count_by_policy(
    policy: Unmanaged, only: tuple[DriftKind, ...], found: list[str], alarms: int
) -> None:
    drift = look(situate(keys=[FOREIGN]), manifest={"unmanaged": policy}, only=only)
    assert (words(drift), len(drift.alarms)) == (found, alarms)


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        pytest.param(FOREIGN, "user key", id="a known type"),
        pytest.param(replace(FOREIGN, key_type=None), "unknown key", id="an unknown type"),
    ],
)
def test_a_key_that_nobody_declared_has_a_name_and_no_address(key: Observation, detail: str) -> None:
    (finding,) = look(situate(keys=[key])).findings
    assert (finding.address, finding.name, finding.detail) == (None, "ci", detail)


# The whole.

SEVERAL = situate(
    make_desired(),
    make_desired("cd"),
    make_desired("ok"),
    keys=[ours("key-3", Address("user/ok"), name="ok"), FOREIGN],
    receipts=[recorded(), recorded("key-3", Address("user/ok"), name="ok")],
)
DECLARED = (make_desired(adopt=Adopt.REPLACE), make_desired("cd"), make_desired("ok"))


def test_findings_come_by_kind_and_what_has_none_is_in_order() -> None:
    drift = look(SEVERAL, *DECLARED)
    assert words(drift) == ["drift gone key-1", "pending absent", "unmanaged unmanaged key-9 (shown)"]
    assert drift.in_order == (Address("user/ok"),)
    assert (drift.kinds, drift.at) == (tuple(DriftKind), LATER)
    assert (drift.owner, drift.manifest, drift.dialect) == (OWNER, "keys.yaml", "beta")


def test_declaration_order_does_not_matter() -> None:
    assert look(SEVERAL, *DECLARED) == look(SEVERAL, *reversed(DECLARED))


def test_only_what_was_asked_for_is_found() -> None:
    drift = look(SEVERAL, *DECLARED, only=[DriftKind.PENDING])
    assert (words(drift), drift.kinds) == (["pending absent"], (DriftKind.PENDING,))
    assert drift.in_order == (CI, Address("user/ok"))
    assert (drift.count(DriftKind.PENDING), drift.count(DriftKind.DRIFT)) == (1, 0)


def apply_waivers(until_days: int = 1, **changes: Any) -> Waiver:
    values: dict[str, Any] = {"owner": "ada", "reason": "known", "until": LATER + until_days * DAY, "place": PLACE}
    return Waiver(**(values | changes))


def test_an_accepted_finding_is_there_and_no_alarm() -> None:
    waiver = apply_waivers(address="user/ci")
    drift = look(SEVERAL, *DECLARED, manifest={"waivers": (waiver,)})
    assert [finding.waiver for finding in drift.findings] == [waiver, None, None]
    assert [finding.address for finding in drift.alarms] == [Address("user/cd")]
    assert [finding.address for finding in drift.accepted] == [CI]
    assert drift.count(DriftKind.DRIFT) == 0


def test_a_waiver_of_something_that_was_not_asked_for_is_not_idle() -> None:
    manifest = {"waivers": (apply_waivers(address="user/ci"), apply_waivers(address="user/nobody"))}
    drift = look(SEVERAL, *DECLARED, manifest=manifest, only=[DriftKind.PENDING])
    assert drift.warnings == ("keys.yaml:1:1: the waiver for 'user/nobody' fits nothing that was found: take it out",)


def test_what_the_plan_warns_of_is_kept() -> None:
    desired = make_desired(expires_at=LATER + HOUR)
    late = replace(ending(desired, after=HOUR), now=LATER + HOUR / 2)
    (warning,) = look(late, desired).warnings
    assert warning.startswith("user/ci expires at 2026-11-23T09:31:00+00:00, which no rotation can change")


MALLORYS = ours("key-9", created_by=UserId("mallory"))
STRAY = ours("key-8", marker=Marker.of(Identity(OWNER), CI))


@pytest.mark.parametrize(
    ("world", "declared", "manifest", "found"),
    [
        pytest.param(
            {"receipts": [recorded()], "revoked": ()}, {}, {}, "drift unseen by unseen key-1", id="not seen anywhere"
        ),
        pytest.param(
            {"keys": [MALLORYS, ours("key-7", created_by=UserId("ada"), marker=None)]},
            {},
            {"provider": ProviderSettings()},
            "drift unknown_creator by unknown_creator key-9",
            id="no creator can be learned",
        ),
        pytest.param(
            {"keys": [make_observation("key-7")]},
            {"import_id": KeyId("key-7")},
            {},
            "pending imported by import key-7",
            id="an import",
        ),
        pytest.param({"keys": [STRAY]}, {}, {}, "drift stray by stray key-8", id="a stray key at its address"),
        pytest.param(
            {"keys": [ours()], "held": {slot_of(CI): holding(recorded("key-9"))}, "revoked": (MALLORYS,)},
            {},
            {},
            "drift receipt_not_believed by receipt_not_believed key-1",
            id="a claim that is not believed",
        ),
    ],
)
def test_what_the_evidence_does_not_decide_is_a_finding(
    world: dict[str, Any], declared: dict[str, Any], manifest: dict[str, Any], found: str
) -> None:
    desired = make_desired(**declared)
    assert found in words(look(situate(desired, **world), desired, manifest=manifest))


def test_a_key_that_a_stranger_marked_is_an_alarm_with_its_creator() -> None:
    desired = make_desired()
    found = look(situate(desired, keys=[ours(), MALLORYS], receipts=[recorded()]), desired)
    (alarm,) = found.alarms
    assert (alarm.cause.value, alarm.key_id) == ("claimed", "key-9")
    assert alarm.detail == "it carries the marker of ml-platform:k7f3a9c2, created by user mallory"


def test_a_key_that_another_manifest_takes_over_is_pending() -> None:
    removed = (Departure(address=CI, to="other-team"),)
    found = look(situate(keys=[ours()], receipts=[recorded()]), manifest={"removed": removed})
    assert words(found) == ["pending transferred key-1"]


def test_keys_of_other_manifests_are_counted_and_raise_no_alarm() -> None:
    desired = make_desired()
    others = ours("key-9", marker=Marker.of(Identity("other-team"), CI))
    found = look(situate(desired, keys=[ours(), others], receipts=[recorded()]), desired)
    assert words(found) == ["unmanaged unmanaged key-9 (shown)"]


def test_a_run_that_may_be_at_work_is_shown_and_raises_no_alarm() -> None:
    desired = make_desired()
    intent = make_intent(at=LATER, runner=make_runner("other"), until=LATER + timedelta(seconds=30))
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], intents=[intent])
    found = look(snapshot, desired)
    (finding,) = found.findings
    assert (finding.cause, finding.guard, finding.detail) == (
        Cause.UNFINISHED,
        Guard.BUSY,
        "another run is changing it",
    )
    assert found.alarms == ()
