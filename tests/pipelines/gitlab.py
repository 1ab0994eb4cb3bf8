"""A runner for the GitLab pipeline in `examples/`, which refuses what it does not know.

Every job gets a fresh folder with the commit's files and the artifacts of the jobs that it needs; `pip` is a stand-in.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pipelines.steps import ROOT, UnknownError, only
from pipelines.world import INSTALLED

EXAMPLE = ROOT / "examples/gitlab/.gitlab-ci.yml"
_TERM = re.compile(r'\$(\w+) == (?:"([^"]*)"|\$(\w+))')
_FRAME = ("stages", "variables", "default")


@dataclass
class Job:
    """What came of a job."""

    status: int
    log: str
    folder: Path


@dataclass(kw_only=True)
class Project:
    """A project on GitLab, and its runner."""

    folder: Path
    secrets: Mapping[str, str]
    operator: Mapping[str, str] = field(default_factory=dict)
    """What the operator of the runner says."""
    keyplan: str = INSTALLED
    count: int = 0

    def run(
        self, files: Mapping[str, str], variables: Mapping[str, str], *, start: tuple[str, ...] = ()
    ) -> dict[str, Job]:
        """Run a pipeline and return its jobs by name; manual ones only where `start` names them."""
        document = yaml.safe_load(EXAMPLE.read_text())
        names = [name for name in document if name not in _FRAME and not name.startswith(".")]
        jobs: dict[str, Job] = {}
        for name in sorted(names, key=lambda name: document["stages"].index(document[name]["stage"])):
            # A stage waits for all before it, and is not begun where one of them failed.
            if all(job.status == 0 for job in jobs.values()):
                rule = self._find_rule(document[name], variables)
                if rule and (rule.get("when") != "manual" or name in start):
                    jobs[name] = self.resume(files, variables, jobs, name)
        return jobs

    def resume(self, files: Mapping[str, str], variables: Mapping[str, str], jobs: Mapping[str, Job], name: str) -> Job:
        """Start a job by hand, after the others of its pipeline, and return what came of it."""
        document = yaml.safe_load(EXAMPLE.read_text())
        job = self._inherit(document[name], document)
        rule = self._find_rule(job, variables) or {}
        return self._run_job(job, document, files, jobs, {**variables, **rule.get("variables", {})})

    def _find_rule(self, job: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Any] | None:
        known = {"CI_DEFAULT_BRANCH": "main", "CI_PROJECT_ID": "1", **variables}
        rule: dict[str, Any] | None = next((rule for rule in job["rules"] if holds(rule["if"], known)), None)
        only(rule or {}, "if", "when", "allow_failure", "variables")
        return rule

    def _inherit(self, job: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
        whole = {**document["default"], **document.get(job.get("extends", ""), {}), **job}
        only(
            whole,
            "stage",
            "extends",
            "image",
            "timeout",
            "interruptible",
            "before_script",
            "script",
            "rules",
            "needs",
            "artifacts",
            "environment",
            "resource_group",
            "id_tokens",
        )
        return whole

    def _run_job(
        self,
        job: Mapping[str, Any],
        document: Mapping[str, Any],
        files: Mapping[str, str],
        others: Mapping[str, Job],
        variables: Mapping[str, str],
    ) -> Job:
        self.count += 1
        folder = self.folder / f"job-{self.count}"
        programs = self.folder / f"programs-{self.count}"
        for path in (folder, programs):
            path.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        for needed in job.get("needs", []):
            self._fetch(document[needed]["artifacts"]["paths"], others[needed].folder, folder)
        notes = self.folder / "pip.txt"
        for name, text in (("keyplan", f'exec {self.keyplan} "$@"'), ("pip", f'echo "$@" >>{notes}')):
            (programs / name).write_text(f"#!/usr/bin/env bash\n{text}\n")
            (programs / name).chmod(0o755)
        environment = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "CI": "true",
            **document["variables"],
            **variables,
            **dict.fromkeys(job.get("id_tokens", {}), "a job's own identity"),
            **self.secrets,
            **self.operator,
        }
        # As GitLab's runner: all lines are one script, which ends at the first that fails.
        ran = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join([*job["before_script"], *job["script"]])],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Job(status=ran.returncode, log=ran.stdout, folder=folder)

    def _fetch(self, paths: list[str], source: Path, target: Path) -> None:
        for path in paths:
            shutil.copy(source / path, target / path)


def holds(condition: str, variables: Mapping[str, str]) -> bool:
    """Whether a rule's condition is true: comparisons for equality, all of them. Raises UnknownError on any other."""
    terms = [_TERM.fullmatch(term) for term in condition.split(" && ")]
    if not all(terms):
        raise UnknownError(condition)
    return all(
        variables.get(term[1], "") == (variables.get(term[3], "") if term[3] else term[2]) for term in terms if term
    )
