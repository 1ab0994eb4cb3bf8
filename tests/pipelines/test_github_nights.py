"""The nightly workflows of `examples/github`, run step by step: one looks and keeps an issue, one does what is due."""

from __future__ import annotations

import re
import time

import pytest
from pipelines.conftest import CI, INGEST, Manifest, Provider
from pipelines.github_server import BOT
from pipelines.steps import Job
from pipelines.world import World

pytestmark = [pytest.mark.processes, pytest.mark.enable_socket]


def look_for_drift(world: World) -> Job:
    """Return what the nightly look came to."""
    return world.run("keyplan-drift.yml", "schedule", list(world.trees)[-1], {})["drift"]


def rotate(world: World) -> Job:
    """Return what the nightly rotation came to."""
    return world.run("keyplan-rotate.yml", "schedule", list(world.trees)[-1], {})["rotate"]


def test_drift_opens_one_issue_which_is_closed_when_the_keys_are_as_declared_again(
    world: World, provider: Provider, manifest: Manifest
) -> None:
    world.applied(manifest(CI, INGEST))
    assert (look_for_drift(world).result, world.forge.issues) == ("success", {})
    provider.revoke("ci")
    assert [look_for_drift(world).result, look_for_drift(world).result] == ["failure", "failure"]
    [issue] = world.forge.issues.values()
    assert (issue["state"], issue["user"]["login"], "user/ci" in issue["body"]) == ("open", BOT, True)
    # That a key is gone is nothing that time did: a user looks at the plan, and approves it.
    assert (rotate(world).result, provider.live_names()) == ("success", ["ingest"])
    sha = list(world.trees)[-1]
    # A pull request's plan asks no sink, so it can't know that the key was there once: the apply shows that, and waits.
    digest = world.open_pull_request(1, sha)["plan"].outputs["digest"]
    shown = world.run("keyplan-merge.yml", "workflow_dispatch", sha, {}, inputs={"digest": digest})["apply"]
    assert (shown.outputs["exitcode"], "user/ci  (deleted outside keyplan)" in shown.log) == ("4", True)
    (digest,) = set(re.findall("its digest is ([0-9a-f]{64})", shown.log))
    repaired = world.run("keyplan-merge.yml", "workflow_dispatch", sha, {}, inputs={"digest": digest})["apply"]
    assert (repaired.result, provider.live_names()) == ("success", ["ci", "ingest"])
    assert look_for_drift(world).result == "success"
    assert (issue["state"], len(world.forge.bodies(issue["number"]))) == ("closed", 1)


def test_the_rotation_renews_what_is_due_and_leaves_what_no_user_reviewed(
    world: World, provider: Provider, manifest: Manifest
) -> None:
    due = CI.replace("}", ", expires_in: 24s, rotation: {overlap: 0s}}")
    world.applied(manifest(due))
    world.commit(manifest(due, INGEST))
    before = provider.count_changes()
    # Until a third of its life is left. A `before_expiry` of nearly the whole life would count only if the delivery is
    # quick: one that is longer than the life after delivery is passed over.
    time.sleep(17.5)
    done = rotate(world)
    assert (done.result, provider.live_names()) == ("success", ["ci"])
    assert provider.count_changes() > before
    assert "1 left for a reviewed apply" in done.log


def test_a_look_that_fails_leaves_the_issue_as_it_is(world: World, provider: Provider, manifest: Manifest) -> None:
    world.applied(manifest(CI))
    provider.revoke("ci")
    look_for_drift(world)
    [issue] = world.forge.issues.values()
    before = dict(issue)
    world.secrets = {"ARIZE_API_KEY": "ak-of-nobody"}
    failed = look_for_drift(world)
    assert (failed.result, failed.outputs["exitcode"], issue) == ("failure", "5", before)


def test_drift_makes_no_request_that_changes_a_key(world: World, provider: Provider, manifest: Manifest) -> None:
    world.applied(manifest(CI))
    before = provider.count_changes()
    look_for_drift(world)
    assert provider.count_changes() == before > 0
