"""What each rule of a policy lets pass, and what it says of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from planner.situations import DAY
from samples import AT_ONCE, NOW, PLACE, make_declaration, make_delivery
from scenario import make_service

from keyplan.model.identity import OrganizationId, ScopeId, SinkName
from keyplan.model.manifest import (
    Declaration,
    OrganizationGrant,
    Role,
    Roles,
    Rotation,
    ScopeById,
    SinkSettings,
    SpaceGrant,
)
from keyplan.model.policy import Policy, Rule, WantedSink
from keyplan.planner.policy import PolicyCheck, Violation, check_policy

SINKS: Mapping[SinkName, SinkSettings] = {
    SinkName(name): SinkSettings(name=SinkName(name), type=kind, place=PLACE)
    for name, kind in (("local", "file"), ("central", "vault"), ("vault", "file"))
}
ADMIN = Role("admin")
SEVERAL = (
    OrganizationGrant(
        org_id=OrganizationId("o1"),
        role=ADMIN,
        spaces=(SpaceGrant(space_id=ScopeId("s1"), role=ADMIN), SpaceGrant(space_id=ScopeId("s2"), role=ADMIN)),
    ),
)


def violations_of(policy: Mapping[str, Any], declared: Declaration, *, is_offline: bool = False) -> list[Violation]:
    rules = Policy(file="platform.yaml", **policy)
    return list(
        check_policy(PolicyCheck(policy=rules, declared=declared, sinks=SINKS, now=None if is_offline else NOW))
    )


def several() -> Declaration:
    return replace(make_service(), scope=None, organizations=SEVERAL)


def by_id(space_id: str) -> Declaration:
    return replace(make_service(), scope=ScopeById(ScopeId(space_id)))


def to(*sinks: str) -> dict[str, Any]:
    return {"deliveries": tuple(make_delivery(sink=sink) for sink in sinks)}


@pytest.mark.parametrize(
    ("policy", "declared"),
    [
        pytest.param({}, make_declaration(), id="no rules"),
        pytest.param({"require_expiry": True}, make_declaration(expires_in=DAY), id="ends a while after its issue"),
        pytest.param({"require_expiry": True}, make_declaration(expires_at=NOW), id="ends at an instant"),
        pytest.param({"max_lifetime": DAY}, make_declaration(expires_in=DAY), id="lives exactly as long as it may"),
        pytest.param({"max_lifetime": DAY}, make_declaration(expires_at=NOW + DAY), id="ends exactly when it must"),
        pytest.param({"max_lifetime": DAY}, make_declaration(expires_at=NOW - DAY), id="has ended"),
        pytest.param({"max_age": DAY}, make_declaration(rotation=Rotation(every=DAY)), id="renewed when it must be"),
        pytest.param({"min_overlap": DAY}, make_declaration(), id="the default overlap"),
        pytest.param(
            {"min_overlap": DAY}, make_declaration(rotation=Rotation(every=2 * DAY)), id="half of the cycle is enough"
        ),
        pytest.param({"min_overlap": DAY}, make_declaration(rotation=Rotation(overlap=DAY)), id="exactly as long"),
        pytest.param({"names": ("x", "c.")}, make_declaration("ci"), id="the name matches the second pattern"),
        pytest.param({"descriptions": ("a.*",)}, make_declaration(description="a\nb"), id="a dot matches line breaks"),
        pytest.param({"descriptions": (".*",)}, make_declaration(), id="a pattern for nothing"),
        pytest.param({"require_description": True}, make_declaration(description="a"), id="described"),
        pytest.param({"allowed_key_types": ("service",)}, make_service(), id="a service key"),
        pytest.param(
            {"allowed_roles": {"space_role": ("read-only",)}}, make_declaration(), id="user keys have no role"
        ),
        pytest.param({"allowed_roles": {"space_role": ("member",)}}, make_service(), id="the API's own role"),
        pytest.param(
            {"allowed_roles": {"org_role": ("read-only",)}},
            make_service(roles=Roles(space_role=ADMIN)),
            id="kinds that are not named may be any",
        ),
        pytest.param(
            {"allowed_roles": {"space_role": ("custom:r1",)}},
            make_service(roles=Roles(space_role=Role("r1", custom=True))),
            id="a custom role",
        ),
        pytest.param({"allowed_spaces": ("prod*",)}, make_service(), id="the space by its name"),
        pytest.param({"allowed_spaces": ("U3Bh*",)}, by_id("U3BhY2U6"), id="the space by its id"),
        pytest.param({"allowed_spaces": ("x",)}, make_declaration(), id="user keys have no space"),
        pytest.param({"required_sinks": ((WantedSink(word="vault"),),)}, make_declaration(**to("central")), id="type"),
        pytest.param(
            {"required_sinks": ((WantedSink(word="central"),),)}, make_declaration(**to("central")), id="name"
        ),
        pytest.param(
            {"required_sinks": ((WantedSink(word="vault"),),)}, make_declaration(**to("vault")), id="namesake"
        ),
        pytest.param(
            {"required_sinks": ((WantedSink(word="aws-ssm"), WantedSink(word="vault")), (WantedSink(word="file"),))},
            make_declaration(**to("local", "central")),
            id="each of two, and one of its alternatives",
        ),
        pytest.param({"protected": ("user/*",)}, make_declaration(protect=True), id="protected"),
        pytest.param({"protected": ("service/*", "c")}, make_declaration(), id="neither address nor name fits"),
    ],
)
def test_what_a_policy_wants_passes(policy: Mapping[str, Any], declared: Declaration) -> None:
    assert violations_of(policy, declared) == []


@pytest.mark.parametrize(
    ("policy", "declared", "violation"),
    [
        pytest.param(
            {"require_expiry": True},
            make_declaration(),
            Violation(Rule.REQUIRE_EXPIRY, ("expires_in",), "it never ends, and every key must", "set expires_in"),
            id="never ends",
        ),
        pytest.param(
            {"max_lifetime": 90 * DAY},
            make_declaration(),
            Violation(
                Rule.MAX_LIFETIME,
                ("expires_in",),
                "it never ends, and 90d is the longest life",
                "set expires_in: 90d",
            ),
            id="never ends, and must not live for ever",
        ),
        pytest.param(
            {"require_expiry": True, "max_lifetime": 90 * DAY},
            make_declaration(),
            Violation(Rule.REQUIRE_EXPIRY, ("expires_in",), "it never ends, and every key must", "set expires_in"),
            id="never ends, told once",
        ),
        pytest.param(
            {"max_lifetime": 90 * DAY},
            make_declaration(expires_in=90 * DAY + timedelta(hours=1)),
            Violation(
                Rule.MAX_LIFETIME,
                ("expires_in",),
                "it lives for 2161h, and 90d is the longest life",
                "set expires_in: 90d",
            ),
            id="lives too long",
        ),
        pytest.param(
            {"max_lifetime": 90 * DAY},
            make_declaration(expires_at=NOW + 90 * DAY + timedelta(seconds=1)),
            Violation(
                Rule.MAX_LIFETIME,
                ("expires_at",),
                "its expires_at is further away, and 90d is the longest life",
                "set expires_in: 90d",
            ),
            id="ends too late",
        ),
        pytest.param(
            {"min_overlap": DAY},
            make_declaration(rotation=AT_ONCE),
            Violation(
                Rule.MIN_OVERLAP,
                ("rotation", "overlap"),
                "its old key works for 0s after a rotation, and 1d is the shortest overlap",
                "set rotation.overlap: 1d",
            ),
            id="cuts off",
        ),
        pytest.param(
            {"min_overlap": 2 * DAY},
            make_declaration(),
            Violation(
                Rule.MIN_OVERLAP,
                ("rotation", "overlap"),
                "its old key works for 1d after a rotation, and 2d is the shortest overlap",
                "set rotation.overlap: 2d",
            ),
            id="the default is too short",
        ),
        pytest.param(
            {"min_overlap": DAY},
            make_declaration(rotation=Rotation(every=DAY)),
            Violation(
                Rule.MIN_OVERLAP,
                ("rotation", "overlap"),
                "its old key works for 12h after a rotation, and 1d is the shortest overlap",
                "set rotation.every to more than 1d",
            ),
            id="renewed too often for such an overlap",
        ),
        pytest.param(
            {"max_age": 30 * DAY},
            make_declaration(rotation=Rotation(every=31 * DAY)),
            Violation(
                Rule.MAX_AGE,
                ("rotation", "every"),
                "it is renewed every 31d, and 30d is the greatest age",
                "set rotation.every: 30d",
            ),
            id="renewed too late",
        ),
        pytest.param(
            {"max_age": 30 * DAY},
            make_declaration(expires_in=DAY),
            Violation(
                Rule.MAX_AGE,
                ("rotation", "every"),
                "it has no rotation.every, and 30d is the greatest age",
                "set rotation.every: 30d",
            ),
            id="never renewed by age, whatever its expiry",
        ),
        pytest.param(
            {"names": ("[a-z]+", "x")},
            make_declaration("ci-1"),
            Violation(
                Rule.NAMES,
                ("name",),
                "its name 'ci-1' does not match '[a-z]+' or 'x'",
                "declare it under a name that does",
            ),
            id="only a part of the name matches",
        ),
        pytest.param(
            {"descriptions": ("Team: .+",)},
            make_declaration(),
            Violation(
                Rule.DESCRIPTIONS,
                ("description",),
                "its description '' does not match 'Team: .+'",
                "describe it in this form",
            ),
            id="no description, and the pattern wants one",
        ),
        pytest.param(
            {"require_description": True, "descriptions": ("Team: .+",)},
            make_declaration(),
            Violation(Rule.REQUIRE_DESCRIPTION, ("description",), "it has no description", "describe it"),
            id="no description, told once",
        ),
        pytest.param(
            {"require_description": True, "descriptions": ("Team: .+",)},
            make_declaration(description="x"),
            Violation(
                Rule.DESCRIPTIONS,
                ("description",),
                "its description 'x' does not match 'Team: .+'",
                "describe it in this form",
            ),
            id="another description",
        ),
        pytest.param(
            {"allowed_key_types": ("service",)},
            make_declaration(),
            Violation(
                Rule.ALLOWED_KEY_TYPES,
                ("key_type",),
                "it is a user key, and key_type must be 'service'",
                "declare a key of that type",
            ),
            id="a user key",
        ),
        pytest.param(
            {"allowed_roles": {"space_role": ("read-only", "custom:r1")}},
            make_service(),
            Violation(
                Rule.ALLOWED_ROLES,
                ("roles", "space_role"),
                "its space_role is 'member', and must be 'read-only' or 'custom:r1'",
                "set space_role to an allowed role",
            ),
            id="the API's own role",
        ),
        pytest.param(
            {"allowed_roles": {"space_role": ("member",)}},
            several(),
            Violation(
                Rule.ALLOWED_ROLES,
                ("organizations",),
                "its space_role is 'admin', and must be 'member'",
                "set space_role to an allowed role",
            ),
            id="a role in several spaces, told once",
        ),
        pytest.param(
            {"allowed_spaces": ("ml-*", "staging")},
            make_service(),
            Violation(
                Rule.ALLOWED_SPACES,
                ("space",),
                "it may use the space 'production', which does not fit 'ml-*' or 'staging'",
                "take an allowed space, in the words of the policy",
            ),
            id="the space by its name",
        ),
        pytest.param(
            {"allowed_spaces": ("production",)},
            by_id("U3Bh"),
            Violation(
                Rule.ALLOWED_SPACES,
                ("space_id",),
                "it may use the space 'U3Bh', which does not fit 'production'",
                "take an allowed space, in the words of the policy",
            ),
            id="the id of a space that may be allowed by its name",
        ),
        pytest.param(
            {"allowed_spaces": ("s1",)},
            several(),
            Violation(
                Rule.ALLOWED_SPACES,
                ("organizations",),
                "it may use the space 's2', which does not fit 's1'",
                "take an allowed space, in the words of the policy",
            ),
            id="one of several spaces",
        ),
        pytest.param(
            {"required_sinks": ((WantedSink(word="file"),), (WantedSink(word="a"), WantedSink(word="b")))},
            make_declaration(**to("vault", "local")),
            Violation(
                Rule.REQUIRED_SINKS,
                ("sink",),
                "it goes to 'local', 'vault', and must go to 'a' (a sink of that type or name) or "
                "'b' (a sink of that type or name)",
                "deliver it there, too",
            ),
            id="the second of two sinks",
        ),
        pytest.param(
            {"required_sinks": ((WantedSink(word="vault", by_name=False),),)},
            make_declaration(**to("vault")),
            Violation(
                Rule.REQUIRED_SINKS,
                ("sink",),
                "it goes to 'vault', and must go to 'vault' (a sink of that type)",
                "deliver it there, too",
            ),
            id="only the name is right",
        ),
        pytest.param(
            {"protected": ("x", "user/*")},
            make_declaration(),
            Violation(
                Rule.PROTECTED,
                ("protect",),
                "it fits 'user/*', and what does must be protected",
                "set protect: true",
            ),
            id="an address",
        ),
        pytest.param(
            {"protected": ("c?",)},
            make_declaration(),
            Violation(
                Rule.PROTECTED, ("protect",), "it fits 'c?', and what does must be protected", "set protect: true"
            ),
            id="a name",
        ),
    ],
)
def test_what_breaks_a_rule_is_told_with_the_field_to_change(
    policy: Mapping[str, Any], declared: Declaration, violation: Violation
) -> None:
    assert violations_of(policy, declared) == [violation]


def test_every_kind_of_role_is_judged() -> None:
    nothing = {"space_role": ("x",), "org_role": ("x",), "account_role": ("x",)}
    fields = [violation.field for violation in violations_of({"allowed_roles": nothing}, make_service())]
    assert fields == [("roles", "account_role"), ("roles", "org_role"), ("roles", "space_role")]
    fields = [violation.field for violation in violations_of({"allowed_roles": nothing}, several())]
    assert fields == [("roles", "account_role"), ("organizations",), ("organizations",)]


def test_offline_nobody_knows_how_far_an_instant_lies_ahead() -> None:
    assert violations_of({"max_lifetime": DAY}, make_declaration(expires_at=NOW + 900 * DAY), is_offline=True) == []
    assert violations_of({"max_lifetime": DAY}, make_declaration(expires_in=2 * DAY), is_offline=True) != []


def test_every_rule_that_is_broken_is_told() -> None:
    policy = {"require_expiry": True, "max_age": DAY, "names": ("x",), "allowed_key_types": ("service",)}
    assert [violation.rule for violation in violations_of(policy, make_declaration())] == [
        Rule.REQUIRE_EXPIRY,
        Rule.MAX_AGE,
        Rule.NAMES,
        Rule.ALLOWED_KEY_TYPES,
    ]
