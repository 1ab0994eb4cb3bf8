"""The one shape that every CI format renders: a sheet of rows, from the most dangerous to the least.

Text in a sheet is raw. Each format has its own dangers (markup, commands, placeholders), so each sanitizes on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from keyplan.model.place import Place
from keyplan.model.plan import Summary
from keyplan.renderers.sanitize import sanitize

ACCEPTED = "="
"""The sign of a finding that a waiver accepts."""

_LONG = 1000


class Level(Enum):
    """How much a row matters to the readers of a pipeline."""

    ERROR = "error"
    """Something is wrong, blocked or failed: a user has to act."""
    WARNING = "warning"
    """It will delete or replace something that is in use, or it differs from the declaration."""
    NOTICE = "notice"
    """For information."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One key or one problem, and everything that is known about it."""

    subject: str
    """What it is about: an address, or a key id for unmanaged keys."""
    mark: str
    """The sign of a plan's text: ``+``, ``+/-``, ``!``."""
    word: str
    """The word beside the sign: ``create``, ``delete (blocked)``, ``failed``."""
    reason: str
    """Why, in a few words."""
    effect: str = ""
    """What users of the key will notice; empty if nothing. It is among the details, too; a format that folds details
    away shows it beside the reason, unless there is advice."""
    rule: str
    """A stable id of the reason, for programs: ``plan/expiring``, ``guard/deletes``, ``drift/gone``."""
    level: Level
    danger: int
    """Greater is worse; rows of a sheet are sorted by it, and the least dangerous are dropped first."""
    ends_key: bool = False
    """Whether a key is deleted, so that it is a matter of its own beside the declaration's."""
    details: tuple[tuple[str, str], ...] = ()
    """Label and text of each further line."""
    advice: str = ""
    """What a user can do about it; empty if there is nothing to do."""
    place: Place | None = None
    """Where the declaration is; None if there is none."""

    @property
    def is_unmanaged(self) -> bool:
        """Whether it is about keys that no declaration names."""
        return self.rule.endswith("/unmanaged")

    @property
    def is_only_listed(self) -> bool:
        """Whether it is about an unmanaged key that is not touched, and that no user has to deal with."""
        return self.is_unmanaged and self.level is Level.NOTICE and self.mark != ACCEPTED


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
    """Empty if the manifest could not be read."""
    rows: tuple[Row, ...]
    """The most dangerous first; what needs no attention is only named, in `unchanged`."""
    summary: str
    """One line; for plan and apply in Terraform's shape."""
    remarks: tuple[str, ...] = ()
    """Sentences about the run as a whole."""
    digest: str = ""
    """Of a plan that changes something."""
    add: int = 0
    change: int = 0
    destroy: int = 0
    counts: Summary | None = None
    """Of plan and apply."""
    unchanged: tuple[str, ...] = ()
    """Subjects that need no attention; no row is shown for them."""
    is_different: bool = False
    """Whether there is something to do, or to look at."""


def sort_rows(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return rows as a sheet holds them: the most dangerous first, then by subject."""
    return tuple(sorted(rows, key=lambda row: (-row.danger, row.subject, row.word)))


def format_headline(row: Row) -> str:
    """Return ``! delete (blocked)  user/old``."""
    return f"{sanitize(row.mark, width=8)} {sanitize(row.word, width=60)}  {sanitize(row.subject)}"


def format_location(row: Row) -> str:
    """Return ``keys.yaml:12``; empty for a row without a declaration."""
    return f"{format_path(row.place.file)}:{row.place.line}" if row.place else ""


def format_path(path: str) -> str:
    """Return a path as forges name files of a repository: without ``./`` before it."""
    return sanitize(path.removeprefix("./"))


def list_details(row: Row) -> list[tuple[str, str]]:
    """Return label and text of every further line, sanitized; advice first, and no line twice."""
    # Advice first: GitHub cuts an annotation, and what to do matters more than the rest.
    lines = [*([("what to do", row.advice)] if row.advice else []), *row.details]
    return list(dict.fromkeys((sanitize(label, width=40), sanitize(text, width=_LONG)) for label, text in lines))


def format_details(details: Sequence[tuple[str, str]], *, indent: str = "") -> list[str]:
    """Return labelled lines as a plan's text has them, the texts in one column."""
    return [f"{indent}{label:<12} {text}" for label, text in details]
