"""What breaks a policy is told at its place, and held back in a plan; everything else goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import CI, DAY, HOUR, LATER, holding, old, ours, plan, recorded, situate, slot_of, words
from samples import AT_ONCE, LOCAL, NOW, make_declaration, make_desired, make_intent, make_observation
from scenario import Scenario, make_manifest, make_service
from simulator import SOURCE, WRITE_ONLY

from keyplan.documents.plan import digest
from keyplan.model.desired import Desired
from keyplan.model.identity import Address
from keyplan.model.manifest import Adopt, Manifest, OnDescriptionChange, OnRemove, Rotation, Strategy
from keyplan.model.observation import Holding, Snapshot
from keyplan.model.plan import Plan, Verb
from keyplan.model.policy import Policy, Rule
from keyplan.model.texts import digest_texts
from keyplan.planner.policy import find_violations

Read = Callable[[str], Manifest]

STRICT = Policy(file="platform.yaml", lines={Rule.REQUIRE_EXPIRY: 4}, require_expiry=True)
GUARDED = Policy(file="platform.yaml", lines={Rule.PROTECTED: 9}, protected=("user/ci",))
MINUTE = timedelta(minutes=1)
ROTATING = {"rotation": Rotation(generation=2)}


def planned(snapshot: Snapshot, *desired: Desired, policies: tuple[Policy, ...] = (STRICT,), **request: Any) -> Plan:
    return plan(snapshot, *desired, manifest={"policies": policies}, **request)


def advice_of(made: Plan) -> list[str]:
    return [action.blocked.advice for action in made.blocked if action.blocked]


# Violations


def test_without_policies_nothing_is_broken() -> None:
    assert find_violations(make_manifest(make_declaration())) == ()


def test_every_policy_must_be_met_and_none_loosens_another() -> None:
    generous, meagre = Policy(file="keys.yaml", max_age=90 * DAY), Policy(file="platform.yaml", max_age=30 * DAY)
    manifest = make_manifest(make_declaration(rotation=Rotation(every=60 * DAY)), policies=(generous, meagre))
    assert [violation.message for violation in find_violations(manifest)] == [
        "it is renewed every 60d, and 30d is the greatest age (policy/max_age in platform.yaml)"
    ]


def test_a_violation_says_what_who_and_where() -> None:
    (violation,) = find_violations(make_manifest(make_declaration(), policies=(STRICT,)))
    assert str(violation) == (
        "keys.yaml:1:1: user/ci: it never ends, and every key must (policy/require_expiry in platform.yaml:4); "
        "set expires_in"
    )
    assert (violation.rule, violation.subject) == ("policy/require_expiry", "user/ci")


MANIFEST = """\
version: 1
owner: ml
sinks: {local: {type: file, path: x}}
policy:
  {max_age: 1d, max_lifetime: 1d, names: x, descriptions: x, allowed_key_types: [user], allowed_spaces: [x],
   min_overlap: 2d, allowed_roles: {org_role: [member]}, required_sinks: [x], protected: ["*"]}
defaults:
  rotation: {every: 2d, overlap: 1d}
keys:
  - name: ci
    key_type: service
    description: y
    sink: local
    space: production
    expires_in: 3d
    roles: {org_role: admin}
    protect: false
  - {name: x, key_type: user, sink: local, description: x}
