"""What every CI format shows, whatever it is about: a sheet of rows, from the most dangerous to the least.

In: nouns of the model, through `sheets`. Out: what the formats render. Never: text that is made harmless already;
each format has its own dangers, and makes all text inert in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from keyplan.model.manifest import Place


class Level(Enum):
    """How much a row matters to whoever watches a pipeline."""

    ERROR = "error"
    """Something is wrong, blocked or failed: a person has to act."""
    WARNING = "warning"
    """It is going to end or replace something that is in use, or differs from what was declared."""
    NOTICE = "notice"
    """Good to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key, or one thing, and what is to be said of it."""

    subject: str
    """What it is about: an address, or a key id for keys that nobody declared."""
    mark: str
    """The sign of a plan's text: ``+``, ``+/-``, ``!``."""
    word: str
    """The word beside the sign: ``create``, ``delete (blocked)``, ``failed``."""
    reason: str
    """Why, in a few words."""
    effect: str = ""
    """What it comes to for whoever uses the key; empty where nobody will notice. It is among the details, too, and
    stands beside the reason where details are folded away, unless there is advice."""
    rule: str
    """A stable id of the reason, for programs: ``plan/expiring``, ``guard/deletes``, ``drift/gone``."""
    level: Level
    danger: int
    """Greater is worse; rows of a sheet are sorted by it, and the least dangerous are dropped first."""
    details: tuple[tuple[str, str], ...] = ()
    """Label and text of each further line."""
    advice: str = ""
    """What a person can do about it; empty where there is nothing to do."""
    place: Place | None = None
    """Where the declaration stands; None for what is declared nowhere."""


class Subject(Enum):
    """What a sheet is about."""

    PLAN = "plan"
    APPLY = "apply"
    DRIFT = "drift"
    VALIDATE = "validate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Everything about one manifest, for one run of one command."""

    about: Subject
    manifest: str
    """Path as the user named it."""
    owner: str
    """Empty where the manifest could not be read."""
    rows: tuple[Row, ...]
    """The most dangerous first; what is as it should be is only counted, in `unchanged`."""
    summary: str
    """One line; for plan and apply in Terraform's shape."""
    remarks: tuple[str, ...] = ()
    """What concerns the run as a whole, a sentence each."""
    digest: str = ""
    """Of a plan that changes something."""
    add: int = 0
    change: int = 0
    destroy: int = 0
    unchanged: tuple[str, ...] = ()
    """Subjects that are as they should be; no row is shown for them."""
    is_different: bool = False
    """Whether there is something to do, or to look at."""
