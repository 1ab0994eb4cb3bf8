"""The workflows of this repository: pinned, with as few rights as they need, and complete."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from repository.pins import Row, ask_commit, find_differences, read_record
from repository.workflows import (
    OURS,
    ROOT,
    list_ci_targets,
    list_pins,
    list_steps,
    list_targets,
    list_workflows,
    read_workflow,
)

WRITES = {
    ("codeql.yml", "analyze"): {"security-events"},
    ("scorecard.yml", "scorecard"): {"security-events", "id-token"},
    ("release.yml", "attest"): {"id-token", "attestations"},
    ("release.yml", "pypi"): {"id-token"},
    ("release.yml", "image"): {"packages", "id-token", "attestations"},
    ("release.yml", "release"): {"contents"},
}
"""Jobs that may change something, and what. Every other job only reads."""
NAMES = [path.name for path in list_workflows()]


JOBS = [
    pytest.param(name, job_id, job, id=f"{name} {job_id}")
    for name in NAMES
    for job_id, job in read_workflow(name)["jobs"].items()
]


def _list_make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_workflows_are_those_that_we_know() -> None:
    assert NAMES == ["ci.yml", "codeql.yml", "dependency-review.yml", "release.yml", "scorecard.yml"]


def test_every_action_of_others_is_pinned_to_a_commit_and_says_its_version() -> None:
    pins = list(list_pins())
    assert pins
    assert [pin for pin in pins if not re.fullmatch(r"[0-9a-f]{40}", pin.commit)] == []
    assert [pin for pin in pins if not re.fullmatch(r"v\d+\.\d+\.\d+", pin.version)] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_line_that_uses_an_action_escapes_the_list_of_pins(name: str) -> None:
    lines = [line for line in (list_workflows()[NAMES.index(name)]).read_text().splitlines() if "uses: " in line]
    ours = [line for line in lines if "uses: ./" in line]
    assert len(lines) - len(ours) == sum(Path(pin.path).name == name for pin in list_pins())


def test_the_record_of_pins_has_every_action_once_and_no_other() -> None:
    used = {(pin.repository, pin.version, pin.commit) for pin in list_pins() if pin.repository != OURS}
    assert sorted(used) == sorted((row.repository, row.version, row.commit) for row in read_record())


@pytest.fixture
def tagged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the commit of a repository that stands for github.com/some/action, with a tag of each kind on it."""
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f'[url "file://{tmp_path}/"]\n\tinsteadOf = https://github.com/\n'
        "[user]\n\tname = An author\n\temail = author@example.com\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    source = tmp_path / "some" / "action"
    source.mkdir(parents=True)
    for arguments in (
        ("init", "--quiet"),
        ("commit", "--quiet", "--allow-empty", "--message=One"),
        ("tag", "v1.0.0"),
        ("tag", "--annotate", "--message=It", "v1.0.1"),
    ):
        subprocess.run(["git", *arguments], cwd=source, check=True)
    asked = ["git", "rev-parse", "HEAD"]
    return subprocess.run(asked, cwd=source, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("version", ["v1.0.0", "v1.0.1"])
def test_a_repository_is_asked_for_the_commit_of_a_light_and_of_an_annotated_tag(tagged: str, version: str) -> None:
    assert ask_commit(Row(repository="some/action", version=version, commit="")) == tagged


def test_a_pin_that_its_repository_does_not_know_is_a_difference(tagged: str) -> None:
    rows = [
        Row(repository="some/action", version="v1.0.0", commit=tagged),
        Row(repository="some/action", version="v1.0.0", commit="0" * 40),
        Row(repository="some/action", version="v9.0.0", commit=tagged),
        Row(repository="no/such", version="v1.0.0", commit=tagged),
    ]
    assert [line.rpartition(" ")[2] for line in find_differences(rows)] == [tagged, "nothing", "nothing"]


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_no_rights_of_its_own_and_one_run_at_a_time(name: str) -> None:
    workflow = read_workflow(name)
    assert workflow["permissions"] == {}
    assert set(workflow["concurrency"]) == {"group", "cancel-in-progress"}


@pytest.mark.parametrize(("name", "job_id", "job"), JOBS)
def test_a_job_states_its_rights_and_writes_only_what_we_know(name: str, job_id: str, job: dict[str, Any]) -> None:
    rights = job["permissions"]
    assert {right for right, level in rights.items() if level == "write"} == WRITES.get((name, job_id), set())
    assert set(rights.values()) <= {"read", "write"}


@pytest.mark.parametrize(("name", "job_id", "job"), JOBS)
def test_a_job_ends_and_has_a_runner_that_does_not_move(name: str, job_id: str, job: dict[str, Any]) -> None:
    if "uses" in job:
        return
    assert 0 < int(job["timeout-minutes"]) <= 60, f"{name} {job_id}"
    assert re.fullmatch(r"(ubuntu|macos)-[\d.]+", job["runs-on"])


@pytest.mark.parametrize(("name", "job_id", "job"), JOBS)
def test_no_step_keeps_the_credential_or_has_an_expression_in_its_script(
    name: str, job_id: str, job: dict[str, Any]
) -> None:
    for step in list_steps(job):
        assert "${{" not in step.get("run", ""), f"{name} {job_id}"
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false", f"{name} {job_id}"


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_every_target_of_make_that_a_workflow_runs_is_in_the_makefile(name: str) -> None:
    targets = set(list_targets(read_workflow(name)))
    assert targets
    assert targets <= _list_make_targets()


def test_ci_runs_every_target_that_a_change_has_to_pass() -> None:
    assert len(list_ci_targets()) > 10
    assert set(list_ci_targets()) - set(list_targets(read_workflow("ci.yml"))) == set()


def test_the_coverage_of_both_runs_is_judged_in_the_order_of_a_change() -> None:
    ours = list(list_targets({"jobs": {"tests": read_workflow("ci.yml")["jobs"]["tests"]}}))
    theirs = list_ci_targets()
    assert [theirs.index(one) for one in ours] == sorted(theirs.index(one) for one in ours)
    assert ours[0] == "collected"


def test_ci_runs_on_the_oldest_python_that_keyplan_supports_and_on_each_one_after_it() -> None:
    pythons = read_workflow("ci.yml")["jobs"]["tests"]["strategy"]["matrix"]["python"]
    oldest = re.findall(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pythons[:1] == oldest
    minors = [int(python.partition(".")[2]) for python in pythons]
    assert all(later == earlier + 1 for earlier, later in pairwise(minors))


def test_the_last_job_of_ci_waits_for_every_other_one() -> None:
    jobs = read_workflow("ci.yml")["jobs"]
    assert set(jobs["passed"]["needs"]) == set(jobs) - {"passed"}


def _list_needed(jobs: dict[str, Any], job_id: str) -> set[str]:
    needs = jobs[job_id].get("needs", [])
    direct = {needs} if isinstance(needs, str) else set(needs)
    return direct.union(*(_list_needed(jobs, name) for name in direct))


@pytest.mark.parametrize("job_id", ["attest", "pypi", "image", "release"])
def test_nothing_is_published_before_the_tag_is_checked_and_every_test_has_passed(job_id: str) -> None:
    jobs = read_workflow("release.yml")["jobs"]
    assert _list_needed(jobs, job_id) >= {"check", "tests", "build"}


@pytest.mark.parametrize("job_id", ["pypi", "image"])
def test_what_can_not_be_taken_back_waits_for_an_approval(job_id: str) -> None:
    assert read_workflow("release.yml")["jobs"][job_id]["environment"] == job_id


def test_a_release_starts_for_nothing_but_a_tag_of_a_version() -> None:
    assert read_workflow("release.yml")["on"] == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}


def test_what_the_release_installs_to_sign_and_upload_is_pinned_by_hash() -> None:
    text = (ROOT / ".github" / "release" / "requirements.txt").read_text()
    wanted = re.findall(r"^([a-z-]+)>=", (ROOT / ".github" / "release" / "requirements.in").read_text(), re.MULTILINE)
    blocks = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE)[1:]
    assert {block.partition("==")[0] for block in blocks} >= {*wanted}
    assert wanted
    assert [block for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize(
    ("script", "targets"),
    [
        ("make test", ["test"]),
        ("make dist sbom", ["dist", "sbom"]),
        ("make sinks-marked || make sinks-again", ["sinks-marked", "sinks-again"]),
        ('make release-check VERSION="${GITHUB_REF_NAME#v}"', ["release-check"]),
        ("make release-check version=1", ["release-check"]),
    ],
)
def test_the_targets_of_a_script_are_found(script: str, targets: list[str]) -> None:
    assert list(list_targets({"jobs": {"job": {"steps": [{"run": script}]}}})) == targets
