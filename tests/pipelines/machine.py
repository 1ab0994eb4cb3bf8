"""One job's machine on GitHub: fresh folders, the programs that it has, and the steps that run there.

It does with a job what GitHub's runner does, as far as the workflows in `examples/` go, and refuses the rest.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pipelines.expressions import Scope
from pipelines.github_server import Forge
from pipelines.steps import ROOT, Job, Step, UnknownError, only, read_outputs
from release.pins import read_switch

OURS = read_switch(ROOT).repository
_PYTHON = """\
#!/usr/bin/env bash
# Stands for a machine's python3: makes environments whose pip only notes what it was asked for.
set -eu
case "$1 $2" in
  "-m venv")
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python3"
    cp "{keyplan}" "$3/bin/keyplan"
    ;;
  "-m pip") echo "${{@:4}}" >>"{noted}" ;;
  *) exec {python} "$@" ;;
esac
"""
_FAKE_GH = '#!/bin/sh\nFAKE_GITHUB_URL={url} exec {python} {program} "$@"\n'
_REAL_GH = '#!/bin/sh\nexport HOME={home} HTTP_PROXY={url} GH_HOST=github.localhost\nexec {program} "$@"\n'
"""GitHub's own program asks github.localhost in plain HTTP, and goes through a proxy there."""


@dataclass(kw_only=True)
class Surroundings:
    """What every machine of a repository finds around it."""

    folder: Path
    """Everything is below it."""
    store: Path
    """Where sinks keep what outlives a machine."""
    forge: Forge
    forge_url: str
    secrets: Mapping[str, str]
    operator: Mapping[str, str]
    """What the operator of the runner says to every job, such as where the API is."""
    keyplan: str
    """A piece of bash that stands for the command that pip installs; its arguments follow."""
    gh: str
    """The real program; empty for the stand-in."""
    trees: Mapping[str, Path]
    """Files of each commit."""
    uploads: list[Any]
    """Findings that were uploaded for code scanning."""


