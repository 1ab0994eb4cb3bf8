"""The rehearsal of a release runs the workflow's own scripts, knows what it leaves out, and notices what is lost."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pipelines.steps import UnknownError
from release.changelog import REPOSITORY
from release.check_release import Candidate, find_problems
from release.machine import FAILED, LEFT_OUT, RAN, Machine, Stage
from release.rehearsal import choose_version, find_losses, make_origin, order_jobs
from release.stand_ins import (
    CHECKOUT,
    DOWNLOAD,
    GH,
    IMAGE_STEP,
    NOT_REHEARSED,
    NOT_REHEARSED_JOBS,
    PYTHON,
    STAND_INS,
    UPLOAD,
)
from repository.workflows import list_steps, read_workflow

JOBS = read_workflow("release.yml")["jobs"]
STEPS = [step for job in JOBS.values() for step in list_steps(job)]
ACTIONS = {step["uses"].partition("@")[0] for step in STEPS if "uses" in step}
SCRIPTS = {step["name"] for step in STEPS if "run" in step}
needs_git = pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="clones this repository")
needs_keys = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="signs a tag with a key of its own")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Return a stage without a repository."""
    return Stage(
        folder=tmp_path,
        machines=tmp_path / "machines",
        origin=tmp_path / "origin.git",
        tag="v1.2.3",
        repository="keyplan/keyplan",
        environment={"GREETING": "hello"},
        overrides={"Publish": {"DESTINATION": "here"}},
        left_out={"Fly": "no wings"},
    )


def test_every_action_of_the_release_is_one_that_the_rehearsal_stands_in_for_or_leaves_out() -> None:
    assert {CHECKOUT, PYTHON, UPLOAD, DOWNLOAD} | {name for name in NOT_REHEARSED if "/" in name} == ACTIONS


def test_every_script_that_does_not_run_as_it_is_is_one_of_the_release() -> None:
    named = {*STAND_INS, IMAGE_STEP, *(name for name in NOT_REHEARSED if "/" not in name)}
    assert named <= SCRIPTS
    assert len(SCRIPTS - named) >= 8
    assert set(NOT_REHEARSED_JOBS) <= set(JOBS)


@pytest.mark.parametrize(
    ("name", "program"), [("Sign with sigstore", "sigstore"), ("Attest the files for PyPI", "pypi_attestations")]
)
def test_a_stand_in_starts_the_program_that_the_step_would(name: str, program: str) -> None:
    (step,) = (step for step in STEPS if step.get("name") == name)
    assert f"python -m {program} " in step["run"]
    assert f"python -m {program} " in STAND_INS[name].script


def test_jobs_come_after_what_they_need() -> None:
    ordered = order_jobs(JOBS)
    assert sorted(ordered) == sorted(JOBS)
    assert ordered.index("check") < ordered.index("build") < ordered.index("attest") < ordered.index("pypi")
    assert ordered[-1] == "release"
    assert order_jobs({"b": {"needs": ["a", "c"]}, "c": {"needs": "a"}, "a": {}}) == ["a", "c", "b"]


def _run(stage: Stage, *steps: dict[str, Any], job: str = "job") -> list[tuple[str, str]]:
    return [(one.step, one.how) for one in Machine(stage, job).run(list(steps))]


def test_a_script_finds_the_tag_the_environment_and_the_outputs_of_earlier_steps(stage: Stage, tmp_path: Path) -> None:
    happened = _run(
        stage,
        {"name": "One", "id": "one", "run": 'echo "said=$GREETING" >>"$GITHUB_OUTPUT"'},
        {
            "name": "Two",
            "run": f'echo "$SAID $GITHUB_REF_NAME" >{tmp_path}/two',
            "env": {"SAID": "${{ steps.one.outputs.said }}"},
        },
    )
    assert happened == [("One", RAN), ("Two", RAN)]
    assert (tmp_path / "two").read_text() == "hello v1.2.3\n"


def test_a_script_that_fails_is_the_last_step_of_its_job(stage: Stage) -> None:
    assert _run(stage, {"name": "One", "run": "false | cat"}, {"name": "Two", "run": "true"}) == [("One", FAILED)]


def test_a_publishing_script_is_the_same_and_goes_somewhere_else(stage: Stage, tmp_path: Path) -> None:
    step = {"name": "Publish", "run": f'echo "$DESTINATION" >{tmp_path}/to', "env": {"DESTINATION": "world"}}
    assert _run(stage, step) == [("Publish", RAN)]
    assert (tmp_path / "to").read_text() == "here\n"


def test_what_this_computer_can_not_do_is_left_out_and_said(stage: Stage, tmp_path: Path) -> None:
    (happened,) = Machine(stage, "job").run([{"name": "Fly", "run": f"touch {tmp_path}/flown"}])
    assert (happened.how, happened.reason) == (LEFT_OUT, "no wings")
    assert not (tmp_path / "flown").exists()


