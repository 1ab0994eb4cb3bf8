"""A policy is read from a file of its own or from a manifest, in one shape, and each mistake in it is one line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from keyplan.documents.schemas import load
from keyplan.errors import ManifestError
from keyplan.manifest import read_policy
from keyplan.model.manifest import Manifest
from keyplan.model.policy import Policy, Rule, WantedSink

AT_TOP = (
    "; known fields: "
    "allow, allowed_key_types, allowed_roles, allowed_spaces, descriptions, max_age, max_lifetime, "
    "min_overlap, names, protected, require_description, require_expiry, required_sinks, version"
)

Read = Callable[[str], Manifest]
Find = Callable[[str], tuple[str, ...]]

RULES = """\
require_expiry: true
max_lifetime: 90d
max_age: 2w
min_overlap: 12h
names: "[a-z]+"
require_description: true
descriptions: ["Team: .+", "Owner: .+"]
allowed_key_types: [service]
allowed_roles: {space_role: [MEMBER, {type: CUSTOM, id: r1}], account_role: [member]}
allowed_spaces: ["ml-*"]
required_sinks: [vault, [{type: aws-ssm}, audit]]
protected: ["user/*"]
"""
EVERYTHING = Policy(
    file="platform.yaml",
    require_expiry=True,
    max_lifetime=timedelta(days=90),
    max_age=timedelta(weeks=2),
    min_overlap=timedelta(hours=12),
    names=("[a-z]+",),
    require_description=True,
    descriptions=("Team: .+", "Owner: .+"),
    allowed_key_types=("service",),
    allowed_roles={"space_role": ("member", "custom:r1"), "account_role": ("member",)},
    allowed_spaces=("ml-*",),
    required_sinks=(
        (WantedSink(word="vault"),),
        (WantedSink(word="aws-ssm", by_name=False), WantedSink(word="audit")),
    ),
    protected=("user/*",),
)
EMPTY = "version: 1\nowner: ml\nkeys: []\n"


def read(text: str) -> Policy:
    return read_policy(text.encode(), file="platform.yaml", schema=load("policy.v1"))


def find(text: str) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        read(text)
    return [str(problem).removeprefix("platform.yaml:") for problem in caught.value.problems]


def indent(rules: str) -> str:
    return "".join(f"  {line}\n" for line in rules.splitlines())


def test_every_rule_of_a_file_is_read() -> None:
    assert read(f"version: 1\n{RULES}") == EVERYTHING


def test_a_manifest_has_the_same_rules_for_itself(read_text: Read) -> None:
    (policy,) = read_text(f"{EMPTY}policy:\n{indent(RULES)}").policies
    assert policy.file == "keys.yaml"
    assert {name: getattr(policy, name) for name in Policy.__slots__ if name not in ("file", "lines")} == {
        name: getattr(EVERYTHING, name) for name in Policy.__slots__ if name not in ("file", "lines")
    }


def test_a_manifest_without_a_policy_has_none(read_text: Read) -> None:
    assert read_text(EMPTY).policies == ()


def test_a_file_without_rules_forbids_nothing() -> None:
    assert read("version: 1\n") == Policy(file="platform.yaml")


def test_every_field_of_a_policy_is_a_rule_and_remembers_its_line() -> None:
    assert read(f"version: 1\n{RULES}").lines == {rule: line for line, rule in enumerate(Rule, 2)}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        pytest.param(
            "max_age: 3 weeks",
            "2:10: field 'max_age' must be a duration such as 45s, 30m, 12h, 90d or 2w, not '3 weeks'",
            id="no duration",
        ),
        pytest.param("max_age: 0d", "2:10: field 'max_age' must be longer than nothing", id="nothing"),
        pytest.param(
            "max_lifetime: 999999w", "2:15: field 'max_lifetime' must be at most 100 years (36525d)", id="ages"
        ),
        pytest.param(
            "names: '[a-z'",
            "2:8: '[a-z' is not a regular expression of RE2: missing ]: [a-z)",
            id="no pattern",
        ),
        pytest.param(
            "names: [a, '(?!x).*']",
            "2:12: '(?!x).*' is not a regular expression of RE2: RE2 cannot look ahead or behind",
            id="what RE2 can't do",
        ),
        pytest.param(
            "names: [a, '[a-z&&[^x]]']",
            "2:12: '[a-z&&[^x]]' is not a regular expression of RE2: escape [, --, &&, || and ~~ in a class",
            id="a class that other engines read otherwise",
        ),
        pytest.param(
            "names: ['a\\pL{150}', 'b\\pL{150}', 'c\\pL{150}', 'd\\pL{150}', 'e\\pL{150}']",
            "2:8: the patterns of 'names' cannot be used together: pattern too large - compile failed",
            id="too large together",
        ),
        pytest.param(
            "descriptions: 'a{99999999999}'",
            "2:15: 'a{99999999999}' is not a regular expression of RE2: RE2 repeats 1000 times at most",
            id="too large",
        ),
        pytest.param("names: []", "2:8: field 'names' must not be empty", id="no patterns"),
        pytest.param(
            "allowed_key_types: [bot]",
            "2:21: an item of 'allowed_key_types' must be one of 'api', 'service', 'system', 'user', not 'bot'",
            id="no type of key",
        ),
        pytest.param(
            "allowed_roles: {org_role: [member, owner]}",
            "2:36: an item of 'org_role' must be one of 'admin', 'member', 'read-only', not 'owner'",
            id="no role",
        ),
        pytest.param(
            "allowed_roles: {org: [member]}",
            "2:17: field 'org' is unknown; known fields: account_role, org_role, space_role",
            id="no kind of role",
        ),
        pytest.param("required_sinks: [{name: x}]", "2:19: field 'name' is unknown; known fields: type", id="no type"),
        pytest.param("max_aeg: 3w", "2:1: field 'max_aeg' is unknown; did you mean 'max_age'?", id="misspelt"),
        pytest.param("keys: []", f"2:1: field 'keys' is unknown{AT_TOP}", id="a manifest"),
    ],
)
def test_a_mistake_is_one_line(line: str, problem: str) -> None:
    assert problem in find(f"version: 1\n{line}\n")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("max_age: 3d", "1:1: field 'version' is missing", id="no version"),
        pytest.param("- names", "1:1: a policy must be a mapping, not a list", id="a list"),
        pytest.param("# nothing", "1:1: the file is empty", id="nothing but a comment"),
        pytest.param(
            "a: [",
            "2:1: this is not valid YAML: a value is missing, or this is not expected here",
            id="no YAML",
        ),
    ],
)
def test_what_is_no_policy_is_one_line(text: str, problem: str) -> None:
    assert find(text) == [problem]


def test_all_mistakes_come_together_and_sound_rules_do_not_hide_them() -> None:
    assert [line.split(": ")[0] for line in find("version: 2\nmax_age: x\nnames: '['\nprotected: [a]\n")] == [
        "1:10", "2:10", "3:8",
    ]  # fmt: skip


@pytest.mark.parametrize("rules", ["policy: strict", "policy: {max_age: x}", "policy: {names: '['}"])
def test_a_mistake_in_a_manifest_s_own_policy_is_one_line(rules: str, find_problems: Find) -> None:
    assert len(find_problems(f"{EMPTY}{rules}\n")) == 1


def test_the_rules_of_its_problems_are_told_from_those_of_manifests() -> None:
    with pytest.raises(ManifestError) as caught:
        read("max_age: 0d")
    assert [problem.rule for problem in caught.value.problems] == ["policy_file/schema", "policy_file/invalid"]
