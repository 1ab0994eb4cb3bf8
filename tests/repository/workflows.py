"""The workflows of this repository, read as their tests and the rehearsal of a release need them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
OURS = "keyplan/keyplan"
_USES = re.compile(r"^(?P<comment>\s*#)?[\s-]*uses: (?P<action>[\w./-]+)@(?P<commit>\S+)(?:  # (?P<version>\S+))?$")
_MAKE = re.compile(r'\bmake (?P<targets>[a-z-]+(?: [a-z-]+)*(?![=\w])|"\$TARGET")')
_MATRIX = "${{ matrix.target }}"


@dataclass(frozen=True, kw_only=True, order=True)
class Pin:
    """A use of an action of others."""

    action: str
    """Repository, and the folder below it."""
    version: str
    """What the comment says; empty without one."""
    commit: str
    path: str

    @property
    def repository(self) -> str:
        """Return owner and name."""
        return "/".join(self.action.split("/")[:2])


def read_workflow(name: str) -> dict[str, Any]:
    """Return a workflow of ours by the name of its file, every value as text."""
    return parse(FOLDER / name)


def parse(path: Path) -> dict[str, Any]:
    """Return YAML with every value as text, as expressions of GitHub see it."""
    read: dict[str, Any] = yaml.load(path.read_text(), yaml.BaseLoader)  # noqa: S506 - it makes texts and nothing else
    return read


def list_workflows() -> list[Path]:
    """Return the files of the workflows of this repository, sorted."""
    return sorted(FOLDER.glob("*.yml"))


def list_pins() -> Iterator[Pin]:
    """Yield each action that a workflow of ours or of the examples uses, commented-out variants included."""
    for path in (*list_workflows(), *sorted((ROOT / "examples" / "github" / "workflows").glob("*.yml"))):
        for line in path.read_text().splitlines():
            if found := _USES.fullmatch(line):
                yield Pin(
                    action=found["action"],
                    version=found["version"] or "",
                    commit=found["commit"],
                    path=str(path.relative_to(ROOT)),
                )


def list_steps(job: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps of a job; a job that is another workflow has none."""
    return list(job.get("steps", []))


def list_targets(workflow: Mapping[str, Any]) -> Iterator[str]:
    """Yield each target of make that a workflow runs, those of a matrix included."""
    for job in workflow["jobs"].values():
        for step in list_steps(job):
            for found in _MAKE.finditer(step.get("run", "")):
                if found["targets"] != '"$TARGET"':
                    yield from found["targets"].split()
                elif step["env"]["TARGET"] == _MATRIX:
                    yield from job["strategy"]["matrix"]["target"]


def list_ci_targets() -> list[str]:
    """Return each target that .ci/run runs, in order."""
    text = (ROOT / ".ci" / "run").read_text()
    found = [one["targets"] for line in text.splitlines() if line[:1] != "#" for one in _MAKE.finditer(line)]
    return [target for targets in found for target in targets.split()]
