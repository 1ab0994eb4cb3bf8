"""A repository on GitHub, and what runs when somebody opens a pull request, merges it, or a night comes.

Every job gets a fresh machine: an empty folder for checkouts and one for temporary files; only `store` outlives it, as
a sink would.

`World.keyplan` is a piece of bash that stands for the command that pip installs; its arguments follow. With what
`in_container` returns, the same pipelines run in an image.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pipelines.machine import Machine, Surroundings
from pipelines.steps import ROOT, Job, UnknownError, only

WORKFLOWS = ROOT / "examples/github/workflows"
INSTALLED = os.environ.get("KEYPLAN_COMMAND") or str(Path(sys.executable).with_name("keyplan"))


@dataclass(kw_only=True)
class World(Surroundings):
    """A repository, its runner, and everything around them."""

    operator: Mapping[str, str] = field(default_factory=dict)
    keyplan: str = INSTALLED
    gh: str = ""
    trees: dict[str, Path] = field(default_factory=dict)
    uploads: list[Any] = field(default_factory=list)

    def commit(self, files: Mapping[str, str]) -> str:
        """Return the sha of a commit with these files and no others."""
        sha = hashlib.sha1(f"{len(self.trees)}".encode(), usedforsecurity=False).hexdigest()
        tree = self.folder / "trees" / sha
        for name, text in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        self.trees[sha] = tree
        return sha

    def applied(self, files: Mapping[str, str]) -> None:
        """Bring a commit in, and apply it, as a pipeline did some time ago."""
        tree = self.trees[self.commit(files)]
        self.store.mkdir(exist_ok=True)
        environment = {**self.secrets, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        script = f"exec {self.keyplan} apply --auto-approve --ledger {self.folder}/elsewhere/ledger.db keys.yaml"
        subprocess.run(["bash", "-c", script], cwd=tree, env=environment, check=True, capture_output=True, timeout=60)

    def open_pull_request(self, number: int, sha: str, *, is_fork: bool = False) -> dict[str, Job]:
        """Open a pull request, or push to it, and return what its workflow did."""
        self.forge.pulls[number] = {
            "number": number,
            "head": {"sha": sha},
            "merge_commit_sha": None,
            "merged_at": None,
        }
        origin = "stranger/keys" if is_fork else self.forge.repository
        head = {"sha": sha, "repo": {"full_name": origin}}
        event = {"pull_request": {"number": number, "head": head}}
        return self.run("keyplan-pull-request.yml", "pull_request", sha, event, is_fork=is_fork)

    def merge(self, number: int) -> dict[str, Job]:
        """Merge a pull request by squashing, and return what the workflow for it did."""
        pull = self.forge.pulls[number]
        sha = hashlib.sha1(b"merged" + pull["head"]["sha"].encode(), usedforsecurity=False).hexdigest()
        self.trees[sha] = self.trees[pull["head"]["sha"]]
        pull.update(merge_commit_sha=sha, merged_at="2026-01-01T00:00:00Z")
        return self.run("keyplan-merge.yml", "push", sha, {})

    def run(
        self,
        workflow: str,
        trigger: str,
        sha: str,
        event: Mapping[str, Any],
        *,
        is_fork: bool = False,
        inputs: Mapping[str, str] | None = None,
    ) -> dict[str, Job]:
        """Run a workflow and return its jobs by id. Raises UnknownError."""
        text = (WORKFLOWS / workflow).read_text()
        document = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - makes nothing but texts, lists and mappings
        only(document, "name", "on", "permissions", "concurrency", "jobs")
        if trigger not in document["on"]:
            raise UnknownError(f"{workflow} does not run on {trigger}")
        github = {
            "event": event,
            "event_name": trigger,
            "ref": "refs/heads/main" if trigger != "pull_request" else "refs/pull/1/merge",
            "repository": self.forge.repository,
            "sha": sha,
            "workflow": document["name"],
        }
        jobs: dict[str, Job] = {}
        for name, described in document["jobs"].items():
            number = len(list(self.folder.iterdir()))
            machine = Machine(self, github, is_fork=is_fork, inputs=inputs or {}, number=number)
            jobs[name] = machine.run_job(described, jobs)
        return jobs


_TOLD = (
    *("ARIZE_API_KEY", "ARIZE_API_HOST", "ARIZE_API_SCHEME", "CI", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"),
    "KEYPLAN_UNTRUSTED",
)


def in_container(engine: Sequence[str], image: str, folder: Path) -> str:
    """Return a `World.keyplan` that runs in containers: each sees the folder at its own path, and knows of the job.

    `engine` is everything from `podman` to the last option of `run`, the network included.
    """
    mount = shlex.quote(f"{folder}:{folder}")
    told = " ".join(f"--env={name}" for name in _TOLD)
    return f'{shlex.join(engine)} --volume={mount} --workdir="$PWD" {told} {shlex.quote(image)}'
