"""What comes of jobs and steps, and what their runners have in common: they refuse what they do not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class UnknownError(Exception):
    """A workflow uses something that this runner does not know."""


@dataclass
class Step:
    """What came of one step."""

    name: str
    ok: bool
    skipped: bool = False
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """What came of one job."""

    result: str
    """As GitHub says it: success, failure or skipped."""
    steps: list[Step] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    """Of the last use of keyplan's action."""
    summary: str = ""

    @property
    def log(self) -> str:
        """Everything that the steps wrote."""
        return "".join(step.log for step in self.steps)


def only(found: Mapping[str, Any], *known: str) -> None:
    """Raise UnknownError where a mapping has other keys than these."""
    unknown = set(found) - set(known)
    if unknown:
        raise UnknownError(f"{', '.join(sorted(unknown))}")


def read_outputs(text: str) -> dict[str, str]:
    """Return what a step wrote into $GITHUB_OUTPUT: `name=value`, or lines between `name<<END` and `END`."""
    outputs: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        sign = "<<" if "<<" in line.partition("=")[0] else "="
        name, sign, value = line.partition(sign)
        if not sign:
            raise UnknownError(line)
        if sign == "<<":
            held = []
            while (held_line := next(lines)) != value:
                held.append(held_line)
            value = "\n".join(held)
        outputs[name] = value
    return outputs
