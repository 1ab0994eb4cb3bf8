"""The workflows of `examples/github`, run step by step: review, merge, and a world that changes in between."""

from __future__ import annotations

import shutil

import pytest
from pipelines.conftest import CI, INGEST, Manifest, Provider
from pipelines.world import World

pytestmark = [pytest.mark.processes, pytest.mark.enable_socket]

OTHER_CI = "  - {name: ci, key_type: user, description: Used by nobody else, on_description_change: replace}\n"
PROTECTED = "  - {name: ci, key_type: user, description: Used by CI, protect: true}\n"
CHANGED_PROTECTED = PROTECTED.replace("Used by CI", "Used by nobody else, on_description_change: replace")
NOT_YAML = "  - {name: ci, key_type: nobody}\n"
PLAN_MARKER, APPLY_MARKER = "<!-- keyplan:keyplan:plan -->\n", "<!-- keyplan:keyplan:apply -->\n"


@pytest.mark.parametrize("gh", ["", shutil.which("gh") or "none"], ids=["stand-in", "real gh"])
def test_what_was_reviewed_is_applied_on_merge_and_told_in_one_comment_each(
    world: World, provider: Provider, manifest: Manifest, gh: str
) -> None:
    if gh == "none":
        pytest.skip("gh is not installed; on Debian: apt-get install gh")
    for stranger in ("mallory", "octocat", "hubot"):
        world.forge.comment(1, f"{PLAN_MARKER}not by the bot", stranger)
    first = world.open_pull_request(1, world.commit(manifest(CI)))["plan"]
    second = world.open_pull_request(1, world.commit(manifest(CI, INGEST)))["plan"]
    assert ([first.outputs["add"], second.outputs["add"]], provider.live_names()) == (["1", "2"], [])
    applied = world.merge(1)["apply"]
    assert applied.result == "success", applied.log
    assert provider.live_names() == ["ci", "ingest"]
    *strangers, plan, report = world.forge.bodies(1)
    assert all(body.endswith("not by the bot") for body in strangers)
    assert plan.startswith(PLAN_MARKER)
    assert second.outputs["digest"] in plan
    assert report.startswith(APPLY_MARKER)


def test_the_delivered_keys_work_and_stand_in_no_log_comment_output_or_summary(
    world: World, provider: Provider, manifest: Manifest
) -> None:
    planned = world.open_pull_request(1, world.commit(manifest(CI)))
    applied = world.merge(1)
    raw = (world.store / "ci.key").read_text()
    assert provider.is_valid(raw)
    jobs = [*planned.values(), *applied.values()]
    told = "".join(f"{job.log}{job.summary}{job.outputs}" for job in jobs) + "".join(world.forge.bodies(1))
    assert raw not in told
    assert provider.sandbox.credential not in told


def test_a_world_that_changed_after_the_review_is_shown_and_left_alone(
    world: World, provider: Provider, manifest: Manifest
) -> None:
    world.applied(manifest(CI, INGEST))
    world.open_pull_request(1, world.commit(manifest(OTHER_CI, INGEST)))
    provider.revoke("ingest")
    refused = world.merge(1)["apply"]
    assert (refused.result, refused.outputs["exitcode"], provider.live_names()) == ("failure", "4", ["ci"])
    assert "the current plan does not match --expect, nothing was done" in refused.log
    assert "service/production/ingest  (deleted outside keyplan)" in refused.log


def test_whoever_reviewed_the_plan_of_now_starts_it_by_hand_with_its_digest(
    world: World, provider: Provider, manifest: Manifest
) -> None:
    sha = world.commit(manifest(CI))
    digest = world.open_pull_request(1, sha)["plan"].outputs["digest"]
    for given, result in (("0" * 64, "failure"), (digest, "success")):
        started = world.run("keyplan-merge.yml", "workflow_dispatch", sha, {}, inputs={"digest": given})
        assert started["apply"].result == result
    assert provider.live_names() == ["ci"]


def test_a_commit_that_no_pull_request_led_to_is_not_applied(
    world: World, provider: Provider, manifest: Manifest
) -> None:
    pushed = world.run("keyplan-merge.yml", "push", world.commit(manifest(CI)), {})["apply"]
    assert (pushed.result, provider.live_names()) == ("failure", [])
    assert "No pull request led to this commit" in pushed.log


def test_a_digest_that_somebody_else_recorded_is_not_believed(
    world: World, provider: Provider, manifest: Manifest
) -> None:
    sha = world.commit(manifest(CI))
    digest = world.open_pull_request(1, sha)["plan"].outputs["digest"]
    world.forge.statuses.clear()
    world.forge.status(sha, f"digest {digest}", "mallory")
    assert (world.merge(1)["apply"].result, provider.live_names()) == ("failure", [])


def test_the_newest_plan_of_a_pull_request_counts(world: World, provider: Provider, manifest: Manifest) -> None:
    sha = world.commit(manifest(CI))
    world.forge.status(sha, f"digest {'0' * 64}")
    world.open_pull_request(1, sha)
    assert (world.merge(1)["apply"].result, provider.live_names()) == ("success", ["ci"])


def test_a_fork_is_validated_but_gets_no_secret_and_writes_nothing(world: World, manifest: Manifest) -> None:
    jobs = world.open_pull_request(1, world.commit(manifest(CI)), is_fork=True)
    assert {name: job.result for name, job in jobs.items()} == {"validate": "success", "plan": "skipped"}
    assert (world.forge.calls, world.uploads) == ([], [])


def test_a_wrong_manifest_stops_at_validate_and_its_findings_are_uploaded(world: World, manifest: Manifest) -> None:
    jobs = world.open_pull_request(1, world.commit(manifest(NOT_YAML)))
    assert {name: job.result for name, job in jobs.items()} == {"validate": "failure", "plan": "skipped"}
    assert jobs["validate"].outputs["exitcode"] == "3"
    assert len(world.uploads) == 1


def test_where_nothing_was_to_be_done_a_merge_does_nothing(world: World, manifest: Manifest) -> None:
    world.applied(manifest(CI))
    world.open_pull_request(1, world.commit({**manifest(CI), "README.md": "More words"}))
    applied = world.merge(1)["apply"]
    assert (applied.result, applied.outputs["has_changes"]) == ("success", "false")
    assert "nothing is done" in applied.log
    assert [one["description"] for one in world.forge.statuses][-1] == "no changes"


def test_a_blocked_plan_is_red_and_its_merge_is_refused(world: World, provider: Provider, manifest: Manifest) -> None:
    world.applied(manifest(PROTECTED))
    planned = world.open_pull_request(1, world.commit(manifest(CHANGED_PROTECTED, INGEST)))["plan"]
    assert (planned.result, world.forge.statuses[-1]["state"]) == ("failure", "failure")
    assert "blocked" in world.forge.bodies(1)[0]
    refused = world.merge(1)["apply"]
    assert (refused.result, provider.live_names()) == ("failure", ["ci"])
    assert "something in it was blocked" in refused.log
