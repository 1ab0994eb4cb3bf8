"""Finds out who started a run, for the history of applies. What the environment says is noted, and proves nothing.

No secret may become a name: a value that looks like one counts as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from keyplan.model.history import UNKNOWN_AUTHOR, Author
from keyplan.model.secret_shapes import looks_secret
from keyplan.system.git import read_user

_LONGEST = 200

# The variable that says that a CI system runs this, and the one that names who started it. Sources: GitHub, "Default
# environment variables"; GitLab, "Predefined CI/CD variables"; Buildkite, "Environment variables"; CircleCI, "Built-in
# environment variables"; Azure Pipelines, "Use predefined variables"; Bitbucket, "Variables and secrets".
_CI_SYSTEMS = (
    ("GITHUB_ACTIONS", "GITHUB_ACTOR", "github"),
    ("GITLAB_CI", "GITLAB_USER_LOGIN", "gitlab"),
    ("BUILDKITE", "BUILDKITE_BUILD_CREATOR", "buildkite"),
    ("CIRCLECI", "CIRCLE_USERNAME", "circleci"),
    ("TF_BUILD", "BUILD_REQUESTEDFOR", "azure-pipelines"),
    ("BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_TRIGGERER_UUID", "bitbucket"),
)
ReadUser = Callable[[Path, Mapping[str, str]], tuple[str, str]]
"""Returns name and e-mail address of git's user in a folder; empty ones if git knows none."""


def find_author(environment: Mapping[str, str], folder: Path, *, read: ReadUser = read_user) -> Author:
    """Return who the CI system says started the run, else git's author or user; unknown if neither says it."""
    for marker, variable, system in _CI_SYSTEMS:
        if environment.get(marker):
            # Not git's user then: in a pipeline that is a robot, or not set.
            return _make(environment.get(variable, ""), system)
    name, address = environment.get("GIT_AUTHOR_NAME", ""), environment.get("GIT_AUTHOR_EMAIL", "")
    if not (name or address):
        name, address = read(folder, environment)
    return _make(f"{name} <{address}>" if name and address else name or address, "git")


def _make(name: str, source: str) -> Author:
    plain = name.strip()
    if not plain or looks_secret(plain):
        return UNKNOWN_AUTHOR
    return Author(name=plain[:_LONGEST], source=source)
