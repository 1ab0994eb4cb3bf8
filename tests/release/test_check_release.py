"""A release is refused unless version, changelog, tree and tag agree; `make release-prepare` makes the first three."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest
from release.changelog import REPOSITORY, ReleaseError
from release.check_release import Candidate, find_problems
from release.versions import PLACES, prepare, read_versions

import keyplan

LATER = "0.2.0"
DAY = date(2026, 11, 1)
GITLAB = "examples/gitlab/.gitlab-ci.yml"
"""Names the version in how keyplan is installed."""
ENTRY = "# Changelog\n\n## Unreleased\n\n- Something new.\n"


def _git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=repository, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with what names versions, and one unreleased entry."""
    for name in {*(name for name, _ in PLACES), "release.toml", GITLAB}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(ENTRY)
    _git(tmp_path, "init", "--quiet", "--initial-branch=main")
    for name, value in {"user.name": "A maintainer", "user.email": "maintainer@example.com"}.items():
        _git(tmp_path, "config", name, value)
    _commit(tmp_path)
    return tmp_path


def _commit(repository: Path) -> None:
    _git(repository, "add", "--all")
    _git(repository, "-c", "commit.gpgsign=false", "commit", "--quiet", "--allow-empty", "--message=A commit")


@pytest.fixture
def prepared(repository: Path) -> Path:
    """Return a repository that was prepared for a release, and committed."""
    prepare(repository, LATER, DAY)
    _commit(repository)
    return repository


def _sign(repository: Path, tag: str) -> None:
    key = repository.parent / f"{repository.name}-key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signed = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}")
    _git(repository, *signed, "tag", "--sign", "--message=A release", tag)


def test_every_place_names_the_version_that_keyplan_reports() -> None:
    assert {version for _, version in read_versions(REPOSITORY)} == {keyplan.__version__}


def test_nothing_names_a_version_of_keyplan_that_a_release_would_leave_behind(tmp_path: Path) -> None:
    """Such a version is still there in a copy that was prepared; what the changelog says of the past stays."""
    copy = tmp_path / "copy"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", REPOSITORY, copy], check=True)
    (copy / "CHANGELOG.md").write_text(ENTRY)
    prepare(copy, LATER, DAY)
    pattern = rf"keyplan[^ ]*[-:=]{keyplan.__version__}|(version|tag|Tag|rev): \"?v?{keyplan.__version__}"
    asked = ["git", "grep", "-nE", pattern, "--", "examples", "docs", "charts", "README.md", "action.yml"]
    found = subprocess.run(asked, cwd=copy, capture_output=True, text=True, check=False).stdout
    assert found == ""


def test_a_prepared_version_is_everywhere_and_its_entries_have_a_date(repository: Path) -> None:
    changed = prepare(repository, LATER, DAY)
    assert set(changed) == {"CHANGELOG.md", *(name for name, _ in PLACES), GITLAB}
    assert LATER in (repository / GITLAB).read_text()
    assert {version for _, version in read_versions(repository)} == {LATER}
    assert (repository / "CHANGELOG.md").read_text() == ENTRY.replace(
        "- Something", f"## {LATER} - {DAY}\n\n- Something"
    )


def test_the_version_that_is_there_already_can_be_prepared(repository: Path) -> None:
    assert prepare(repository, keyplan.__version__, DAY) == ["CHANGELOG.md"]


@pytest.mark.parametrize("version", ["0.0.9", "0.2", "v0.2.0"])
def test_a_refused_preparation_changes_nothing(repository: Path, version: str) -> None:
    with pytest.raises(ReleaseError):
        prepare(repository, version, DAY)
    assert find_problems(Candidate(repository=repository, version=keyplan.__version__)) != []
    assert _is_clean(repository)


def test_a_place_without_a_version_is_refused_before_anything_is_written(repository: Path) -> None:
    (repository / PLACES[-1][0]).write_text("nothing\n")
    with pytest.raises(ReleaseError, match="names no version"):
        prepare(repository, LATER, DAY)
    assert (repository / "CHANGELOG.md").read_text() == ENTRY


def _is_clean(repository: Path) -> bool:
    asked = ["git", "status", "--porcelain"]
    return subprocess.run(asked, cwd=repository, capture_output=True, text=True, check=True).stdout == ""


def test_a_prepared_and_committed_version_can_be_released(prepared: Path) -> None:
    assert find_problems(Candidate(repository=prepared, version=LATER)) == []


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="signs a tag with a key of its own")
def test_a_signed_tag_of_the_prepared_commit_can_be_released(prepared: Path) -> None:
    _sign(prepared, f"v{LATER}")
    assert find_problems(Candidate(repository=prepared, version=LATER, tag=f"v{LATER}")) == []


def test_the_commit_before_the_preparation_can_not_be_released(repository: Path) -> None:
    problems = find_problems(Candidate(repository=repository, version=LATER))
    assert [problem for problem in problems if "make release-prepare VERSION=0.2.0" in problem]
    assert f"keyplan/__init__.py says {keyplan.__version__}" in problems


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        pytest.param("keyplan/__init__.py", LATER, "0.2.1", "keyplan/__init__.py says 0.2.1", id="the version file"),
        pytest.param(GITLAB, LATER, "0.1.0", ".gitlab-ci.yml says something else about installing", id="an example"),
        pytest.param("CHANGELOG.md", str(DAY), "2999-01-01", "in the future", id="a day in the future"),
        pytest.param("CHANGELOG.md", LATER, "0.3.0", "no section 0.2.0", id="another version in the changelog"),
        pytest.param(
            "CHANGELOG.md", "## Unreleased", "## Unreleased\n\n- Late.", "below `## Unreleased`", id="a late entry"
        ),
        pytest.param(
            "CHANGELOG.md", f"## {LATER}", "## 0.3.0 - 2026-11-02\n\n- It.\n\n## 0.2.0", "is 0.3.0", id="newer"
        ),
    ],
)
def test_a_release_is_refused_for(prepared: Path, name: str, old: str, new: str, said: str) -> None:
    path = prepared / name
    path.write_text(path.read_text().replace(old, new))
    _commit(prepared)
    (problem,) = find_problems(Candidate(repository=prepared, version=LATER))
    assert said in problem


def test_a_release_is_refused_for_what_is_not_committed(prepared: Path) -> None:
    (prepared / "new.py").write_text("")
    assert find_problems(Candidate(repository=prepared, version=LATER)) == [
        "not everything is committed: 1 files differ"
    ]


def test_a_tag_of_another_name_is_refused(prepared: Path) -> None:
    problems = find_problems(Candidate(repository=prepared, version=LATER, tag="v0.2.1"))
    assert "the tag v0.2.1 is not v0.2.0" in problems


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        pytest.param(("tag", "v0.2.0"), "not an annotated tag", id="a light tag"),
        pytest.param(("status",), "not an annotated tag", id="no tag"),
        pytest.param(("tag", "--annotate", "--message=It", "v0.2.0"), "is not signed", id="a tag without a signature"),
    ],
)
def test_a_tag_is_refused(prepared: Path, tag: tuple[str, ...], said: str) -> None:
    _git(prepared, *tag)
    (problem,) = find_problems(Candidate(repository=prepared, version=LATER, tag="v0.2.0"))
    assert said in problem


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="signs a tag with a key of its own")
def test_a_tag_of_another_commit_is_refused(prepared: Path) -> None:
    _sign(prepared, "v0.2.0")
    _commit(prepared)
    (problem,) = find_problems(Candidate(repository=prepared, version=LATER, tag="v0.2.0"))
    assert "another commit" in problem
