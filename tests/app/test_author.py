"""Who started a run: the CI system's word, else git's, else unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyplan.app.author import find_author
from keyplan.model.history import UNKNOWN_AUTHOR, Author
from keyplan.system.git import read_user

FOLDER = Path("/")


def find_none(*_: object) -> tuple[str, str]:
    return "", ""


def ada(*_: object) -> tuple[str, str]:
    return "Ada", "ada@example.com"


@pytest.mark.parametrize(
    ("environment", "author"),
    [
        ({"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "octo"}, Author(name="octo", source="github")),
        ({"GITLAB_CI": "true", "GITLAB_USER_LOGIN": "tanuki"}, Author(name="tanuki", source="gitlab")),
        ({"BUILDKITE": "true", "BUILDKITE_BUILD_CREATOR": "Ada"}, Author(name="Ada", source="buildkite")),
        ({"CIRCLECI": "true", "CIRCLE_USERNAME": "ada"}, Author(name="ada", source="circleci")),
        ({"TF_BUILD": "True", "BUILD_REQUESTEDFOR": "Ada L"}, Author(name="Ada L", source="azure-pipelines")),
        (
            {"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_STEP_TRIGGERER_UUID": "{1}"},
            Author(name="{1}", source="bitbucket"),
        ),
        (
            {"GIT_AUTHOR_NAME": "Bo", "GIT_AUTHOR_EMAIL": "bo@example.com"},
            Author(name="Bo <bo@example.com>", source="git"),
        ),
        ({"GIT_AUTHOR_EMAIL": "bo@example.com"}, Author(name="bo@example.com", source="git")),
        ({"GITHUB_ACTOR": "not in a runner"}, Author(name="Ada <ada@example.com>", source="git")),
        ({}, Author(name="Ada <ada@example.com>", source="git")),
    ],
)
def test_the_ci_system_is_asked_first_and_then_git(environment: dict[str, str], author: Author) -> None:
    assert find_author(environment, FOLDER, read=ada) == author


def test_where_nothing_says_it_the_author_is_unknown() -> None:
    assert find_author({}, FOLDER, read=find_none) == UNKNOWN_AUTHOR


def test_git_s_user_of_a_robot_is_not_taken_for_the_one_who_started_a_pipeline() -> None:
    assert find_author({"GITLAB_CI": "true"}, FOLDER, read=ada) == UNKNOWN_AUTHOR


def test_a_secret_in_the_wrong_variable_is_no_name() -> None:
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "ak-aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3"}
    assert find_author(environment, FOLDER, read=ada) == UNKNOWN_AUTHOR


def test_a_long_name_is_cut() -> None:
    assert len(find_author({}, FOLDER, read=lambda *_: ("x" * 5000, "")).name) == 200


def test_git_s_configuration_names_the_user(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[user]\n name = Ada\n name = Ada Lovelace\n email = ada@example.com\n")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"}
    assert read_user(tmp_path, environment) == ("Ada Lovelace", "ada@example.com")


def test_without_git_nothing_is_known(tmp_path: Path) -> None:
    assert read_user(tmp_path, {"PATH": str(tmp_path)}) == ("", "")
