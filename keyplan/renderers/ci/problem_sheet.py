"""Problems of a manifest and errors as sheets, so that a pipeline shows them where it shows everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keyplan.errors import KeyplanError, ManifestError, Problem
from keyplan.model.place import Place
from keyplan.model.policy import Validation
from keyplan.renderers.sheet import Level, Row, Sheet, Subject
from keyplan.renderers.words import format_count

_ERROR, _SECRET, _ORDINARY = 100, 90, 80
_VIOLATION = "policy/"


def build_problems_sheet(path: str, problems: Sequence[Problem]) -> Sheet:
    """Return the sheet of a manifest with problems: secrets first, the rest in their own order."""
    rows = sorted(map(_build_row, problems), key=lambda row: -row.danger)
    return Sheet(
        about=Subject.VALIDATE,
        manifest=path,
        owner="",
        rows=tuple(rows),
        summary=f"{format_count(len(problems), 'problem')}." if problems else "Valid.",
        is_different=bool(problems),
    )


def build_validation_sheet(validation: Validation) -> Sheet:
    """Return the sheet of `keyplan validate`."""
    return replace(build_problems_sheet(validation.manifest, validation.problems), remarks=validation.warnings)


def _build_row(problem: Problem) -> Row:
    return Row(
        subject=problem.subject or problem.file,
        mark="!",
        word="violation" if problem.rule.startswith(_VIOLATION) else "problem",
        reason=problem.message,
        rule=problem.rule,
        level=Level.ERROR,
        danger=_SECRET if problem.rule.endswith("/secret") else _ORDINARY,
        advice=problem.advice,
        place=Place(problem.file, problem.line, problem.column),
    )


def build_error_sheet(error: KeyplanError, *, about: Subject, manifest: str) -> Sheet:
    """Return the sheet of a manifest whose only result is an error."""
    summary = f"{about.value} failed."
    if isinstance(error, ManifestError):
        return replace(build_problems_sheet(manifest, error.problems), about=about, summary=summary)
    row = Row(
        subject=manifest,
        mark="!",
        word="error",
        reason=error.message,
        rule=f"error/{type(error).__name__.removesuffix('Error')}",
        level=Level.ERROR,
        danger=_ERROR,
        advice=error.advice,
    )
    return Sheet(about=about, manifest=manifest, owner="", rows=(row,), summary=summary)
