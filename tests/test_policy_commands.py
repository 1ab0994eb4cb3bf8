"""Policies on the command line: what validate tells, and what plan and apply hold back."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cli.shell import MANIFEST, Shell

from keyplan.app.api import apply, plan
from keyplan.app.files import read_policies
from keyplan.model.policy import AllowRule, Rule

PLATFORM = "version: 1\nallowed_key_types: [service]\n"
VIOLATION = (
    "keys.yaml:7:26: user/ci: it is a user key, and key_type must be 'service' "
    "(policy/allowed_key_types in platform.yaml:2); declare a key of that type\n"
)
EXEMPLARY = """\
version: 1
owner: billing
sinks: {store: {type: vault, address: "https://vault.example.com", mount: kv, path: "{name}", field: key}}
keys:
  - name: billing-export
    key_type: service
    space: production
    description: "Team: billing. Nightly export."
    expires_in: 90d
    rotation: {every: 30d}
    sink: store
    protect: true
"""
EXAMPLE = Path(__file__).parents[1] / "examples" / "policy" / "platform.yaml"


@pytest.fixture(autouse=True)
def files(shell: Shell) -> None:
    """Write a manifest, and a policy that one of its two keys breaks."""
    shell.write()
    shell.write(PLATFORM, "platform.yaml")


# validate


def test_validate_tells_what_breaks_a_policy(shell: Shell) -> None:
    done = shell("validate", "--policy", "platform.yaml")
    assert (done.status, done.out, done.err) == (3, "", VIOLATION)


def test_a_manifest_that_meets_the_policy_is_valid(shell: Shell) -> None:
    shell.write("version: 1\nallowed_key_types: [service, user]\n", "platform.yaml")
    assert shell("validate", "--policy", "platform.yaml").out == "keys.yaml is valid: 2 keys.\n"


def test_a_manifest_is_held_against_its_own_policy(shell: Shell) -> None:
    shell.write(MANIFEST + "policy: {names: ci}\n")
    done = shell("validate")
    assert done.status == 3
    assert done.err.startswith("keys.yaml:8:12: service/production/ingest: its name 'ingest' does not match 'ci' (")


def test_violations_stand_among_all_other_problems_in_file_order(shell: Shell) -> None:
    shell.write(MANIFEST + "  - {name: x, key_type: usr}\n" + "unknown: 1\n")
    shell.write("version: 1\nmax_age: x\n", "broken.yaml")
    done = shell("validate", "--policy", "platform.yaml", "--policy", "broken.yaml")
    assert [line.split(": ")[0] for line in done.err.splitlines()] == [
        "keys.yaml:7:26",
        "keys.yaml:9:25",
        "keys.yaml:10:1",
        "broken.yaml:2:10",
    ]


def test_a_manifest_that_is_none_is_told_beside_a_broken_policy(shell: Shell) -> None:
    shell.write("keys: [")
    shell.write("max_age: x\n", "broken.yaml")
    places = [line.split(": ")[0] for line in shell("validate", "--policy", "broken.yaml").err.splitlines()]
    assert places == ["keys.yaml:2:1", "broken.yaml:1:1", "broken.yaml:1:10"]


@pytest.mark.parametrize("verb", ["validate", "plan"])
def test_a_policy_that_is_not_there_is_told_in_one_line(shell: Shell, verb: str) -> None:
    done = shell(verb, "--policy", "none.yaml")
    assert (done.status, done.out) == (3, "")
    assert done.err.endswith(
        "error: none.yaml does not exist\n  hint: name the file that holds the rules with --policy\n"
    )


@pytest.mark.parametrize("verb", ["plan", "calendar"])
def test_every_mistake_of_every_policy_is_told_before_anything_else_happens(shell: Shell, verb: str) -> None:
    shell.write("version: 2\n", "a.yaml")
    shell.write("max_age: 3d\n", "b.yaml")
    done = shell(verb, "--policy", "a.yaml", "--policy", "b.yaml")
    assert done.status == 3
    assert (
        "a.yaml:1:10: field 'version' must be 1: this keyplan reads policies of version 1 only\n"
        "b.yaml:1:1: field 'version' is missing\n" in done.err
    )


def test_the_example_has_every_rule_and_a_key_that_meets_them_all(shell: Shell) -> None:
    (policy,) = read_policies(
        [str(EXAMPLE)], shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    )
    assert set(policy.lines) == set(Rule)
    shell.write(EXEMPLARY)
    assert shell("validate", "--policy", str(EXAMPLE)).out == "keys.yaml is valid: 1 key.\n"


def test_the_example_for_pull_requests_has_every_item_and_refuses_what_it_does_not_name(shell: Shell) -> None:
    example = EXAMPLE.with_name("pull-requests.yaml")
    (policy,) = read_policies(
        [str(example)], shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    )
    assert policy.allow is not None
    assert set(policy.allow.lines) == set(AllowRule)
    shell.write(
        EXEMPLARY.replace("billing", "ml-billing").replace("mount: kv, path: ", "path: ").replace("field: key", "")
    )
    assert shell("validate", "--policy", str(example)).err == (
        "keys.yaml:3:74: service/production/ml-billing-export: option 'path' of sink 'store' 'ml-billing-export' does "
        f"not fit 'arize/ml/*' (policy/allow/sinks in {example}:17)\n"
    )


# plan


def test_a_plan_holds_back_what_breaks_a_policy_and_goes_on_with_the_rest(shell: Shell) -> None:
    done = shell("plan", "--policy", "platform.yaml")
    assert done.status == 4
    assert "!   blocked  create user/ci" in done.out
    assert "policy/allowed_key_types in platform.yaml:2" in done.out
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in done.out


def test_a_kept_key_that_breaks_a_policy_is_shown(shell: Shell) -> None:
    shell("apply", "--auto-approve")
    done = shell("plan", "--policy", "platform.yaml", "--detailed-exitcode")
    assert done.status == 4
    assert "!   blocked  keep user/ci  (up to date)" in done.out


def test_the_environment_names_several_policies_as_in_path(shell: Shell) -> None:
    shell.write("version: 1\nnames: x\n", "names.yaml")
    shell.environment["KEYPLAN_POLICY"] = "platform.yaml:names.yaml"
    document = json.loads(shell("plan", "--format", "json").out)
    assert document["policies"] == ["platform.yaml", "names.yaml"]
    assert document["summary"]["blocked"] == 2


def test_no_manifest_loosens_the_policy_of_the_platform(shell: Shell) -> None:
    shell.write(MANIFEST + "policy: {allowed_key_types: [user, service]}\n")
    assert shell("plan", "--policy", "platform.yaml").status == 4


# apply


def test_an_apply_does_the_rest_and_stays_red(shell: Shell) -> None:
    for _ in range(2):
        assert shell("apply", "--auto-approve", "--policy", "platform.yaml").status == 4
        assert [record.name for record in shell.world.provider.live()] == ["ingest"]


def test_a_key_is_rotated_only_as_the_policy_allows(shell: Shell) -> None:
    shell("apply", "--auto-approve")
    before = shell.world.provider.live()
    assert shell("rotate", "user/ci", "--auto-approve", "--policy", "platform.yaml").status == 4
    assert shell.world.provider.live() == before


def test_a_reviewed_plan_is_held_against_its_own_policies_again(shell: Shell) -> None:
    shell("plan", "--policy", "platform.yaml", "--out", "plan.json")
    done = shell("apply", "plan.json")
    assert done.status == 4
    assert [record.name for record in shell.world.provider.live()] == ["ingest"]


def test_a_policy_may_have_moved_since_the_plan(shell: Shell) -> None:
    shell("plan", "--policy", "platform.yaml", "--out", "plan.json")
    (shell.folder / "platform.yaml").rename(shell.folder / "moved.yaml")
    assert "platform.yaml does not exist" in shell("apply", "plan.json").err
    assert shell("apply", "plan.json", "--policy", "moved.yaml").status == 4
    assert [record.name for record in shell.world.provider.live()] == ["ingest"]


@pytest.mark.parametrize(
    ("planned", "applied"),
    [
        pytest.param([], ["--policy", "platform.yaml"], id="a policy that came later"),
        pytest.param(["--policy", "platform.yaml"], ["--policy", "other.yaml"], id="a policy that allows more"),
    ],
)
def test_a_plan_that_other_policies_would_change_is_stale(shell: Shell, planned: list[str], applied: list[str]) -> None:
    shell.write("version: 1\n", "other.yaml")
    shell("plan", "--out", "plan.json", *planned)
    done = shell("apply", "plan.json", *applied)
    assert (done.status, shell.world.provider.live()) == (4, ())
    assert "the plan is stale, nothing was done" in done.err


def test_a_digest_that_was_reviewed_fits_under_the_same_policy(shell: Shell) -> None:
    digest = json.loads(shell("plan", "--policy", "platform.yaml", "--format", "json").out)["digest"]
    assert "does not match --expect" in shell("apply", "--expect", digest).err
    shell("apply", "--expect", digest, "--policy", "platform.yaml")
    assert [record.name for record in shell.world.provider.live()] == ["ingest"]


# The library


def test_the_library_holds_keys_against_policies_too(shell: Shell) -> None:
    session = shell.session(stdin=io.StringIO(), out=io.StringIO(), err=io.StringIO()).context
    made = plan("keys.yaml", policies=["platform.yaml"], session=session)
    assert [action.address for action in made.blocked] == ["user/ci"]
    apply(made, session=session)
    assert [record.name for record in shell.world.provider.live()] == ["ingest"]