"""


@pytest.mark.parametrize(
    ("rule", "places"),
    [
        pytest.param("max_age", [(8, 21), (8, 21)], id="a field of the defaults"),
        pytest.param("min_overlap", [(8, 34), (8, 34)], id="another field of the defaults"),
        pytest.param("max_lifetime", [(15, 17), (18, 5)], id="a field, and a declaration without it"),
        pytest.param("names", [(10, 11)], id="name"),
        pytest.param("descriptions", [(12, 18)], id="description"),
        pytest.param("allowed_key_types", [(11, 15)], id="key_type"),
        pytest.param("allowed_spaces", [(14, 12)], id="space"),
        pytest.param("allowed_roles", [(16, 23)], id="a field in a field"),
        pytest.param("required_sinks", [(13, 11), (18, 37)], id="sink"),
        pytest.param("protected", [(17, 14), (18, 5)], id="protect"),
    ],
)
def test_a_violation_stands_at_the_field_that_breaks_the_rule(
    rule: str, places: list[tuple[int, int]], read_text: Read
) -> None:
    found = [one for one in find_violations(read_text(MANIFEST)) if one.rule == f"policy/{rule}"]
    assert [(one.line, one.column) for one in found] == places


# A rotation that breaks a policy, however its key is declared


LASTING = Policy(file="platform.yaml", lines={Rule.MIN_OVERLAP: 7}, min_overlap=12 * HOUR)


@pytest.mark.parametrize(
    ("rotation", "request_", "expected"),
    [
        pytest.param(Rotation(), {"rotate": (CI,)}, "replace requested key-1", id="it overlaps"),
        pytest.param(Rotation(), {"rotate": (CI,), "now": True}, "policy: refresh requested key-1", id="--now"),
        pytest.param(
            Rotation(strategy=Strategy.REFRESH), {"rotate": (CI,)}, "policy: refresh requested key-1", id="no grace"
        ),
        pytest.param(Rotation(strategy=Strategy.REFRESH), {}, "keep up_to_date key-1", id="nothing ends"),
    ],
)
def test_an_old_key_that_would_stop_too_soon_is_held_back(
    rotation: Rotation, request_: dict[str, Any], expected: str
) -> None:
    desired = make_desired(rotation=rotation)
    snapshot = situate(desired, keys=[ours()], receipts=[recorded()], dialect="alpha")
    made = planned(snapshot, desired, policies=(LASTING,), **request_)
    assert words(made) == [expected]
    assert advice_of(made) == [
        "the old key would work for 0s after the switch, and 12h is the shortest overlap "
        "(policy/min_overlap in platform.yaml:7): use strategy: auto, and no --now"
        for _ in made.blocked
    ]


def test_a_declared_overlap_that_is_too_short_is_told_once() -> None:
    desired = make_desired(rotation=replace(AT_ONCE, generation=2))
    made = planned(situate(desired, keys=[ours()], receipts=[recorded()]), desired, policies=(LASTING,))
    (advice,) = advice_of(made)
    assert advice == (
        "its old key works for 0s after a rotation, and 12h is the shortest overlap "
        "(policy/min_overlap in platform.yaml:7): set rotation.overlap: 12h"
    )


def test_a_key_that_no_consumer_holds_may_end_at_once() -> None:
    desired = make_desired()
    made = planned(situate(desired, keys=[ours()], intents=[make_intent()]), desired, policies=(LASTING,))
    assert words(made) == ["refresh unfinished key-1"]


# A declaration that breaks a policy, in a plan


@pytest.mark.parametrize(
    ("declared", "world", "expected"),
    [
        pytest.param({}, {"keys": [], "receipts": []}, ["policy: create absent"], id="it is not made"),
        pytest.param({}, {}, ["policy: keep up_to_date key-1"], id="a kept key is seen"),
        pytest.param(ROTATING, {}, ["policy: refresh requested key-1"], id="it is not renewed"),
        pytest.param(
            {"description": "x", "on_description_change": OnDescriptionChange.REPLACE},
            {},
            ["policy: replace changed key-1"],
            id="nor replaced",
        ),
        pytest.param(
            {"adopt": Adopt.REFUSE},
            {"keys": [make_observation("key-9")], "receipts": []},
            ["foreign: create foreign key-9"],
            id="what is blocked already keeps its reason",
        ),
        pytest.param(
            {},
            {"keys": [ours(), ours("key-0")], "receipts": [recorded(superseded=(old("key-0", ends=NOW),))]},
            ["delete superseded key-0", "policy: keep up_to_date key-1"],
            id="its old keys still retire",
        ),
        pytest.param(
            {"rotation": Rotation(overlap=DAY)},
            {"keys": [ours(), ours("key-0")], "receipts": [recorded(superseded=(old("key-0", ends=LATER + DAY),))]},
            ["keep overlapping key-0", "policy: keep up_to_date key-1"],
            id="or wait for their end",
        ),
        pytest.param(
            {},
            {"receipts": [], "intents": [make_intent()]},
            ["refresh unfinished key-1"],
            id="what an earlier run began is finished",
        ),
    ],
)
def test_what_breaks_a_policy_is_held_back(
    declared: dict[str, Any], world: dict[str, Any], expected: list[str]
) -> None:
    desired = make_desired(**declared)
    snapshot = situate(desired, **{"keys": [ours()], "receipts": [recorded()], **world})
    assert words(planned(snapshot, desired)) == expected


def test_the_others_go_on() -> None:
    sound = make_desired("other", expires_in=DAY)
    assert words(planned(situate(make_desired(), sound), make_desired(), sound)) == [
        "policy: create absent",
        "create absent",
    ]


def test_what_is_blocked_says_every_rule_and_what_to_do() -> None:
    policies = (STRICT, Policy(file="keys.yaml", max_age=DAY))
    (advice,) = advice_of(planned(situate(make_desired()), make_desired(), policies=policies))
    assert advice == (
        "it never ends, and every key must (policy/require_expiry in platform.yaml:4): set expires_in; "
        "it has no rotation.every, and 1d is the greatest age (policy/max_age in keys.yaml): set rotation.every: 1d"
    )


def test_what_is_finished_although_it_breaks_a_policy_is_told() -> None:
    made = planned(situate(make_desired(), keys=[ours()], intents=[make_intent()]), make_desired())
    assert made.warnings == (
        "user/ci breaks policy/require_expiry; what an earlier run began is finished all the same",
    )


def test_an_instant_that_is_too_far_away_is_found_by_a_plan() -> None:
    desired = make_desired(expires_at=LATER + 90 * DAY)
    policy = Policy(file="platform.yaml", max_lifetime=30 * DAY)
    assert words(planned(situate(desired), desired, policies=(policy,))) == ["policy: create absent"]


def lacking(**world: Any) -> dict[str, Any]:
    """Return a world in which a key that has a predecessor could be copied into a sink that lacks it."""
    receipt = recorded(superseded=(old("key-0", ends=NOW),))
    held = {slot_of(CI): holding(receipt), slot_of(CI, "remote"): Holding(present=False)}
    sinks = {LOCAL: SOURCE, "remote": WRITE_ONLY}
    keys = [ours(), ours("key-0", created_at=NOW - DAY)]
    return {"keys": keys, "receipts": [receipt], "held": held, "abilities": sinks, **world}


def test_no_old_key_ends_where_the_copy_of_its_successor_is_held_back() -> None:
    desired = make_desired(rotation=AT_ONCE)
    snapshot = situate(desired, **lacking())
    assert words(plan(snapshot, desired)) == ["deliver undelivered key-1", "delete superseded key-0"]
    assert words(planned(snapshot, desired)) == [
        "policy: deliver undelivered key-1",
        "policy: delete superseded key-0",
    ]


def test_a_copy_that_an_earlier_run_began_is_finished() -> None:
    snapshot = situate(make_desired(), **lacking(intents=[make_intent()]))
    assert words(planned(snapshot, make_desired()))[0] == "deliver undelivered key-1"


def test_a_key_that_is_not_looked_at_breaks_nothing() -> None:
    sound = make_desired("other", expires_in=DAY)
    made = planned(situate(make_desired(), sound), make_desired(), sound, targets=("user/other",))
    assert words(made) == ["create absent"]


def test_a_plan_names_the_policy_files_and_not_its_own_manifest() -> None:
    policies = (replace(STRICT, file="keys.yaml"), STRICT)
    assert planned(situate(make_desired()), make_desired(), policies=policies).policies == ("platform.yaml",)


def test_where_a_policy_stands_is_no_part_of_the_digest() -> None:
    snapshot, elsewhere = situate(make_desired()), replace(STRICT, file="/etc/platform.yaml", lines={})
    made = planned(snapshot, make_desired()), planned(snapshot, make_desired(), policies=(elsewhere,))
    assert digest(made[0]) == digest(made[1]) != digest(planned(snapshot, make_desired(), policies=()))


# Protected names


@pytest.mark.parametrize(
    ("declared", "world", "expected"),
    [
        pytest.param(ROTATING, {}, ["policy: refresh requested key-1"], id="no refresh"),
        pytest.param(
            {"description": "x", "on_description_change": OnDescriptionChange.REPLACE},
            {},
            ["policy: replace changed key-1"],
            id="no replace",
        ),
        pytest.param({}, {}, ["keep up_to_date key-1"], id="keeping is fine"),
        pytest.param({}, {"keys": []}, ["create gone"], id="a new one is fine"),
        pytest.param(
            {},
            {"keys": [ours(), ours("key-0")], "receipts": [recorded(superseded=(old("key-0", ends=NOW),))]},
            ["policy: delete superseded key-0", "keep up_to_date key-1"],
            id="nor what it superseded",
        ),
        pytest.param(
            {},
            {"receipts": [], "intents": [make_intent()]},
            ["refresh unfinished key-1"],
            id="what nobody holds is not it",
        ),
        pytest.param(
            {"adopt": Adopt.REFRESH},
            {"keys": [make_observation("key-9")], "receipts": []},
            ["policy: refresh adopted key-9"],
            id="adopting by refresh ends a raw key",
        ),
    ],
)
@pytest.mark.parametrize("glob", ["user/*", "c?"])
def test_a_key_of_a_protected_name_is_not_ended(
    glob: str, declared: dict[str, Any], world: dict[str, Any], expected: list[str]
) -> None:
    desired = make_desired(protect=True, **declared)
    snapshot = situate(desired, **{"keys": [ours()], "receipts": [recorded()], **world})
    assert words(planned(snapshot, desired, policies=(replace(GUARDED, protected=(glob,)),))) == expected


@pytest.mark.parametrize(
    ("on_remove", "expected"),
    [
        pytest.param(OnRemove.DELETE, "policy: delete undeclared key-1", id="it is not deleted"),
        pytest.param(OnRemove.FORGET, "forget undeclared key-1", id="it may be forgotten: it lives on"),
    ],
)
def test_its_protection_outlives_its_declaration(on_remove: OnRemove, expected: str) -> None:
    snapshot = situate(keys=[ours()], receipts=[recorded(on_remove=on_remove)])
    assert words(planned(snapshot, policies=(GUARDED,))) == [expected]


def test_what_is_undeclared_and_not_protected_is_no_business_of_a_policy() -> None:
    snapshot = situate(keys=[ours()], receipts=[recorded()])
    assert words(planned(snapshot, policies=(STRICT,))) == ["delete undeclared key-1"]


def test_a_protected_key_says_whom_to_ask() -> None:
    desired = make_desired(protect=True, **ROTATING)
    made = planned(situate(desired, keys=[ours()], receipts=[recorded()]), desired, policies=(GUARDED,))
    (advice,) = advice_of(made)
    assert advice == (
        "what fits 'user/ci' is neither renewed nor deleted nor moved away (policy/protected in platform.yaml:9): "
        "change the policy first"
    )


@pytest.mark.parametrize(
    ("file", "subjects"),
    [
        pytest.param("keys.yaml", ["user/ci[1]"], id="its own policy means the address that it spells"),
        pytest.param("platform.yaml", ["user/ci[1]", "user/ci1"], id="no declaration narrows the glob of another file"),
    ],
)
def test_a_glob_that_spells_an_address_means_that_one_in_the_manifest_itself(file: str, subjects: list[str]) -> None:
    policy = replace(GUARDED, file=file, protected=("user/ci[1]",))
    manifest = make_manifest(make_declaration("ci[1]"), make_declaration("ci1"), policies=(policy,))
    assert [violation.subject for violation in find_violations(manifest)] == subjects


def test_a_space_is_allowed_by_its_own_name_although_that_reads_as_a_glob() -> None:
    policy = Policy(file="platform.yaml", allowed_spaces=("prod[eu]",))
    manifest = make_manifest(make_service(space="prod[eu]"), make_service(space="dev"), policies=(policy,))
    assert [violation.subject for violation in find_violations(manifest)] == ["service/dev/ingest"]


@pytest.mark.parametrize(
    ("protected", "expected"),
    [
        pytest.param(("user/ci",), "policy: keep moved key-1", id="the old address alone is protected"),
        pytest.param(("user/ci", "user/new"), "keep moved key-1", id="the new one is, too"),
        pytest.param(("user/ci", "ci"), "keep moved key-1", id="its name still is"),
        pytest.param(("user/other",), "keep moved key-1", id="neither is"),
    ],
)
def test_no_key_moves_out_of_its_protection(protected: tuple[str, ...], expected: str) -> None:
    desired = make_desired(address=Address("user/new"), moved_from=(CI,), protect=True)
    snapshot = situate(
        desired, keys=[ours()], receipts=[recorded()], held={slot_of(desired.address): holding(recorded())}
    )
    assert words(planned(snapshot, desired, policies=(replace(GUARDED, protected=protected),))) == [expected]


# From one apply to the next


def test_a_key_that_breaks_a_new_policy_stays_as_it_is_and_stays_red() -> None:
    scenario = Scenario()
    scenario.run()
    scenario.manifest = replace(scenario.manifest, policies=(STRICT,))
    for _ in range(2):
        scenario.run()
        assert scenario.words() == ["blocked keep up_to_date"]
        assert scenario.plan().has_differences
    assert len(scenario.world.provider.live()) == 1


def test_a_key_that_meets_the_policy_again_goes_on() -> None:
    scenario = Scenario(manifest=make_manifest(make_declaration(), policies=(STRICT,)))
    scenario.run()
    assert not scenario.world.provider.live()
    scenario.manifest = replace(scenario.manifest, keys=(make_declaration(expires_in=DAY),))
    scenario.run()
    assert [action.verb for action in scenario.plan().actions] == [Verb.KEEP]
    assert not scenario.plan().blocked


# A live key that breaks a policy although its declaration does not.


BRIEF = Policy(file="platform.yaml", lines={Rule.MAX_LIFETIME: 7}, max_lifetime=30 * DAY)
YEAR = 365 * DAY


@pytest.mark.parametrize(
    ("declared", "key", "receipt", "expected"),
    [
        pytest.param(
            {"expires_in": 7 * DAY},
            {"expires_at": NOW + YEAR},
            {"expires_at": NOW + YEAR, "declared_expires_in": YEAR},
            ["refresh changed key-1"],
            id="it was issued for a year",
        ),
        pytest.param(
            {"expires_in": 7 * DAY},
            {"expires_at": NOW + YEAR},
            {"expires_at": NOW + YEAR},
            ["refresh changed key-1"],
            id="and an older keyplan issued it",
        ),
        pytest.param(
            {"expires_in": 30 * DAY},
            {"expires_at": NOW + 31 * DAY},
            {"expires_at": NOW + 31 * DAY, "declared_expires_in": 30 * DAY},
            ["policy: keep up_to_date key-1"],
            id="the provider rounds up, and would again",
        ),
        pytest.param(
            {"expires_in": 30 * DAY},
            {},
            {"declared_expires_in": 30 * DAY},
            ["policy: keep up_to_date key-1"],
            id="the provider ignores what it is asked for",
        ),
        pytest.param(
            {"expires_at": NOW + 20 * DAY},
            {"expires_at": NOW + 20 * DAY},
            {
                "expires_at": NOW + 20 * DAY,
                "declared_expires_at": NOW + 20 * DAY,
                "created_at": NOW - 100 * DAY,
                "delivered_at": NOW - 100 * DAY,
            },
            ["refresh changed key-1"],
            id="it ends soon, and lived too long already",
        ),
        pytest.param(
            {"expires_in": 30 * DAY},
            {"expires_at": NOW + 30 * DAY + 5 * MINUTE},
            {"expires_at": NOW + 30 * DAY + 5 * MINUTE, "declared_expires_in": 30 * DAY},
            ["keep up_to_date key-1"],
            id="clocks differ",
        ),
        pytest.param(
            {"expires_in": 7 * DAY, "protect": True},
            {"expires_at": NOW + YEAR},
            {"expires_at": NOW + YEAR},
            ["protect: refresh changed key-1"],
            id="it is protected",
        ),
    ],
)
def test_a_key_that_lives_longer_than_a_policy_allows_is_never_green(
    declared: dict[str, Any], key: dict[str, Any], receipt: dict[str, Any], expected: list[str]
) -> None:
    desired = make_desired(**declared)
    snapshot = situate(desired, keys=[ours(**key)], receipts=[recorded(**receipt)])
    assert words(planned(snapshot, desired, policies=(BRIEF,))) == expected
    assert find_violations(make_manifest(desired.declaration, policies=(BRIEF,)), now=LATER) == ()


def test_a_key_that_the_provider_issued_against_a_policy_says_so() -> None:
    desired = make_desired(expires_in=30 * DAY)
    receipt = recorded(expires_at=NOW + 31 * DAY, declared_expires_in=30 * DAY)
    made = planned(
        situate(desired, keys=[ours(expires_at=NOW + 31 * DAY)], receipts=[receipt]), desired, policies=(BRIEF,)
    )
    (advice,) = advice_of(made)
    assert advice == (
        "the key ends at 2026-12-24T07:31:00+00:00, as the provider issued it, and 30d is the longest life "
        "(policy/max_lifetime in platform.yaml:7): declare a shorter one"
    )


def test_a_key_without_end_that_must_have_one_is_held_back_if_the_provider_made_it_so() -> None:
    desired = make_desired(expires_in=30 * DAY)
    made = planned(situate(desired, keys=[ours()], receipts=[recorded(declared_expires_in=30 * DAY)]), desired)
    assert words(made) == ["policy: keep up_to_date key-1"]


def test_a_name_that_the_provider_stores_against_a_policy_is_held_back() -> None:
    policy = Policy(file="platform.yaml", names=("[A-Z]+",))
    desired = make_desired("CI")
    asked = recorded(address=desired.address, name="CI", asked=digest_texts("CI", ""), answered=digest_texts("ci", ""))
    made = planned(
        situate(desired, keys=[ours(address=desired.address)], receipts=[asked]), desired, policies=(policy,)
    )
    assert words(made) == ["policy: keep up_to_date key-1"]
    (advice,) = advice_of(made)
    assert advice == (
        "the provider stores the name 'ci', which does not match '[A-Z]+' (policy/names in platform.yaml): "
        "declare it under a name that does"
    )


def test_a_declaration_that_breaks_a_policy_itself_is_told_once() -> None:
    desired = make_desired()
    made = planned(situate(desired, keys=[ours()], receipts=[recorded()]), desired, policies=(BRIEF,))
    (advice,) = advice_of(made)
    assert advice.count("platform.yaml") == 1