class Machine:
    """One job's machine."""

    def __init__(
        self, world: Surroundings, github: Mapping[str, Any], *, is_fork: bool, inputs: Mapping[str, str], number: int
    ) -> None:
        self._world = world
        self._is_fork = is_fork
        self._github = dict(github)
        self._inputs = inputs
        self._folder = world.folder / f"machine-{number}"
        self._workspace = self._folder / "work"
        self._temp = self._folder / "temp"
        self._programs = self._folder / "bin"
        self._summary = self._folder / "summary.md"
        self._count = 0

    def run_job(self, job: Mapping[str, Any], others: Mapping[str, Job]) -> Job:
        """Return what came of a job."""
        only(job, "name", "needs", "if", "runs-on", "timeout-minutes", "environment", "permissions", "steps")
        needed = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
        failed = any(others[name].result != "success" for name in needed)
        if not self._scope({}, failed=failed).holds(job.get("if")):
            return Job(result="skipped")
        for folder in (self._workspace, self._temp, self._programs, self._world.store):
            folder.mkdir(parents=True, exist_ok=True)
        self._github["token"] = self._issue_token(job["permissions"])
        self._equip()
        done = Job(result="success")
        for step in job["steps"]:
            self._run_step(step, done)
        done.result = "success" if all(step.ok for step in done.steps) else "failure"
        done.summary = self._summary.read_text() if self._summary.exists() else ""
        return done

    def _issue_token(self, permissions: Mapping[str, str]) -> str:
        # A fork's token may only read, whatever the workflow asks for.
        given = dict.fromkeys(permissions, "read") if self._is_fork else dict(permissions)
        token = f"token-{len(self._world.forge.tokens)}"
        self._world.forge.tokens[token] = given
        return token

    def _equip(self) -> None:
        """Put the programs of a machine where a job finds them."""
        world = self._world
        keyplan = self._folder / "keyplan"
        keyplan.write_text(f'#!/usr/bin/env bash\nexec {world.keyplan} "$@"\n')
        keyplan.chmod(0o755)
        python = _PYTHON.format(keyplan=keyplan, noted=world.folder / "pip.txt", python=sys.executable)
        home = self._folder / "home"
        home.mkdir()
        if world.gh:
            gh = _REAL_GH.format(url=world.forge_url, home=home, program=world.gh)
        else:
            base = f"{world.forge_url}"
            gh = _FAKE_GH.format(url=base, python=sys.executable, program=Path(__file__).with_name("gh.py"))
        for name, text in (("python3", python), ("gh", gh)):
            (self._programs / name).write_text(text)
            (self._programs / name).chmod(0o755)

    def _run_step(self, step: Mapping[str, Any], job: Job) -> None:
        only(step, "name", "id", "uses", "with", "env", "if", "run", "shell")
        failed = not all(done.ok for done in job.steps)
        steps = {}
        scope = self._scope({"steps": steps}, failed=failed)
        name = str(step.get("name") or step.get("uses") or step.get("run"))
        if not scope.holds(step.get("if")):
            job.steps.append(Step(name=name, ok=True, skipped=True))
            return
        action, _, ref = step["uses"].partition("@")
        if len(ref) != 40:
            raise UnknownError(f"{action} is not pinned")
        given = {key: scope.fill(value) for key, value in step.get("with", {}).items()}
        environment = {key: scope.fill(value) for key, value in step.get("env", {}).items()}
        if action == OURS:
            self._run_ours(given, environment, job, failed=failed)
        elif action == "actions/checkout":
            only(given, "persist-credentials")
            shutil.copytree(self._world.trees[self._github["sha"]], self._workspace, dirs_exist_ok=True)
            job.steps.append(Step(name=name, ok=True))
        elif action == "github/codeql-action/upload-sarif":
            only(given, "sarif_file", "category")
            self._require("security-events", "write")
            job.steps.append(Step(name=name, ok=self._upload(self._workspace / given["sarif_file"])))
        else:
            raise UnknownError(action)

    def _run_ours(self, given: Mapping[str, str], environment: Mapping[str, str], job: Job, *, failed: bool) -> None:
        """Run the steps of our composite action."""
        text = (ROOT / "action.yml").read_text()
        action = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - as above
        only(action, "name", "description", "author", "branding", "inputs", "outputs", "runs")
        only(given, *action["inputs"])
        outside = self._scope({})
        inputs = {}
        for name, described in action["inputs"].items():
            only(described, "description", "required", "default")
            if described.get("required") == "true" and name not in given:
                raise UnknownError(f"the input {name} is missing")
            inputs[name] = given[name] if name in given else outside.fill(described.get("default", ""))
        done: dict[str, Any] = {one["id"]: {"outputs": {}} for one in action["runs"]["steps"] if "id" in one}
        only(action["runs"], "using", "steps")
        for step in action["runs"]["steps"]:
            only(step, "name", "id", "if", "shell", "run", "env")
            scope = self._scope({"inputs": inputs, "steps": done}, failed=failed)
            if not scope.holds(step.get("if")):
                job.steps.append(Step(name=step["name"], ok=True, skipped=True))
                continue
            filled = {key: scope.fill(value) for key, value in step["env"].items()}
            came = self._run_shell(step, {**environment, **filled})
            job.steps.append(came)
            failed = failed or not came.ok
            if "id" in step:
                done[step["id"]] = {"outputs": came.outputs}
        scope = self._scope({"inputs": inputs, "steps": done})
        job.outputs = {name: scope.fill(one["value"]) for name, one in action["outputs"].items()}

    def _run_shell(self, step: Mapping[str, Any], environment: Mapping[str, str]) -> Step:
        if step["shell"] != "bash" or "${{" in step["run"]:
            raise UnknownError(step["run"])
        self._count += 1
        script = self._temp / f"step-{self._count}.sh"
        output = self._temp / f"output-{self._count}"
        script.write_text(step["run"])
        output.touch()
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
            cwd=self._workspace,
            env={**self.environment, **environment, "GITHUB_OUTPUT": str(output)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Step(name=step["name"], ok=ran.returncode == 0, log=ran.stdout, outputs=read_outputs(output.read_text()))

    @property
    def environment(self) -> dict[str, str]:
        """Return what every step of the job finds in its environment."""
        return {
            "PATH": f"{self._programs}:{os.environ['PATH']}",
            "HOME": str(self._folder / "home"),
            "LC_ALL": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_REPOSITORY": self._github["repository"],
            "GITHUB_RUN_ID": "7",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_SHA": self._github["sha"],
            "GITHUB_STEP_SUMMARY": str(self._summary),
            "GITHUB_WORKSPACE": str(self._workspace),
            "RUNNER_TEMP": str(self._temp),
            **self._world.operator,
        }

    def _upload(self, sarif: Path) -> bool:
        if sarif.exists():
            self._world.uploads.append(json.loads(sarif.read_text()))
        return sarif.exists()

    def _require(self, scope: str, level: str) -> None:
        if self._world.forge.tokens[self._github["token"]].get(scope) != level:
            raise UnknownError(f"the token has no {scope}: {level}")

    def _scope(self, contexts: Mapping[str, Any], *, failed: bool = False) -> Scope:
        known = {
            "github": self._github,
            "inputs": _Lenient(self._inputs),
            "secrets": {} if self._is_fork else self._world.secrets,
            "vars": {},
        }
        return Scope({**known, **contexts}, failed=failed)


class _Lenient(dict[str, Any]):
    """A workflow's own inputs: null where it was not started by hand."""

    def __contains__(self, _: object) -> bool:
        return True
