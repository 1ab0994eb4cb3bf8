"""One line of the results: a figure, what it must reach, and what it reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from benchmarks.measuring import Samples


class Aim(Enum):
    """Which side of the aim is good."""

    AT_MOST = "at most"
    AT_LEAST = "at least"
    NONE = "for comparison"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured ratio, or one measured amount."""

    id: str
    """Stable; `explained` names it."""
    subject: str
    beside: str
    """What it is compared with."""
    value: float
    unit: str = "x"
    aim: float = 0.0
    side: Aim = Aim.AT_MOST
    detail: str = ""
    """Medians and spread behind the value."""

    @property
    def is_met(self) -> bool:
        """Whether the aim is reached."""
        match self.side:
            case Aim.AT_MOST:
                return self.value <= self.aim
            case Aim.AT_LEAST:
                return self.value >= self.aim
            case Aim.NONE:
                return True


def compare(identity: str, subject: str, mine: Samples, beside: str, theirs: Samples, *, aim: float | None) -> Row:
    """Return the row of a ratio of two commands that ran in the same rounds."""
    return Row(
        id=identity,
        subject=subject,
        beside=beside,
        value=mine.ratio_to(theirs),
        aim=aim or 0.0,
        side=Aim.AT_MOST if aim else Aim.NONE,
        detail=f"{show(mine)} against {show(theirs)}",
    )


def show(samples: Samples) -> str:
    """Return the median and the spread: ``0.52 s (0.51 to 0.60)``."""
    least, most = samples.spread
    return f"{samples.seconds:.3g} s ({least:.3g} to {most:.3g})"