def test_files_go_from_one_machine_to_another(stage: Stage, tmp_path: Path) -> None:
    give = {"uses": f"{UPLOAD}@0", "with": {"name": "dist", "path": "dist/"}}
    _run(stage, {"name": "Make", "run": "mkdir dist && echo made >dist/file"}, give, job="one")
    take = {"uses": f"{DOWNLOAD}@0", "with": {"name": "dist", "path": "got"}}
    assert _run(stage, take, {"name": "Show", "run": f"cp got/file {tmp_path}/shown"}, job="two")[-1][1] == RAN
    assert (tmp_path / "shown").read_text() == "made\n"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param({"uses": "an/action@0"}, id="another action"),
        pytest.param({"uses": f"{UPLOAD}@0", "with": {"name": "none", "path": "none/"}}, id="nothing to upload"),
        pytest.param({"name": "One", "run": "true", "continue-on-error": "true"}, id="another field"),
    ],
)
def test_what_the_rehearsal_does_not_know_is_refused(stage: Stage, step: dict[str, Any]) -> None:
    with pytest.raises(UnknownError):
        _run(stage, step)


@needs_git
@needs_keys
def test_the_rehearsed_tag_can_be_released_and_the_repository_is_as_before(tmp_path: Path) -> None:
    before = _ask_git(REPOSITORY, "status", "--porcelain"), _ask_git(REPOSITORY, "tag", "--list")
    version = choose_version(REPOSITORY)
    origin = make_origin(tmp_path, version)
    clone = tmp_path / "released"
    subprocess.run(["git", "clone", "--quiet", f"--branch=v{version}", origin, clone], check=True, capture_output=True)
    assert find_problems(Candidate(repository=clone, version=version, tag=f"v{version}")) == []
    assert (_ask_git(REPOSITORY, "status", "--porcelain"), _ask_git(REPOSITORY, "tag", "--list")) == before
    tag = _ask_git(clone, "rev-parse", f"refs/tags/v{version}")
    assert (
        _call_gh(tmp_path, "api", f"repos/keyplan/keyplan/git/tags/{tag}", "--jq", ".verification.verified") == "true"
    )
    (tmp_path / "signers").write_text("")
    assert (
        _call_gh(tmp_path, "api", f"repos/keyplan/keyplan/git/tags/{tag}", "--jq", ".verification.verified") == "false"
    )


def _ask_git(repository: Path, *arguments: str) -> str:
    argv = ["git", *arguments]
    return subprocess.run(argv, cwd=repository, capture_output=True, text=True, check=True).stdout.strip()


def _call_gh(folder: Path, *arguments: str) -> str:
    program = folder / "gh"
    program.write_text(GH)
    environment = {
        "PATH": os.environ["PATH"],
        "GH_TOKEN": "a-token",
        "GITHUB_REPOSITORY": "keyplan/keyplan",
        "REHEARSED_ORIGIN": str(folder / "origin.git"),
        "REHEARSED_SIGNERS": str(folder / "signers"),
        "REHEARSED_RELEASE": str(folder / "release"),
    }
    argv = ["bash", program, *arguments]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.strip() if done.returncode == 0 else f"exit status {done.returncode}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("api", "repos/other/other/git/tags/0", "--jq", ".verification.verified"),
        ("release", "delete", "v1.2.3"),
        ("release", "create", "v1.2.3", "--draft"),
    ],
)
def test_the_stand_in_for_gh_refuses_what_it_does_not_know(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert _call_gh(tmp_path, *arguments) == "exit status 2"


@pytest.fixture
def published(stage: Stage) -> Path:
    """Return the index of a release of which everything has arrived."""
    built, index, release = stage.folder / "artifacts" / "dist", stage.folder / "index", stage.folder / "release"
    for folder in (built, index, release):
        folder.mkdir(parents=True)
    names = ("keyplan-1.2.3-py3-none-any.whl", "keyplan-1.2.3.tar.gz")
    sums = "".join(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in names)
    for name in names:
        for folder in (index, release):
            (folder / name).write_text(name)
        (release / f"{name}.sigstore.json").write_text("{}")
    for folder in (built, release):
        (folder / "SHA256SUMS").write_text(sums)
        (folder / "NOTES.md").write_text("- New.\n")
    (release / "keyplan.cdx.json").write_text("{}")
    return index


def test_nothing_is_lost_if_everything_arrived_as_it_was_built(stage: Stage, published: Path) -> None:
    assert list(find_losses(stage, published)) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("index/keyplan-1.2.3.tar.gz", None, "keyplan-1.2.3.tar.gz is not in index"),
        ("index/keyplan-1.2.3.tar.gz", "other", "keyplan-1.2.3.tar.gz in index is not what was built"),
        ("release/keyplan-1.2.3.tar.gz", "other", "keyplan-1.2.3.tar.gz in release is not what was built"),
        ("release/keyplan.cdx.json", None, "keyplan.cdx.json is not in the release"),
        (
            "release/keyplan-1.2.3.tar.gz.sigstore.json",
            None,
            "keyplan-1.2.3.tar.gz.sigstore.json is not in the release",
        ),
        ("release/NOTES.md", "- Old.\n", "the notes of the release are not those of the changelog"),
    ],
)
def test_what_is_lost_or_changed_is_said(stage: Stage, published: Path, name: str, text: str | None, said: str) -> None:
    path = stage.folder / name
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert list(find_losses(stage, published)) == [said]
