"""The machines of a rehearsed release: each runs one job of the release workflow, step by step, on this computer.

A step with a script runs that very script, with bash as GitHub starts it, unless `stand_ins` says otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.expressions import Scope
from pipelines.steps import UnknownError, only, read_outputs
from release.stand_ins import CHECKOUT, DOWNLOAD, NOT_REHEARSED, PYTHON, STAND_INS, UPLOAD

RAN, STOOD_IN, LEFT_OUT, FAILED = "ran", "stand-in", "not rehearsed", "FAILED"
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHONPATH", "VIRTUAL_ENV", "VERSION", "TAG")
"""What this process has from the `make` that started it, and a fresh machine has not."""


@dataclass(frozen=True, kw_only=True)
class Happened:
    """What came of one step."""

    job: str
    step: str
    how: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What all machines of a rehearsal share."""

    folder: Path
    """What is kept: programs, artifacts, and everything that was published."""
    machines: Path
    """Where the machines are; its path is short, since podman takes no long one."""
    origin: Path
    """The repository on the forge."""
    tag: str
    repository: str
    environment: Mapping[str, str]
    """What every step finds beside what GitHub says."""
    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Variables of a step, by its name, that lead to a stand-in instead of the world."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Steps that this computer can't run, each with the reason."""


class Machine:
    """A fresh machine for one job."""

    def __init__(self, stage: Stage, job: str) -> None:
        self._stage = stage
        self._job = job
        self._folder = stage.machines / job
        self._workspace = self._folder / "work"
        self._outputs: dict[str, Any] = {}
        self._programs = [stage.folder / "programs"]
        self._workspace.mkdir(parents=True)

    def run(self, steps: list[dict[str, Any]]) -> Iterator[Happened]:
        """Yield what came of each step; the first failure is the last one."""
        for step in steps:
            only(step, "name", "id", "uses", "with", "env", "run")
            happened = self._use(step) if "uses" in step else self._run_script(step)
            yield happened
            if happened.how == FAILED:
                return

    def _use(self, step: Mapping[str, Any]) -> Happened:
        action = step["uses"].partition("@")[0]
        given = {key: self._scope().fill(value) for key, value in step.get("with", {}).items()}
        if reason := NOT_REHEARSED.get(action):
            return Happened(job=self._job, step=step.get("name", action), how=LEFT_OUT, reason=reason)
        acts = {
            CHECKOUT: self._check_out,
            PYTHON: self._install_python,
            UPLOAD: self._upload,
            DOWNLOAD: self._download,
        }
        if action not in acts:
            raise UnknownError(action)
        acts[action](given)
        return Happened(job=self._job, step=action, how=STOOD_IN, reason="its work is done by this rehearsal")

    def _check_out(self, given: Mapping[str, str]) -> None:
        only(given, "persist-credentials", "fetch-depth")
        depth = [] if given.get("fetch-depth") == "0" else ["--depth=1"]
        source = f"file://{self._stage.origin}"
        argv = ["git", "clone", "--quiet", *depth, "--branch", self._stage.tag, source, str(self._workspace)]
        subprocess.run([*argv, "--config", "advice.detachedHead=false"], check=True)

    def _install_python(self, given: Mapping[str, str]) -> None:
        # The Python of this computer, in an environment of its own: what a step installs is there for this job alone.
        only(given, "python-version")
        folder = self._folder / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        self._programs.append(folder / "bin")

    def _upload(self, given: Mapping[str, str]) -> None:
        only(given, "name", "path", "if-no-files-found", "retention-days")
        target = self._stage.folder / "artifacts" / given["name"]
        target.mkdir(parents=True)
        pattern = f"{given['path']}*" if given["path"].endswith("/") else given["path"]
        paths = [path for path in self._workspace.glob(pattern) if path.is_file()]
        if not paths:
            raise UnknownError(f"no file to upload at {pattern}")
        for path in paths:
            shutil.copyfile(path, target / path.name)

    def _download(self, given: Mapping[str, str]) -> None:
        only(given, "name", "path")
        source = self._stage.folder / "artifacts" / given["name"]
        shutil.copytree(source, self._workspace / given["path"], dirs_exist_ok=True)

    def _run_script(self, step: Mapping[str, Any]) -> Happened:
        name = step["name"]
        left_out = {**NOT_REHEARSED, **self._stage.left_out}
        if name in left_out:
            return Happened(job=self._job, step=name, how=LEFT_OUT, reason=left_out[name])
        stand_in = STAND_INS.get(name)
        environment = {key: self._scope().fill(value) for key, value in step.get("env", {}).items()}
        output = self._folder / f"output-{len(self._outputs)}"
        output.touch()
        overrides = self._stage.overrides.get(name, {})
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", stand_in.script if stand_in else step["run"]],
            cwd=self._workspace,
            env={**self._surround(), **environment, **overrides, "GITHUB_OUTPUT": str(output)},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        self._outputs[step.get("id", name)] = {"outputs": read_outputs(output.read_text())}
        if ran.returncode:
            return Happened(job=self._job, step=name, how=FAILED, reason=f"exit status {ran.returncode}")
        if stand_in:
            return Happened(job=self._job, step=name, how=STOOD_IN, reason=stand_in.reason)
        return Happened(
            job=self._job, step=name, how=RAN, reason=", ".join(f"{key}={overrides[key]}" for key in overrides)
        )

    def _surround(self) -> dict[str, str]:
        """Return what every step of the job finds in its environment."""
        found = {key: value for key, value in os.environ.items() if key not in _OF_MAKE}
        programs = ":".join(str(folder) for folder in reversed(self._programs))
        return {
            **found,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CI": "true",
            "GITHUB_REF_NAME": self._stage.tag,
            "GITHUB_REPOSITORY": self._stage.repository,
            "GITHUB_ACTOR": "maintainer",
            **self._stage.environment,
        }

    def _scope(self) -> Scope:
        github = {"token": "a-token-of-the-rehearsal", "repository": self._stage.repository}
        return Scope({"github": github, "steps": self._outputs})
