"""The copied workflows with keyplan in a container of the image: plan, digest, apply, drift, rotate."""

from __future__ import annotations

import os
import re
from dataclasses import replace

import pytest
from image.conftest import engine
from image.container import BESIDE_US, Engine
from pipelines.conftest import CI, INGEST, Manifest, Provider
from pipelines.world import World, in_container

pytestmark = [pytest.mark.image, pytest.mark.enable_socket]
__all__ = ["engine"]

CAREFUL = ("--rm", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@pytest.fixture
def contained(world: World, engine: Engine) -> World:
    """Return a world whose machines have keyplan in a container only, as the user that a job is."""
    user = f"--user={os.geteuid()}:{os.getegid()}"
    run = (*engine.argv, "run", *engine.run_options, *CAREFUL, *BESIDE_US, user)
    return replace(world, keyplan=in_container(run, engine.image, world.folder))


def test_from_a_pull_request_to_the_night_after(contained: World, provider: Provider, manifest: Manifest) -> None:
    planned = contained.open_pull_request(1, contained.commit(manifest(CI, INGEST)))["plan"]
    assert (planned.result, planned.outputs["add"], provider.live_names()) == ("success", "2", []), planned.log
    applied = contained.merge(1)["apply"]
    assert applied.result == "success", applied.log
    assert f"was reviewed with: {planned.outputs['digest']}" in applied.log
    assert all(provider.is_valid((contained.store / f"{name}.key").read_text()) for name in ("ci", "ingest"))
    sha = list(contained.trees)[-1]
    assert contained.run("keyplan-drift.yml", "schedule", sha, {})["drift"].result == "success"
    provider.revoke("ci")
    assert contained.run("keyplan-drift.yml", "schedule", sha, {})["drift"].result == "failure"
    # That a key is gone is nothing that time did: a user looks at the plan, and approves it.
    assert contained.run("keyplan-rotate.yml", "schedule", sha, {})["rotate"].result == "success"
    # A pull request's plan asks no sink, so it can't know that the key was there once: the apply shows that, and waits.
    digest = contained.open_pull_request(2, sha)["plan"].outputs["digest"]
    shown = contained.run("keyplan-merge.yml", "workflow_dispatch", sha, {}, inputs={"digest": digest})["apply"]
    assert (shown.outputs["exitcode"], "user/ci  (deleted outside keyplan)" in shown.log) == ("4", True)
    (digest,) = set(re.findall("its digest is ([0-9a-f]{64})", shown.log))
    repaired = contained.run("keyplan-merge.yml", "workflow_dispatch", sha, {}, inputs={"digest": digest})["apply"]
    assert repaired.result == "success", repaired.log
    assert contained.run("keyplan-drift.yml", "schedule", sha, {})["drift"].result == "success"
    assert [issue["state"] for issue in contained.forge.issues.values()] == ["closed"]
