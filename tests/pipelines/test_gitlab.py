"""The pipeline of `examples/gitlab`, job by job: merge request, review, manual apply, and the nightly schedules."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from pipelines.conftest import CI, INGEST, Manifest, Provider
from pipelines.gitlab import Project
from pipelines.steps import ROOT
from pipelines.world import World

pytestmark = [pytest.mark.processes, pytest.mark.enable_socket]

MERGE_REQUEST = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1"}
FORK = MERGE_REQUEST | {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2"}
MAIN = {"CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main"}
DRIFT = {"CI_PIPELINE_SOURCE": "schedule", "CI_COMMIT_BRANCH": "main", "TASK": "drift"}
ROTATE = DRIFT | {"TASK": "rotate"}


@pytest.fixture
def project(world: World) -> Project:
    """Return a project beside the sandbox of a world."""
    return Project(
        folder=world.folder / "gitlab", secrets=world.secrets, operator=world.operator, keyplan=world.keyplan
    )


def failures(report: Path) -> int:
    """Return how many cases of a JUnit report failed."""
    return len(ET.parse(report).findall(".//failure"))  # noqa: S314 - our own report


def test_a_merge_request_shows_the_plan_and_main_applies_the_saved_one(
    project: Project, provider: Provider, manifest: Manifest
) -> None:
    proposed = project.run(manifest(CI, INGEST), MERGE_REQUEST)
    assert list(proposed) == ["validate", "plan"]
    counts = json.loads((proposed["plan"].folder / "tfplan.json").read_text())
    assert (counts, provider.live_names()) == ({"create": 2, "update": 0, "delete": 0}, [])
    merged = project.run(manifest(CI, INGEST), MAIN, start=("apply",))
    assert {name: job.status for name, job in merged.items()} == {"validate": 0, "plan": 0, "apply": 0}
    assert provider.live_names() == ["ci", "ingest"]


def test_nothing_is_applied_until_somebody_starts_it(project: Project, provider: Provider, manifest: Manifest) -> None:
    assert list(project.run(manifest(CI), MAIN)) == ["validate", "plan"]
    assert provider.live_names() == []


def test_a_saved_plan_that_the_world_has_left_behind_is_refused_with_the_difference(
    project: Project, world: World, provider: Provider, manifest: Manifest
) -> None:
    world.applied(manifest(CI, INGEST))
    first, *rest = manifest(CI)["keys.yaml"].partition("Used by CI")
    changed = {"keys.yaml": first + "Used by nobody else" + rest[1]}
    jobs = project.run(changed, MAIN)
    provider.revoke("ci")
    stale = project.resume(changed, MAIN, jobs, "apply")
    assert stale.status == 4
    assert "the plan is stale, nothing was done: " in stale.log
    assert "user/ci" in stale.log
    assert provider.live_names() == ["ingest"]


def test_a_fork_is_validated_and_not_planned(project: Project, manifest: Manifest) -> None:
    assert list(project.run(manifest(CI), FORK)) == ["validate"]


def test_a_wrong_manifest_stops_the_pipeline_and_its_report_says_why(project: Project, manifest: Manifest) -> None:
    jobs = project.run(manifest("  - {name: ci, key_type: nobody}\n"), MERGE_REQUEST)
    assert {name: job.status for name, job in jobs.items()} == {"validate": 3}
    assert failures(jobs["validate"].folder / "validate.xml") == 1


def test_drift_fails_its_job_and_case_and_a_reviewed_apply_mends_it(
    project: Project, world: World, provider: Provider, manifest: Manifest
) -> None:
    world.applied(manifest(CI, INGEST))
    provider.revoke("ci")
    found = project.run(manifest(CI, INGEST), DRIFT)["drift"]
    assert (found.status, failures(found.folder / "drift.xml")) == (2, 1)
    assert project.run(manifest(CI, INGEST), ROTATE)["rotate"].status == 0
    assert provider.live_names() == ["ingest"]
    assert project.run(manifest(CI, INGEST), MAIN, start=("apply",))["apply"].status == 0
    assert project.run(manifest(CI, INGEST), DRIFT)["drift"].status == 0
    assert provider.live_names() == ["ci", "ingest"]


def test_each_job_installs_one_version(project: Project, manifest: Manifest) -> None:
    project.run(manifest(CI), FORK)
    # Which one that is before and after a release, tests/release/test_pins.py says.
    [wanted] = re.findall(r"(?m)^  INSTALL: (.+)$", (ROOT / "examples/gitlab/.gitlab-ci.yml").read_text())
    assert (project.folder / "pip.txt").read_text().split()[-1] == wanted
