"""Problems of a manifest as a sheet, so that a pipeline shows them where it shows everything else.

In: problems, violations of policies among them. Out: a sheet with a row for each. Never: a judgement of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from keyplan.errors import KeyplanError, ManifestError, Problem
from keyplan.model.manifest import Place
from keyplan.model.policy import Validation
from keyplan.renderers.ci.sheet import Level, Row, Sheet, Subject
from keyplan.renderers.words import say_count

_SECRET, _ORDINARY = 90, 80
_VIOLATION = "policy/"


def sheet_of_problems(path: str, problems: Sequence[Problem]) -> Sheet:
    """Return the sheet of a manifest with problems: secrets first, everything else as it came."""
    rows = sorted(map(_row_of, problems), key=lambda row: -row.danger)
    return Sheet(
        about=Subject.VALIDATE,
        manifest=path,
        owner="",
        rows=tuple(rows),
        summary=f"{say_count(len(problems), 'problem')}." if problems else "Valid.",
        is_different=bool(problems),
    )


def sheet_of_validation(validation: Validation) -> Sheet:
    """Return the sheet of `keyplan validate`."""
    return sheet_of_problems(validation.manifest, validation.problems)


def _row_of(problem: Problem) -> Row:
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


_DANGER = 100


def sheet_of_error(error: KeyplanError, *, about: Subject, manifest: str) -> Sheet:
    """Return the sheet of a manifest for which nothing came out but an error."""
    summary = f"{about.value} failed."
    if isinstance(error, ManifestError):
        return replace(sheet_of_problems(manifest, error.problems), about=about, summary=summary)
    row = Row(
        subject=manifest,
        mark="!",
        word="error",
        reason=error.message,
        rule=f"error/{type(error).__name__.removesuffix('Error')}",
        level=Level.ERROR,
        danger=_DANGER,
        advice=error.advice,
    )
    return Sheet(about=about, manifest=manifest, owner="", rows=(row,), summary=summary)
